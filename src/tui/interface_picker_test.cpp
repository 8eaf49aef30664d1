// Where to capture is chosen on the screen and posted as a command.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tui/screen_maker.h"

namespace netwatch::tui {
namespace {

void add_strange(SnapshotMaker& make) {
  add_interfaces(make);
  make.interface("br-1a2b3c4d5e6f", false, true, 10, 10, "2001:db8:1234:5678:9abc:def0:1234:5678");
  make.s.interfaces.back().interface.addresses.push_back(*base::IpAddress::parse("10.0.0.1"));
  make.s.interfaces[2].interface.state = model::LinkState::kLowerLayerDown;
  make.interface("x\x1b[31m", false, true, 0, 0, "192.0.2.1");
}

struct Posting {
  std::vector<std::string> posted;
  Screen screen;
  Posting(const model::Snapshot& snapshot, int width, int height)
      : screen(snapshot, width, height) {
    screen.switch_interface = [this](const std::string& name) { posted.push_back(name); };
  }
};

TEST(InterfacePicker, Golden) {
  SnapshotMaker make;
  make.throughput(60);
  add_strange(make);
  EXPECT_EQ(golden_difference(make.done(), "interfaces", "ij"), "");
}

TEST(InterfacePicker, WhatWasNotPossibleIsSaid) {
  SnapshotMaker make;
  add_interfaces(make);
  make.s.notice = "not switched to wlan0: interface wlan0 is down; `ip link set wlan0 up` first";
  EXPECT_EQ(golden_difference(make.done(), "not-switched"), "");
}

TEST(InterfacePicker, WhatWasNotPossibleIsSaidInEveryView) {
  SnapshotMaker make;
  add_interfaces(make);
  make.s.notice = "not switched to wlan0";
  Screen screen(make.done(), 80, 24);
  for (const ViewKind kind : view_kinds()) {
    screen.view.view = kind;
    screen.settle();
    EXPECT_NE(screen.text().find("! not switched to wlan0"), std::string::npos) << view_name(kind);
  }
}

TEST(InterfacePicker, BeginsAtWhatIsCapturedOnAndPostsWhatIsChosen) {
  SnapshotMaker make;
  add_interfaces(make);
  Posting one(make.done(), 80, 24);
  one.screen.type("i\r");
  EXPECT_EQ(one.posted, std::vector<std::string>{"eth0"});
  EXPECT_EQ(one.screen.view.overlay, Overlay::kNone);
  one.screen.type("ik\r");
  one.screen.type("ig\r");
  one.screen.type("i\x1b[B\r");
  one.screen.type("iG\x1b[Bkj\r");
  EXPECT_EQ(one.posted, (std::vector<std::string>{"eth0", "lo", "any", "wlan0", "wlan0"}));
}

TEST(InterfacePicker, EscapeAndOtherKeysPostNothing) {
  SnapshotMaker make;
  add_interfaces(make);
  Posting one(make.done(), 80, 24);
  for (const char* const keys : {"ij\x1b", "ijq", "ijp"}) {
    one.screen.type(keys);
    EXPECT_EQ(one.screen.view.overlay, Overlay::kNone) << keys;
  }
  EXPECT_FALSE(one.screen.view.paused) << "the key closes and does no more";
  EXPECT_TRUE(one.posted.empty());
}

// What a person looks at is what the key takes, whatever happens to the list.
TEST(InterfacePicker, TheChoiceFollowsItsInterface) {
  SnapshotMaker make;
  add_interfaces(make);
  Posting one(make.done(), 80, 24);
  one.screen.type("ij");
  SnapshotMaker later;
  later.interface("new0", false, true, 0, 0, "");
  later.interface("lo", false, true, 0, 0, "");
  later.interface("wlan0", false, false, 0, 0, "");
  one.screen.snapshot = &later.done();
  one.screen.settle();
  one.screen.type("\r");
  EXPECT_EQ(one.posted, std::vector<std::string>{"wlan0"});
  // One that has gone is not asked for.
  one.screen.type("ij");
  ASSERT_EQ(one.screen.view.interface, "new0");
  one.screen.snapshot = &make.done();
  one.screen.type("\r");
  EXPECT_EQ(one.posted.back(), "lo");
}

TEST(InterfacePicker, OfManyTheChosenOneIsInSightAndAClickTakesWhatItHits) {
  SnapshotMaker make;
  for (int i = 0; i < 40; ++i) {
    make.interface("veth" + std::to_string(i), false, true, 0, 0, "");
  }
  Posting one(make.done(), 80, 24);
  one.screen.type("iG");
  EXPECT_NE(one.screen.draw().to_text().find("▸   veth39"), std::string::npos);
  const Rect inside = overlay_area({one.screen.frame(), one.screen.lite, one.screen.area}).inset(1);
  one.screen.send(MouseEvent{MouseEvent::Action::kPress, 0, inside.x + 3, inside.y});
  EXPECT_EQ(one.posted, std::vector<std::string>{"veth" + std::to_string(40 - inside.height)});
}

TEST(InterfacePicker, WithoutAWayToSwitchNothingHappens) {
  SnapshotMaker make;
  Screen screen(make.done(), 80, 24);
  screen.type("ij\r");
  EXPECT_EQ(screen.view.overlay, Overlay::kNone);
}

}  // namespace
}  // namespace netwatch::tui
