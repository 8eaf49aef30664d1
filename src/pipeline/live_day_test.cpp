// A live view over a day of made-up time: memory does not grow, and a wall clock that is set does
// no harm. Engine and table, with packets, sockets and clocks that are all values.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <string>

#include "pipeline/engine.h"
#include "pipeline/even_clock.h"
#include "pipeline/live_table.h"

// Of the sanitizers' run-times; not there without one.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" std::size_t __attribute__((weak)) __sanitizer_get_current_allocated_bytes();

namespace netwatch::pipeline {
namespace {

constexpr base::TimeNs kSecond = base::kNsPerSecond;
constexpr base::TimeNs kHour = 3600 * kSecond;
constexpr base::TimeNs kStart = 1'700'000'000 * kSecond;
constexpr std::uint16_t kRawIp = 101;
constexpr std::array<std::uint8_t, 4> kOurs = {192, 0, 2, 10};

std::size_t heap_bytes() {
  if (__sanitizer_get_current_allocated_bytes != nullptr) {
    return __sanitizer_get_current_allocated_bytes();
  }
  const struct mallinfo2 all = ::mallinfo2();
  return all.uordblks + all.hblkhd;
}

std::array<std::uint8_t, 4> host_of(std::uint32_t number) {
  return {198, 18, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
}

void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value);
}

// An IPv4 packet (RFC 791) with UDP (RFC 768) or TCP (RFC 9293) of one segment.
struct Made {
  std::uint8_t proto = model::ip_proto::kUdp;
  std::array<std::uint8_t, 4> from = kOurs;
  std::array<std::uint8_t, 4> to{};
  std::uint16_t from_port = 0;
  std::uint16_t to_port = 0;
  std::uint8_t flags = 0;  // TCP
  std::uint32_t sequence = 1;
  std::string payload;

  [[nodiscard]] std::string bytes() const {
    const bool tcp = proto == model::ip_proto::kTcp;
    const std::size_t head = tcp ? 20 : 8;
    std::string out = {0x45, 0};
    put16(out, 20 + head + payload.size());
    out += std::string("\0\0\0\0\x40", 5) + static_cast<char>(proto) + std::string(2, 0);
    out.append(from.begin(), from.end());
    out.append(to.begin(), to.end());
    put16(out, from_port);
    put16(out, to_port);
    if (tcp) {
      put16(out, sequence >> 16);
      put16(out, sequence & 0xFFFF);
      out += std::string("\0\0\0\1\x50", 5) + static_cast<char>(flags);
      out += std::string("\x10\0\0\0\0\0", 6);
    } else {
      put16(out, 8 + payload.size());
      put16(out, 0);
    }
    return out + payload;
  }
};

// RFC 1035: the answer to a question for `name`.
std::string dns_answer(const std::string& name, const std::array<std::uint8_t, 4>& address) {
  std::string out("\0\1\x81\x80\0\1\0\1\0\0\0\0", 12);
  out += static_cast<char>(name.size());
  out += name;
  out += std::string("\4test\0\0\1\0\1\xC0\x0C\0\1\0\1\0\0\0\x3C\0\4", 22);
  out.append(address.begin(), address.end());
  return out;
}

// The engine and the table of a live session, without its threads and clocks.
class LiveDay : public testing::Test {
 protected:
  LiveDay() : table_({.source = "any", .interface = {}, .capturing = true}), engine_({}, table_) {
    table_.set_names(&engine_.names());
    model::Interface interface;
    interface.name = "eth0";
    interface.up = interface.is_default = true;
    interface.addresses = {base::IpAddress::v4(kOurs.data())};
    table_.take_interfaces({.taken_ns = kStart, .interfaces = {interface}});
  }

  // All packets at one time of the wall clock.
  void push(const std::vector<Made>& packets, base::TimeNs wall_ns) {
    auto storage = std::make_shared<std::vector<std::string>>();
    auto batch = std::make_shared<model::PacketBatch>();
    for (const Made& one : packets) storage->push_back(one.bytes());
    for (const std::string& bytes : *storage) {
      batch->packets.push_back(
          {.number = ++number_,
           .time_ns = wall_ns,
           .linktype = kRawIp,
           .wire_len = static_cast<std::uint32_t>(bytes.size()),
           .bytes = {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}});
    }
    batch->backing = storage;
    engine_.push(batch);
  }

  // As LiveSession does: an even clock for the engine, the wall clock for people.
  model::SnapshotPtr beat(base::TimeNs wall_ns) {
    engine_.heartbeat(clock_.at(pace_ns_, engine_.clock_ns()), true);
    return table_.publish(wall_ns, pace_ns_, engine_.totals());
  }

  static std::size_t flows_of(const model::Snapshot& snapshot) {
    std::size_t flows = 0;
    for (const auto& chunk : snapshot.chunks) {
      for (const auto& row : chunk->rows) {
        flows += !row.vacant && row.flow != model::kNoFlow && row.end == model::FlowEnd::kOpen;
      }
    }
    return flows;
  }

  LiveTable table_;
  Engine engine_;
  EvenClock clock_{kStart, 0};
  std::uint64_t number_ = 0;
  base::TimeNs pace_ns_ = 0;  // the monotonic clock
};

// A step of twenty seconds: programs that come and go, short connections with owners, names that
// are looked up, some sockets that last.
class BusyHost {
 public:
  static constexpr std::uint32_t kConnections = 100;
  static constexpr base::TimeNs kStep = 20 * kSecond;

