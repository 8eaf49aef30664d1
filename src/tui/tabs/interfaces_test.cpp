// What keys do to the tab of interfaces, and that nothing in it is made up.
#include <gtest/gtest.h>

#include "tui/owners_maker.h"
#include "tui/screen_maker.h"

namespace netwatch::tui {
namespace {

struct Interfaces {
  Screen screen;
  explicit Interfaces(const model::Snapshot& snapshot, int width = 200, int height = 60)
      : screen(snapshot, width, height) {
    screen.view.view = ViewKind::kFull;
    screen.view.tab = find_tab("interfaces").value_or(99);
    screen.settle();
  }
  bool shows(std::string_view words) { return screen.text().find(words) != std::string::npos; }
};

TEST(InterfacesTab, TheSelectedOneInFull) {
  SnapshotMaker make;
  add_usual_in_full(make);
  Interfaces tab(make.done());
  EXPECT_TRUE(tab.shows("52:54:00:12:34:56")) << "the default route's is the first";
  EXPECT_TRUE(tab.shows("2001:db8:1::20"));
  EXPECT_TRUE(tab.shows("fe80::5054:ff:fe12:3456"));
  EXPECT_TRUE(tab.shows("1 Gbit/s"));
  EXPECT_TRUE(tab.shows("91.2 GB"));
  EXPECT_TRUE(tab.shows("-2m")) << "its chart";
  tab.screen.type("j");
  EXPECT_FALSE(tab.shows("52:54:00:12:34:56"));
  EXPECT_TRUE(tab.shows("loopback"));
}

TEST(InterfacesTab, AllUpPhysicalOrVirtual) {
  SnapshotMaker make;
  add_usual_in_full(make);
  Interfaces tab(make.done());
  EXPECT_TRUE(tab.shows("Interfaces 3 "));
  tab.screen.type("f");
  EXPECT_TRUE(tab.shows("Interfaces 2 of 3  up"));
  EXPECT_FALSE(tab.shows("wlan0"));
  tab.screen.type("f");
  EXPECT_TRUE(tab.shows("Interfaces 2 of 3  physical"));
  EXPECT_TRUE(tab.shows("wlan0"));
  tab.screen.type("f");
  EXPECT_TRUE(tab.shows("Interfaces 1 of 3  virtual"));
  tab.screen.type("f");
  EXPECT_TRUE(tab.shows("Interfaces 3 "));
}

TEST(InterfacesTab, WhatTheKernelDoesNotSayIsUnknown) {
  SnapshotMaker make;
  make.s.interfaces.emplace_back().interface.name = "odd0";
  Interfaces tab(make.done(), 80, 24);
  EXPECT_TRUE(tab.shows("what        –"));
  EXPECT_TRUE(tab.shows("speed       –  MTU –"));
  EXPECT_TRUE(tab.shows("MAC         –"));
  EXPECT_TRUE(tab.shows("addresses   –"));
  EXPECT_TRUE(tab.shows("a history begins in a second"));
  tab.screen.type("ff");
  EXPECT_TRUE(tab.shows("None of 1 interfaces is physical")) << "nor virtual:";
  tab.screen.type("f");
  EXPECT_TRUE(tab.shows("None of 1 interfaces is virtual"));
}

TEST(InterfacesTab, NamesWhatItStandsOn) {
  SnapshotMaker make;
  make.interface("br0", false, true, 0, 0, "");
  make.interface("veth7", false, true, 0, 0, "");
  model::Interface& veth = make.s.interfaces[1].interface;
  veth.role = model::InterfaceRole::kVeth;
  veth.kind = "veth";
  veth.master = make.s.interfaces[0].interface.ifindex;
  veth.lower = 4711;
  make.s.interfaces[1].history = nullptr;
  Interfaces tab(make.done(), 120, 35);
  tab.screen.type("j");  // up, as br0 is: by name
  EXPECT_TRUE(tab.shows("port of br0  peer index 4711 elsewhere"));
  EXPECT_TRUE(tab.shows("no history: it is kept of 64 interfaces"));
}

TEST(InterfacesTab, AddressesThatHaveNoRoomAreCounted) {
  SnapshotMaker make;
  make.interface("eth0", true, true, 0, 0, "192.0.2.1");
  for (int i = 0; i < 40; ++i) {
    make.s.interfaces[0].interface.addresses.push_back(*base::IpAddress::parse("2001:db8::1"));
  }
  Interfaces tab(make.done(), 80, 24);
  EXPECT_TRUE(tab.shows("192.0.2.1  2001:db8::1"));
  EXPECT_TRUE(tab.shows("  +27")) << tab.screen.text();
  EXPECT_TRUE(tab.shows("▼ received"));
}

}  // namespace
}  // namespace netwatch::tui
