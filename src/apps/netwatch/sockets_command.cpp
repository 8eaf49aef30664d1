#include "apps/netwatch/sockets_command.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "apps/netwatch/catalog.h"
#include "apps/netwatch/complaint.h"
#include "apps/netwatch/exit_code.h"
#include "apps/netwatch/output.h"
#include "collect/collect.h"
#include "ebpf/tracker.h"
#include "export/ndjson.h"
#include "pipeline/socket_filter.h"
#include "tui/socket_lines.h"
#include "wire/decode.h"

namespace netwatch::app {
namespace {

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

// 0 where the output is no terminal.
int terminal_columns() {
  winsize window{};
  if (::isatty(STDOUT_FILENO) != 1 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0) return 0;
  return window.ws_col;
}

std::string_view program_of(const model::Socket& socket) {
  return socket.owner.process ? std::string_view(socket.owner.process->comm) : std::string_view();
}

// TCP before UDP, listeners first, then by program: those without one come last.
bool comes_before(const model::Socket* one, const model::Socket* two) {
  const auto rank = [](const model::Socket& socket) {
    return std::tuple(socket.proto, socket.state != model::TcpState::kListen, socket.state,
                      !socket.owner.process);
  };
  const auto first = rank(*one);
  const auto second = rank(*two);
  if (first != second) return first < second;
  if (const int order = program_of(*one).compare(program_of(*two)); order != 0) return order < 0;
  const auto rest = [](const model::Socket& socket) {
    return std::tuple(socket.owner.process ? socket.owner.process->pid : 0, socket.local,
                      socket.remote, socket.inode);
  };
  return rest(*one) < rest(*two);
}

exporting::SocketTotals totals_of(const model::SocketTable& table,
                                  const std::vector<const model::Socket*>& shown) {
  exporting::SocketTotals totals{.seen = table.sockets.size(),
                                 .written = shown.size(),
                                 .unreadable_processes = table.unreadable_processes,
                                 .holdings_not_kept = table.holdings_not_kept,
                                 .torn_tables = table.torn_tables,
                                 .taken_ns = table.taken_ns};
  for (const model::Socket* socket : shown) {
    if (socket->inode == 0 && !socket->owner.process) {
      ++totals.ended;
    } else {
      ++totals.owners[static_cast<std::size_t>(socket->owner.quality)];
    }
  }
  return totals;
}

// What could not be seen, on standard error: the table itself stays one that programs can read.
void tell_missing(const model::SocketTable& table, const std::vector<model::Ability>& abilities) {
  for (const model::Ability& ability : abilities) complain_of(ability);
  if (table.unreadable_processes > 0) {
    complain(counted(table.unreadable_processes, "process does not show its descriptors",
                     "processes do not show their descriptors"));
  }
  if (table.sockets_without_owner > 0) {
    complain(counted(table.sockets_without_owner, "socket has", "sockets have") +
             " no known owner: no process that can be seen holds " +
             (table.sockets_without_owner == 1 ? "it" : "them"));
  }
  if (table.holdings_not_kept > 0) {
    complain(counted(table.holdings_not_kept, "descriptor is", "descriptors are") +
             " beyond what one look remembers");
  }
  if (table.torn_tables > 0) {
    complain("the kernel's tables changed while they were read: rows may be missing or twice");
  }
}

void print_json(Output& out, const model::SocketTable& table,
                const std::vector<const model::Socket*>& shown) {
  exporting::append_meta(out.buffer(),
                         {.program = "netwatch " NETWATCH_VERSION, .source = "sockets"},
                         &wire::linktype_name);
  for (const model::Socket* socket : shown) {
    exporting::append_socket(out.buffer(), *socket, table.taken_ns);
    out.written();
  }
  exporting::append_socket_stats(out.buffer(), totals_of(table, shown));
}

}  // namespace

int run_sockets(const SocketsOptions& options) {
  std::optional<pipeline::SocketFilter> filter;
  if (!options.filter.empty()) {
    auto parsed = pipeline::SocketFilter::parse(options.filter, catalog()->schemas());
    if (!parsed.has_value()) {
      say(parsed.error().render(options.filter) + "\n");
      return kExitUsage;
    }
    filter.emplace(*std::move(parsed));
  }
  ebpf::TrackerOptions once;
  once.follow = false;
  const ebpf::OpenedTracker opened = ebpf::Tracker::open(once);
  collect::HoldingSource holdings;
  if (opened.tracker) holdings = [&opened] { return opened.tracker->holdings(); };
  const auto table = collect::SocketCollector({}, std::move(holdings)).collect();
  if (!table.ok()) {
    complain(table.error().message);
    return kExitNotPossible;
  }
  std::vector<const model::Socket*> shown;
  shown.reserve(table->sockets.size());
  for (const model::Socket& socket : table->sockets) {
    if (!filter || filter->accepts(socket)) shown.push_back(&socket);
  }
  std::sort(shown.begin(), shown.end(), comes_before);
  Output out;
  if (options.json) {
    print_json(out, *table, shown);
  } else {
    out.buffer() += tui::socket_lines(shown, terminal_columns());
  }
  out.flush();
  tell_missing(*table, opened.abilities);
  if (!out.failed()) return kExitOk;
  complain(out.error().message);
  return kExitNotPossible;
}

}  // namespace netwatch::app
