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
#include "apps/netwatch/config_file.h"
#include "apps/netwatch/exit_code.h"
#include "apps/netwatch/file_command.h"
#include "apps/netwatch/freed_memory.h"
#include "apps/netwatch/health_courier.h"
#include "apps/netwatch/live_rights.h"
#include "pipeline/live_session.h"
#include "tui/app.h"
#include "tui/row_filter.h"
#include "tui/settings.h"
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
int check(const LiveOptions& options, const ConfigFile& file) {
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
    if (!options.given.contains("filter")) complain(file.place_of("filter") + ": the filter:");
    say(filter.error().render(options.filter) + "\n");
    return kExitUsage;
  }
  return kExitOk;
}

// What the file says and the command line does not.
void take_settings(const base::Config& file, LiveOptions& options) {
  const auto take = [&](std::string_view name, auto&& put) {
    const auto said = file.find(name);
    if (said != file.end() && !options.given.contains(name)) put(said->second.value);
  };
  const auto text = [](std::string& to) {
    return [&to](const base::ConfigValue& value) { to = std::get<std::string>(value); };
  };
  take("interface", text(options.interface));
  take("filter", text(options.filter));
  take("theme", text(options.theme));
  take("confine", text(options.confine));
  take("probes", [&](const auto& value) { options.no_probes = !std::get<bool>(value); });
  // Who says what to capture wants to capture.
  if (options.capture_filter.empty()) {
    take("capture", [&](const auto& value) { options.no_capture = !std::get<bool>(value); });
  }
  // A tab that is given is to be seen, whatever the file says of views.
  const bool tab_is_given = options.given.contains("tab");
  if (!tab_is_given) take("view", text(options.view));
}

// The other way round: the settings that are in force, for the overlay.
base::Config settings_in_force(const base::Config& file, const LiveOptions& options) {
  base::Config out = file;
  const auto say = [&](std::string_view name, base::ConfigValue value) {
    out.insert_or_assign(std::string(name), base::ConfigEntry{std::move(value)});
  };
  say("interface", options.interface);
  say("filter", options.filter);
  say("confine", options.confine);
  say("probes", !options.no_probes);
  say("capture", !options.no_capture);
  if (!options.theme.empty()) say("theme", options.theme);
  if (!options.view.empty()) say("view", options.view);
  if (!options.tab.empty()) say("tab", options.tab);
  return out;
}

void choose_view(const LiveOptions& options, const base::Config& file, tui::AppOptions& screen) {
  if (!options.view.empty()) screen.view = *tui::find_view(options.view);
  if (const auto said = file.find("tab"); said != file.end()) {
    screen.tab = *tui::find_tab(std::get<std::string>(said->second.value));
  }
  if (options.tab.empty()) return;
  screen.view = tui::ViewKind::kFull;
  screen.tab = *tui::find_tab(options.tab);
}

// While files may still be read.
tui::AppOptions screen_of(const LiveOptions& options, ConfigFile& file) {
  tui::AppOptions screen;
  screen.host = host_name();
  screen.utc_offset_s = utc_offset_s();
  if (!options.theme.empty()) screen.theme = options.theme;
  choose_view(options, file.config(), screen);
  screen.filter = options.filter;
  screen.compile = tui::make_row_filter(catalog());
  screen.complete = tui::make_row_completer(catalog());
  screen.config = settings_in_force(file.config(), options);
  screen.save = [&file](const auto& changes) { return file.save(changes); };
  screen.saved = [&file] { return file.saved(); };
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment
  screen.traits = tui::traits_from_environment([](const char* name) { return std::getenv(name); });
  return screen;
}

}  // namespace

int run_live(const LiveOptions& given) {
  if (given.print_config) {
    fmt::print("{}", base::default_config(tui::settings()));
    return kExitOk;
  }
  // What is needed for capturing is not needed for files, and nobody's text is to reach it.
  if (!given.files.empty()) {
    if (auto less = confine::give_up_lent_rights(); !less.ok()) {
      complain(less.error().message);
      return kExitNotPossible;
    }
  }
  const auto opened = ConfigFile::open(given.config);
  if (!opened.ok()) return usage(opened.error().message);
  ConfigFile& file = **opened;
  LiveOptions options = given;
  take_settings(file.config(), options);
  if (const int status = check(options, file); status != kExitOk) return status;
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) {
    return usage("the screen needs a terminal; `netwatch read FILE` does not");
  }
  tui::AppOptions screen = screen_of(options, file);
  if (!options.files.empty()) return show_files(options, std::move(screen), file);
  if (options.no_capture) give_back_freed_memory();
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
    auto found = tui::Terminal::open();
    if (!found.ok()) return found.error();
    terminal = *std::move(found);
    std::vector<int> written{terminal->signal_write_fd()};
    if (const auto fd = file.written_fd()) written.push_back(*fd);
    constexpr bool kTerminal = true;
    return rights.give_up(std::move(written), kTerminal);
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
