// What keys do to the tab of connections.
#include <gtest/gtest.h>

#include "tui/screen_maker.h"

namespace netwatch::tui {
namespace {

struct Connections {
  SnapshotMaker make;
  Screen screen;
  Connections() : screen(usual(make), 200, 60) {
    screen.view.view = ViewKind::kFull;
    screen.view.tab = find_tab("connections").value_or(99);
    screen.settle();
  }
  static const model::Snapshot& usual(SnapshotMaker& make) {
    add_usual(make);
    return make.done();
  }
  bool shows(std::string_view words) { return screen.text().find(words) != std::string::npos; }
};

TEST(ConnectionsTab, GroupsByProgramHostOrNothing) {
  Connections tab;
  EXPECT_TRUE(tab.shows("▸● firefox 3"));
  EXPECT_TRUE(tab.shows("owner unknown 1"));
  tab.screen.type("b");
  EXPECT_TRUE(tab.shows("cdn.example.org 3"));
  tab.screen.type("b");
  EXPECT_TRUE(tab.shows("by container"));
  tab.screen.type("b");
  EXPECT_TRUE(tab.shows("not grouped"));
  EXPECT_TRUE(tab.shows("● firefox "));
}

TEST(ConnectionsTab, UnfoldsOneOrAll) {
  Connections tab;
  EXPECT_FALSE(tab.shows(":51514"));
  tab.screen.type("\r");
  EXPECT_TRUE(tab.shows("├ ● :51514"));
  EXPECT_FALSE(tab.shows("● :40000"));
  tab.screen.type("jjh");  // from a connection: folds its group
  EXPECT_FALSE(tab.shows(":51514"));
  tab.screen.type("z");
  EXPECT_TRUE(tab.shows(":51514"));
  EXPECT_TRUE(tab.shows("● :40000"));
}

TEST(ConnectionsTab, EnterOnAConnectionShowsItInFull) {
  Connections tab;
  tab.screen.type("z");
  tab.screen.type("j\r");
  EXPECT_TRUE(tab.shows("by ebpf"));
  EXPECT_TRUE(tab.shows(" payload, "));
  tab.screen.type("\x1b");
  EXPECT_FALSE(tab.shows(" payload, "));
}

TEST(ConnectionsTab, ShowsOneKindOfStateAndSaysHowManyThatHides) {
  Connections tab;
  tab.screen.type("ffff");  // open, established, listening, closed
  EXPECT_TRUE(tab.shows("Connections 1 of 7  closed"));
  EXPECT_TRUE(tab.shows("firefox 1"));
}

TEST(ConnectionsTab, TheFilterOfAllViewsHoldsHereToo) {
  Connections tab;
  tab.screen.type("/app:ssh\r");
  EXPECT_TRUE(tab.shows("Connections 1 of 7"));
  EXPECT_FALSE(tab.shows("firefox"));
  tab.screen.type("/\001bad");
  EXPECT_TRUE(tab.shows("no field is called that"));
}

TEST(ConnectionsTab, TheSelectionFollowsItsRow) {
  Connections tab;
  tab.screen.type("b");  // by host
  tab.screen.type("b");
  tab.screen.type("bjj");
  const std::string before = tab.screen.text();
  tab.screen.type("S");
  EXPECT_NE(tab.screen.text(), before);
  EXPECT_EQ(tab.screen.full.title(tab.screen.view), "Connections");
}

}  // namespace
}  // namespace netwatch::tui
