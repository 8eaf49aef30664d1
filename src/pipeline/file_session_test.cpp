// Capture files played, stepped and sought: wherever the position came from, what is shown of it is
// the same.
#include "pipeline/file_session.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <cmath>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <thread>

#include "base/text.h"
#include "capture/test_captures.h"

namespace netwatch::pipeline {
namespace {

using capture::test_captures::Writer;
using Kind = model::PlaybackCommand::Kind;
using Phase = model::Playback::Phase;

constexpr std::uint32_t kMagic = 0xa1b2c3d4;  // microseconds
constexpr std::uint32_t kBegin = 1'700'000'000;
constexpr base::TimeNs kFirst = kBegin * base::kNsPerSecond;

base::TimeNs at_s(double seconds) { return kFirst + static_cast<base::TimeNs>(seconds * 1e9); }

// A datagram from 10.0.0.`host` to a server.
std::string datagram(unsigned host, std::size_t payload) {
  Writer out(true);
  out.put(0x020202020202, 6);
  out.put(0x020202020203, 6);
  out.put(0x0800, 2);
  out.put(0x4500, 2);
  out.put(28 + payload, 2);
  out.put(0, 4);
  out.put(0x40110000, 4);
  out.u32(0x0A000000U + host).u32(0xC0000201);
  out.put(4000 + host, 2);
  out.put(9999, 2);
  out.put(8 + payload, 2);
  out.put(0, 2);
  out.text(std::string(payload, 'x'));
  return {out.bytes.begin(), out.bytes.end()};
}

class FileSessionTest : public ::testing::Test {
 protected:
  FileSessionTest()
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("netwatch-file-session-{}", ::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~FileSessionTest() override { std::filesystem::remove_all(folder_); }

  struct At {
    double seconds;
    unsigned host;
    std::size_t payload;
  };
  std::string write(const std::string& name, const std::vector<At>& packets,
                    std::size_t cut = 0) const {
    Writer out(false);
    out.pcap_header(kMagic, 65'535, 1);
    for (const At& at : packets) {
      const std::string frame = datagram(at.host, at.payload);
      const auto us = static_cast<std::uint64_t>(std::lround(at.seconds * 1e6));
      out.pcap_record(kMagic, kBegin + static_cast<std::uint32_t>(us / 1'000'000),
                      static_cast<std::uint32_t>(us % 1'000'000), frame,
                      static_cast<std::uint32_t>(frame.size()));
    }
    out.bytes.resize(out.bytes.size() - cut);
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(out.bytes.data()),
               static_cast<std::streamsize>(out.bytes.size()));
    return path;
  }
  // 20 hosts for five minutes, nothing for two hours, 100 seconds more; two packets at each time.
  [[nodiscard]] std::string usual() const {
    std::vector<At> packets;
    const auto talk = [&](double from, double to) {
      const auto steps = static_cast<int>(std::ceil((to - from) / 0.125));
      for (int i = 0; i < steps; ++i) {
        const double s = from + 0.125 * i;
        const auto n = static_cast<unsigned>(packets.size());
        packets.push_back({s, 1 + n * n % 20, 10 + n * 7 % 900});
        packets.push_back({s, 1 + (n + 1) * (n + 3) % 20, 10 + n * 11 % 900});
      }
    };
    talk(0, 300);
    talk(7500.3, 7600);
    return write("usual.pcap", packets);
  }

  static std::unique_ptr<FileSession> start(const std::vector<std::string>& paths) {
    std::vector<capture::OpenedFile> files;
    files.reserve(paths.size());
    for (const auto& path : paths) files.push_back(capture::OpenedFile::open(path));
    auto session = FileSession::start(std::move(files));
    return session.ok() ? *std::move(session) : nullptr;
  }

  using Wish = std::function<bool(const model::Playback&)>;
  // The first snapshot that is so; null after some seconds.
  static model::SnapshotPtr wait_for(const FileSession& session, const Wish& wish) {
    for (int i = 0; i < 4000; ++i) {
      model::SnapshotPtr now = session.latest();
      if (now != nullptr && now->playback && wish(*now->playback)) return now;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return nullptr;
  }
  static model::SnapshotPtr at_end(const FileSession& session) {
    return wait_for(session, [](const auto& p) { return p.phase == Phase::kAtEnd; });
  }
  static model::SnapshotPtr paused_at(const FileSession& session, base::TimeNs ns) {
    return wait_for(
        session, [ns](const auto& p) { return p.phase == Phase::kPaused && p.position_ns == ns; });
  }
  static model::SnapshotPtr sought(FileSession& session, base::TimeNs ns) {
    session.post({Kind::kSeekTo, ns});
    return paused_at(session, ns);
  }

  std::filesystem::path folder_;
};

// All that is to be the same.
std::string seen(const model::SnapshotPtr& snapshot) {
  if (snapshot == nullptr) return "nothing came";
  std::vector<std::string> rows;
  for (const auto& chunk : snapshot->chunks) {
    for (const model::ConnectionRow& row : chunk->rows) {
      if (row.vacant) continue;
      rows.push_back(fmt::format("{} {} {} {} {} {} {:.3f} {:.3f} {}",
                                 row.local.address.to_string(), row.local.port, row.first_ns,
                                 row.last_ns, row.up.wire_bytes, row.up.packets, row.up_rate,
                                 row.down_rate, static_cast<int>(row.end)));
    }
  }
  for (const auto& talker : snapshot->talkers) {
    std::string spark;
    for (const float one : talker->spark) spark += fmt::format(" {:.1f}", one);
    rows.push_back(
        fmt::format("{} {} {:.3f}{}", talker->host, talker->up_bytes, talker->up_rate, spark));
  }
  std::sort(rows.begin(), rows.end());
  std::string out =
      fmt::format("{} {} {}\n", snapshot->packets, snapshot->wire_bytes, snapshot->time_ns);
  for (const model::RatePoint& point : snapshot->throughput)
    out += fmt::format("{:.1f} ", point.up);
  for (const std::string& row : rows) out += "\n" + row;
  return out;
}

TEST_F(FileSessionTest, OpensAtTheEndWithEverythingInIt) {
  const auto session = start({usual()});
  ASSERT_NE(session, nullptr);
  const auto end = at_end(*session);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->packets, end->playback->packets);
  EXPECT_EQ(end->packets, 2U * (2400 + 798));
  EXPECT_EQ(end->playback->first_ns, kFirst);
  EXPECT_EQ(end->time_ns, end->playback->last_ns);
  EXPECT_EQ(end->source, "usual.pcap");
  EXPECT_EQ(end->throughput.size(), model::Snapshot::kThroughputSamples);
  const auto& load = *end->playback->load;
  EXPECT_EQ(static_cast<std::uint64_t>(std::accumulate(load.begin(), load.end(), 0.0)),
            end->wire_bytes);
  EXPECT_TRUE(end->playback->problem.empty());
  EXPECT_TRUE(session->errors().empty());
}

// The reference is a session of its own that goes from the start straight there.
TEST_F(FileSessionTest, ShowsTheSameFromWhereverItCame) {
  const std::string path = usual();
  const auto session = start({path});
  ASSERT_NE(at_end(*session), nullptr);
  const std::string end = seen(session->latest());
  for (const double s : {250.0, 10.25, 100.0, 299.9, 7501.0, 7400.0, 0.0, 7590.7, 60.0}) {
    const auto fresh = start({path});
    ASSERT_NE(at_end(*fresh), nullptr);
    const std::string straight = seen(sought(*fresh, at_s(s)));
    EXPECT_EQ(seen(sought(*session, at_s(s))), straight) << s;
  }
  session->post({Kind::kSeekBy, 100'000 * base::kNsPerSecond});
  EXPECT_EQ(seen(at_end(*session)), end);
}

TEST_F(FileSessionTest, StepsByPacketsAndSeconds) {
  const auto session = start({usual()});
  ASSERT_NE(at_end(*session), nullptr);
  const auto first = sought(*session, at_s(10));
  ASSERT_NE(first, nullptr);
  // Each time has two packets: after one step of the next time only one of them is there.
  session->post({Kind::kNextPacket, 0});
  const auto one = paused_at(*session, at_s(10.125));
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one->packets, first->packets + 1);
  session->post({Kind::kNextPacket, 0});
  session->post({Kind::kNextPacket, 0});
  const auto three = paused_at(*session, at_s(10.25));
  ASSERT_NE(three, nullptr);
  EXPECT_EQ(three->packets, first->packets + 3);
  session->post({Kind::kPreviousSecond, 0});
  EXPECT_EQ(seen(paused_at(*session, at_s(10))), seen(first));
  session->post({Kind::kPreviousSecond, 0});
  EXPECT_NE(paused_at(*session, at_s(9)), nullptr);
  session->post({Kind::kNextSecond, 0});
  EXPECT_EQ(seen(paused_at(*session, at_s(10))), seen(first));
  // Steps alone show what a seek does.
  for (int i = 0; i < 16; ++i) session->post({Kind::kNextPacket, 0});
  const std::string stepped = seen(paused_at(*session, at_s(11)));
  EXPECT_NE(sought(*session, at_s(5)), nullptr);
  EXPECT_EQ(seen(sought(*session, at_s(11))), stepped);
}

TEST_F(FileSessionTest, PlaysFromTheStartToTheEndAndAgain) {
  const auto session = start({write("short.pcap", {{0, 1, 10}, {0.2, 2, 20}, {0.5, 3, 30}})});
  const auto end = at_end(*session);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->talkers.size(), 1U) << "though it is shorter than a second";
  for (int round = 0; round < 2; ++round) {
    const auto begun = std::chrono::steady_clock::now();
    session->post({Kind::kPlayOrPause, 0});
    EXPECT_NE(wait_for(*session, [](const auto& p) { return p.phase == Phase::kPlaying; }),
              nullptr);
    EXPECT_EQ(seen(at_end(*session)), seen(end));
    EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(450));
  }
}

TEST_F(FileSessionTest, PlaysAsFastAsItCanOverWhatIsEmpty) {
  const auto session = start({usual()});
  const auto end = at_end(*session);
  ASSERT_NE(end, nullptr);
  for (int i = 0; i < 9; ++i) session->post({Kind::kFaster, 0});
  session->post({Kind::kPlayOrPause, 0});
  ASSERT_NE(wait_for(*session, [](const auto& p) { return p.phase == Phase::kPlaying; }), nullptr);
  const auto again = at_end(*session);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->playback->speed, 0U);
  EXPECT_EQ(seen(again), seen(end));
  session->post({Kind::kSlower, 0});
  EXPECT_NE(wait_for(*session, [](const auto& p) { return p.speed == 100; }), nullptr);
}

TEST_F(FileSessionTest, WhatCameBeforeADamageIsShownAndSaid) {
  const auto session = start({write("cut.pcap", {{0, 1, 10}, {1, 2, 20}, {2, 3, 30}}, 7)});
  ASSERT_NE(session, nullptr);
  const auto end = at_end(*session);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->packets, 2U);
  EXPECT_EQ(end->playback->last_ns, at_s(1));
  EXPECT_NE(end->playback->problem, "");
  EXPECT_EQ(session->errors().size(), 1U);
}

