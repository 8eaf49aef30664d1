#include "pipeline/migrations.h"

#include <gtest/gtest.h>

#include <string>

namespace netwatch::pipeline {
namespace {

model::Endpoint at(const char* address, std::uint16_t port) {
  return {.address = *base::IpAddress::parse(address), .port = port};
}

const model::Endpoint kServer = at("192.0.2.1", 443);
const model::Endpoint kHome = at("198.51.100.7", 5001);
const model::Endpoint kAway = at("203.0.113.9", 5002);
const model::Endpoint kFarAway = at("2001:db8::9", 5003);

ConnectionId id(std::string_view text) {
  ConnectionId id{.protocol = "quic", .end = kServer};
  id.size = static_cast<std::uint8_t>(text.size());
  std::copy(text.begin(), text.end(), id.bytes.begin());
  return id;
}

ChosenId chosen(model::FlowId flow, std::string_view text) {
  return {.id = id(text),
          .flow = flow,
          .peer = kHome,
          .name = "example.org",
          .name_from = model::NameSource::kSni};
}

CarriedId carried(model::FlowId flow, std::string_view bytes, const model::Endpoint& from = kAway) {
  return {.id = id(bytes), .flow = flow, .peer = from};
}

model::Flow flow_line(model::FlowId flow, model::FlowEnd end = model::FlowEnd::kIdle) {
  model::Flow line;
  line.id = flow;
  line.resp = kServer;
  line.end = end;
  return line;
}

class MigrationsTest : public testing::Test {
 protected:
  model::Flow told(model::FlowId flow, model::FlowEnd end = model::FlowEnd::kIdle) {
    model::Flow line = flow_line(flow, end);
    migrations_.apply(line);
    return line;
  }
  Migrations migrations_{std::size_t{1} << 20};
};

TEST_F(MigrationsTest, AFlowThatCarriesAChosenIdGoesOnWithItsConnection) {
  migrations_.learn(chosen(1, "12345678"));
  migrations_.look(carried(2, "12345678 sealed"));
  const model::Flow flow = told(2);
  EXPECT_EQ(flow.migrated_from, 1U);
  EXPECT_EQ(flow.apps[0], "quic");
  EXPECT_EQ(flow.name, "example.org");
  EXPECT_EQ(flow.name_from, model::NameSource::kSni);
  EXPECT_EQ(told(1).migrated_from, model::kNoFlow);
}

TEST_F(MigrationsTest, AnotherIdEndOrNetworkIsAnother) {
  migrations_.learn(chosen(1, "12345678"));
  migrations_.look(carried(2, "12345679"));
  migrations_.look(carried(3, "1234567"));
  CarriedId elsewhere = carried(4, "12345678");
  elsewhere.id.end.port = 444;
  migrations_.look(elsewhere);
  elsewhere = carried(5, "12345678");
  elsewhere.id.end.address = *base::IpAddress::parse("192.0.2.2");
  migrations_.look(elsewhere);
  elsewhere = carried(6, "12345678");
  elsewhere.id.scope = 7;
  migrations_.look(elsewhere);
  elsewhere = carried(7, "12345678");
  elsewhere.id.protocol = "other";
  migrations_.look(elsewhere);
  for (model::FlowId flow = 2; flow <= 7; ++flow) {
    EXPECT_EQ(told(flow).migrated_from, model::kNoFlow) << flow;
    EXPECT_EQ(told(flow).apps[0], "") << flow;
  }
}

TEST_F(MigrationsTest, AnIdThatIsChosenLaterIsNotSeenBefore) {
  migrations_.look(carried(2, "12345678"));
  migrations_.learn(chosen(1, "12345678"));
  EXPECT_EQ(told(2).migrated_from, model::kNoFlow);
}

TEST_F(MigrationsTest, TheLongestIdIsTheBestProof) {
  migrations_.learn(chosen(1, "1234"));
  migrations_.learn(chosen(2, "123456"));
  migrations_.learn(chosen(3, "12345678901234567890"));
  migrations_.look(carried(4, "12345678901234567890"));
  migrations_.look(carried(5, "1234567890123456789x"));
  migrations_.look(carried(6, "12345"));
  EXPECT_EQ(told(4).migrated_from, 3U);
  EXPECT_EQ(told(5).migrated_from, 2U);
  EXPECT_EQ(told(6).migrated_from, 1U);
}

TEST_F(MigrationsTest, EveryFurtherFlowIsLinkedToTheFirst) {
  migrations_.learn(chosen(1, "12345678"));
  migrations_.look(carried(2, "12345678"));
  migrations_.look(carried(3, "12345678", kFarAway));
  EXPECT_EQ(told(2).migrated_from, 1U);
  EXPECT_EQ(told(3).migrated_from, 1U);
}

TEST_F(MigrationsTest, TheSameAddressesAfterASilenceAreNoMove) {
  migrations_.learn(chosen(1, "12345678"));
  migrations_.look(carried(2, "12345678", kHome));
  const model::Flow flow = told(2);
  EXPECT_EQ(flow.migrated_from, model::kNoFlow);
  EXPECT_EQ(flow.apps[0], "quic");
  EXPECT_EQ(flow.name, "example.org");
}

TEST_F(MigrationsTest, AFlowIsNotLinkedToItself) {
  migrations_.learn(chosen(1, "12345678"));
  migrations_.look(carried(1, "12345678", kHome));
  EXPECT_EQ(told(1).apps[0], "");
}

TEST_F(MigrationsTest, ALaterConnectionTakesTheIdOver) {
  migrations_.learn(chosen(1, "12345678"));
  ChosenId later = chosen(2, "12345678");
  later.name = "later.example.org";
  migrations_.learn(later);
  migrations_.look(carried(3, "12345678"));
  const model::Flow flow = told(3);
  EXPECT_EQ(flow.migrated_from, 2U);
  EXPECT_EQ(flow.name, "later.example.org");
}

TEST_F(MigrationsTest, WhatTheFlowItselfSaysCountsMore) {
  migrations_.learn(chosen(1, "12345678"));
  migrations_.look(carried(2, "12345678"));
  model::Flow open = flow_line(2, model::FlowEnd::kOpen);
  open.name = "own.example.org";
  open.name_from = model::NameSource::kHost;
  migrations_.apply(open);
  EXPECT_EQ(open.migrated_from, 1U);
  EXPECT_EQ(open.name, "own.example.org");
  model::Flow other = flow_line(2);
  other.apps[0] = "dns";
  migrations_.apply(other);
  EXPECT_EQ(other.migrated_from, model::kNoFlow);
  EXPECT_EQ(other.name, "");
}

TEST_F(MigrationsTest, ANameIsTheResponders) {
  migrations_.learn(chosen(1, "12345678"));
  migrations_.look(carried(2, "12345678"));
  model::Flow turned = flow_line(2);
  turned.orig = kServer;
  turned.resp = kAway;
  migrations_.apply(turned);
  EXPECT_EQ(turned.migrated_from, 1U);
  EXPECT_EQ(turned.name, "");
}

TEST_F(MigrationsTest, ALinkLivesAsLongAsItsFlow) {
  migrations_.learn(chosen(1, "12345678"));
  migrations_.look(carried(2, "12345678"));
  EXPECT_EQ(told(2, model::FlowEnd::kOpen).migrated_from, 1U);
  EXPECT_EQ(told(2).migrated_from, 1U);
  EXPECT_EQ(told(2).migrated_from, model::kNoFlow);
  EXPECT_EQ(migrations_.forgotten(), 0U);
}

TEST_F(MigrationsTest, TheOldestGiveWayAndAreCounted) {
  constexpr model::FlowId kMany = 20'000;
  const auto text = [](model::FlowId flow) { return "id" + std::to_string(100'000 + flow); };
  for (model::FlowId flow = 1; flow <= kMany; ++flow) {
    migrations_.learn(chosen(flow, text(flow)));
    if (flow % 500 == 0) migrations_.look(carried(kMany + flow, text(1)));  // is in use
  }
  const std::uint64_t forgotten = migrations_.forgotten();
  EXPECT_GT(forgotten, kMany - 2200);  // of half a MiB
  EXPECT_LT(forgotten, kMany - 1500);
  migrations_.look(carried(3 * kMany + 1, text(1)));
  migrations_.look(carried(3 * kMany + 2, text(2)));
  migrations_.look(carried(3 * kMany + 3, text(kMany)));
  EXPECT_EQ(told(3 * kMany + 1).migrated_from, 1U);
  EXPECT_EQ(told(3 * kMany + 2).migrated_from, model::kNoFlow);
  EXPECT_EQ(told(3 * kMany + 3).migrated_from, kMany);
}

TEST_F(MigrationsTest, SoDoLinks) {
  constexpr model::FlowId kMany = 20'000;
  migrations_.learn(chosen(1, "12345678"));
  for (model::FlowId flow = 2; flow <= kMany; ++flow) {
    migrations_.look(carried(flow, "12345678"));
  }
  const std::uint64_t forgotten = migrations_.forgotten();
  EXPECT_GT(forgotten, kMany - 3000);
  EXPECT_LT(forgotten, kMany - 2000);
  EXPECT_EQ(told(2).migrated_from, model::kNoFlow);
  EXPECT_EQ(told(kMany).migrated_from, 1U);
}

TEST_F(MigrationsTest, WithoutABudgetNothingIsKept) {
  Migrations none(0);
  none.learn(chosen(1, "12345678"));
  none.look(carried(2, "12345678"));
  model::Flow flow = flow_line(2);
  none.apply(flow);
  EXPECT_EQ(flow.migrated_from, model::kNoFlow);
  EXPECT_EQ(none.forgotten(), 1U);
}

}  // namespace
}  // namespace netwatch::pipeline
