// What keys do to the tab of processes.
#include <gtest/gtest.h>

#include "tui/owners_maker.h"
#include "tui/screen_maker.h"

namespace netwatch::tui {
namespace {

struct Processes {
  SnapshotMaker make;
  Screen screen;
  explicit Processes(int width = 200, int height = 60) : screen(usual(make), width, height) {
    screen.view.view = ViewKind::kFull;
    screen.view.tab = find_tab("processes").value_or(99);
    screen.settle();
  }
  static const model::Snapshot& usual(SnapshotMaker& make) {
    add_usual_in_full(make);
    return make.done();
  }
  bool shows(std::string_view words) { return screen.text().find(words) != std::string::npos; }
  // The line that begins with a mark and these words.
  std::string line(std::string_view words) {
    const std::string text = screen.text();
    const std::size_t at = text.find(words);
    if (at == std::string::npos) return {};
    const std::size_t begin = text.rfind('\n', at) + 1;
    return text.substr(begin, text.find('\n', at) - begin);
  }
};

TEST(ProcessesTab, ByProgramProcessOrContainer) {
  Processes tab;
  EXPECT_TRUE(tab.shows("▸● firefox 2"));
  EXPECT_TRUE(tab.shows("● ssh ")) << "one process needs no fold";
  EXPECT_FALSE(tab.shows("4390"));
  tab.screen.type("b");
  EXPECT_TRUE(tab.shows("by process"));
  EXPECT_TRUE(tab.shows("4390"));
  tab.screen.type("b");
  EXPECT_TRUE(tab.shows("by container"));
  EXPECT_TRUE(tab.shows("● 4f1a2b3c4d5e 3")) << "three that were seen, of which two have rows";
  EXPECT_TRUE(tab.shows("○ transmission.service"));
  EXPECT_TRUE(tab.shows("no container or unit"));
}

TEST(ProcessesTab, SumsOfAGroupAreItsParts) {
  Processes tab;
  const std::string group = tab.line("● firefox 2");
  EXPECT_NE(group.find("5.21 MB"), std::string::npos) << group;
  EXPECT_NE(group.find("146%"), std::string::npos) << "of one CPU";
  EXPECT_NE(group.find("900 MB"), std::string::npos);
  tab.screen.type("\r");
  EXPECT_TRUE(tab.shows("├ ● firefox"));
  tab.screen.type("S");
  EXPECT_TRUE(tab.shows("● firefox"));
}

TEST(ProcessesTab, WhatNobodyCountsIsNotZero) {
  Processes tab;
  EXPECT_NE(tab.line("○ transmission-daemo").find("323 MB+"), std::string::npos);
  const std::string resolved = tab.line("● systemd-resolved");
  EXPECT_EQ(resolved.find("0 B"), std::string::npos) << resolved;
  EXPECT_NE(resolved.find("–"), std::string::npos);
  EXPECT_EQ(tab.line("● curl").find('%'), std::string::npos) << "nobody looked at its CPU";
}

TEST(ProcessesTab, WhatNoProcessOwnsIsApart) {
  Processes tab;
  EXPECT_TRUE(tab.shows("? owner unknown"));
  EXPECT_TRUE(tab.shows("? earlier ones 512"));
  EXPECT_TRUE(tab.shows("IP bytes of captured packets, apart from the payload above"));
  EXPECT_TRUE(tab.shows("forwarded 98.0 kB"));
  EXPECT_TRUE(tab.shows("not IP 212 packets"));
}

TEST(ProcessesTab, EnterShowsWhomItTalksTo) {
  Processes tab;
  tab.screen.type("bjj");  // by process, busiest first
  tab.screen.type("g\r");
  EXPECT_TRUE(tab.shows("firefox pid 4242 exact by ebpf"));
  EXPECT_TRUE(tab.shows("/usr/bin/firefox --quiet"));
  EXPECT_TRUE(tab.shows("cdn.example.org"));
  EXPECT_TRUE(tab.shows("ESTAB 1, TIME-WAIT 1, open 1"));
  tab.screen.type("\x1b");
  EXPECT_FALSE(tab.shows("Esc closes"));
}

TEST(ProcessesTab, ShowsThoseWithSocketsOrThatMove) {
  Processes tab;
  EXPECT_TRUE(tab.shows("Processes 10"));
  tab.screen.type("f");
  EXPECT_TRUE(tab.shows("Processes 8 of 10  with open sockets"));
  EXPECT_FALSE(tab.shows("curl"));
  tab.screen.type("f");
  EXPECT_TRUE(tab.shows("Processes 6 of 10  moving now"));
}

TEST(ProcessesTab, TheFilterKeepsThoseWithSuchConnections) {
  Processes tab;
  tab.screen.type("/app:ssh\r");
  EXPECT_TRUE(tab.shows("Processes 1 of 10"));
  EXPECT_TRUE(tab.shows("● ssh"));
  tab.screen.type("/\001\013app:none\r");
  EXPECT_TRUE(tab.shows("None of 10 processes"));
}

TEST(ProcessesGolden, InFull) {
  SnapshotMaker make;
  add_usual_in_full(make);
  const std::string tab = std::to_string(find_tab("processes").value_or(99) + 1);
  EXPECT_EQ(golden_difference(make.done(), "tab-processes-detail", tab + "bd"), "");
  EXPECT_EQ(golden_difference(make.done(), "tab-processes-containers", tab + "bbz"), "");
}

}  // namespace
}  // namespace netwatch::tui
