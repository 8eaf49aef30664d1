#include "pipeline/live_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace netwatch::pipeline {
namespace {

constexpr std::string_view kSocketTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n";

// A link that is gone at once when `lost`, and silent else.
class FakeSource final : public capture::PacketSource {
 public:
  explicit FakeSource(bool lost) : lost_(lost) {}
  base::Result<model::PacketBatchPtr> next(int timeout_ms) override {
    if (lost_) return base::Error{base::ErrorCode::kIo, "the link is down"};
    std::this_thread::sleep_for(std::chrono::milliseconds(timeout_ms));
    return model::PacketBatchPtr(std::make_shared<model::PacketBatch>());
  }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::vector<std::uint16_t>& linktypes() const override { return linktypes_; }

 private:
  bool lost_;
  std::string name_ = "fake";
  std::vector<std::uint16_t> linktypes_{1};
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

}  // namespace
}  // namespace netwatch::pipeline
