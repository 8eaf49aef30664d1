#include "pipeline/live_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace netwatch::pipeline {
namespace {

constexpr std::string_view kSocketTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n";

// A link that is gone at once when `lost`, and silent else.
class FakeSource final : public capture::PacketSource {
 public:
  explicit FakeSource(bool lost, std::uint64_t dropped = 0) : lost_(lost), dropped_(dropped) {}
  base::Result<model::PacketBatchPtr> next(int timeout_ms) override {
    if (lost_) return base::Error{base::ErrorCode::kIo, "the link is down"};
    std::this_thread::sleep_for(std::chrono::milliseconds(timeout_ms));
    auto batch = std::make_shared<model::PacketBatch>();
    batch->kernel_dropped = std::exchange(dropped_, 0);
    return model::PacketBatchPtr(std::move(batch));
  }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::vector<std::uint16_t>& linktypes() const override { return linktypes_; }

 private:
  bool lost_;
  std::uint64_t dropped_;  // told once, with no packet
  std::string name_ = "fake";
  std::vector<std::uint16_t> linktypes_{1};
};

// A link on which UDP datagrams of one flow come in one batch, and nothing else ever.
class OneFlowSource final : public capture::PacketSource {
 public:
  explicit OneFlowSource(std::size_t packets) : left_(packets) {}
  base::Result<model::PacketBatchPtr> next(int timeout_ms) override {
    auto batch = std::make_shared<model::PacketBatch>();
    if (left_ == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(timeout_ms));
      return model::PacketBatchPtr(batch);
    }
    for (std::uint64_t number = 1; left_ > 0; ++number, --left_) {
      batch->packets.push_back({.number = number,
                                .time_ns = base::wall_clock_ns(),
                                .linktype = 101,
                                .wire_len = sizeof kDatagram,
                                .bytes = kDatagram});
    }
    return model::PacketBatchPtr(batch);
  }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::vector<std::uint16_t>& linktypes() const override { return linktypes_; }

 private:
  // 192.0.2.1:1000 to 192.0.2.2:2000, no payload.
  static constexpr std::uint8_t kDatagram[28] = {0x45, 0,    0,    28,   0, 0, 0,   0, 64, 17,
                                                 0,    0,    192,  0,    2, 1, 192, 0, 2,  2,
                                                 0x03, 0xe8, 0x07, 0xd0, 0, 8, 0,   0};
  std::size_t left_;
  std::string name_ = "fake";
  std::vector<std::uint16_t> linktypes_{101};
};

// How often each end of a flow was told.
class CountingLiveSink final : public LiveSink {
 public:
  void on_flow(const model::Flow& flow) override {
    ++(flow.end == model::FlowEnd::kOpen ? open : ended);
    packets = flow.sides[0].packets;
  }
  std::atomic<int> open{0};
  std::atomic<int> ended{0};
  std::atomic<std::uint64_t> packets{0};
};

