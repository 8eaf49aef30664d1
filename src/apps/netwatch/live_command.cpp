#include "apps/netwatch/live_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include "apps/netwatch/catalog.h"
#include "apps/netwatch/complaint.h"
#include "apps/netwatch/exit_code.h"
#include "apps/netwatch/file_command.h"
#include "apps/netwatch/freed_memory.h"
#include "apps/netwatch/health_courier.h"
#include "apps/netwatch/live_rights.h"
#include "pipeline/live_session.h"
#include "tui/app.h"
#include "tui/row_filter.h"
#include "tui/tabs.h"
#include "tui/terminal.h"
#include "tui/theme.h"

namespace netwatch::app {
namespace {

constexpr base::TimeNs kSampleEveryNs = 15 * base::kNsPerSecond;

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::int32_t utc_offset_s() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  return ::localtime_r(&now, &local) == nullptr ? 0 : static_cast<std::int32_t>(local.tm_gmtoff);
}

int usage(std::string_view message) {
  complain(message);
  return kExitUsage;
}

// `name` is none of those of a table: which there are.
template <typename Rows, typename NameOf>
int no_such(std::string_view what, std::string_view name, const Rows& rows, NameOf name_of) {
  std::string names;
  for (const auto& row : rows) {
    names += names.empty() ? "" : ", ";
    names += name_of(row);
  }
  return usage(fmt::format("there is no {} '{}'; {}s: {}", what, name, what, names));
}

// What can be said of the options before anything is opened.
int check(const LiveOptions& options) {
  if (!options.theme.empty() && !tui::find_theme(options.theme)) {
    return no_such("theme", options.theme, tui::themes(), [](const auto& row) { return row.name; });
  }
  if (!options.view.empty() && !tui::find_view(options.view)) {
    return no_such("view", options.view, tui::view_kinds(), tui::view_name);
  }
  if (!options.tab.empty() && !tui::find_tab(options.tab)) {
    return no_such("tab", options.tab, tui::tabs(), [](const auto* row) { return row->name; });
  }
  if (options.no_capture && !options.capture_filter.empty()) {
    return usage("-f says what to capture: leave out it or --no-capture");
  }
  if (options.filter.empty()) return kExitOk;
  const auto filter = query::Filter::parse(options.filter, *catalog());
  if (!filter.has_value()) {
    say(filter.error().render(options.filter) + "\n");
    return kExitUsage;
  }
  return kExitOk;
}

tui::AppOptions screen_options(const LiveOptions& options) {
  tui::AppOptions screen;
  screen.host = host_name();
  screen.utc_offset_s = utc_offset_s();
  if (!options.theme.empty()) screen.theme = options.theme;
  if (!options.view.empty()) screen.view = *tui::find_view(options.view);
  if (!options.tab.empty()) {
    screen.view = tui::ViewKind::kFull;
    screen.tab = *tui::find_tab(options.tab);
  }
  screen.filter = options.filter;
  screen.compile = tui::make_row_filter(catalog());
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment
  screen.traits = tui::traits_from_environment([](const char* name) { return std::getenv(name); });
  return screen;
}

}  // namespace

int run_live(const LiveOptions& options) {
  if (const int status = check(options); status != kExitOk) return status;
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) {
    return usage("the screen needs a terminal; `netwatch read FILE` does not");
  }
  if (!options.files.empty()) return show_files(options, screen_options(options));
  if (options.no_capture) give_back_freed_memory();
  tui::AppOptions screen = screen_options(options);  // while files may still be read
  const confine::Mode mode = confine::mode_of(options.confine).value_or(confine::Mode::kStrict);
  HealthCourier courier(mode, !options.no_probes);
  LiveRights rights(mode, !options.no_capture);
  std::unique_ptr<tui::Terminal> terminal;
  pipeline::LiveSessionOptions wanted;
  wanted.interface = options.interface;
  wanted.capture_filter = options.capture_filter;
  wanted.capture = !options.no_capture;
  wanted.sample_every_ns = kSampleEveryNs;
  wanted.before_threads = [&]() -> base::Result<std::vector<model::Ability>> {
    auto opened = tui::Terminal::open();
    if (!opened.ok()) return opened.error();
    terminal = *std::move(opened);
    constexpr bool kTerminal = true;
    return rights.give_up({terminal->signal_write_fd()}, kTerminal);
  };
  rights.prepare(wanted);
  courier.prepare(wanted);
  auto session = pipeline::LiveSession::start(wanted);
  if (!session.ok()) {
    terminal.reset();  // the words are for the ordinary screen
    complain(session.error().message);
    return session.error().code == base::ErrorCode::kInvalid ? kExitUsage : kExitNotPossible;
  }
  pipeline::LiveSession& running = **session;
  screen.switch_interface = [&running](const std::string& name) { running.switch_interface(name); };
  tui::App app([&running] { return running.latest(); }, std::move(screen));
  return app.run(*terminal);
}

}  // namespace netwatch::app
