// How fast this host connects, answers and moves bytes over loopback: for pairs of runs.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "apps/known_traffic/commands.h"
#include "apps/known_traffic/talk.h"

namespace netwatch::known_traffic {
namespace {

double seconds_since(base::TimeNs begun_ns) {
  return static_cast<double>(base::monotonic_clock_ns() - begun_ns) /
         static_cast<double>(base::kNsPerSecond);
}

// A child that answers whatever is asked of it, and ends at the end of its connections.
pid_t start_server(int listener, std::uint64_t connections) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  for (std::uint64_t i = 0; i < connections; ++i) {
    const int fd = ::accept(listener, nullptr, nullptr);
    if (fd < 0) fail("accept");
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::string bytes(std::size_t{1} << 16, 0);
    for (;;) {
      const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
      if (got <= 0) break;
      // A short request is answered, bulk is swallowed.
      if (got <= 100) (void)::send(fd, bytes.data(), got == 100 ? 200 : 1, MSG_NOSIGNAL);
    }
    ::close(fd);
  }
  std::_Exit(0);
}

double connections_per_s(std::uint16_t port, std::uint64_t count) {
  const base::TimeNs begun_ns = base::monotonic_clock_ns();
  std::string bytes(200, 0);
  for (std::uint64_t i = 0; i < count; ++i) {
    const int fd = connected(AF_INET, SOCK_STREAM, port);
    if (::send(fd, bytes.data(), 100, 0) != 100) fail("send");
    if (::recv(fd, bytes.data(), 200, MSG_WAITALL) != 200) fail("recv");
    ::close(fd);
  }
  return static_cast<double>(count) / seconds_since(begun_ns);
}

double requests_per_s(std::uint16_t port, std::uint64_t count) {
  const int fd = connected(AF_INET, SOCK_STREAM, port);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const base::TimeNs begun_ns = base::monotonic_clock_ns();
  char byte = 'r';
  for (std::uint64_t i = 0; i < count; ++i) {
    if (::send(fd, &byte, 1, 0) != 1 || ::recv(fd, &byte, 1, 0) != 1) fail("a request");
  }
  const double rate = static_cast<double>(count) / seconds_since(begun_ns);
  ::close(fd);
  return rate;
}

double bytes_per_s(std::uint16_t port, std::uint64_t count) {
  const int fd = connected(AF_INET, SOCK_STREAM, port);
  const std::string bytes(std::size_t{1} << 16, 'b');
  const base::TimeNs begun_ns = base::monotonic_clock_ns();
  std::uint64_t sent = 0;
  while (sent < count) {
    const ssize_t done = ::send(fd, bytes.data(), bytes.size(), 0);
    if (done <= 0) fail("send");
    sent += static_cast<std::uint64_t>(done);
  }
  ::shutdown(fd, SHUT_WR);
  char byte = 0;
  while (::recv(fd, &byte, 1, 0) > 0) {
  }
  const double rate = static_cast<double>(sent) / seconds_since(begun_ns);
  ::close(fd);
  return rate;
}

// Answers so many, from a socket that is not connected.
pid_t start_datagram_server(int fd, std::uint64_t count) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  char byte = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    SocketAddress from;
    if (::recvfrom(fd, &byte, 1, 0, from.get(), &from.length) != 1) fail("recvfrom");
    if (::sendto(fd, &byte, 1, 0, from.get(), from.length) != 1) fail("sendto");
  }
  std::_Exit(0);
}

double datagrams_per_s(std::uint16_t port, std::uint64_t count) {
  const int fd = new_socket(AF_INET, SOCK_DGRAM);
  SocketAddress to = loopback(AF_INET, port);
  const base::TimeNs begun_ns = base::monotonic_clock_ns();
  char byte = 'd';
  for (std::uint64_t i = 0; i < count; ++i) {
    SocketAddress from;
    if (::sendto(fd, &byte, 1, 0, to.get(), to.length) != 1) fail("sendto");
    if (::recvfrom(fd, &byte, 1, 0, from.get(), &from.length) != 1) fail("recvfrom");
  }
  const double rate = static_cast<double>(count) / seconds_since(begun_ns);
  ::close(fd);
  return rate;
}

}  // namespace

int run_rates(const Options& options) {
  const std::uint64_t connections = options.number("connections", 20000);
  const Served served = serve(AF_INET, SOCK_STREAM);
  const pid_t server = start_server(served.fd, connections + 2);
  ::close(served.fd);
  const double connecting = connections_per_s(served.port, connections);
  const double asking = requests_per_s(served.port, options.number("requests", 100000));
  const double bulk = bytes_per_s(served.port, options.number("bulk", std::uint64_t{4} << 30));
  ::waitpid(server, nullptr, 0);
  const std::uint64_t datagrams = options.number("datagrams", 1000);
  const Served of_datagrams = serve(AF_INET, SOCK_DGRAM);
  const pid_t datagram_server = start_datagram_server(of_datagrams.fd, datagrams);
  const double by_datagram = datagrams_per_s(of_datagrams.port, datagrams);
  ::waitpid(datagram_server, nullptr, 0);
  ::close(of_datagrams.fd);
  std::printf(R"({"type":"rates","connections":%.0f,"requests":%.0f,"bulk_bytes":%.0f,)"
              R"("datagrams":%.0f})"
              "\n",
              connecting, asking, bulk, by_datagram);
  return 0;
}

}  // namespace netwatch::known_traffic
