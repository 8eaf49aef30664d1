// Live capture, each test in a network namespace of its own.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include "capture/packet_filter.h"
#include "capture/source.h"
#include "wire/decode.h"

namespace netwatch::capture {
namespace {

using Source = std::unique_ptr<PacketSource>;
using Frame = std::vector<std::uint8_t>;

bool run(const std::string& command) {
  // NOLINTNEXTLINE(cert-env33-c): ip and its friends, with words of this file only
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

// Runs `body` in a thread that has a fresh network namespace, with lo up.
template <typename Body>
void in_namespace(Body&& body) {
  std::string skipped;
  std::thread thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      skipped = std::string("needs root for a network namespace: ") + std::strerror(errno);
    } else if (!run("ip link set lo up")) {
      skipped = "needs the ip command";
    } else {
      body();
    }
  });
  thread.join();
  if (!skipped.empty()) GTEST_SKIP() << skipped;
}

// One end of a cable; the other is "far". No addresses: only what is sent is on it.
bool make_cable() {
  return run("sysctl -w net.ipv6.conf.default.disable_ipv6=1") &&
         run("ip link add near type veth peer name far") && run("ip link set near up") &&
         run("ip link set far up");
}

Source open(const std::string& interface, const std::string& filter = "", std::size_t ring_mb = 4) {
  LiveOptions options;
  options.interface = interface;
  options.filter = filter;
  options.ring_bytes = ring_mb << 20;
  auto source = open_live(options);
  EXPECT_TRUE(source.ok()) << source.error().message;
  return source ? *std::move(source) : nullptr;
}

struct Seen {
  std::vector<model::PacketBatchPtr> batches;
  std::vector<model::Packet> packets;
  std::uint64_t dropped = 0;
};

// Reads until `packets` have come or were dropped, or nothing comes any more.
Seen collect(PacketSource& source, std::size_t packets) {
  Seen seen;
  int idle = 0;
  while (seen.packets.size() + seen.dropped < packets && idle < 10) {
    auto batch = source.next(100);
    if (!batch) {
      ADD_FAILURE() << batch.error().message;
      return seen;
    }
    idle = (*batch)->packets.empty() ? idle + 1 : 0;
    seen.dropped += (*batch)->kernel_dropped;
    seen.packets.insert(seen.packets.end(), (*batch)->packets.begin(), (*batch)->packets.end());
    seen.batches.push_back(*batch);
  }
  return seen;
}

void send_udp(std::uint16_t port, int count) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < count; ++i) {
    const std::string text = "packet " + std::to_string(i);
    (void)sendto(fd, text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  }
  close(fd);
}

// Ethernet, VLAN 5, IPv4, UDP 5353 -> 53.
Frame tagged_frame(std::size_t payload_bytes = 4) {
  Frame f(12, 2);
  const std::size_t udp = 8 + payload_bytes;
  const std::size_t ip = 20 + udp;
  const auto high = [](std::size_t v) { return static_cast<std::uint8_t>(v >> 8); };
  const auto low = [](std::size_t v) { return static_cast<std::uint8_t>(v); };
  const Frame headers{0x81, 0, 0,    5,    8, 0,  0x45,      0,        high(ip), low(ip), 0,  1,
                      0,    0, 64,   17,   0, 0,  10,        0,        0,        1,       10, 0,
                      0,    2, 0x14, 0xe9, 0, 53, high(udp), low(udp), 0,        0};
  f.insert(f.end(), headers.begin(), headers.end());
  f.insert(f.end(), payload_bytes, 'x');
  return f;
}

void send_frames(const char* interface, const Frame& frame, int count) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(if_nametoindex(interface));
  to.sll_halen = 6;
  for (int i = 0; i < count; ++i)
    EXPECT_EQ(
        sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to),
        static_cast<ssize_t>(frame.size()));
  close(fd);
}

TEST(Live, LoopbackShowsEachPacketOnce) {
  in_namespace([] {
    constexpr int kCount = 5000;
    const Source source = open("lo", "udp");  // not what answers: port unreachable
    ASSERT_NE(source, nullptr);
    EXPECT_EQ(source->linktypes(), std::vector<std::uint16_t>{wire::linktype::kEthernet});
    std::thread sender([] { send_udp(4000, kCount); });
    const Seen seen = collect(*source, kCount);
    sender.join();
    std::set<std::string> texts;
    std::uint64_t number = 0;
    for (const auto& packet : seen.packets) {
      EXPECT_EQ(packet.number, ++number);
      const wire::Decoded d = wire::decode(packet);
      if (d.dst_port == 4000) texts.emplace(base::as_text(d.payload));
    }
    EXPECT_EQ(texts.size(), static_cast<std::size_t>(kCount));
    EXPECT_EQ(seen.packets.size(), static_cast<std::size_t>(kCount));
    EXPECT_EQ(seen.dropped, 0U);
    for (const auto& batch : seen.batches) {
      EXPECT_LE(batch->packets.size(), model::PacketBatch::kMaxPackets);
      EXPECT_LE(batch->arena.size(), model::PacketBatch::kMaxArenaBytes);
    }
    const base::TimeNs now = base::wall_clock_ns();
    EXPECT_NEAR(static_cast<double>(seen.packets.at(0).time_ns), static_cast<double>(now), 60e9);
  });
}

