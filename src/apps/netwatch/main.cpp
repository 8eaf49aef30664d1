// netwatch: options and wiring. What it does is in *_command.cpp.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <exception>
#include <thread>

#include "apps/netwatch/complaint.h"
#include "apps/netwatch/doctor_command.h"
#include "apps/netwatch/exit_code.h"
#include "apps/netwatch/headless_command.h"
#include "apps/netwatch/live_command.h"
#include "apps/netwatch/read_command.h"
#include "apps/netwatch/record_command.h"
#include "apps/netwatch/sockets_command.h"
#include "apps/netwatch/standard_streams.h"

namespace netwatch::app {
namespace {

constexpr const char* kAbout =
    "Shows what this host's network is doing right now, and reads capture files the same way.";
constexpr const char* kFooter =
    "Examples:\n"
    "  netwatch                                  the live screen\n"
    "  netwatch -i eth0 -f 'not port 22'         one interface, filtered in the kernel\n"
    "  netwatch -r a.pcapng                      the same screen of a capture, with a time line\n"
    "  netwatch live --json -Y 'process:curl'    the same as lines, for other programs\n"
    "  netwatch record -w a.pcapng               packets that name their processes\n"
    "  netwatch sockets -Y 'process:curl'        who has which socket, once\n"
    "  netwatch doctor                           what this host allows\n"
    "  netwatch read a.pcapng                    summary of a capture\n"
    "  netwatch read a.pcapng --flows -Y sni:example.org\n"
    "  netwatch read a.pcapng --json | jq -r '.tls.sni // empty'\n"
    "  netwatch read a.pcapng -Y 'dns.rcode == NXDOMAIN' -w nx.pcapng\n"
    "Exit status: 0 done, 1 an input was damaged, 2 wrong usage, 3 not possible here.";

// An empty answer means that the value is fine.
std::string whole_number_from_one(const std::string& text) {
  constexpr std::size_t kMostDigits = 19;  // fits 64 bits
  const bool digits = !text.empty() && text.size() <= kMostDigits &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  const bool zero = text.find_first_not_of('0') == std::string::npos;
  return digits && !zero ? std::string() : "a whole number from 1 is wanted, not '" + text + "'";
}

void add_confine_option(CLI::App& app, std::string& mode) {
  app.add_option("--confine", mode,
                 "Give up all rights before anything is parsed: strict (all or nothing), "
                 "best-effort, off")
      ->type_name("MODE")
      ->check(CLI::IsMember({"strict", "best-effort", "off"}))
      ->capture_default_str();
}

void add_probes_option(CLI::App& app, bool& no_probes) {
  app.add_flag("--no-probes", no_probes,
               "Do not ask this host's own gateway and resolvers whether they answer");
}

void add_rotation_option(CLI::App& app, std::vector<std::string>& rotation,
                         const std::string& about) {
  app.add_option("-b,--ring-buffer", rotation,
                 about +
                     ": filesize:100MB, duration:15m, interval:1h, packets:N; files:N keeps "
                     "the last N")
      ->type_name("KEY:VALUE")
      ->allow_extra_args(false);
}

void add_live_options(CLI::App& app, LiveOptions& options) {
  auto* read = app.add_option("-r,--read", options.files,
                              "Show capture files, in order, instead of this host")
                   ->type_name("FILE");
  app.add_option("-i,--interface", options.interface, "Interface to capture on, or any")
      ->type_name("IFACE")
      ->capture_default_str()
      ->excludes(read);
  app.add_option("-f,--capture-filter", options.capture_filter,
                 "Capture only what matches (pcap-filter(7), in the kernel)")
      ->type_name("BPF")
      ->excludes(read);
  app.add_option("-Y,--filter", options.filter, "Show only what matches (see docs/filter.md)")
      ->type_name("FILTER");
  app.add_flag("--no-capture,!--capture", options.no_capture,
               "Sockets and counters only; --capture where the settings say so")
      ->excludes(read);
  app.add_flag("--no-probes,!--probes", options.no_probes,
               "Do not ask this host's own gateway and resolvers whether they answer");
  add_confine_option(app, options.confine);
  app.add_option("--view", options.view,
                 "full (tabs), lite (one screen) or dense; V changes it on screen");
  app.add_option("--tab", options.tab, "Begin with this tab of the full view");
  app.add_option("--theme", options.theme, "Colour theme (t changes it on screen)");
  app.add_option("--config", options.config,
                 "Settings of the live screen (usually ~/.config/netwatch/config.toml)")
      ->type_name("FILE");
  app.add_flag("--print-config", options.print_config, "Show all settings and their defaults");
}

void add_headless_options(CLI::App& live, HeadlessOptions& options) {
  live.add_option("-i,--interface", options.interface, "Interface to capture on, or any")
      ->type_name("IFACE")
      ->capture_default_str();
  live.add_option("-f,--capture-filter", options.capture_filter,
                  "Capture only what matches (pcap-filter(7), in the kernel)")
      ->type_name("BPF");
  live.add_option("-Y,--filter", options.filter,
                  "Only flows that match, with their records (see docs/filter.md)")
      ->type_name("FILTER");
  live.add_option("-c,--count", options.max_packets, "Stop after so many packets")
      ->type_name("N")
      ->check(CLI::Validator(whole_number_from_one, ""));
  auto* json = live.add_flag("--json", options.json,
                             "NDJSON: flows, records, sockets, samples, losses, statistics");
  live.add_option("--samples", options.sample_every_s,
                  "With --json: seconds from one look at this host's load to the next; 0 is none")
      ->type_name("SECONDS")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  add_probes_option(live, options.no_probes);
  live.add_flag("-q,--quiet", options.quiet, "Decode everything, print only the totals")
      ->excludes(json);
  add_confine_option(live, options.confine);
}

void add_record_options(CLI::App& app, RecordOptions& options) {
  app.add_option("-w,--write", options.write_path, "The pcapng file; - is standard output")
      ->type_name("FILE")
      ->required();
  app.add_option("-i,--interface", options.interface, "Interface to capture on, or any")
      ->type_name("IFACE")
      ->capture_default_str();
  app.add_option("-f,--capture-filter", options.capture_filter,
                 "Capture only what matches (pcap-filter(7), in the kernel)")
      ->type_name("BPF");
  app.add_option("-Y,--filter", options.filter,
                 "Only packets of flows that match by then (see docs/filter.md)")
      ->type_name("FILTER");
  add_rotation_option(app, options.rotation, "Go on in the next file");
  app.add_option("-c,--count", options.max_packets, "Stop after so many packets")
      ->type_name("N")
      ->check(CLI::Validator(whole_number_from_one, ""));
  app.add_option("--annotate", options.annotate,
                 "How packets name their processes: comments, blocks (for Wireshark), both")
      ->type_name("HOW")
      ->check(CLI::IsMember({"both", "comments", "blocks"}))
      ->capture_default_str();
  add_confine_option(app, options.confine);
}

void add_read_options(CLI::App& read, ReadOptions& options) {
  read.add_option("FILE,-r,--read", options.files, "Capture files in order; - is standard input")
      ->required();
  read.add_option("-Y,--filter", options.filter, "Only flows that match (see docs/filter.md)")
      ->type_name("FILTER");
  read.add_option("-w,--write", options.write_path,
                  "Write the packets (of matching flows) as pcapng; - is standard output")
      ->type_name("FILE");
  add_rotation_option(read, options.rotation, "With -w: go on in the next file");
  read.add_flag("--follow", options.follow,
                "Wait for what is still being written to the file, until interrupted");
  add_confine_option(read, options.confine);
  read.add_option("-c,--count", options.max_packets, "Stop after so many packets")
      ->type_name("N")
      ->check(CLI::Validator(whole_number_from_one, ""));
  read.add_option("--threads", options.threads, "Threads to use; results do not depend on it")
      ->capture_default_str()
      ->check(CLI::Range(1U, 16U));
  auto* json = read.add_flag("--json", options.json, "NDJSON: records, flows, statistics");
  auto* flows = read.add_flag("--flows", options.flows, "One line per flow");
  auto* records = read.add_flag("--records", options.records, "One line per record");
  auto* quiet =
      read.add_flag("-q,--quiet", options.quiet, "Decode everything, print only the totals");
  json->excludes(flows)->excludes(records)->excludes(quiet);
  quiet->excludes(flows)->excludes(records);
}

void add_sockets_options(CLI::App& sockets, SocketsOptions& options) {
  sockets.add_option("-Y,--filter", options.filter, "Only sockets that match (see docs/filter.md)")
      ->type_name("FILTER");
  sockets.add_flag("--json", options.json, "NDJSON: one line per socket, statistics");
}

// Which settings the command line gives.
void note_given(const CLI::App& app, LiveOptions& options) {
  struct Given {
    const char* option;
    const char* setting;
  };
  static constexpr std::array<Given, 8> kGiven{{{"--interface", "interface"},
                                                {"--filter", "filter"},
                                                {"--no-capture", "capture"},
                                                {"--no-probes", "probes"},
                                                {"--confine", "confine"},
                                                {"--view", "view"},
                                                {"--tab", "tab"},
                                                {"--theme", "theme"}}};
  for (const Given& one : kGiven) {
    if (app.get_option(one.option)->count() > 0) options.given.insert(one.setting);
  }
}

// The options of the live screen do not count for a subcommand, and are not to be taken for it. In
// words; empty: there is none.
std::string option_before_subcommand(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) return {};
  const std::string& name = chosen.front()->get_name();
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0) continue;
    return fmt::format(
        "{0} is an option of the live screen here: those of '{1}' come behind its name (see "
        "netwatch {1} --help)",
        option->get_name(), name);
  }
  return {};
}

