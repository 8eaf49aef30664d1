// The full view: golden screens of every tab, and what keys and the mouse do in it.
#include "tui/full_view.h"

#include <gtest/gtest.h>

#include "tui/owners_maker.h"
#include "tui/screen_maker.h"

namespace netwatch::tui {
namespace {

std::string key_of_tab(std::size_t tab) { return std::to_string((tab + 1) % 10); }

TEST(TabGolden, EachTab) {
  SnapshotMaker make;
  add_usual_in_full(make);
  for (std::size_t i = 0; i < tabs().size(); ++i) {
    const std::string name = "tab-" + std::string(tabs()[i]->name);
    EXPECT_EQ(golden_difference(make.done(), name, key_of_tab(i)), "");
    EXPECT_EQ(golden_difference(make.done(), name + "-help", key_of_tab(i) + "?"), "");
  }
}

// Names from outside, nothing known, no room: no tab may draw outside of itself or stumble.
TEST(FullView, EveryTabDrawsAnySnapshotAtAnySize) {
  SnapshotMaker usual;
  add_usual_in_full(usual);
  SnapshotMaker hostile;
  hostile.row(end("192.0.2.1", 1), end("2001:db8::1", 65'535), kTcp).up.lost_bytes = ~0ULL;
  hostile.talker("\x1b[31m\xFF日本語", 4'294'967'295, Quality::kExact, "\r\n\x07", NameSource::kSni,
                 "tls", 1e30, 1e-30);
  const model::Snapshot nothing;
  for (const model::Snapshot* snapshot : {&usual.done(), &hostile.done(), &nothing}) {
    for (std::size_t i = 0; i < tabs().size(); ++i) {
      for (const Size size : {Size{1, 1}, Size{80, 24}, Size{81, 25}, Size{500, 200}}) {
        Screen screen(*snapshot, size.width, size.height);
        screen.type(key_of_tab(i) + "zjjjk\rG\r/app:tls\r\x1b");
        screen.type("S");
        EXPECT_EQ(screen.draw().width(), size.width) << tabs()[i]->name;
        EXPECT_EQ(screen.text().find('\x1b'), std::string::npos);
      }
    }
  }
}

TEST(FullView, DigitsTabAndTheMouseGoToTabs) {
  SnapshotMaker make;
  add_usual(make);
  Screen screen(make.done(), 120, 35);
  screen.type("1");
  EXPECT_EQ(screen.view.view, ViewKind::kFull);
  EXPECT_EQ(screen.view.tab, 0U);
  for (std::size_t i = 0; i < tabs().size(); ++i) screen.type("\t");
  EXPECT_EQ(screen.view.tab, 0U) << "once round";
  screen.type("\x1b[Z");
  EXPECT_EQ(screen.view.tab, tabs().size() - 1);
  screen.send(MouseEvent{MouseEvent::Action::kPress, 0, 3, 1});
  EXPECT_EQ(screen.view.tab, 0U);
  screen.type("V");
  EXPECT_EQ(screen.view.view, ViewKind::kLite);
  screen.type("V");
  EXPECT_EQ(screen.view.view, ViewKind::kDense);
  screen.type("V");
  EXPECT_EQ(screen.view.view, ViewKind::kFull);
}

// A tab's own key must not be one that all views have, nor a digit.
TEST(FullView, NoKeyHasTwoMeanings) {
  for (const TabDef* tab : tabs()) {
    std::set<std::string_view> seen{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    for (const Binding& binding : bindings()) seen.insert(binding.keys.begin(), binding.keys.end());
    seen.erase("");
    for (const OwnKey& own : tab->keys) {
      for (const std::string_view key : own.keys) {
        EXPECT_TRUE(key.empty() || seen.insert(key).second) << tab->name << " " << key;
      }
    }
  }
}

}  // namespace
}  // namespace netwatch::tui