TEST_F(FileSessionTest, AFileThatIsNoneStartsNothing) {
  const std::string path = (folder_ / "words.txt").string();
  std::ofstream(path) << "this is no capture file at all, whatever its name says";
  EXPECT_EQ(start({usual(), path}), nullptr);
  EXPECT_EQ(start({(folder_ / "none.pcap").string()}), nullptr);
}

TEST_F(FileSessionTest, NothingInAFileIsShownAsNothing) {
  const auto session = start({write("empty.pcap", {})});
  ASSERT_NE(session, nullptr);
  const auto end = at_end(*session);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->packets, 0U);
  session->post({Kind::kSeekTo, 5});
  session->post({Kind::kNextPacket, 0});
  session->post({Kind::kPlayOrPause, 0});
  EXPECT_NE(at_end(*session), nullptr);
}

// The second file begins before the first one ends, and one clock was set back within it.
TEST_F(FileSessionTest, FilesFollowEachOtherAndTimeNeverGoesBack) {
  const auto session = start({write("a.pcap", {{0, 1, 10}, {4, 2, 20}}),
                              write("b.pcap", {{2, 3, 30}, {6, 1, 40}, {5, 2, 50}, {9, 4, 60}})});
  const auto end = at_end(*session);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->packets, 6U);
  EXPECT_EQ(end->source, "a.pcap b.pcap");
  EXPECT_EQ(end->playback->last_ns, at_s(9));
  const auto four = sought(*session, at_s(4));
  ASSERT_NE(four, nullptr);
  EXPECT_EQ(four->packets, 3U) << "the older one comes at the time of the one before it";
  const auto six = sought(*session, at_s(6));
  ASSERT_NE(six, nullptr);
  EXPECT_EQ(six->packets, 5U);
}

