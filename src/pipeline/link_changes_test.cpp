#include "pipeline/link_changes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace netwatch::pipeline {
namespace {

model::Interface interface_of(std::uint32_t ifindex, bool up,
                              const std::vector<std::string>& addresses) {
  model::Interface out;
  out.ifindex = ifindex;
  out.name = "eth" + std::to_string(ifindex);
  out.up = up;
  for (const std::string& one : addresses) out.addresses.push_back(*base::IpAddress::parse(one));
  return out;
}

struct Told {
  std::string text;
  LinkChanges changes{[this](const model::LinkEvent& event) {
    text += event.interface.name + ' ';
    text += model::link_event_name(event.kind);
    text += event.interface.up ? " (up); " : " (down); ";
  }};
  std::string take(std::vector<model::Interface> interfaces) {
    text.clear();
    changes.take_interfaces({.taken_ns = 5, .interfaces = std::move(interfaces)});
    return text;
  }
  std::string hear(std::vector<model::NetworkChanges::Link> links) {
    text.clear();
    model::NetworkChanges messages;
    messages.links = std::move(links);
    changes.take_messages(messages, 7);
    return text;
  }
};

TEST(LinkChanges, TellsWhatIsDifferentFromTheLastLook) {
  Told told;
  const auto one = interface_of(1, true, {"192.0.2.1", "2001:db8::1"});
  EXPECT_EQ(told.take({one}), "") << "what was there before is nothing that has happened";
  EXPECT_EQ(told.take({one}), "");
  EXPECT_EQ(told.take({interface_of(1, true, {"2001:db8::1", "192.0.2.1"})}), "");
  EXPECT_EQ(told.take({one, interface_of(2, false, {})}), "eth2 appeared (down); ");
  EXPECT_EQ(told.take({interface_of(1, false, {"192.0.2.1", "2001:db8::1"}),
                       interface_of(2, true, {"192.0.2.2"})}),
            "eth1 down (down); eth2 up (up); eth2 addresses (up); ");
  auto standard = interface_of(1, false, {"192.0.2.1", "2001:db8::1"});
  standard.is_default = true;
  EXPECT_EQ(told.take({standard}), "eth2 removed (up); eth1 default (down); ");
}

TEST(LinkChanges, ALinkThatFlapsBetweenTwoLooksIsTold) {
  Told told;
  const auto one = interface_of(1, true, {});
  (void)told.take({one});
  EXPECT_EQ(told.hear({{.ifindex = 1, .name = "eth1", .removed = false, .up = true}}), "");
  EXPECT_EQ(told.hear({{.ifindex = 1, .name = "eth1", .removed = false, .up = false},
                       {.ifindex = 1, .name = "eth1", .removed = false, .up = true}}),
            "eth1 down (down); eth1 up (up); ");
  EXPECT_EQ(told.take({one}), "") << "told once";
}

TEST(LinkChanges, OneThatComesAndGoesBetweenTwoLooksIsTold) {
  Told told;
  EXPECT_EQ(told.hear({{.ifindex = 9, .name = "eth9", .removed = false, .up = true}}), "")
      << "before the first look nobody knows what is new";
  (void)told.take({});
  EXPECT_EQ(told.hear({{.ifindex = 9, .name = "eth9", .removed = false, .up = true},
                       {.ifindex = 9, .name = "eth9", .removed = false, .up = false},
                       {.ifindex = 9, .name = "eth9", .removed = true, .up = false},
                       {.ifindex = 9, .name = "eth9", .removed = true, .up = false}}),
            "eth9 appeared (up); eth9 down (down); eth9 removed (down); ");
  EXPECT_EQ(told.take({}), "");
}

TEST(LinkChanges, WhatTheKernelLostIsSaid) {
  Told told;
  (void)told.take({});
  told.text.clear();
  model::NetworkChanges messages;
  messages.lost = true;
  told.changes.take_messages(messages, 7);
  EXPECT_EQ(told.text, " lost (down); ");
}

TEST(LinkChanges, OneThatIsRemovedIsToldOnceAndMayComeAgain) {
  Told told;
  const auto one = interface_of(1, true, {});
  (void)told.take({one});
  EXPECT_EQ(told.hear({{.ifindex = 1, .name = "eth1", .removed = true, .up = false},
                       {.ifindex = 1, .name = "eth1", .removed = true, .up = false}}),
            "eth1 removed (up); ");
  EXPECT_EQ(told.take({}), "");
  EXPECT_EQ(told.take({one}), "eth1 appeared (up); ");
}

}  // namespace
}  // namespace netwatch::pipeline
