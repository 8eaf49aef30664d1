#include "apps/netwatch/headless_command.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/netwatch/catalog.h"
#include "apps/netwatch/complaint.h"
#include "apps/netwatch/exit_code.h"
#include "apps/netwatch/health_courier.h"
#include "apps/netwatch/live_printers.h"
#include "apps/netwatch/live_rights.h"
#include "apps/netwatch/stats_line.h"
#include "apps/netwatch/stop_signal.h"
#include "apps/netwatch/summary.h"
#include "pipeline/live_filter.h"
#include "pipeline/live_session.h"
#include "wire/decode.h"

namespace netwatch::app {
namespace {

// What is missing is said at the start, to people and in the NDJSON.
void tell_missing(Output& out, const std::vector<model::Ability>& abilities, bool json) {
  for (const model::Ability& ability : abilities) {
    complain_of(ability);
    if (json && !ability.on) exporting::append_ability(out.buffer(), ability);
  }
}

// Until the signal or the session says so, or nobody reads any more.
void wait_for_end(int stop_fd) {
  std::array<pollfd, 2> ends{{{.fd = stop_fd, .events = POLLIN, .revents = 0},
                              {.fd = STDOUT_FILENO, .events = 0, .revents = 0}}};
  while (::poll(ends.data(), ends.size(), -1) < 0 && errno == EINTR) {
  }
}

void print_head(Output& out, const HeadlessOptions& options, const pipeline::LiveSession& session) {
  if (options.json) {
    exporting::append_meta(out.buffer(),
                           {.program = "netwatch " NETWATCH_VERSION,
                            .source = options.interface,
                            .linktypes = session.linktypes()},
                           &wire::linktype_name);
  } else if (!options.quiet) {
    out.buffer() += flow_line_head();
  }
  tell_missing(out, session.first_abilities(), options.json);
  out.flush();
}

int close(Output& out, const HeadlessOptions& options, const pipeline::Totals& totals) {
  if (options.json) {
    append_stats_line(out.buffer(), totals);
  } else if (options.quiet) {
    out.buffer() += Summary().render(options.interface, totals);
  }
  out.flush();
  if (!out.failed() || out.reader_is_gone()) return kExitOk;
  complain(out.error().message);
  return kExitNotPossible;
}

std::unique_ptr<pipeline::LiveSink> make_printer(Output& out, const HeadlessOptions& options,
                                                 const std::function<void()>& on_failure) {
  if (options.quiet) return std::make_unique<pipeline::LiveSink>();
  if (options.json) return std::make_unique<LiveJsonPrinter>(out, on_failure);
  return std::make_unique<LiveTextPrinter>(out, on_failure);
}

}  // namespace

int run_headless(const HeadlessOptions& options) {
  survive_broken_pipes();
  Output out;
  const StopSignal stop;
  const auto end = [fd = stop.fd()] {
    if (fd >= 0) (void)::eventfd_write(fd, 1);
  };
  const std::unique_ptr<pipeline::LiveSink> printer = make_printer(out, options, end);
  std::optional<pipeline::LiveFilter> filter;
  if (!options.filter.empty()) {
    auto parsed = query::Filter::parse(options.filter, *catalog());
    if (!parsed.has_value()) {
      say(parsed.error().render(options.filter) + "\n");
      return kExitUsage;
    }
    filter.emplace(*std::move(parsed), *printer);
  }
  pipeline::LiveSessionOptions live;
  live.interface = options.interface;
  live.capture_filter = options.capture_filter;
  live.max_packets = options.max_packets;
  live.on_end = end;
  live.sink = filter ? static_cast<pipeline::LiveSink*>(&*filter) : printer.get();
  const confine::Mode mode = confine::mode_of(options.confine).value_or(confine::Mode::kStrict);
  HealthCourier courier(mode, !options.no_probes);
  LiveRights rights(mode);
  live.before_threads = [&] {
    constexpr bool kTerminal = false;
    std::vector<int> written;
    if (stop.fd() >= 0) written.push_back(stop.fd());
    return rights.give_up(std::move(written), kTerminal);
  };
  rights.prepare(live);
  courier.prepare(live);
  live.sample_every_ns = options.json ? options.sample_every_s * base::kNsPerSecond : 0;
  live.on_start = [&](const pipeline::LiveSession& session) { print_head(out, options, session); };
  auto session = pipeline::LiveSession::start(live);
  if (!session.ok()) {
    complain(session.error().message);
    return session.error().code == base::ErrorCode::kInvalid ? kExitUsage : kExitNotPossible;
  }
  wait_for_end(stop.fd());
  const pipeline::Totals totals = (*session)->finish();
  if (filter && filter->records_lost() > 0) {
    complain(fmt::format("{} records could not wait until their flows were judged by -Y",
                         filter->records_lost()));
  }
  return close(out, options, totals);
}

}  // namespace netwatch::app
