#include "confine/courier.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>

namespace netwatch::confine {
namespace {

model::HealthRow row_of(std::string_view address, model::ProbeKind kind) {
  model::HealthRow row;
  row.target = {.kind = kind, .address = *base::IpAddress::parse(address), .ifindex = 3};
  row.rtts_ns = {1'000'000, -1, 2'500'000};
  row.last_ns = 2'500'000;
  row.mean_ns = 1'750'000;
  row.min_ns = 1'000'000;
  row.max_ns = 2'500'000;
  row.loss = 1.0 / 3;
  return row;
}

model::HealthTable some_table() {
  model::HealthTable table;
  table.taken_ns = 1'700'000'000'000'000'000;
  table.rows.push_back(row_of("192.0.2.1", model::ProbeKind::kIcmpEcho));
  table.rows.push_back(row_of("2001:db8::53", model::ProbeKind::kDnsQuery));
  table.rows.back().rcode = 5;
  model::HealthRow refused;
  refused.target = {.kind = model::ProbeKind::kIcmpEcho,
                    .address = *base::IpAddress::parse("fe80::1"),
                    .ifindex = 2};
  refused.why = "not allowed";
  refused.fix = "allow it";
  table.rows.push_back(refused);
  return table;
}

void expect_same(const model::HealthTable& one, const model::HealthTable& two) {
  EXPECT_EQ(one.taken_ns, two.taken_ns);
  ASSERT_EQ(one.rows.size(), two.rows.size());
  for (std::size_t i = 0; i < one.rows.size(); ++i) {
    const model::HealthRow& a = one.rows[i];
    const model::HealthRow& b = two.rows[i];
    EXPECT_EQ(a.target, b.target);
    EXPECT_EQ(a.why, b.why);
    EXPECT_EQ(a.fix, b.fix);
    EXPECT_EQ(a.rtts_ns, b.rtts_ns);
    EXPECT_EQ(a.last_ns, b.last_ns);
    EXPECT_EQ(a.mean_ns, b.mean_ns);
    EXPECT_EQ(a.min_ns, b.min_ns);
    EXPECT_EQ(a.max_ns, b.max_ns);
    EXPECT_EQ(a.jitter_ns, b.jitter_ns);
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.rcode, b.rcode);
  }
}

TEST(Courier, TablesArriveAsTheyWereTold) {
  const auto parsed = parse_health(encode_health(some_table()));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  expect_same(*parsed, some_table());
}

TEST(Courier, TellsNoMoreThanFits) {
  model::HealthTable large;
  large.rows.assign(100, row_of("192.0.2.1", model::ProbeKind::kIcmpEcho));
  for (model::HealthRow& row : large.rows) {
    row.rtts_ns.assign(1000, 7);
    row.rtts_ns.back() = 9;
    row.why = row.fix = std::string(10'000, 'x');
  }
  const auto parsed = parse_health(encode_health(large));
  ASSERT_TRUE(parsed.ok());
  ASSERT_EQ(parsed->rows.size(), HealthMessage::kMaxRows);
  EXPECT_EQ(parsed->rows[0].rtts_ns.size(), model::kProbeSamples);
  EXPECT_EQ(parsed->rows[0].rtts_ns.back(), 9) << "the newest are told";
  EXPECT_EQ(parsed->rows[0].why.size(), HealthMessage::kMaxWordsBytes);
}

TEST(Courier, AnythingElseIsRefused) {
  const auto good = encode_health(some_table());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse_health(base::Bytes(good).first(size)).ok()) << size;
  }
  auto longer = good;
  longer.push_back(0);
  EXPECT_FALSE(parse_health(longer).ok());
  constexpr std::size_t kRow = 16;  // where the first one begins
  const auto refuses = [&](std::size_t at, std::initializer_list<std::uint8_t> bytes,
                           const char* why) {
    auto bad = good;
    std::copy(bytes.begin(), bytes.end(), bad.begin() + static_cast<std::ptrdiff_t>(at));
    EXPECT_FALSE(parse_health(bad).ok()) << why;
  };
  refuses(0, {9}, "a kind that is not on the list");
  refuses(4, {33}, "too many rows");
  refuses(kRow, {2}, "a probe that is not known");
  refuses(kRow + 1, {2}, "a family that is not known");
  refuses(kRow + 2, {61}, "more round trips than are kept");
  refuses(kRow + 4, {201}, "words without end");
  refuses(kRow + 12, {16, 0, 0, 0}, "a response code of five bits");
  refuses(kRow + 16 + 5, {1}, "something behind an IPv4 address");
  refuses(kRow + 32, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "a time before all times");
  refuses(kRow + 32, {0, 0, 0, 0, 0, 0, 0, 0x7f}, "a round trip of centuries");
  refuses(kRow + 72, {0, 0, 0, 0, 0, 0, 0xf8, 0x7f}, "a share that is no number");
  refuses(kRow + 72, {0, 0, 0, 0, 0, 0, 0, 0x40}, "a share of more than all");
}

