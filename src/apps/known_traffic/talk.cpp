#include "apps/known_traffic/talk.h"

#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

namespace netwatch::known_traffic {
namespace {

constexpr std::uint32_t kLongAnswer = 20000;  // more than one segment, even on loopback
constexpr int kPatienceS = 5;

struct Request {
  std::uint32_t length = 0;  // with these
  std::uint32_t answer = 0;
  std::uint32_t last = 0;
};

std::int64_t send_all(int fd, const std::string& bytes) {
  const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) fail("send");
  return sent;
}

// Until there are so many, or the end.
std::int64_t receive(int fd, char* out, std::size_t wanted) {
  std::size_t total = 0;
  while (total < wanted) {
    const ssize_t got = ::recv(fd, out + total, wanted - total, 0);
    if (got < 0) fail("recv");
    if (got == 0) break;
    total += static_cast<std::size_t>(got);
  }
  return static_cast<std::int64_t>(total);
}

template <typename Value>
void put(std::string& bytes, const Value& value) {
  std::memcpy(bytes.data(), &value, sizeof value);
}

// A datagram that is lost must not be waited for without end.
void be_impatient(int fd) {
  const timeval patience{.tv_sec = kPatienceS, .tv_usec = 0};
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
    fail("setsockopt");
}

}  // namespace

SocketAddress loopback(int family, std::uint16_t port) {
  SocketAddress address;
  address.storage.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.length = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    v6.sin6_port = htons(port);
    v6.sin6_addr = IN6ADDR_LOOPBACK_INIT;
    address.length = sizeof v6;
  }
  return address;
}

model::Endpoint endpoint_of(const SocketAddress& address) {
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

int new_socket(int family, int type) {
  const int fd = ::socket(family, type, 0);
  if (fd < 0) fail("socket");
  return fd;
}

Served serve(int family, int type, bool any_address) {
  Served served;
  served.fd = new_socket(family, type);
  SocketAddress address = loopback(family, 0);
  if (any_address) {
    address = {};
    address.storage.ss_family = static_cast<sa_family_t>(family);
    address.length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  }
  if (::bind(served.fd, address.get(), address.length) != 0) fail("bind");
  if (type == SOCK_STREAM && ::listen(served.fd, 1024) != 0) fail("listen");
  if (type == SOCK_DGRAM) be_impatient(served.fd);
  ::getsockname(served.fd, address.get(), &address.length);
  served.port = endpoint_of(address).port;
  return served;
}

int connected(int family, int type, std::uint16_t port) {
  const int fd = new_socket(family, type);
  SocketAddress address = loopback(family, port);
  if (::connect(fd, address.get(), address.length) != 0) fail("connect");
  if (type == SOCK_DGRAM) be_impatient(fd);
  return fd;
}

Row row_of(int fd, Kind kind, bool is_client) {
  Row row;
  row.kind = kind;
  row.is_client = is_client;
  int proto = 0;
  socklen_t length = sizeof proto;
  ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &proto, &length);
  row.proto = static_cast<std::uint8_t>(proto);
  row.opened_ns = base::wall_clock_ns();
  set_ends(row, fd);
  return row;
}

void set_ends(Row& row, int fd) {
  SocketAddress address;
  ::getsockname(fd, address.get(), &address.length);
  row.local = endpoint_of(address);
  address = {};
  if (::getpeername(fd, address.get(), &address.length) == 0) row.remote = endpoint_of(address);
}

void ask(int fd, Row& row, std::uint32_t number, bool last) {
  Request request;
  request.length = sizeof request + number % 700;
  request.answer = number % 16 == 0 ? kLongAnswer : 100 + number % 900;
  request.last = last ? 1 : 0;
  std::string bytes(request.length, 'q');
  put(bytes, request);
  row.sent += send_all(fd, bytes);
  bytes.resize(request.answer);
  const std::int64_t got = receive(fd, bytes.data(), bytes.size());
  if (got != request.answer) fail("the answer was cut");
  row.received += got;
  std::memcpy(&row.peer_pid, bytes.data(), sizeof row.peer_pid);
}

bool answer(int fd, Row& row) {
  Request request;
  std::string bytes(sizeof request, 0);
  std::int64_t got = receive(fd, bytes.data(), bytes.size());
  if (got == 0) return false;
  std::memcpy(&request, bytes.data(), sizeof request);
  row.received += got;
  bytes.resize(request.length);
  row.received += receive(fd, bytes.data(), request.length - sizeof request);
  bytes.assign(request.answer, 'a');
  put(bytes, static_cast<std::uint32_t>(::getpid()));
  row.sent += send_all(fd, bytes);
  return request.last == 0;
}

void ask_by_datagram(int fd, Row& row, std::uint32_t number, SocketAddress* to) {
  std::string bytes(sizeof(std::uint32_t) + number % 1200, 'q');
  const ssize_t sent = to == nullptr
                           ? ::send(fd, bytes.data(), bytes.size(), 0)
                           : ::sendto(fd, bytes.data(), bytes.size(), 0, to->get(), to->length);
  if (sent != static_cast<ssize_t>(bytes.size())) fail("send");
  SocketAddress from;
  const bool asks = to != nullptr;
  const ssize_t got = ::recvfrom(fd, bytes.data(), bytes.size(), 0, asks ? from.get() : nullptr,
                                 asks ? &from.length : nullptr);
  if (got < static_cast<ssize_t>(sizeof row.peer_pid)) fail("recv");
  row.sent += sent;
  row.received += got;
  std::memcpy(&row.peer_pid, bytes.data(), sizeof row.peer_pid);
}

void answer_by_datagram(int fd, Row& row) {
  std::array<char, 2048> bytes{};
  SocketAddress peer;
  const ssize_t got = ::recvfrom(fd, bytes.data(), bytes.size(), 0, peer.get(), &peer.length);
  if (got < static_cast<ssize_t>(sizeof(std::uint32_t))) fail("recvfrom");
  const auto pid = static_cast<std::uint32_t>(::getpid());
  std::memcpy(bytes.data(), &pid, sizeof pid);
  // As much as came, at most 500: the two directions differ.
  const auto length = static_cast<std::size_t>(got < 500 ? got : 500);
  const ssize_t sent = ::sendto(fd, bytes.data(), length, 0, peer.get(), peer.length);
  if (sent != static_cast<ssize_t>(length)) fail("sendto");
  row.received += got;
  row.sent += sent;
}

}  // namespace netwatch::known_traffic
