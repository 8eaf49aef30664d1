// Golden screens of made-up snapshots at the three sizes, and what input does to the view.
// NETWATCH_UPDATE_GOLDEN=1 writes the files anew: look at every difference before keeping it.
#include "tui/lite_screen.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tui/lite_input.h"
#include "tui/theme.h"

namespace netwatch::tui {
namespace {

using model::NameSource;
using model::Quality;

constexpr base::TimeNs kNow = 1'795'000'000 * base::kNsPerSecond;

model::Endpoint end(std::string_view address, std::uint16_t port) {
  return {*base::IpAddress::parse(address), port};
}

// A snapshot being made up; texts given to it must be literals.
class SnapshotMaker {
 public:
  SnapshotMaker() {
    s.sequence = 1;
    s.time_ns = kNow;
    s.started_ns = kNow - 3723 * base::kNsPerSecond;
    s.source = "eth0";
    s.capturing = true;
    s.abilities = {{"capture", true, "", ""}, {"ebpf", true, "", ""}};
  }

  // A connection of the talker that the next call of talker() adds.
  model::ConnectionRow& row(model::Endpoint local, model::Endpoint remote, std::uint8_t proto) {
    rows_.emplace_back();
    model::ConnectionRow& row = rows_.back();
    row.flow = rows_.size();
    row.local = local;
    row.remote = remote;
    row.proto = proto;
    row.first_ns = kNow - 95 * base::kNsPerSecond;
    row.last_ns = kNow;
    if (proto == model::ip_proto::kTcp) row.state = model::TcpState::kEstablished;
    return row;
  }

  model::Talker& talker(std::string_view process, std::uint32_t pid, Quality quality,
                        std::string_view host, NameSource from, std::string_view app, double down,
                        double up) {
    auto talker = std::make_shared<model::Talker>();
    talker->process = process;
    talker->pid = pid;
    talker->quality = quality;
    talker->host = host;
    talker->host_from = from;
    talker->app = app;
    talker->down_rate = static_cast<float>(down);
    talker->up_rate = static_cast<float>(up);
    talker->down_bytes = static_cast<std::uint64_t>(down * 211);
    talker->up_bytes = static_cast<std::uint64_t>(up * 211);
    talker->rtt_us = static_cast<std::int32_t>(900 + pid * 7);
    for (std::size_t i = 0; i < talker->spark.size(); ++i) {
      const double wave = 0.55 + 0.45 * std::sin(static_cast<double>(i + pid) * 0.7);
      talker->spark[i] = static_cast<float>((down + up) * wave);
    }
    for (; taken_ < rows_.size(); ++taken_) {
      auto& row = rows_[taken_];
      row.name = from == NameSource::kNone ? std::string_view{} : host;
      row.name_from = from;
      row.apps[0] = app;
      row.owners[0] = {
          quality, quality == Quality::kUnknown ? model::OwnerVia::kNone : model::OwnerVia::kEbpf,
          pid, process};
      row.down_rate = static_cast<float>(down / 2);
      row.up_rate = static_cast<float>(up / 2);
      row.down.wire_bytes = static_cast<std::uint64_t>(down * 90);
      row.up.wire_bytes = static_cast<std::uint64_t>(up * 90);
      row.rtt_us = talker->rtt_us;
      talker->rows.push_back(static_cast<std::uint32_t>(taken_));
    }
    talker->connections = static_cast<std::uint32_t>(std::max<std::size_t>(1, talker->rows.size()));
    s.talkers.push_back(talker);
    s.attribution.bytes[static_cast<std::size_t>(quality)] += talker->down_bytes + talker->up_bytes;
    return *talker;
  }

  void throughput(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      const double t = i;
      const double down = 4e6 + 3.5e6 * std::sin(t / 23) + (i % 41 == 0 ? 9e6 : 0);
      const double up = 2.2e5 + 1.9e5 * std::sin(t / 11 + 1);
      s.throughput.push_back({static_cast<float>(up), static_cast<float>(down)});
    }
  }

  void interface(std::string_view name, bool is_default, bool up, float rx, float tx,
                 std::string_view address) {
    model::InterfaceRow row;
    row.interface.name = name;
    row.interface.is_default = is_default;
    row.interface.up = up;
    row.interface.loopback = name == "lo";
    row.interface.speed_bits_per_s = row.interface.loopback ? -1 : 1'000'000'000;
    if (!address.empty()) row.interface.addresses.push_back(*base::IpAddress::parse(address));
    row.rx_rate = rx;
    row.tx_rate = tx;
    s.interfaces.push_back(std::move(row));
  }