// A host without sockets; without its socket table, too, until write_table().
class FakeHost {
 public:
  FakeHost() {
    std::string path = std::filesystem::temp_directory_path() / "netwatch-XXXXXX";
    root_ = ::mkdtemp(path.data());
    std::filesystem::create_directories(root_ / "proc/net");
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;
  ~FakeHost() { std::filesystem::remove_all(root_); }
  void write_table() const { std::ofstream(root_ / "proc/net/tcp") << kSocketTable; }
  [[nodiscard]] collect::Root root() const { return {root_}; }

 private:
  std::filesystem::path root_;
};

// Whether a snapshot comes soon that says so of the ability.
bool becomes(const LiveSession& session, std::string_view name, bool on) {
  for (int tries = 0; tries < 600; ++tries) {
    if (const auto snapshot = session.latest()) {
      const auto& all = snapshot->abilities;
      const auto one = std::find_if(all.begin(), all.end(),
                                    [&](const auto& ability) { return ability.name == name; });
      if (one != all.end() && one->on == on) return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

TEST(LiveSession, ALinkThatComesBackIsCapturedAgain) {
  const FakeHost host;
  host.write_table();
  std::atomic<int> opened{0};
  std::atomic<bool> back{false};
  LiveSessionOptions options;
  options.root = host.root();
  options.open_capture =
      [&](const capture::LiveOptions&) -> base::Result<std::unique_ptr<capture::PacketSource>> {
    if (opened++ > 0 && !back) return base::Error{base::ErrorCode::kIo, "still down"};
    return std::unique_ptr<capture::PacketSource>(std::make_unique<FakeSource>(!back));
  };
  auto session = LiveSession::start(options);
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE(becomes(**session, "capture", false));
  EXPECT_FALSE((*session)->latest()->capturing);
  back = true;
  EXPECT_TRUE(becomes(**session, "capture", true));
  EXPECT_TRUE((*session)->latest()->capturing);
  EXPECT_GE(opened, 2);
}

LiveSessionOptions one_flow_options(const FakeHost& host, LiveSink& sink) {
  LiveSessionOptions options;
  options.root = host.root();
  options.sink = &sink;
  options.open_capture =
      [](const capture::LiveOptions&) -> base::Result<std::unique_ptr<capture::PacketSource>> {
    return std::unique_ptr<capture::PacketSource>(std::make_unique<OneFlowSource>(5));
  };
  return options;
}

TEST(LiveSession, AnOpenFlowIsToldAgainThoughNothingHappensAndItsEndOnce) {
  const FakeHost host;
  host.write_table();
  CountingLiveSink sink;
  LiveSessionOptions options = one_flow_options(host, sink);
  options.repeat_every_ns = base::kNsPerSecond / 4;
  auto session = LiveSession::start(options);
  ASSERT_TRUE(session.ok());
  for (int tries = 0; tries < 600 && sink.open < 3; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_GE(sink.open, 3);
  EXPECT_EQ(sink.ended, 0);
  const Totals totals = (*session)->finish();
  EXPECT_EQ(sink.ended, 1);
  EXPECT_EQ(sink.packets, 5U);
  EXPECT_EQ(totals.packets, 5U);
  EXPECT_EQ(totals.flows, 1U);
}

TEST(LiveSession, LossesThatComeWithoutAPacketCount) {
  const FakeHost host;
  host.write_table();
  LiveSessionOptions options;
  options.root = host.root();
  options.open_capture =
      [](const capture::LiveOptions&) -> base::Result<std::unique_ptr<capture::PacketSource>> {
    return std::unique_ptr<capture::PacketSource>(std::make_unique<FakeSource>(false, 7));
  };
  auto session = LiveSession::start(options);
  ASSERT_TRUE(session.ok());
  EXPECT_EQ((*session)->finish().drops[model::Drop::kKernel], 7U);
}

TEST(LiveSession, StopsAfterSoManyPackets) {
  const FakeHost host;
  host.write_table();
  CountingLiveSink sink;
  LiveSessionOptions options = one_flow_options(host, sink);
  std::atomic<int> ends{0};
  options.max_packets = 3;
  options.on_end = [&ends] { ++ends; };
  bool started = false;
  options.on_start = [&](const LiveSession& one) {
    started = true;
    EXPECT_EQ(one.linktypes(), std::vector<std::uint16_t>{101});
  };
  auto session = LiveSession::start(options);
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE(started);
  for (int tries = 0; tries < 600 && ends == 0; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ((*session)->finish().packets, 3U);
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(sink.packets, 3U);
  EXPECT_EQ(sink.open, 0) << "not before a minute is over";
}

// What record asks for.
class PacketSink final : public LiveSink {
 public:
  void on_owned_packet(const model::Packet& packet, const model::PacketOwners& owners) override {
    EXPECT_EQ(packet.bytes.size(), 28U);
    EXPECT_EQ(owners.sender, nullptr);
    ++packets;
  }
  void on_drop(base::TimeNs, model::Drop drop, std::uint64_t count, std::uint64_t) override {
    if (drop == model::Drop::kKernel) dropped += count;
  }
  std::atomic<std::uint64_t> packets{0};
  std::atomic<std::uint64_t> dropped{0};
};

TEST(LiveSession, TheEndAfterSoManyPacketsWaitsForTheirOwners) {
  const FakeHost host;
  host.write_table();
  PacketSink sink;
  LiveSessionOptions options = one_flow_options(host, sink);
  options.packets = true;
  options.max_packets = 3;
  std::atomic<std::uint64_t> told_at_end{99};
  options.on_end = [&] { told_at_end = sink.packets.load(); };
  auto session = LiveSession::start(options);
  ASSERT_TRUE(session.ok());
  for (int tries = 0; tries < 600 && told_at_end == 99; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(told_at_end, 3U);
  (*session)->finish();
  EXPECT_EQ(sink.packets, 3U);
}

TEST(LiveSession, PacketsThatWaitAreToldWhenItFinishes) {
  const FakeHost host;
  host.write_table();
  PacketSink sink;
  LiveSessionOptions options = one_flow_options(host, sink);
  options.packets = true;
  auto session = LiveSession::start(options);
  ASSERT_TRUE(session.ok());
  (*session)->finish();
  EXPECT_EQ(sink.packets, 5U);
}

TEST(LiveSession, WhoWantsPacketsHasNoSessionWithoutThem) {
  const FakeHost host;
  host.write_table();
  PacketSink sink;
  LiveSessionOptions options = one_flow_options(host, sink);
  options.open_capture =
      [](const capture::LiveOptions&) -> base::Result<std::unique_ptr<capture::PacketSource>> {
    return base::Error{base::ErrorCode::kDenied, "CAP_NET_RAW"};
  };
  EXPECT_TRUE(LiveSession::start(options).ok());
  options.packets = true;
  EXPECT_EQ(LiveSession::start(options).error().message, "CAP_NET_RAW");
}

// A ring that was full, and is empty when anybody looks.
class LossySource final : public capture::PacketSource {
 public:
  base::Result<model::PacketBatchPtr> next(int timeout_ms) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(timeout_ms));
    auto batch = std::make_shared<model::PacketBatch>();
    batch->kernel_dropped = std::exchange(dropped_, 0);
    return model::PacketBatchPtr(std::move(batch));
  }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::vector<std::uint16_t>& linktypes() const override { return linktypes_; }

 private:
  std::uint64_t dropped_ = 7;
  std::string name_ = "fake";
  std::vector<std::uint16_t> linktypes_{101};
};

TEST(LiveSession, LossesAreCountedThoughNoPacketCameWithThem) {
  const FakeHost host;
  host.write_table();
  PacketSink sink;
  LiveSessionOptions options = one_flow_options(host, sink);
  options.open_capture =
      [](const capture::LiveOptions&) -> base::Result<std::unique_ptr<capture::PacketSource>> {
    return std::unique_ptr<capture::PacketSource>(std::make_unique<LossySource>());
  };
  auto session = LiveSession::start(options);
  ASSERT_TRUE(session.ok());
  for (int tries = 0; tries < 600 && sink.dropped == 0; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(sink.dropped, 7U);
  EXPECT_EQ((*session)->finish().drops[model::Drop::kKernel], 7U);
}

TEST(LiveSession, SocketsThatCanBeReadAgainAreSaidToBe) {
  const FakeHost host;
  LiveSessionOptions options;
  options.capture = false;
  options.root = host.root();
  auto session = LiveSession::start(options);
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE(becomes(**session, "sockets", false));
  host.write_table();
  EXPECT_TRUE(becomes(**session, "sockets", true));
}

// The hook comes when everything is open and nothing runs yet: rights of threads belong to threads.
TEST(LiveSession, RightsAreGivenUpBeforeTheFirstThread) {
  const FakeHost host;
  host.write_table();
  std::size_t threads = 0;
  bool opened_before = false;
  std::atomic<bool> good{true};
  LiveSessionOptions options;
  options.root = host.root();
  options.open_capture =
      [&](const capture::LiveOptions&) -> base::Result<std::unique_ptr<capture::PacketSource>> {
    opened_before = true;
    return std::unique_ptr<capture::PacketSource>(std::make_unique<FakeSource>(false));
  };
  const auto running = [] {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                      std::filesystem::directory_iterator()));
  };
  const std::size_t ours = running();
  options.before_threads = [&]() -> base::Result<std::vector<model::Ability>> {
    EXPECT_TRUE(opened_before);
    threads = running();
    return std::vector<model::Ability>{{.name = "confinement", .on = true, .why = {}, .fix = {}}};
  };
  options.watched_abilities = [&] {
    return std::vector<model::Ability>{
        {.name = "broker", .on = good, .why = good ? "" : "gone", .fix = {}}};
  };
  auto session = LiveSession::start(options);
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(threads, ours);
  EXPECT_TRUE(becomes(**session, "confinement", true));
  good = false;
  EXPECT_TRUE(becomes(**session, "broker", false));
}

TEST(LiveSession, WhatCannotBeGivenUpIsAnError) {
  const FakeHost host;
  LiveSessionOptions options;
  options.capture = false;
  options.root = host.root();
  options.before_threads = []() -> base::Result<std::vector<model::Ability>> {
    return base::Error{base::ErrorCode::kDenied, "strict"};
  };
  EXPECT_EQ(LiveSession::start(options).error().message, "strict");
}

TEST(LiveSession, ABadInterfaceIsAnErrorEvenWithoutCapture) {
  const FakeHost host;
  std::filesystem::create_directories(host.root().join("sys/class/net/eth0"));
  LiveSessionOptions options;
  options.capture = false;
  options.root = host.root();
  options.interface = "nosuch";
  const auto session = LiveSession::start(options);
  ASSERT_FALSE(session.ok());
  EXPECT_NE(session.error().message.find("nosuch"), std::string::npos);
}

// What a session tells beside flows and sockets, as text.
class HostLines final : public LiveSink {
 public:
  void on_samples(const model::SampleTable& samples) override {
    for (const model::Sample& sample : samples.samples) add(std::string(sample.def->name) + ' ');
  }
  void on_link(const model::LinkEvent& event) override {
    add(event.interface.name + ':' + std::string(model::link_event_name(event.kind)) + ' ');
  }
  void on_ability(base::TimeNs /*now_ns*/, const model::Ability& ability) override {
    add(ability.name + (ability.on ? ":on " : ":off "));
  }
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  [[nodiscard]] bool tells(std::string_view what) const {
    for (int i = 0; i < 2000; ++i) {
      if (text().find(what) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

 private:
  void add(const std::string& word) {
    const std::lock_guard lock(mutex_);
    text_ += word;
  }
  mutable std::mutex mutex_;
  std::string text_;
};

TEST(LiveSession, TellsSamplesProbesLinksAndAbilitiesOnce) {
  const FakeHost host;
  host.write_table();
  const std::string proc = host.root().join("proc/");
  std::ofstream(proc + "loadavg") << "0.50 0.25 0.10 1/100 4242\n";
  const auto link = [&](const std::string& name) {
    const std::string folder = host.root().join("sys/class/net/" + name);
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/ifindex") << (name == "eth0" ? 2 : 3) << '\n';
  };
  link("eth0");
  HostLines lines;
  LiveSessionOptions options;
  options.capture = false;
  options.root = options.sample_root = host.root();
  options.sample_every_ns = 10 * base::kNsPerMs;
  options.sink = &lines;
  std::atomic<bool> good{true};
  options.watched_abilities = [&] {
    return std::vector<model::Ability>{{.name = "broker", .on = good, .why = {}, .fix = {}}};
  };
  options.take_health = [] {
    model::HealthTable table;
    model::HealthRow& row = table.rows.emplace_back();
    row.target.address = *base::IpAddress::parse("192.0.2.1");
    row.loss = 0;
    return std::optional(table);
  };
  auto session = LiveSession::start(options);
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE(lines.tells("load.average"));
  EXPECT_TRUE(lines.tells("probe.loss"));
  EXPECT_TRUE(lines.tells("pressure:off")) << "a fake host has no such file";
  link("eth1");
  EXPECT_TRUE(lines.tells("eth1:appeared"));
  good = false;
  EXPECT_TRUE(lines.tells("broker:off"));
  (*session)->finish();
  const auto latest = (*session)->latest();
  ASSERT_TRUE(latest->samples != nullptr && latest->health != nullptr);
  EXPECT_EQ(latest->health->rows.size(), 1U);
  const std::string text = lines.text();
  for (const std::string_view once : {"pressure:off", "eth1:appeared", "broker:off"}) {
    EXPECT_EQ(text.find(once), text.rfind(once)) << once;
  }
  EXPECT_EQ(text.find("eth0"), std::string::npos) << "what was there is no news";
}

}  // namespace
}  // namespace netwatch::pipeline
