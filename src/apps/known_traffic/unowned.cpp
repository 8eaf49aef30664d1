// Traffic of which the namespace in the middle owns nothing, made from the one beside it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "apps/known_traffic/commands.h"
#include "apps/known_traffic/talk.h"

namespace netwatch::known_traffic {
namespace {

constexpr std::uint16_t kSinkPort = 9999;
constexpr std::uint16_t kClosedPort = 9;
constexpr int kPatienceMs = 2000;
constexpr std::size_t kEchoPayload = 56;
constexpr std::size_t kForwardedPayload = 500;
constexpr int kPerMs = 10;  // slow enough that nothing is lost on the way

std::size_t ip_header(int family) { return family == AF_INET ? 20 : 40; }

SocketAddress address_of(int family, const std::string& text, std::uint16_t port) {
  SocketAddress address = loopback(family, port);
  void* out = family == AF_INET
                  ? static_cast<void*>(&reinterpret_cast<sockaddr_in&>(address.storage).sin_addr)
                  : &reinterpret_cast<sockaddr_in6&>(address.storage).sin6_addr;
  if (::inet_pton(family, text.c_str(), out) != 1) fail(text.c_str());
  return address;
}

void tell(const char* kind, const char* l4, std::size_t packets, std::size_t ip_bytes) {
  std::printf(R"({"type":"unowned","kind":"%s","l4":"%s","packets":%zu,"ip_bytes":%zu})"
              "\n",
              kind, l4, packets, ip_bytes);
}

void pace(int sent) {
  if (sent % kPerMs == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// RFC 1071.
std::uint16_t checksum(const std::string& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    sum += word;
  }
  while ((sum >> 16) != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// RFC 792, RFC 4443: an echo request. ICMPv6's checksum is the kernel's business.
std::string echo_request(int family, std::uint16_t sequence) {
  icmphdr head{};
  constexpr std::uint8_t kRequest4 = ICMP_ECHO;
  constexpr std::uint8_t kRequest6 = ICMP6_ECHO_REQUEST;
  head.type = family == AF_INET ? kRequest4 : kRequest6;
  head.un.echo.id = htons(static_cast<std::uint16_t>(::getpid()));
  head.un.echo.sequence = htons(sequence);
  std::string bytes(sizeof head + kEchoPayload, 'e');
  std::memcpy(bytes.data(), &head, sizeof head);
  if (family == AF_INET) head.checksum = checksum(bytes);
  std::memcpy(bytes.data(), &head, sizeof head);
  return bytes;
}

int echo_socket(int family) {
  const int fd =
      ::socket(family, SOCK_RAW, family == AF_INET ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
  if (fd < 0) fail("raw socket");
  if (family == AF_INET6) {
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    ::setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
  }
  return fd;
}

void send_echoes(int family, const std::string& to, int count) {
  const int fd = echo_socket(family);
  SocketAddress address = address_of(family, to, 0);
  std::size_t answers = 0;
  for (int i = 0; i < count; ++i) {
    const std::string bytes = echo_request(family, static_cast<std::uint16_t>(i));
    if (::sendto(fd, bytes.data(), bytes.size(), 0, address.get(), address.length) < 0) {
      fail("sendto");
    }
    std::array<char, 2048> answer{};
    pollfd poll{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&poll, 1, kPatienceMs) == 1 && ::recv(fd, answer.data(), answer.size(), 0) > 0) {
      ++answers;
    }
  }
  ::close(fd);
  const std::size_t packets = static_cast<std::size_t>(count) + answers;
  tell("echo", family == AF_INET ? "icmp" : "icmp6", packets,
       packets * (ip_header(family) + sizeof(icmphdr) + kEchoPayload));
}

// Each is a SYN with 20 bytes of options and a RST.
void knock(int family, const std::string& to, int count) {
  constexpr std::size_t kSyn = 40;
  constexpr std::size_t kRst = 20;
  for (int i = 0; i < count; ++i) {
    const int fd = new_socket(family, SOCK_STREAM);
    SocketAddress address = address_of(family, to, kClosedPort);
    if (::connect(fd, address.get(), address.length) == 0 || errno != ECONNREFUSED) {
      fail("a closed port");
    }
    ::close(fd);
  }
  const auto times = static_cast<std::size_t>(count);
  tell("closed", "tcp", 2 * times, times * (2 * ip_header(family) + kSyn + kRst));
}

// Takes datagrams in the namespace beyond the middle; answers how many when `until` is closed.
std::size_t swallow(int family, int until) {
  SocketAddress any;
  any.storage.ss_family = static_cast<sa_family_t>(family);
  reinterpret_cast<sockaddr_in&>(any.storage).sin_port = htons(kSinkPort);  // as of sockaddr_in6
  any.length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  const int fd = new_socket(family, SOCK_DGRAM);
  const int room = 64 << 20;  // for all of them: this process may have to wait for its turn
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (::bind(fd, any.get(), any.length) != 0) fail("bind");
  std::size_t received = 0;
  std::array<pollfd, 2> fds{
      {{.fd = fd, .events = POLLIN, .revents = 0}, {.fd = until, .events = POLLIN, .revents = 0}}};
  while (::poll(fds.data(), fds.size(), -1) >= 0) {
    std::array<char, 2048> bytes{};
    while (::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT) >= 0) ++received;
    if (fds[1].revents != 0) break;
  }
  return received;
}

void forward(int family, const std::string& to, const std::string& beyond_netns, int count) {
  std::array<int, 2> until{};
  std::array<int, 2> result{};
  if (::pipe2(until.data(), O_CLOEXEC) != 0 || ::pipe2(result.data(), O_CLOEXEC) != 0) fail("pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(until[1]);
    const int netns = ::open(beyond_netns.c_str(), O_RDONLY | O_CLOEXEC);
    if (::setns(netns, CLONE_NEWNET) != 0) fail("setns");
    const std::size_t received = swallow(family, until[0]);
    if (::write(result[1], &received, sizeof received) != sizeof received) fail("write");
    std::_Exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const int fd = new_socket(family, SOCK_DGRAM);
  SocketAddress address = address_of(family, to, kSinkPort);
  const std::string bytes(kForwardedPayload, 'f');
  for (int i = 0; i < count; ++i) {
    if (::sendto(fd, bytes.data(), bytes.size(), 0, address.get(), address.length) < 0) {
      fail("sendto");
    }
    // The first waits for the neighbours to be found.
    if (i == 0) std::this_thread::sleep_for(std::chrono::milliseconds(500));
    pace(i);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  ::close(fd);
  ::close(until[1]);
  std::size_t received = 0;
  if (::read(result[0], &received, sizeof received) != sizeof received) fail("read");
  ::waitpid(child, nullptr, 0);
  if (received != static_cast<std::size_t>(count)) {
    std::fprintf(stderr, "%zu of %d datagrams came through\n", received, count);
    std::exit(1);
  }
  tell("forwarded", "udp", received, received * (ip_header(family) + 8 + kForwardedPayload));
}

}  // namespace

int run_unowned(const Options& options) {
  const auto count = static_cast<int>(options.number("count", 1000));
  const std::string netns = options.text("beyond_netns");
  for (const int family : {AF_INET, AF_INET6}) {
    const std::string middle = options.text(family == AF_INET ? "middle4" : "middle6");
    const std::string beyond = options.text(family == AF_INET ? "beyond4" : "beyond6");
    forward(family, beyond, netns, 4 * count);
    send_echoes(family, middle, count);
    knock(family, middle, count / 4);
  }
  return 0;
}

}  // namespace netwatch::known_traffic
