// Another interface while packets flow: each packet counts once, whichever source has it.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "pipeline/live_session.h"

namespace netwatch::pipeline {
namespace {

// A network of interfaces on which packets are put and then seen by whoever captures there, with
// the delay of a kernel's ring. Loss is told as the kernel does: once, with whatever comes next.
class FakeNetwork {
 public:
  static constexpr auto kDelay = std::chrono::milliseconds(15);

  struct Tap {
    std::deque<base::TimeNs> packets;
    std::uint64_t dropped = 0;
  };
  std::shared_ptr<Tap> open(const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto tap = std::make_shared<Tap>();
    taps_.emplace(name, tap);
    return tap;
  }
  void close(const std::shared_ptr<Tap>& tap) {
    const std::lock_guard lock(mutex_);
    std::erase_if(taps_, [&](const auto& one) { return one.second == tap; });
  }
  // A packet that `any` sees as well.
  void send(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const base::TimeNs now_ns = base::wall_clock_ns();
    for (auto& [of, tap] : taps_) {
      if (of == name || of == "any") tap->packets.push_back(now_ns);
    }
  }
  void lose(const std::string& name, std::uint64_t count) {
    const std::lock_guard lock(mutex_);
    for (auto& [of, tap] : taps_) {
      if (of == name) tap->dropped += count;
    }
  }
  model::PacketBatchPtr take(Tap& tap) {
    const std::lock_guard lock(mutex_);
    auto batch = std::make_shared<model::PacketBatch>();
    const base::TimeNs due_ns = base::wall_clock_ns() - std::chrono::nanoseconds(kDelay).count();
    for (; !tap.packets.empty() && tap.packets.front() <= due_ns; tap.packets.pop_front()) {
      batch->packets.push_back({.number = ++number_,
                                .time_ns = tap.packets.front(),
                                .linktype = 101,
                                .wire_len = sizeof kDatagram,
                                .bytes = kDatagram});
    }
    batch->kernel_dropped = std::exchange(tap.dropped, 0);
    return batch;
  }

 private:
  // 192.0.2.1:1000 to 192.0.2.2:2000, no payload.
  static constexpr std::uint8_t kDatagram[28] = {0x45, 0,    0,    28,   0, 0, 0,   0, 64, 17,
                                                 0,    0,    192,  0,    2, 1, 192, 0, 2,  2,
                                                 0x03, 0xe8, 0x07, 0xd0, 0, 8, 0,   0};
  std::mutex mutex_;
  std::multimap<std::string, std::shared_ptr<Tap>> taps_;
  std::uint64_t number_ = 0;
};

class FakeSource final : public capture::PacketSource {
 public:
  FakeSource(FakeNetwork& network, const std::string& name)
      : network_(network), tap_(network.open(name)) {}
  ~FakeSource() override { network_.close(tap_); }
  base::Result<model::PacketBatchPtr> next(int timeout_ms) override {
    auto batch = network_.take(*tap_);
    if (batch->packets.empty() && batch->kernel_dropped == 0 && timeout_ms > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(std::min(timeout_ms, 5)));
    }
    return batch;
  }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::vector<std::uint16_t>& linktypes() const override { return linktypes_; }

