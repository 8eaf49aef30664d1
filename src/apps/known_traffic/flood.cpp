// Frames as fast as asked for, straight to the driver: packet(7), PACKET_QDISC_BYPASS.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "apps/known_traffic/commands.h"
#include "apps/known_traffic/ledger.h"

namespace netwatch::known_traffic {
namespace {

constexpr std::size_t kAtOnce = 64;
constexpr std::size_t kHeaders = 14 + 20 + 8;

int packet_socket(const std::string& interface) {
  const int fd = ::socket(AF_PACKET, SOCK_RAW, 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  const int on = 1;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    fail(interface.c_str());
  }
  ::setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  return fd;
}

void put16(std::vector<std::uint8_t>& frame, std::size_t at, std::uint64_t value) {
  frame[at] = static_cast<std::uint8_t>(value >> 8);
  frame[at + 1] = static_cast<std::uint8_t>(value);
}

// UDP over IPv4 (RFC 768, RFC 791), of one of many flows; RFC 1071 for the header's checksum.
std::vector<std::uint8_t> frame_of(std::size_t flow, std::size_t length) {
  std::vector<std::uint8_t> frame(std::max(length, kHeaders), 'x');
  std::fill_n(frame.begin(), kHeaders, std::uint8_t{0});
  std::fill_n(frame.begin(), 6, std::uint8_t{0xFF});
  put16(frame, 12, ETHERTYPE_IP);
  frame[14] = 0x45;
  put16(frame, 16, frame.size() - 14);
  frame[22] = 64;
  frame[23] = 17;
  const std::array<std::uint8_t, 8> ends = {198, 18, 0, 1, 198, 19, 0, 1};
  std::copy(ends.begin(), ends.end(), frame.begin() + 26);
  frame[29] = static_cast<std::uint8_t>(flow);
  std::uint32_t sum = 0;
  for (std::size_t i = 14; i < 34; i += 2) sum += frame[i] * 256U + frame[i + 1];
  while ((sum >> 16) != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  put16(frame, 24, ~sum & 0xFFFF);
  put16(frame, 34, 1024 + flow);
  put16(frame, 36, 5000);
  put16(frame, 38, frame.size() - 34);
  return frame;
}

}  // namespace

int run_flood(const Options& options) {
  const int fd = packet_socket(options.text("interface", "lo"));
  const std::uint64_t count = options.number("count", 10000);
  const std::uint64_t rate = options.number("rate", 0);  // a second; 0: as fast as it goes
  const std::size_t flows = options.number("flows", kAtOnce);
  std::vector<std::vector<std::uint8_t>> frames;
  frames.reserve(flows);
  for (std::size_t i = 0; i < flows; ++i)
    frames.push_back(frame_of(i, options.number("bytes", 64)));
  const base::TimeNs begun_ns = base::monotonic_clock_ns();
  std::uint64_t sent = 0;
  while (sent < count) {
    std::array<mmsghdr, kAtOnce> messages{};
    std::array<iovec, kAtOnce> parts{};
    const std::size_t now = std::min<std::uint64_t>(kAtOnce, count - sent);
    for (std::size_t i = 0; i < now; ++i) {
      auto& frame = frames[(sent + i) % frames.size()];
      parts[i] = {.iov_base = frame.data(), .iov_len = frame.size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int done = ::sendmmsg(fd, messages.data(), static_cast<unsigned>(now), 0);
    if (done < 0 && errno != ENOBUFS) fail("sendmmsg");
    sent += static_cast<std::uint64_t>(std::max(done, 0));
    if (rate == 0) continue;
    const auto due_ns = static_cast<base::TimeNs>(sent * base::kNsPerSecond / rate);
    const base::TimeNs early_ns = due_ns - (base::monotonic_clock_ns() - begun_ns);
    if (early_ns > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(early_ns));
  }
  const base::TimeNs took_ns = base::monotonic_clock_ns() - begun_ns;
  std::printf(R"({"type":"flood","packets":%llu,"seconds":%.3f})"
              "\n",
              static_cast<unsigned long long>(sent),
              static_cast<double>(took_ns) / static_cast<double>(base::kNsPerSecond));
  return 0;
}

}  // namespace netwatch::known_traffic