  const model::Snapshot& done() {
    s.chunks.clear();
    for (std::size_t at = 0; at < rows_.size(); at += model::kRowsPerChunk) {
      auto chunk = std::make_shared<model::RowChunk>();
      const auto last = std::min(rows_.size(), at + model::kRowsPerChunk);
      chunk->rows.assign(rows_.begin() + static_cast<std::ptrdiff_t>(at),
                         rows_.begin() + static_cast<std::ptrdiff_t>(last));
      s.chunks.push_back(chunk);
    }
    return s;
  }

  model::Snapshot s;

 private:
  std::vector<model::ConnectionRow> rows_;
  std::size_t taken_ = 0;
};

constexpr std::uint8_t kTcp = model::ip_proto::kTcp;
constexpr std::uint8_t kUdp = model::ip_proto::kUdp;

void add_interfaces(SnapshotMaker& make) {
  make.interface("lo", false, true, 5200, 5200, "127.0.0.1");
  make.interface("eth0", true, true, 7.42e6F, 3.1e5F, "192.168.1.20");
  make.interface("wlan0", false, false, 0, 0, "");
}

void add_usual(SnapshotMaker& make) {
  make.throughput(600);
  add_interfaces(make);
  auto& first = make.row(end("192.168.1.20", 51'514), end("151.101.1.69", 443), kTcp);
  first.up.retransmitted = 3;
  make.row(end("192.168.1.20", 51'515), end("151.101.1.69", 443), kTcp).state =
      model::TcpState::kTimeWait;
  make.row(end("2001:db8:1::20", 40'022), end("2a04:4e42:200:1234:5678:9abc:def0:645", 443), kUdp);
  make.talker("firefox", 4242, Quality::kExact, "cdn.example.org", NameSource::kSni, "http2", 5.2e6,
              81'000);
  make.row(end("192.168.1.20", 40'000), end("192.0.2.17", 22), kTcp);
  make.talker("ssh", 991, Quality::kExact, "build.example.net", NameSource::kDns, "ssh", 14'000,
              92'000);
  make.row(end("192.168.1.20", 40'500), end("198.51.100.7", 6881), kTcp);
  make.talker("transmission-daemon", 777, Quality::kInferred, "198.51.100.7", NameSource::kNone,
              "bittorrent", 1.9e6, 120'000);
  make.row(end("192.168.1.20", 123), end("203.0.113.5", 123), kUdp);
  make.talker("", 0, Quality::kUnknown, "time.example.com", NameSource::kReverseDns, "ntp", 90, 90)
      .rtt_us = -1;
  make.row(end("192.168.1.20", 53'000), end("192.168.1.1", 53), kUdp);
  make.talker("systemd-resolved", 310, Quality::kExact, "router.lan", NameSource::kReverseDns,
              "dns", 0.2, 0);
  make.s.packets = 1'234'567;
  make.s.wire_bytes = 1'734'000'000;
  make.s.flows = 4321;
  make.s.records = 9876;
}

RowPredicate by_app(std::string app) {
  return [app = std::move(app)](const model::ConnectionRow& row) { return row.apps[0] == app; };
}

// "app:NAME" filters; anything else is a mistake at column 4.
CompiledFilter test_compile(std::string_view text) {
  if (!text.starts_with("app:")) {
    return {nullptr, FilterProblem{4, "no field is called that", "tcp.port"}};
  }
  return {by_app(std::string(text.substr(4))), std::nullopt};
}

struct Screen {
  const model::Snapshot* snapshot;
  ViewState view{};
  LiteLayout layout{};
  LineList list{};
  RowVerdicts verdicts{};
  FilterCompiler compile = test_compile;

  Screen(const model::Snapshot& shown, int width, int height) : snapshot(&shown) {
    view.host = "laptop";
    layout = lite_layout(width, height);
    settle();
  }
  void settle() {
    list = make_lines(*snapshot, view, verdicts);
    settle_selection(*snapshot, list, layout.rows.height, view);
  }
  void type(std::string_view bytes) {
    InputParser parser;
    std::vector<Event> events;
    parser.feed(base::as_bytes(bytes), events);
    parser.flush(events);
    for (const Event& event : events) send(event);
  }
  LiteOutcome send(const Event& event) {
    const LiteContext context{snapshot, list, layout, compile};
    const LiteOutcome outcome = apply_event(event, context, view);
    settle();
    return outcome;
  }
  [[nodiscard]] Canvas draw() const { return draw_lite(snapshot, list, view, layout); }
  [[nodiscard]] std::string selected_host() const {
    return view.selected ? view.selected->talker.host : "";
  }
};

void expect_golden(const Canvas& canvas, const std::string& name) {
  const std::filesystem::path path =
      std::filesystem::path(NETWATCH_SOURCE_DIR) / "testdata" / "screens" / (name + ".txt");
  const std::string drawn = canvas.to_text() + "--- styles\n" + canvas.to_styles();
  if (std::getenv("NETWATCH_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << drawn;
    return;
  }
  std::ifstream file(path);
  std::stringstream kept;
  kept << file.rdbuf();
  EXPECT_EQ(drawn, kept.str()) << path << " (NETWATCH_UPDATE_GOLDEN=1 rewrites it)";
}

struct Size {
  int width;
  int height;
};
constexpr std::array<Size, 3> kSizes{{{80, 24}, {120, 35}, {200, 60}}};

void expect_golden_sizes(const model::Snapshot& snapshot, const std::string& name,
                         std::string_view keys = "") {
  for (const auto& [width, height] : kSizes) {
    Screen screen(snapshot, width, height);
    screen.type(keys);
    expect_golden(screen.draw(), name + "-" + std::to_string(width) + "x" + std::to_string(height));
  }
}

TEST(LiteGolden, Usual) {
  SnapshotMaker make;
  add_usual(make);
  expect_golden_sizes(make.done(), "usual");
}

TEST(LiteGolden, Expanded) {
  SnapshotMaker make;
  add_usual(make);
  expect_golden_sizes(make.done(), "expanded", "\rj");
}

TEST(LiteGolden, Empty) {
  SnapshotMaker make;
  add_interfaces(make);
  expect_golden_sizes(make.done(), "empty");
}

TEST(LiteGolden, NoRoot) {
  SnapshotMaker make;
  make.s.source = "sockets";
  make.s.capturing = false;
  make.s.abilities = {{"capture", false, "opening a packet socket needs CAP_NET_RAW",
                       "sudo setcap cap_net_raw,cap_bpf,cap_perfmon+ep /usr/bin/netwatch"},
                      {"ebpf", false, "loading programs needs CAP_BPF", ""},
                      {"sockets", true, "", ""}};
  make.s.unreadable_processes = 143;
  make.throughput(45);
  add_interfaces(make);
  expect_golden_sizes(make.done(), "no-root-idle");
  auto& row = make.row(end("10.0.0.2", 51'514), end("192.0.2.80", 443), kTcp);
  row.flow = model::kNoFlow;
  row.has_socket_bytes = true;
  row.kernel_down_bytes = 123'456;
  make.talker("curl", 991, Quality::kInferred, "192.0.2.80", NameSource::kNone, "", 123'000, 900);
  make.s.attribution.bytes = {};
  make.s.attribution.rows = {3, 9, 0};
  expect_golden_sizes(make.done(), "no-root", "\rj");
}

TEST(LiteGolden, ManyRowsAndLosses) {
  SnapshotMaker make;
  make.throughput(600);
  for (int i = 0; i < 12; ++i) make.interface("veth", false, true, 1e5F, 1e4F, "10.9.0.1");
  for (std::uint32_t i = 0; i < 300; ++i) {
    make.row(end("10.0.0.2", static_cast<std::uint16_t>(2000 + i)), end("192.0.2.80", 443), kTcp);
    make.talker("worker", 1000 + i, i % 7 == 0 ? Quality::kInferred : Quality::kExact,
                "shard.example.org", NameSource::kDns, "tls", 3e6 / (i + 1), 2e5 / (i + 1));
  }
  make.s.drops[model::Drop::kKernel] = 15'234;
  make.s.drops[model::Drop::kQueue] = 12;
  make.s.drops[model::Drop::kDecoderOdd] = 3;
  make.s.drops[model::Drop::kStreamGapBytes] = 4'096'000;
  expect_golden_sizes(make.done(), "many", "G");
}

TEST(LiteGolden, WideAndHostileNames) {
  SnapshotMaker make;
  make.throughput(20);
  add_interfaces(make);
  make.talker("日本語プロセス名前", 7, Quality::kExact, "例え.テスト.example", NameSource::kSni,
              "tls", 5e5, 1e3);
  make.talker("\x1b[31mred\x1b[0m", 8, Quality::kExact, "evil\r\n\x1b]0;owned\x07.example",
              NameSource::kHost, "http", 4e5, 1e3);
  make.talker("x\xE2\x80\xAEyz", 9, Quality::kInferred, "\xFF\xFE bad utf-8", NameSource::kDns,
              "dns", 3e5, 1e3);
  make.talker("👩‍💻-e\u0301-z\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308", 10,
              Quality::kInferred,
              "a-very-long-label-that-never-ends.and-another-one.of-the-same-kind.example.org",
              NameSource::kSni, "websocket", 2e5, 1e3);
  expect_golden_sizes(make.done(), "names");
}

TEST(LiteGolden, Filtering) {
  SnapshotMaker make;
  add_usual(make);
  expect_golden_sizes(make.done(), "filter", "/app:ssh\r");
  expect_golden_sizes(make.done(), "filter-error", "/bad tcp.prt == 443");
  expect_golden_sizes(make.done(), "filter-nothing", "/app:nobody\r");
}

TEST(LiteGolden, Overlays) {
  SnapshotMaker make;
  add_usual(make);
  make.s.abilities.push_back({"names", false, "no resolver answers", ""});
  make.s.drops[model::Drop::kKernel] = 4;
  make.s.drops[model::Drop::kDuplicate] = 1'204;
  expect_golden_sizes(make.done(), "help", "?");
  expect_golden_sizes(make.done(), "missing", "!");
  expect_golden_sizes(make.done(), "sort", "sjj");
  expect_golden_sizes(make.done(), "paused", "p");
}

TEST(LiteGolden, OtherNamespaces) {
  SnapshotMaker make;
  std::vector<model::NetworkNamespace> namespaces(2);
  namespaces[0].inode = 4'026'532'001;
  namespaces[0].container = "4f1d2c33aa55bb77";
  namespaces[1].inode = 4'026'532'002;
  namespaces[1].name = "lab";
  make.s.namespaces = std::make_shared<const std::vector<model::NetworkNamespace>>(namespaces);
  for (std::uint32_t netns = 4'026'532'001; netns <= 4'026'532'003; ++netns) {
    auto& row = make.row(end("10.88.0.5", 51'514), end("192.0.2.80", 443), kTcp);
    row.flow = model::kNoFlow;
    row.netns = netns;
    row.has_socket_bytes = true;
  }
  make.talker("nginx", 991, Quality::kExact, "192.0.2.80", NameSource::kNone, "", 123'000, 900);
  model::OwnerTotals owners;
  owners.unowned.emplace().parts[0] = {.packets = 1200, .ip_bytes = 900'000};
  make.s.owners = std::make_shared<const model::OwnerTotals>(owners);
  make.s.namespaces_unread = 1;
  expect_golden_sizes(make.done(), "namespaces", "\rj");
  expect_golden_sizes(make.done(), "unowned", "!");
}

TEST(LiteGolden, Themes) {
  SnapshotMaker make;
  add_usual(make);
  for (std::size_t i = 1; i < themes().size(); ++i) {
    Screen screen(make.done(), 80, 24);
    screen.view.theme = i;
    expect_golden(screen.draw(), "theme-" + std::string(themes()[i].name) + "-80x24");
  }
}

TEST(LiteScreen, SaysSoWhereItIsTooSmall) {
  SnapshotMaker make;
  add_usual(make);
  for (const auto& [width, height] : std::initializer_list<Size>{{79, 24}, {80, 23}, {30, 3}}) {
    Screen screen(make.done(), width, height);
    EXPECT_NE(screen.draw().to_text().find("80x24"), std::string::npos);
    EXPECT_EQ(screen.send(KeyEvent{Key::kRune, 'q'}), LiteOutcome::kQuit);
  }
  for (int side = 0; side < 30; ++side) {
    EXPECT_EQ(Screen(make.done(), side, side).draw().width(), side);
  }
}

TEST(LiteScreen, DrawsAtEverySizeAndWithoutSnapshot) {
  SnapshotMaker make;
  add_usual(make);
  for (int width = 80; width < 260; width += 7) {
    for (int height = 24; height < 90; height += 9) {
      Screen screen(make.done(), width, height);
      screen.type("\r?");
      EXPECT_EQ(screen.draw().width(), width);
    }
  }
  const LiteLayout layout = lite_layout(80, 24);
  const std::string text = draw_lite(nullptr, {}, {}, layout).to_text();
  EXPECT_NE(text.find("first look"), std::string::npos);
}

TEST(LiteInput, SelectionFollowsItsRow) {
  SnapshotMaker make;
  add_usual(make);
  Screen screen(make.done(), 80, 24);
  screen.type("j");
  EXPECT_EQ(screen.selected_host(), "198.51.100.7");
  screen.type("S");  // reversed: the row is elsewhere now, and still selected
  EXPECT_EQ(screen.selected_host(), "198.51.100.7");
  EXPECT_EQ(screen.view.selected_line, 3);
  screen.type("g");
  EXPECT_EQ(screen.view.selected_line, 0);
  EXPECT_FALSE(screen.view.selected) << "the first row, whatever it will be";
}

TEST(LiteInput, ExpandsAndCollapses) {
  SnapshotMaker make;
  add_usual(make);
  Screen screen(make.done(), 80, 24);
  EXPECT_EQ(screen.list.lines.size(), 5U);
  screen.type(" ");
  EXPECT_EQ(screen.list.lines.size(), 8U);
  screen.type("jj");
  EXPECT_TRUE(screen.view.selected->connection);
  screen.type("h");  // from a connection: folds its talker and selects it
  EXPECT_EQ(screen.list.lines.size(), 5U);
  EXPECT_EQ(screen.view.selected_line, 0);
}

TEST(LiteInput, FilterKeepsWhatWasInForceWhileItIsWrong) {
  SnapshotMaker make;
  add_usual(make);
  Screen screen(make.done(), 80, 24);
  screen.type("/app:http2\r");
  EXPECT_EQ(screen.list.talkers.size(), 1U);
  EXPECT_FALSE(screen.view.filter.open);
  screen.type("/\001bad");
  ASSERT_TRUE(screen.view.filter.problem);
  EXPECT_EQ(screen.view.filter.text, "app:http2");
  screen.type("\r");
  EXPECT_TRUE(screen.view.filter.open) << "a wrong filter is not taken";
  screen.type("\x1b");
  EXPECT_FALSE(screen.view.filter.open);
  EXPECT_EQ(screen.list.talkers.size(), 5U);
}

TEST(LiteInput, FilterCountsAcceptedConnectionsOnly) {
  SnapshotMaker make;
  add_usual(make);
  Screen screen(make.done(), 80, 24);
  screen.view.filter.accepts = [](const model::ConnectionRow& row) { return row.proto == kUdp; };
  screen.view.filter.version = 1;
  screen.settle();
  ASSERT_EQ(screen.list.talkers.size(), 3U);
  const ShownTalker& part = screen.list.talkers[0];
  EXPECT_FALSE(part.whole);
  EXPECT_EQ(part.connections, 1U);
  EXPECT_FLOAT_EQ(part.down_rate, 2.6e6F);
}

TEST(LiteInput, MouseSelectsUnfoldsAndSorts) {
  using Action = MouseEvent::Action;
  SnapshotMaker make;
  add_usual(make);
  Screen screen(make.done(), 80, 24);
  const int y = screen.layout.rows.y + 1;
  screen.send(MouseEvent{Action::kPress, 0, 20, y});
  EXPECT_EQ(screen.view.selected_line, 1);
  EXPECT_EQ(screen.list.lines.size(), 5U);
  screen.send(MouseEvent{Action::kPress, 0, 20, y});
  EXPECT_EQ(screen.list.lines.size(), 6U);
  screen.send(MouseEvent{Action::kPress, 0, 5, screen.layout.heading.y});
  EXPECT_EQ(screen.view.sort, Column::kProcess);
  EXPECT_FALSE(screen.view.descending);
  screen.send(MouseEvent{Action::kWheelDown, 0, 5, y});
  EXPECT_GT(screen.view.selected_line, 1);
  screen.send(MouseEvent{Action::kPress, 0, 5000, 5000});
}

TEST(LiteInput, SortPickerAndPause) {
  SnapshotMaker make;
  add_usual(make);
  Screen screen(make.done(), 80, 24);
  screen.type("sj\r");
  EXPECT_EQ(screen.view.sort, Column::kProcess);
  EXPECT_EQ(screen.view.overlay, Overlay::kNone);
  screen.type("p");
  EXPECT_TRUE(screen.view.paused);
  screen.type("?q");
  EXPECT_EQ(screen.view.overlay, Overlay::kNone) << "q closes an overlay before it quits";
  EXPECT_EQ(screen.send(KeyEvent{Key::kRune, 'c', true}), LiteOutcome::kQuit);
  EXPECT_EQ(screen.send(KeyEvent{Key::kRune, 'z', true}), LiteOutcome::kSuspend);
}

}  // namespace
}  // namespace netwatch::tui