  // Packets of one step, and the sockets that it has used up.
  std::vector<Made> packets;
  std::vector<model::ClosedSocket> closed;
  model::SocketTable sockets;

  void step(base::TimeNs wall_ns) {
    packets.clear();
    closed.clear();
    for (std::uint32_t i = 0; i < kConnections; ++i) connection(wall_ns);
    sockets.taken_ns = wall_ns;
    if (sockets.sockets.size() > 50) sockets.sockets.erase(sockets.sockets.begin());
    model::Socket lasting = closed.back().socket;
    lasting.state = model::TcpState::kEstablished;
    lasting.inode = lasting.cookie = ++made_;
    lasting.local.port = 22;
    sockets.sockets.push_back(lasting);
  }

 private:
  void connection(base::TimeNs wall_ns) {
    ++made_;
    const auto there = host_of(made_ % 20000);
    const auto port = static_cast<std::uint16_t>(1024 + made_ % 60000);
    const std::string name = "host-" + std::to_string(made_ % 50000);
    packets.push_back({.from = {192, 0, 2, 1},
                       .to = kOurs,
                       .from_port = 53,
                       .to_port = port,
                       .payload = dns_answer(name, there)});
    Made tcp;
    tcp.proto = model::ip_proto::kTcp;
    tcp.to = there;
    tcp.from_port = port;
    tcp.to_port = 80;
    tcp.flags = 0x02;  // SYN
    packets.push_back(tcp);
    tcp.flags = 0x18;  // PSH, ACK
    tcp.sequence = 2;
    tcp.payload = "GET /" + name + " HTTP/1.1\r\nHost: " + name + "\r\n\r\n";
    packets.push_back(tcp);
    tcp.sequence += static_cast<std::uint32_t>(tcp.payload.size());
    tcp.payload.clear();
    tcp.flags = 0x14;  // RST, ACK
    packets.push_back(tcp);
    auto process = std::make_shared<model::Process>();
    process->pid = 1000 + made_ % 30000;
    process->start_ticks = made_;
    process->comm = "job-" + std::to_string(made_ % 30000);
    model::ClosedSocket socket;
    socket.socket.proto = model::ip_proto::kTcp;
    socket.socket.local = {base::IpAddress::v4(kOurs.data()), port};
    socket.socket.remote = {base::IpAddress::v4(there.data()), 80};
    socket.socket.cookie = made_;
    socket.socket.bytes_sent = socket.socket.bytes_received = 100;
    socket.socket.owner = {.quality = model::Quality::kExact,
                           .via = model::OwnerVia::kEbpf,
                           .holders = 1,
                           .process = process};
    socket.opened_ns = wall_ns - base::kNsPerMs;
    socket.closed_ns = wall_ns + base::kNsPerMs;
    closed.push_back(std::move(socket));
  }

  std::uint32_t made_ = 0;
};

TEST_F(LiveDay, MemoryIsFlat) {
  BusyHost host;
  std::map<std::int64_t, std::size_t> after_hours;
  while (pace_ns_ < 24 * kHour) {
    pace_ns_ += BusyHost::kStep;
    const base::TimeNs wall_ns = kStart + pace_ns_;
    host.step(wall_ns);
    push(host.packets, wall_ns);
    table_.take_closed(host.closed);
    table_.take_sockets(host.sockets);
    (void)beat(wall_ns);
    if (pace_ns_ % kHour == 0) after_hours[pace_ns_ / kHour] = heap_bytes();
  }
  const std::size_t early = after_hours[2];
  const std::size_t late = after_hours[24];
  for (const auto& [hour, bytes] : after_hours) std::printf("%ld:%zu ", hour, bytes >> 10);
  std::printf("KiB, by hour; %llu flows\n",
              static_cast<unsigned long long>(engine_.totals().flows));
  EXPECT_LT(late, early + early / 20);
  EXPECT_GT(late, early - early / 20) << "and it was not all given up";
  EXPECT_GT(engine_.totals().flows, std::uint64_t{800'000});
  EXPECT_EQ(engine_.totals().drops[model::Drop::kFlowEvicted], 0U);
}

TEST_F(LiveDay, AClockThatIsSetBackCutsNoFlowAndKeepsNone) {
  const Made there{.to = host_of(1), .from_port = 4000, .to_port = 4000, .payload = "x"};
  base::TimeNs set_by = 0;
  const auto run = [&](int seconds, bool with_packets) {
    model::SnapshotPtr last;
    for (int i = 0; i < seconds; ++i) {
      pace_ns_ += kSecond;
      if (with_packets) push({there}, kStart + pace_ns_ + set_by);
      last = beat(kStart + pace_ns_ + set_by);
    }
    return last;
  };
  EXPECT_EQ(flows_of(*run(10, true)), 1U);
  std::uint64_t cut = 0;
  for (const base::TimeNs step : {-kHour, 2 * kHour, -kHour}) {
    set_by += step;
    EXPECT_EQ(flows_of(*run(30, true)), 1U) << step;
    // Packets that come hours later are all that the engine sees: as if it had been silent. A step
    // back cuts nothing.
    if (step > 0) ++cut;
    EXPECT_EQ(engine_.totals().flows, cut) << step;
  }
  // It ends by its own silence, soon and not when the clocks meet again.
  EXPECT_EQ(flows_of(*run(600, false)), 0U);
  EXPECT_EQ(engine_.totals().packets, 100U);
  EXPECT_EQ(engine_.totals().flows, cut + 1);
}

}  // namespace
}  // namespace netwatch::pipeline
