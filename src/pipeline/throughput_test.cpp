// Rates of each interface, and what is remembered of them.
#include "pipeline/throughput.h"

#include <gtest/gtest.h>

namespace netwatch::pipeline {
namespace {

constexpr base::TimeNs kSecond = base::kNsPerSecond;

model::Interface interface_of(const std::string& name, std::uint64_t rx_bytes,
                              std::uint64_t tx_bytes = 0) {
  model::Interface out;
  out.name = name;
  out.up = true;
  out.rx_bytes = rx_bytes;
  out.tx_bytes = tx_bytes;
  return out;
}

class ThroughputTest : public testing::Test {
 protected:
  // One look, and a second of history.
  void second(std::vector<model::Interface> interfaces) {
    throughput_.take({.taken_ns = ++looks_ * kSecond, .interfaces = std::move(interfaces)});
    throughput_.advance();
  }
  const model::InterfaceRow& row(std::size_t i) { return throughput_.interfaces().at(i); }

  Throughput throughput_{""};
  int looks_ = 0;
};

TEST_F(ThroughputTest, ARateIsKnownFromTheSecondLookOn) {
  second({interface_of("eth0", 1000)});
  EXPECT_FALSE(row(0).rated);
  EXPECT_EQ(row(0).history, nullptr);
  second({interface_of("eth0", 4000, 70)});
  EXPECT_TRUE(row(0).rated);
  ASSERT_NE(row(0).history, nullptr);
  ASSERT_EQ(row(0).history->size(), 1U);
  EXPECT_FLOAT_EQ(row(0).history->front().down, 3000);
  EXPECT_FLOAT_EQ(row(0).history->front().up, 70);
}

TEST_F(ThroughputTest, HistoriesAreBoundedAndShared) {
  for (std::uint64_t i = 0; i <= 700; ++i) second({interface_of("eth0", i * i)});
  const auto before = row(0).history;
  ASSERT_EQ(before->size(), model::Snapshot::kThroughputSamples);
  EXPECT_FLOAT_EQ(before->back().down, 2 * 700 - 1);
  EXPECT_FLOAT_EQ(before->front().down, 2 * 101 - 1);
  // Between two seconds there is another look.
  throughput_.take({.taken_ns = looks_ * kSecond + 1, .interfaces = {interface_of("eth0", 1)}});
  EXPECT_EQ(row(0).history, before);
}

TEST_F(ThroughputTest, OfEachInterfaceThatExistsWhileThereAreNotTooMany) {
  std::vector<model::Interface> many;
  many.reserve(Throughput::kMaxHistories + 3);
  for (std::size_t i = 0; i < Throughput::kMaxHistories + 3; ++i) {
    many.push_back(interface_of("veth" + std::to_string(i), 0));
  }
  second(many);
  second(many);
  for (std::size_t i = 0; i < many.size(); ++i) {
    EXPECT_EQ(row(i).history != nullptr, i < Throughput::kMaxHistories) << i;
    EXPECT_TRUE(row(i).rated);
  }
  // One goes: there is room for another, and the rest keep theirs.
  const auto kept = row(1).history->size();
  many.erase(many.begin());
  second(many);
  EXPECT_EQ(row(0).history->size(), kept + 1);
  EXPECT_EQ(row(Throughput::kMaxHistories - 1).history->size(), 1U);
  EXPECT_EQ(row(Throughput::kMaxHistories).history, nullptr);
  // Under its name another one: it begins anew.
  second({many.begin() + 1, many.end()});
  second(many);
  EXPECT_EQ(row(0).history, nullptr) << "no rate is known of it, and there is no room";
}

}  // namespace
}  // namespace netwatch::pipeline