// What leaves by loopback would be lost as well, though nobody wants it.
TEST(Live, LossesOnLoopbackAreCountedOnce) {
  in_namespace([] {
    for (const char* interface : {"lo", "any"}) {
      SCOPED_TRACE(interface);
      constexpr int kCount = 40'000;
      const Source source = open(interface, "udp", 2);
      ASSERT_NE(source, nullptr);
      send_udp(4000, kCount);
      const Seen seen = collect(*source, kCount);
      EXPECT_GT(seen.dropped, 0U);
      EXPECT_EQ(seen.packets.size() + seen.dropped, static_cast<std::size_t>(kCount));
    }
  });
}

TEST(Live, FilterLetsOnlyItsPacketsIn) {
  in_namespace([] {
    for (const char* interface : {"lo", "any"}) {
      SCOPED_TRACE(interface);
      const Source source = open(interface, "udp dst port 4001");
      ASSERT_NE(source, nullptr);
      send_udp(4000, 100);
      send_udp(4001, 100);
      const Seen seen = collect(*source, 200);
      EXPECT_EQ(seen.packets.size(), 100U);
      for (const auto& packet : seen.packets) EXPECT_EQ(wire::decode(packet).dst_port, 4001);
    }
  });
}

TEST(Live, VlanTagsAreKept) {
  in_namespace([] {
    ASSERT_TRUE(make_cable());
    for (const char* filter : {"", "udp", "vlan 5 and udp port 53"}) {
      SCOPED_TRACE(filter);
      const Source source = open("far", filter);
      ASSERT_NE(source, nullptr);
      const Frame frame = tagged_frame();
      send_frames("near", frame, 10);
      const Seen seen = collect(*source, 10);
      ASSERT_EQ(seen.packets.size(), 10U);
      const auto& packet = seen.packets[0];
      EXPECT_EQ(Frame(packet.bytes.begin(), packet.bytes.end()), frame) << "byte for byte";
      EXPECT_EQ(packet.wire_len, frame.size());
      EXPECT_EQ(packet.ifindex, if_nametoindex("far"));
      EXPECT_EQ(packet.direction, model::PacketDirection::kInbound);
    }
    const Source other = open("far", "vlan 6");
    send_frames("near", tagged_frame(), 10);
    EXPECT_EQ(collect(*other, 10).packets.size(), 0U);
  });
}

TEST(Live, AnyTellsInterfaceDirectionAndTag) {
  in_namespace([] {
    ASSERT_TRUE(make_cable());
    const Source source = open("any", "");
    ASSERT_NE(source, nullptr);
    EXPECT_EQ(source->linktypes(), std::vector<std::uint16_t>{wire::linktype::kLinuxSll2});
    send_frames("near", tagged_frame(), 5);
    const Seen seen = collect(*source, 10);
    ASSERT_EQ(seen.packets.size(), 10U) << "5 leaving near, 5 arriving on far";
    std::size_t outbound = 0;
    for (const auto& packet : seen.packets) {
      const bool out = packet.direction == model::PacketDirection::kOutbound;
      outbound += out ? 1 : 0;
      EXPECT_EQ(packet.ifindex, if_nametoindex(out ? "near" : "far"));
      const wire::Decoded d = wire::decode(packet);
      EXPECT_EQ(d.status, wire::DecodeStatus::kFlow);
      EXPECT_EQ(d.dst_port, 53);
      EXPECT_EQ(d.scope, 5U) << (out ? "out" : "in");
      EXPECT_EQ(base::as_text(d.payload), "xxxx");
    }
    EXPECT_EQ(outbound, 5U);
  });
}

TEST(Live, WhatTheKernelDropsIsCounted) {
  in_namespace([] {
    ASSERT_TRUE(make_cable());
    constexpr int kCount = 8000;
    const Source source = open("far", "", 2);
    ASSERT_NE(source, nullptr);
    send_frames("near", tagged_frame(1000), kCount);  // 8 MB into a ring of 2
    const Seen seen = collect(*source, kCount);
    EXPECT_GT(seen.dropped, 0U);
    EXPECT_EQ(seen.packets.size() + seen.dropped, static_cast<std::size_t>(kCount));
  });
}