int run(int argc, char** argv) {
  CLI::App app{kAbout, "netwatch"};
  app.footer(kFooter);
  app.set_version_flag("-V,--version", "netwatch " NETWATCH_VERSION);
  app.require_subcommand(0, 1);
  LiveOptions live;
  add_live_options(app, live);
  ReadOptions read;
  CLI::App* read_app = app.add_subcommand("read", "Read capture files (pcap, pcapng, snoop)");
  add_read_options(*read_app, read);
  HeadlessOptions headless;
  CLI::App* headless_app =
      app.add_subcommand("live", "Tell as lines what happens on this host, until interrupted");
  add_headless_options(*headless_app, headless);
  RecordOptions record;
  CLI::App* record_app =
      app.add_subcommand("record", "Capture into a file in which every packet names its process");
  add_record_options(*record_app, record);
  SocketsOptions sockets;
  CLI::App* sockets_app =
      app.add_subcommand("sockets", "List this host's sockets and their owners, once");
  add_sockets_options(*sockets_app, sockets);
  DoctorOptions doctor;
  CLI::App* doctor_app =
      app.add_subcommand("doctor", "Say what this host allows, and what would allow more");
  doctor_app->add_flag("--json", doctor.json, "NDJSON: one line per ability");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  if (const std::string stray = option_before_subcommand(app); !stray.empty()) {
    complain(stray);
    return kExitUsage;
  }
  if (read_app->parsed()) return run_read(read);
  if (headless_app->parsed()) return run_headless(headless);
  if (record_app->parsed()) return run_record(record);
  if (sockets_app->parsed()) return run_sockets(sockets);
  if (doctor_app->parsed()) return run_doctor(doctor);
  note_given(app, live);
  return run_live(live);
}

}  // namespace
}  // namespace netwatch::app

int main(int argc, char** argv) {
  if (!netwatch::app::reserve_standard_streams()) return netwatch::app::kExitNotPossible;
  try {
    return netwatch::app::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "netwatch: %s\n", error.what());
    return netwatch::app::kExitNotPossible;
  }
}
