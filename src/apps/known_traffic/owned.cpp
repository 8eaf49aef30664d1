// Programs with known names that own all of their traffic: TCP and UDP, both families, short and
// older connections, accepted and inherited sockets.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "apps/known_traffic/commands.h"
#include "apps/known_traffic/ledger.h"
#include "apps/known_traffic/talk.h"

namespace netwatch::known_traffic {
namespace {

constexpr std::array kFamilies = {AF_INET, AF_INET6};
constexpr int kClients = 2;     // of each family, to one server
constexpr int kInherited = 20;  // of each family
constexpr int kLasting = 50;    // likewise
constexpr std::chrono::milliseconds kLastingTime{2000};

struct Plan {
  int connections = 0;      // of each client
  std::int64_t gap_ns = 0;  // between two of one client
  int datagrams = 0;        // sockets of each client
};

// The name of the program says which of the families it speaks.
std::string named(const char* name, int family) {
  return std::string(name) + (family == AF_INET ? "4" : "6");
}

class Troupe {
 public:
  explicit Troupe(std::size_t rows) : ledger_(rows) {}

  Ledger& ledger() { return ledger_; }

  void start(const std::string& name, const std::function<void()>& program) {
    const pid_t pid = ::fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
      ::prctl(PR_SET_NAME, name.c_str());
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      program();
      std::_Exit(0);
    }
    pids_.push_back(pid);
  }

  // Whether all have done all they should.
  bool wait() {
    bool fine = true;
    for (const pid_t pid : pids_) {
      int status = -1;
      ::waitpid(pid, &status, 0);
      fine = fine && status == 0;
    }
    pids_.clear();
    return fine;
  }