 private:
  FakeNetwork& network_;
  std::shared_ptr<FakeNetwork::Tap> tap_;
  std::string name_ = "fake";
  std::vector<std::uint16_t> linktypes_{101};
};

class LiveSwitch : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = std::filesystem::temp_directory_path() / "netwatch-XXXXXX";
    root_ = ::mkdtemp(path.data());
    std::filesystem::create_directories(root_ / "proc/net");
    for (const std::string name : {"eth0", "eth1"}) {
      std::filesystem::create_directories(root_ / "sys/class/net" / name);
      std::ofstream(root_ / "sys/class/net" / name / "ifindex") << 2 + (name == "eth1" ? 1 : 0);
    }
    std::ofstream(root_ / "proc/net/tcp") << "  sl  local_address rem_address\n";
    options_.root = {root_};
    options_.interface = "eth0";
    options_.capture_filter = "udp";
    options_.open_capture = [this](const capture::LiveOptions& wanted)
        -> base::Result<std::unique_ptr<capture::PacketSource>> {
      EXPECT_EQ(wanted.filter, "udp");
      ++opened_;
      if (wanted.interface == "none") {
        return base::Error{base::ErrorCode::kNotFound, "no interface is called 'none'"};
      }
      auto source = std::make_unique<FakeSource>(network_, wanted.interface);
      // A bound socket has packets before its opening is over.
      std::this_thread::sleep_for(FakeNetwork::kDelay);
      return std::unique_ptr<capture::PacketSource>(std::move(source));
    };
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  static bool wait_until(const std::function<bool()>& holds) {
    for (int i = 0; i < 2000; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  static bool source_becomes(const LiveSession& session, const std::string& source) {
    return wait_until([&] {
      const auto snapshot = session.latest();
      return snapshot && snapshot->source == source;
    });
  }
  static bool tells(const LiveSession& session, std::string_view words) {
    return wait_until([&] {
      const auto snapshot = session.latest();
      return snapshot && snapshot->notice.find(words) != std::string::npos;
    });
  }

  FakeNetwork network_;
  std::filesystem::path root_;
  LiveSessionOptions options_;
  std::atomic<int> opened_{0};
};

// On interfaces that see all of it, while packets flow: to the packet.
TEST_F(LiveSwitch, NoPacketIsLostOrCountedTwice) {
  options_.interface = "any";
  auto started = LiveSession::start(options_);
  ASSERT_TRUE(started.ok());
  std::atomic<bool> over{false};
  std::uint64_t sent = 0;
  std::thread sender([&] {
    for (; !over; ++sent) {
      network_.send("eth1");
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  for (const char* const name : {"eth1", "any", "eth1", "any", "eth1"}) {
    (*started)->switch_interface(name);
    EXPECT_TRUE(source_becomes(**started, name)) << name;
  }
  over = true;
  sender.join();
  std::this_thread::sleep_for(2 * FakeNetwork::kDelay);
  const Totals totals = (*started)->finish();
  EXPECT_EQ(totals.packets, sent);
  EXPECT_EQ(totals.drops[model::Drop::kDuplicate], 0U);
  EXPECT_EQ(totals.flows, 1U);
}

TEST_F(LiveSwitch, LossesOfBothSourcesAreAdded) {
  auto started = LiveSession::start(options_);
  ASSERT_TRUE(started.ok());
  network_.lose("eth0", 7);
  (*started)->switch_interface("eth1");
  EXPECT_TRUE(source_becomes(**started, "eth1"));
  network_.lose("eth0", 100);  // nobody is there
  network_.lose("eth1", 5);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ((*started)->finish().drops[model::Drop::kKernel], 12U);
}

TEST_F(LiveSwitch, WhatCannotBeOpenedLeavesWhatIsThere) {
  auto started = LiveSession::start(options_);
  ASSERT_TRUE(started.ok());
  (*started)->switch_interface("none");
  EXPECT_TRUE(tells(**started, "not switched to none: no interface is called 'none'"));
  const auto snapshot = (*started)->latest();
  EXPECT_EQ(snapshot->source, "eth0");
  EXPECT_TRUE(snapshot->capturing);
  network_.send("eth0");
  EXPECT_TRUE(wait_until([&] { return (*started)->latest()->packets == 1; }));
  // A choice that is possible takes the words away.
  (*started)->switch_interface("eth1");
  EXPECT_TRUE(source_becomes(**started, "eth1"));
  EXPECT_EQ((*started)->latest()->notice, "");
}

TEST_F(LiveSwitch, TheSameOneIsNotOpenedAnew) {
  auto started = LiveSession::start(options_);
  ASSERT_TRUE(started.ok());
  (*started)->switch_interface("eth0");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(opened_, 1);
}

TEST_F(LiveSwitch, WithoutCaptureOnlyTheCountersAreOthers) {
  options_.capture = false;
  options_.capture_filter.clear();
  auto started = LiveSession::start(options_);
  ASSERT_TRUE(started.ok());
  (*started)->switch_interface("nosuch");
  EXPECT_TRUE(tells(**started, "there is no interface 'nosuch'"));
  (*started)->switch_interface("eth1");
  EXPECT_TRUE(wait_until([&] {
    const auto snapshot = (*started)->latest();
    return snapshot && snapshot->throughput_of == "eth1";
  }));
  EXPECT_EQ((*started)->latest()->source, "sockets");
  EXPECT_EQ(opened_, 0);
}

}  // namespace
}  // namespace netwatch::pipeline
