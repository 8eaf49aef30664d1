#pragma once

#include <netinet/in.h>
#include <poll.h>

#include <cstdio>
#include <string_view>

#include "ebpf/test_traffic.h"

// What the programs of a Sandbox do.
namespace netwatch::ebpf {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

inline SocketAddress loopback(int family, std::uint16_t port) {
  SocketAddress address;
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.length = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_addr = IN6ADDR_LOOPBACK_INIT;
    address.length = sizeof v6;
  }
  return address;
}

inline model::Endpoint endpoint_of(const SocketAddress& address) {
  model::Endpoint end;
  if (address.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    end.address = base::IpAddress::v4(reinterpret_cast<const std::uint8_t*>(&v4.sin_addr));
    end.port = ntohs(v4.sin_port);
  } else if (address.storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    end.address = base::IpAddress::v6(reinterpret_cast<const std::uint8_t*>(&v6.sin6_addr));
    end.port = ntohs(v6.sin6_port);
  }
  return end;
}

inline LedgerRow row_of(int fd, std::uint8_t proto) {
  LedgerRow row;
  row.pid = static_cast<std::uint32_t>(::getpid());
  row.proto = proto;
  SocketAddress address;
  ::getsockname(fd, address.get(), &address.length);
  row.local = endpoint_of(address);
  address = {};
  if (::getpeername(fd, address.get(), &address.length) == 0) row.remote = endpoint_of(address);
  return row;
}

// A socket bound to the loopback address, port of the kernel's choice.
inline int bound(int family, int type, std::uint16_t& port, int protocol = 0) {
  const int fd = ::socket(family, type | SOCK_CLOEXEC, protocol);
  SocketAddress address = loopback(family, 0);
  if (::bind(fd, address.get(), address.length) != 0) std::perror("bind");
  if (type == SOCK_STREAM) ::listen(fd, 512);
  ::getsockname(fd, address.get(), &address.length);
  port = endpoint_of(address).port;
  return fd;
}

inline std::int64_t receive_until(int fd, std::int64_t wanted) {
  std::array<char, 4096> bytes{};
  std::int64_t total = 0;
  while (total < wanted) {
    const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (got <= 0) break;
    total += got;
  }
  return total;
}

inline constexpr std::string_view kRequest =
    "................................................................................"
    "....................";                          // 100 bytes
inline constexpr std::int64_t kAnswerBytes = 20000;  // more than one segment, even on loopback

// Takes `count` connections one after the other: a request, an answer, the end.
inline void serve_tcp(Ledger& ledger, int listener, int count) {
  const std::string answer(kAnswerBytes, 'a');
  for (int i = 0; i < count; ++i) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    LedgerRow row = row_of(fd, IPPROTO_TCP);
    row.received = receive_until(fd, static_cast<std::int64_t>(kRequest.size()));
    row.sent = ::send(fd, answer.data(), answer.size(), 0);
    ::close(fd);
    ledger.add(row);
  }
}

inline void connect_tcp(Ledger& ledger, int family, std::uint16_t port, int count,
                        int protocol = 0) {
  for (int i = 0; i < count; ++i) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
    SocketAddress address = loopback(family, port);
    if (::connect(fd, address.get(), address.length) != 0) std::perror("connect");
    LedgerRow row = row_of(fd, IPPROTO_TCP);
    row.sent = ::send(fd, kRequest.data(), kRequest.size(), 0);
    row.received = receive_until(fd, kAnswerBytes + 1);  // to the end
    ::close(fd);
    ledger.add(row);
  }
}

// Sends `count` datagrams, each from a socket of its own: connected and unconnected in turn. Waits
// for an answer to each, so that none is lost.
inline void send_udp(Ledger& ledger, int family, std::uint16_t port, int count) {
  for (int i = 0; i < count; ++i) {
    const int fd = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    SocketAddress address = loopback(family, port);
    LedgerRow sent;
    if (i % 2 == 0) {
      if (::connect(fd, address.get(), address.length) != 0) std::perror("connect");
      sent.sent = ::send(fd, kRequest.data(), kRequest.size(), 0);
    } else {
      sent.sent = ::sendto(fd, kRequest.data(), kRequest.size(), 0, address.get(), address.length);
    }
    std::array<char, 64> answer{};
    sent.received = ::recv(fd, answer.data(), answer.size(), 0);
    LedgerRow row = row_of(fd, IPPROTO_UDP);
    row.sent = sent.sent;
    row.received = sent.received;
    ::close(fd);
    ledger.add(row);
  }
}

inline void serve_udp(Ledger& ledger, int fd, int count) {
  LedgerRow row = row_of(fd, IPPROTO_UDP);
  std::array<char, 1024> bytes{};
  for (int i = 0; i < count; ++i) {
    SocketAddress peer;
    row.received += ::recvfrom(fd, bytes.data(), bytes.size(), 0, peer.get(), &peer.length);
    row.sent += ::sendto(fd, "answer", 6, 0, peer.get(), peer.length);
  }
  ::close(fd);
  ledger.add(row);
}

}  // namespace netwatch::ebpf