// Times at the ends of what there is.
TEST_F(FileSessionTest, HostileTimesEndAll) {
  Writer out(false);
  out.pcap_header(0xa1b23c4d, 65'535, 1);  // nanoseconds
  const std::string frame = datagram(1, 10);
  const auto size = static_cast<std::uint32_t>(frame.size());
  for (const std::uint32_t s : {0U, 4'294'967'295U, 0U, 4'294'967'295U}) {
    out.pcap_record(0xa1b23c4d, s, 4'294'967'295U, frame, size);
  }
  const std::string path = (folder_ / "hostile.pcap").string();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(out.bytes.data()),
             static_cast<std::streamsize>(out.bytes.size()));
  const auto session = start({path});
  ASSERT_NE(session, nullptr);
  const auto end = at_end(*session);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->packets, 4U);
  for (int i = 0; i < 9; ++i) session->post({Kind::kFaster, 0});
  session->post({Kind::kPlayOrPause, 0});
  EXPECT_NE(at_end(*session), nullptr);
}

// Wishes come faster than they are done: the last one counts, whatever was on its way.
TEST_F(FileSessionTest, ThreadsOfWishesEndWhereTheLastOneSays) {
  const std::string path = usual();
  const auto session = start({path});
  ASSERT_NE(at_end(*session), nullptr);
  std::uint32_t number = 12345;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 30; ++i) {
      number = number * 1'664'525 + 1'013'904'223;
      session->post({Kind::kSeekTo, at_s(static_cast<double>(number % 7600))});
      if (i % 7 == 0) session->post({Kind::kNextPacket, 0});
      if (i % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const double target = 30 + 11 * round;
    const std::string busy = seen(sought(*session, at_s(target)));
    EXPECT_NE(sought(*session, at_s(1)), nullptr);
    EXPECT_EQ(seen(sought(*session, at_s(target))), busy) << target;
  }
}

}  // namespace
}  // namespace netwatch::pipeline