std::optional<model::HealthTable> wait_for(CourierClient& courier) {
  for (int i = 0; i < 2000 && courier.alive(); ++i) {
    if (auto table = courier.health()) return table;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return std::nullopt;
}

std::unique_ptr<CourierClient> start(std::function<model::HealthTable()> probe) {
  auto courier =
      CourierClient::start({.open = nullptr, .probe = std::move(probe), .every_ns = base::kNsPerMs},
                           Mode::kBestEffort, {});
  EXPECT_TRUE(courier.ok());
  return *std::move(courier);
}

TEST(Courier, TellsAgainAndAgain) {
  base::TimeNs count = 0;
  const auto courier = start([&] {
    model::HealthTable table = some_table();
    table.taken_ns = -1;
    table.rows[0].last_ns = ++count;
    return table;
  });
  const auto first = wait_for(*courier);
  ASSERT_TRUE(first.has_value());
  const auto second = wait_for(*courier);
  ASSERT_TRUE(second.has_value());
  EXPECT_GT(second->rows[0].last_ns, first->rows[0].last_ns);
  EXPECT_GE(second->taken_ns, first->taken_ns);
  EXPECT_GT(first->taken_ns, 0) << "when it came, whatever it says";
  EXPECT_TRUE(courier->alive());
}

// A service manager ends all processes of a service at once; the worker's handler would write to a
// descriptor that is another one in the child.
TEST(Courier, LivesThroughTheSignalsOfItsWorker) {
  const auto courier = start(some_table);
  ASSERT_TRUE(wait_for(*courier).has_value());
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ASSERT_EQ(::kill(courier->pid(), signal), 0);
  (void)courier->health();
  ASSERT_TRUE(wait_for(*courier).has_value());
  EXPECT_TRUE(courier->alive());
}

TEST(Courier, OneThatIsGoneIsSaidToBe) {
  const auto courier = start(some_table);
  ASSERT_TRUE(wait_for(*courier).has_value());
  ASSERT_EQ(::kill(courier->pid(), SIGKILL), 0);
  for (int i = 0; i < 2000 && courier->alive(); ++i) {
    (void)courier->health();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_FALSE(courier->alive());
  EXPECT_FALSE(courier->health().has_value());
}

// A program without a sanitizer's run-time, which no filter of system calls would let live.
TEST(Courier, CanAskAndNothingElse) {
  const std::string program = NETWATCH_BINARY_DIR "/confine_courier_program";
  // NOLINTNEXTLINE(cert-env33-c): a program of this build, without arguments
  std::FILE* const told = ::popen(program.c_str(), "r");
  ASSERT_NE(told, nullptr);
  std::array<char, 256> text{};
  const std::size_t got = std::fread(text.data(), 1, text.size() - 1, told);
  ASSERT_EQ(::pclose(told), 0);
  EXPECT_EQ(std::string_view(text.data(), got), "done: udp udp6 \n");
}

}  // namespace
}  // namespace netwatch::confine