// What goes out over loopback is what comes in, and lost once only.
TEST(Live, WhatTheKernelDropsOfLoopbackIsCountedOnce) {
  for (const char* interface : {"lo", "any"}) {
    in_namespace([&] {
      constexpr int kCount = 40000;  // some 6 MB into a ring of 2
      const Source source = open(interface, "udp dst port 4000", 2);
      ASSERT_NE(source, nullptr);
      send_udp(4000, kCount);
      const Seen seen = collect(*source, kCount);
      EXPECT_GT(seen.dropped, 0U);
      EXPECT_EQ(seen.packets.size() + seen.dropped, static_cast<std::size_t>(kCount)) << interface;
    });
  }
}

TEST(Live, SnaplenCutsButTellsTheLength) {
  in_namespace([] {
    ASSERT_TRUE(make_cable());
    LiveOptions options;
    options.interface = "far";
    options.snaplen = 64;
    options.ring_bytes = std::size_t{4} << 20;
    auto source = open_live(options);
    ASSERT_TRUE(source.ok()) << source.error().message;
    send_frames("near", tagged_frame(1000), 3);
    const Seen seen = collect(**source, 3);
    ASSERT_EQ(seen.packets.size(), 3U);
    EXPECT_EQ(seen.packets[0].bytes.size(), 68U) << "64, and the tag put back";
    EXPECT_EQ(seen.packets[0].wire_len, tagged_frame(1000).size());
  });
}

TEST(Live, IdleLinkReturnsEmptyBatches) {
  in_namespace([] {
    ASSERT_TRUE(make_cable());
    const Source source = open("far");
    ASSERT_NE(source, nullptr);
    for (int i = 0; i < 3; ++i) {
      const auto batch = source->next(5);
      ASSERT_TRUE(batch.ok());
      ASSERT_NE(*batch, nullptr) << "idle is not the end";
      EXPECT_TRUE((*batch)->packets.empty());
    }
  });
}

TEST(Live, LostInterfaceIsAnErrorAfterItsPackets) {
  in_namespace([] {
    for (const bool removed : {true, false}) {
      ASSERT_TRUE(make_cable());
      const Source source = open("far");
      ASSERT_NE(source, nullptr);
      send_frames("near", tagged_frame(), 7);
      ASSERT_TRUE(run(removed ? "ip link del far" : "ip link set far down"));
      std::size_t packets = 0;
      std::string error;
      for (int i = 0; i < 20 && error.empty(); ++i) {
        const auto batch = source->next(100);
        if (batch) packets += (*batch)->packets.size();
        if (!batch) error = batch.error().message;
      }
      EXPECT_EQ(packets, 7U);
      EXPECT_NE(error.find(removed ? "far has disappeared" : "far went down"), std::string::npos)
          << error;
    }
  });
}

TEST(LiveErrors, SayWhatToDo) {
  in_namespace([] {
    LiveOptions options;
    options.interface = "nosuch0";
    EXPECT_NE(open_live(options).error().message.find("there are any, lo"), std::string::npos);
    options.interface = "lo";
    options.filter = "tcp prot 80";
    EXPECT_NE(open_live(options).error().message.find("syntax error"), std::string::npos)
        << open_live(options).error().message;
    options.interface = "any";
    options.filter = "vlan 5";
    EXPECT_NE(open_live(options).error().message.find("no VLAN support"), std::string::npos)
        << "the compiler's own words";
    options.filter = "";
    constexpr unsigned kNobody = 65534;
    ASSERT_EQ(syscall(SYS_setresuid, kNobody, kNobody, kNobody), 0);  // this thread only
    const auto denied = open_live(options);
    ASSERT_FALSE(denied.ok());
    EXPECT_EQ(denied.error().code, base::ErrorCode::kDenied);
    EXPECT_NE(denied.error().message.find("needs CAP_NET_RAW"), std::string::npos);
    EXPECT_NE(denied.error().message.find("setcap cap_net_raw+ep"), std::string::npos);
  });
}

TEST(PacketFilter, CookedProgramsAreMovedOrRunOutside) {
  struct Case {
    const char* text;
    std::uint16_t linktype;
    bool outside;  // in our program, because the kernel cannot
  };
  constexpr Case kCases[] = {{"", 276, false},
                             {"udp port 53", 276, false},
                             {"ip and tcp[13] & 2 != 0", 276, false},
                             {"inbound", 276, false},
                             {"link[12] = 1", 276, true},
                             {"vlan 5", 1, true},
                             {"tcp port 80", 1, false}};
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.text);
    const auto filter = compile_filter(c.text, c.linktype, 1000);
    ASSERT_TRUE(filter.ok()) << filter.error().message;
    EXPECT_EQ(!filter->frame.empty(), c.outside);
    EXPECT_FALSE(filter->kernel.empty());
  }
}

}  // namespace
}  // namespace netwatch::capture
