// Golden screens of made-up snapshots at the three sizes, and what input does to the view.
#include "tui/lite_screen.h"

#include <gtest/gtest.h>

#include "tui/screen_maker.h"
#include "tui/theme.h"

namespace netwatch::tui {
namespace {

TEST(LiteGolden, Usual) {
  SnapshotMaker make;
  add_usual(make);
  EXPECT_EQ(golden_difference(make.done(), "usual"), "");
}

TEST(LiteGolden, Expanded) {
  SnapshotMaker make;
  add_usual(make);
  EXPECT_EQ(golden_difference(make.done(), "expanded", "\rj"), "");
}

TEST(LiteGolden, Empty) {
  SnapshotMaker make;
  add_interfaces(make);
  EXPECT_EQ(golden_difference(make.done(), "empty"), "");
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
  EXPECT_EQ(golden_difference(make.done(), "no-root-idle"), "");
  auto& row = make.row(end("10.0.0.2", 51'514), end("192.0.2.80", 443), kTcp);
  row.flow = model::kNoFlow;
  row.has_socket_bytes = true;
  row.kernel_down_bytes = 123'456;
  make.talker("curl", 991, Quality::kInferred, "192.0.2.80", NameSource::kNone, "", 123'000, 900);
  make.s.attribution.bytes = {};
  make.s.attribution.rows = {3, 9, 0};
  EXPECT_EQ(golden_difference(make.done(), "no-root", "\rj"), "");
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
  EXPECT_EQ(golden_difference(make.done(), "many", "G"), "");
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
  EXPECT_EQ(golden_difference(make.done(), "names"), "");
}

TEST(LiteGolden, Filtering) {
  SnapshotMaker make;
  add_usual(make);
  EXPECT_EQ(golden_difference(make.done(), "filter", "/app:ssh\r"), "");
  EXPECT_EQ(golden_difference(make.done(), "filter-error", "/bad tcp.prt == 443"), "");
  EXPECT_EQ(golden_difference(make.done(), "filter-nothing", "/app:nobody\r"), "");
}

TEST(LiteGolden, Overlays) {
  SnapshotMaker make;
  add_usual(make);
  make.s.abilities.push_back({"names", false, "no resolver answers", ""});
  make.s.drops[model::Drop::kKernel] = 4;
  make.s.drops[model::Drop::kDuplicate] = 1'204;
  EXPECT_EQ(golden_difference(make.done(), "help", "?"), "");
  EXPECT_EQ(golden_difference(make.done(), "missing", "!"), "");
  EXPECT_EQ(golden_difference(make.done(), "sort", "sjj"), "");
  EXPECT_EQ(golden_difference(make.done(), "paused", "p"), "");
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
  EXPECT_EQ(golden_difference(make.done(), "namespaces", "\rj"), "");
  EXPECT_EQ(golden_difference(make.done(), "unowned", "!"), "");
}

// Packets are captured, but not of these.
TEST(LiteGolden, UncapturedConnections) {
  SnapshotMaker make;
  make.throughput(20);
  const auto uncaptured = [&](std::uint16_t port) -> model::ConnectionRow& {
    auto& row = make.row(end("127.0.0.1", port), end("127.0.0.1", 8099), kTcp);
    row.flow = model::kNoFlow;
    row.has_socket_bytes = true;
    row.kernel_up_bytes = 8'140;
    return row;
  };
  uncaptured(40'001);
  make.talker("payload", 31, Quality::kExact, "127.0.0.1", NameSource::kNone, "", 0, 40'000);
  uncaptured(40'002).has_socket_bytes = false;
  make.talker("unknown", 32, Quality::kExact, "127.0.0.1", NameSource::kNone, "", 0, 0);
  uncaptured(40'003);
  make.row(end("127.0.0.1", 40'004), end("127.0.0.1", 8099), kTcp);
  auto& both = make.talker("both", 33, Quality::kExact, "127.0.0.1", NameSource::kNone, "", 0, 900);
  both.bytes_in = both.rates_in = model::Measure::kBoth;
  EXPECT_EQ(golden_difference(make.done(), "uncaptured", "\rjj\rjj\rk"), "");
}

TEST(LiteGolden, BothEndsAreOfThisHost) {
  SnapshotMaker make;
  make.throughput(20);
  const auto server = model::RowOwner{Quality::kExact, model::OwnerVia::kEbpf, 3100, "srv"};
  make.row(end("127.0.0.1", 33'008), end("127.0.0.1", 8099), kTcp).owners[1] = server;
  make.row(end("127.0.0.1", 33'010), end("127.0.0.1", 8099), kTcp).owners[1] = server;
  make.talker("cli", 3112, Quality::kExact, "127.0.0.1", NameSource::kNone, "http", 1e5, 40'000);
  EXPECT_EQ(golden_difference(make.done(), "both-ends-talker"), "");
  EXPECT_EQ(golden_difference(make.done(), "both-ends", "\rj"), "");
}

TEST(LiteGolden, Themes) {
  SnapshotMaker make;
  add_usual(make);
  for (std::size_t i = 1; i < themes().size(); ++i) {
    Screen screen(make.done(), 80, 24);
    screen.view.theme = i;
    const std::string name = "theme-" + std::string(themes()[i].name) + "-80x24";
    EXPECT_EQ(golden_difference(screen.draw(), name), "");
  }
}

TEST(LiteScreen, ArrowsPointFromWhoBeganAConnection) {
  SnapshotMaker make;
  auto& row = make.row(end("192.168.1.20", 22), end("192.0.2.7", 4343), kTcp);
  make.talker("sshd", 41, Quality::kExact, "192.0.2.7", NameSource::kNone, "", 9, 9);
  const auto count = [&](std::string_view words) {
    Screen screen(make.done(), 120, 35);
    screen.type("\rj");
    const std::string text = screen.draw().to_text();
    int found = 0;
    for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
      ++found;
    return found;
  };
  EXPECT_EQ(count("22 → 192.0.2.7:4343"), 2);  // below its talker, and in the detail line
  row.local_is_originator = false;
  EXPECT_EQ(count("22 ← 192.0.2.7:4343"), 2);
  row.originator_known = false;
  EXPECT_EQ(count("22 ↔ 192.0.2.7:4343"), 2);
}

TEST(LiteScreen, WhatTheKernelKnowsToBeOverIsNotOpen) {
  SnapshotMaker make;
  auto& row = make.row(end("192.168.1.20", 51'000), end("192.0.2.7", 443), kTcp);
  row.state = model::TcpState::kNone;
  make.talker("curl", 41, Quality::kExact, "192.0.2.7", NameSource::kNone, "", 9, 9);
  const auto unfolded = [&] {
    Screen screen(make.done(), 120, 35);
    screen.type("\r");
    return screen.draw().to_text();
  };
  EXPECT_NE(unfolded().find(" open "), std::string::npos);
  row.socket_gone = true;
  EXPECT_EQ(unfolded().find(" open "), std::string::npos);
  EXPECT_NE(unfolded().find(" closed "), std::string::npos);
}

TEST(LiteScreen, SeveralProcessesAreNotOneOfNumberZero) {
  SnapshotMaker make;
  for (std::uint16_t i = 0; i < 5; ++i) {
    make.row(end("192.168.1.20", static_cast<std::uint16_t>(51'000 + i)), end("192.0.2.7", 443),
             kTcp);
  }
  auto& talker = make.talker("curl", 41, Quality::kExact, "192.0.2.7", NameSource::kNone, "", 9, 9);
  talker.pid = 0;
  talker.processes = 5;
  Screen screen(make.done(), 120, 35);
  const std::string text = screen.draw().to_text();
  EXPECT_NE(text.find("curl 5 processes exact"), std::string::npos) << text;
  EXPECT_EQ(text.find("pid 0"), std::string::npos);
}

// Of several processes a filter may leave one.
TEST(LiteScreen, APartOfATalkerCountsItsOwnProcesses) {
  SnapshotMaker make;
  make.row(end("192.168.1.20", 51'000), end("192.0.2.7", 443), kTcp);
  make.row(end("192.168.1.20", 51'001), end("192.0.2.7", 443), kUdp);
  auto& talker = make.talker("curl", 41, Quality::kExact, "192.0.2.7", NameSource::kNone, "", 9, 9);
  talker.pid = 0;
  talker.processes = 2;
  Screen screen(make.done(), 120, 35);
  screen.view.filter.accepts = [](const model::ConnectionRow& row) { return row.proto == kUdp; };
  screen.view.filter.version = 1;
  screen.settle();
  EXPECT_NE(screen.draw().to_text().find("curl pid 41 exact"), std::string::npos);
}

TEST(LiteScreen, SaysSoWhereItIsTooSmall) {
  SnapshotMaker make;
  add_usual(make);
  for (const auto& [width, height] : std::initializer_list<Size>{{79, 24}, {80, 23}, {30, 3}}) {
    Screen screen(make.done(), width, height);
    EXPECT_NE(screen.draw().to_text().find("80x24"), std::string::npos);
    EXPECT_EQ(screen.send(KeyEvent{Key::kRune, 'q'}), Outcome::kQuit);
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
  const model::Snapshot nothing;
  EXPECT_NE(Screen(nothing, 80, 24).text().find("first look"), std::string::npos);
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
  EXPECT_EQ(screen.send(KeyEvent{Key::kRune, 'c', true}), Outcome::kQuit);
  EXPECT_EQ(screen.send(KeyEvent{Key::kRune, 'z', true}), Outcome::kSuspend);
}

}  // namespace
}  // namespace netwatch::tui