 private:
  Ledger ledger_;
  std::vector<pid_t> pids_;
};

void wait_for_child(pid_t pid) {
  int status = -1;
  ::waitpid(pid, &status, 0);
  if (status != 0) fail("a child");
}

// From here on somebody may watch.
void note_before(Row& row) {
  row.sent_before = row.sent;
  row.received_before = row.received;
}

void serve_stream(Ledger& ledger, int listener, int count, Kind kind) {
  for (int i = 0; i < count; ++i) {
    const int fd = ::accept(listener, nullptr, nullptr);
    if (fd < 0) fail("accept");
    Row row = row_of(fd, kind, false);
    for (bool first = true; answer(fd, row); first = false) {
      if (first && kind != Kind::kShort) note_before(row);
    }
    ::close(fd);
    ledger.add(row);
  }
}

void connect_short(Ledger& ledger, int family, std::uint16_t port, const Plan& plan) {
  timespec due{};
  ::clock_gettime(CLOCK_MONOTONIC, &due);
  for (int i = 0; i < plan.connections; ++i) {
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
    due.tv_nsec += plan.gap_ns;
    due.tv_sec += due.tv_nsec / base::kNsPerSecond;
    due.tv_nsec %= base::kNsPerSecond;
    const base::TimeNs opened_ns = base::wall_clock_ns();
    const int fd = connected(family, SOCK_STREAM, port);
    Row row = row_of(fd, Kind::kShort, true);
    row.opened_ns = opened_ns;
    const bool server_first = i % 2 == 0;
    ask(fd, row, static_cast<std::uint32_t>(i), server_first);
    char byte = 0;
    if (server_first && ::recv(fd, &byte, 1, 0) != 0) fail("more than the answer");
    ::close(fd);
    ledger.add(row);
  }
}

void start_short(Troupe& troupe, const Plan& plan) {
  for (const int family : kFamilies) {
    const Served server = serve(family, SOCK_STREAM);
    troupe.start(named("kt-server", family), [&] {
      serve_stream(troupe.ledger(), server.fd, kClients * plan.connections, Kind::kShort);
    });
    ::close(server.fd);
    for (int client = 0; client < kClients; ++client) {
      troupe.start(named(client == 0 ? "kt-short-a" : "kt-short-b", family),
                   [&] { connect_short(troupe.ledger(), family, server.port, plan); });
    }
  }
}

// Long enough that a look at the tables sees them, many at a time.
void start_lasting(Troupe& troupe) {
  for (const int family : kFamilies) {
    const Served server = serve(family, SOCK_STREAM);
    troupe.start(named("kt-patient", family), [&] {
      std::vector<std::pair<int, Row>> all;
      for (int i = 0; i < kLasting; ++i) {
        const int fd = ::accept(server.fd, nullptr, nullptr);
        all.emplace_back(fd, row_of(fd, Kind::kLasting, false));
      }
      for (auto& [fd, row] : all) {
        while (answer(fd, row)) {
        }
        ::close(fd);
        troupe.ledger().add(row);
      }
    });
    ::close(server.fd);
    troupe.start(named("kt-lasting", family), [&] {
      std::vector<std::pair<int, Row>> all;
      for (int i = 0; i < kLasting; ++i) {
        const int fd = connected(family, SOCK_STREAM, server.port);
        all.emplace_back(fd, row_of(fd, Kind::kLasting, true));
      }
      std::this_thread::sleep_for(kLastingTime);
      for (auto& [fd, row] : all) {
        ask(fd, row, static_cast<std::uint32_t>(fd), true);
        ::close(fd);
        troupe.ledger().add(row);
      }
    });
  }
}

// Each client has a server of its own: equal ends that two programs have used one after the other
// would be one flow of datagrams.
void start_datagrams(Troupe& troupe, const Plan& plan) {
  for (const int family : kFamilies) {
    const Served server = serve(family, SOCK_DGRAM, family == AF_INET6);
    troupe.start(named("kt-udp-server", family), [&] {
      Row row = row_of(server.fd, Kind::kDatagrams, false);
      for (int i = 0; i < plan.datagrams; ++i) answer_by_datagram(server.fd, row);
      ::close(server.fd);
      troupe.ledger().add(row);
    });
    ::close(server.fd);
    troupe.start(named("kt-udp-client", family), [&] {
      for (int i = 0; i < plan.datagrams; ++i) {
        SocketAddress to = loopback(family, server.port);
        const bool is_connected = i % 2 == 0;
        const int fd = is_connected ? connected(family, SOCK_DGRAM, server.port)
                                    : new_socket(family, SOCK_DGRAM);
        Row row = row_of(fd, Kind::kDatagrams, true);
        ask_by_datagram(fd, row, static_cast<std::uint32_t>(i), is_connected ? nullptr : &to);
        set_ends(row, fd);
        row.local.address = endpoint_of(to).address;  // an unconnected socket says "any"
        row.remote = endpoint_of(to);
        row.is_unconnected = !is_connected;
        ::close(fd);
        troupe.ledger().add(row);
      }
    });
  }
}

// A socket's maker, who hands it on and never uses it, at both ends; every other heir is another
// program, too.
void start_inherited(Troupe& troupe, const std::string& executed) {
  for (const int family : kFamilies) {
    const Served server = serve(family, SOCK_STREAM);
    troupe.start(named("kt-forker", family), [&] {
      for (int i = 0; i < kInherited; ++i) {
        const int fd = ::accept(server.fd, nullptr, nullptr);
        const pid_t child = ::fork();
        if (child == 0) {
          ::prctl(PR_SET_NAME, "kt-heir-server");
          Row row = row_of(fd, Kind::kInherited, false);
          while (answer(fd, row)) {
          }
          troupe.ledger().add(row);
          std::_Exit(0);
        }
        ::close(fd);
        wait_for_child(child);
      }
    });
    ::close(server.fd);
    troupe.start(named("kt-parent", family), [&] {
      for (int i = 0; i < kInherited; ++i) {
        const int fd = connected(family, SOCK_STREAM, server.port);
        const pid_t child = ::fork();
        if (child == 0) {
          ::prctl(PR_SET_NAME, "kt-heir-client");
          if (i % 2 == 0) {
            const std::string socket = "socket=" + std::to_string(fd);
            const std::string ledger = "ledger=" + std::to_string(troupe.ledger().fd());
            ::execl(executed.c_str(), executed.c_str(), "heir", socket.c_str(), ledger.c_str(),
                    nullptr);
            fail("execl");
          }
          Row row = row_of(fd, Kind::kInherited, true);
          ask(fd, row, static_cast<std::uint32_t>(i), true);
          troupe.ledger().add(row);
          std::_Exit(0);
        }
        wait_for_child(child);
        ::close(fd);  // the last to let go has not used it
      }
    });
  }
}

// Sockets that are there, and have moved bytes, before anybody looks.
class Older {
 public:
  explicit Older(Troupe& troupe) {
    if (::pipe(go_.data()) != 0 || ::pipe(ready_.data()) != 0) fail("pipe");
    for (const int family : kFamilies) {
      // Each holds what is its own and nothing else.
      const Served stream = serve(family, SOCK_STREAM);
      troupe.start(named("kt-old-server", family),
                   [&] { serve_stream(troupe.ledger(), stream.fd, 1, Kind::kOlder); });
      ::close(stream.fd);
      const Served shared = serve(family, SOCK_STREAM);
      troupe.start(named("kt-old-shared", family),
                   [&] { serve_stream(troupe.ledger(), shared.fd, 1, Kind::kShared); });
      ::close(shared.fd);
      const Served datagrams = serve(family, SOCK_DGRAM);
      troupe.start(named("kt-old-udp", family), [&] {
        Row row = row_of(datagrams.fd, Kind::kOlder, false);
        answer_by_datagram(datagrams.fd, row);
        note_before(row);
        answer_by_datagram(datagrams.fd, row);
        ::close(datagrams.fd);
        troupe.ledger().add(row);
      });
      ::close(datagrams.fd);
      troupe.start(named("kt-old-client", family),
                   [&] { ask_twice(troupe.ledger(), family, stream.port, datagrams.port); });
      troupe.start(named("kt-old-parent", family),
                   [&] { share(troupe.ledger(), family, shared.port); });
    }
  }
  void wait_until_ready() const { read_bytes(ready_[0]); }
  void go() const {
    if (::write(go_[1], "gggg", kWaiting) != kWaiting) fail("write");
  }

