// The dense view: golden screens, and what keys and the mouse do in it.
#include "tui/dense_view.h"

#include <gtest/gtest.h>

#include "tui/health_maker.h"
#include "tui/screen_maker.h"

namespace netwatch::tui {
namespace {

struct Dense {
  SnapshotMaker make;
  Screen screen;
  Dense(int width, int height) : screen(usual(make), width, height) { screen.type("V"); }
  static const model::Snapshot& usual(SnapshotMaker& make) {
    add_usual(make);
    add_health(make);
    return make.done();
  }
  bool shows(std::string_view words) { return screen.text().find(words) != std::string::npos; }
};

TEST(DenseView, Golden) {
  SnapshotMaker make;
  EXPECT_EQ(golden_difference(Dense::usual(make), "dense", "V"), "");
}

TEST(DenseView, DrawsAnySnapshotAtAnySize) {
  SnapshotMaker usual;
  Dense::usual(usual);
  SnapshotMaker hostile;
  hostile.interface("\x1b]0;x\x07", true, true, 1e30F, -1, "");
  hostile.row(end("192.0.2.1", 1), end("2001:db8::1", 65'535), kTcp).up.lost_bytes = ~0ULL;
  hostile.talker("\x1b[31m\xFF日本語", 4'294'967'295, Quality::kExact, "\r\n\x07", NameSource::kSni,
                 "tls", 1e30, 1e-30);
  const model::Snapshot nothing;
  for (const model::Snapshot* snapshot : {&usual.done(), &hostile.done(), &nothing}) {
    for (const Size size :
         {Size{1, 1}, Size{80, 24}, Size{81, 25}, Size{139, 24}, Size{140, 24}, Size{500, 200}}) {
      Screen screen(*snapshot, size.width, size.height);
      screen.type("Vzjjjkd\rG\r/app:tls\r\x1b");
      EXPECT_EQ(screen.draw().width(), size.width);
      EXPECT_EQ(screen.text().find('\x1b'), std::string::npos);
    }
  }
}

TEST(DenseView, TheTableIsThatOfTheTabOfConnections) {
  Dense dense(120, 35);
  EXPECT_TRUE(dense.shows("not grouped"));
  EXPECT_TRUE(dense.shows("● firefox"));
  dense.screen.type("b");
  EXPECT_TRUE(dense.shows("firefox 3"));
  dense.screen.type("/app:ssh\r");
  EXPECT_TRUE(dense.shows("Connections 1 of 7"));
  dense.screen.type("1");
  EXPECT_EQ(dense.screen.view.view, ViewKind::kFull);
}

// A target that has no room must not hide that it is in trouble.
TEST(DenseView, WhatHasNoRoomSaysWhetherItIsWell) {
  SnapshotMaker make;
  Dense::usual(make);
  auto table = std::make_shared<model::HealthTable>(*make.s.health);
  table->rows.insert(table->rows.begin(), 3, table->rows.front());
  make.s.health = std::move(table);
  Screen screen(make.done(), 80, 24);
  screen.type("V");
  EXPECT_NE(screen.text().find("+4 more, ! 2 not well"), std::string::npos) << screen.text();
}

// The busier direction counts, and an unknown speed has no share.
TEST(DenseView, InterfacesAreMeasuredAgainstTheirLink) {
  SnapshotMaker make;
  make.interface("eth0", true, true, 112.5e6F, 1e6F, "192.0.2.1");  // of 125 MB/s each way
  make.interface("lo", false, true, 5e6F, 5e6F, "127.0.0.1");
  Screen screen(make.done(), 200, 60);
  screen.type("V");
  const std::string text = screen.text();
  EXPECT_NE(text.find("90% of 1 Gbit/s"), std::string::npos) << text;
  EXPECT_NE(text.find("– speed unknown"), std::string::npos) << text;
}

}  // namespace
}  // namespace netwatch::tui