 private:
  static constexpr ssize_t kWaiting = 2 * kFamilies.size();  // two clients of each family
  static void read_bytes(int fd) {
    for (ssize_t i = 0; i < kWaiting; ++i) {
      char byte = 0;
      if (::read(fd, &byte, 1) != 1) fail("read");
    }
  }
  void ask_twice(Ledger& ledger, int family, std::uint16_t stream, std::uint16_t datagrams) const {
    const int tcp = connected(family, SOCK_STREAM, stream);
    const int udp = connected(family, SOCK_DGRAM, datagrams);
    Row of_tcp = row_of(tcp, Kind::kOlder, true);
    Row of_udp = row_of(udp, Kind::kOlder, true);
    ask(tcp, of_tcp, 3, false);
    ask_by_datagram(udp, of_udp, 11, nullptr);
    note_before(of_tcp);
    note_before(of_udp);
    wait_to_go();
    ask(tcp, of_tcp, 5, true);
    ask_by_datagram(udp, of_udp, 11, nullptr);
    ::close(tcp);
    ::close(udp);
    ledger.add(of_tcp);
    ledger.add(of_udp);
  }
  // Two hold the connection, of which one uses it.
  void share(Ledger& ledger, int family, std::uint16_t port) const {
    const int fd = connected(family, SOCK_STREAM, port);
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_NAME, "kt-old-heir");
      Row row = row_of(fd, Kind::kShared, true);
      ask(fd, row, 3, false);
      note_before(row);
      wait_to_go();
      ask(fd, row, 5, true);
      ledger.add(row);
      std::_Exit(0);
    }
    wait_for_child(child);
    ::close(fd);
  }
  void wait_to_go() const {
    char byte = 0;
    if (::write(ready_[1], "r", 1) != 1 || ::read(go_[0], &byte, 1) != 1) fail("pipe");
  }

  std::array<int, 2> go_{};
  std::array<int, 2> ready_{};
};

void say(const char* word) {
  std::printf("%s\n", word);
  std::fflush(stdout);
}

}  // namespace

int run_owned(const Options& options) {
  const auto connections = static_cast<int>(options.number("connections", 1000));
  const auto rate = static_cast<std::int64_t>(options.number("rate", 2000));
  const auto datagrams = static_cast<int>(options.number("datagrams", 1000));
  constexpr int kAll = kClients * static_cast<int>(kFamilies.size());
  const Plan plan{.connections = connections / kAll,
                  .gap_ns = kAll * base::kNsPerSecond / std::max<std::int64_t>(rate, 1),
                  .datagrams = datagrams / static_cast<int>(kFamilies.size())};
  Troupe troupe(static_cast<std::size_t>(2 * connections + 2 * datagrams + 1000));
  const Older older(troupe);
  older.wait_until_ready();
  say("ready");
  if (std::getchar() == EOF) return 1;
  start_short(troupe, plan);
  start_datagrams(troupe, plan);
  start_lasting(troupe);
  start_inherited(troupe, options.text("executed", "/proc/self/exe"));
  older.go();
  const bool fine = troupe.wait();
  troupe.ledger().write(options.text("ledger", "/dev/stdout"));
  say(fine ? "done" : "failed");
  return fine ? 0 : 1;
}

int run_heir(const Options& options) {
  Ledger ledger = Ledger::inherited(static_cast<int>(options.number("ledger", 0)));
  const auto fd = static_cast<int>(options.number("socket", 0));
  Row row = row_of(fd, Kind::kExecuted, true);
  ask(fd, row, 7, true);
  ledger.add(row);
  return 0;
}

}  // namespace netwatch::known_traffic
