#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <system_error>
#include <utility>

#include "collect/probes/health.h"

namespace netwatch::collect {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

Address address_of(const model::HealthTarget& target, std::uint16_t port) {
  Address out;
  const base::Bytes bytes = target.address.family_bytes();
  if (target.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, bytes.data(), sizeof v4.sin_addr);
    std::memcpy(&out.storage, &v4, sizeof v4);
    out.length = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_scope_id = target.ifindex;
    std::memcpy(&v6.sin6_addr, bytes.data(), sizeof v6.sin6_addr);
    std::memcpy(&out.storage, &v6, sizeof v6);
    out.length = sizeof v6;
  }
  return out;
}

// One probe under way. Its socket is its own, so that a late answer meets nobody.
class Probe {
 public:
  Probe() = default;
  Probe(Probe&& from) noexcept
      : fd_(std::exchange(from.fd_, -1)),
        target_(from.target_),
        id_(from.id_),
        token_(from.token_),
        sent_ns_(from.sent_ns_),
        rtt_ns_(from.rtt_ns_),
        rcode_(from.rcode_) {}
  Probe& operator=(Probe&&) = delete;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() { close(); }

  // 0, or the errno of a socket that may not be opened. What fails later is a probe without answer.
  int start(const model::HealthTarget& target, std::uint16_t dns_port, std::mt19937_64& random) {
    target_ = target;
    const bool echo = target.kind == model::ProbeKind::kIcmpEcho;
    const bool v4 = target.address.is_v4();
    const int protocol = !echo ? 0 : v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
    fd_ = ::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd_ < 0) return errno;
    id_ = static_cast<std::uint16_t>(random());
    token_ = random();
    const Address address = address_of(target, echo ? std::uint16_t{0} : dns_port);
    const auto message = echo ? echo_request(v4, id_, token_) : root_query(id_);
    sent_ns_ = base::monotonic_clock_ns();
    const bool sent =
        ::connect(fd_, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0 &&
        ::send(fd_, message.data(), message.size(), 0) == static_cast<ssize_t>(message.size());
    if (!sent) close();
    return 0;
  }

  [[nodiscard]] int fd() const { return fd_; }  // -1: it is over
  [[nodiscard]] base::TimeNs rtt_ns() const { return rtt_ns_; }
  [[nodiscard]] std::int32_t rcode() const { return rcode_; }

  void receive() {
    std::array<std::uint8_t, 4096> buffer{};
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    const base::TimeNs now_ns = base::monotonic_clock_ns();
    if (got < 0) {
      // Nobody listens there, or a router says that there is no way.
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) close();
      return;
    }
    const base::Bytes message(buffer.data(), static_cast<std::size_t>(got));
    if (target_.kind == model::ProbeKind::kIcmpEcho) {
      if (!is_echo_reply(message, target_.address.is_v4(), id_, token_)) return;
    } else {
      rcode_ = root_answer_rcode(message, id_);
      if (rcode_ < 0) return;
    }
    rtt_ns_ = now_ns - sent_ns_;
    close();
  }

 private:
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  int fd_ = -1;
  model::HealthTarget target_;
  std::uint16_t id_ = 0;
  std::uint64_t token_ = 0;
  base::TimeNs sent_ns_ = 0;
  base::TimeNs rtt_ns_ = -1;
  std::int32_t rcode_ = -1;
};

void wait_for_all(std::vector<Probe>& probes, base::TimeNs deadline_ns) {
  std::vector<pollfd> waiting;
  while (true) {
    waiting.clear();
    for (const Probe& probe : probes) {
      if (probe.fd() >= 0) waiting.push_back({probe.fd(), POLLIN, 0});
    }
    const base::TimeNs left_ns = deadline_ns - base::monotonic_clock_ns();
    if (waiting.empty() || left_ns <= 0) return;
    const auto left_ms = static_cast<int>((left_ns + base::kNsPerMs - 1) / base::kNsPerMs);
    if (::poll(waiting.data(), waiting.size(), left_ms) < 0 && errno != EINTR) return;
    for (const pollfd& one : waiting) {
      if (one.revents == 0) continue;
      for (Probe& probe : probes) {
        if (probe.fd() == one.fd) {
          probe.receive();
          break;
        }
      }
    }
  }
}

void explain(int error, model::HealthRow& row) {
  if (error == EACCES || error == EPERM) {
    row.why = "net.ipv4.ping_group_range does not let this group send ICMP echo requests";
    row.fix = "sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'";
  } else {
    row.why = std::generic_category().message(error);
  }
}

}  // namespace

std::vector<model::HealthTarget> own_targets(const model::RouteTable& routes,
                                             const model::ResolverList& resolvers,
                                             const model::InterfaceTable& interfaces) {
  std::vector<model::HealthTarget> targets;
  const auto add = [&](model::ProbeKind kind, const base::IpAddress& address,
                       std::uint32_t ifindex) {
    const model::HealthTarget target{kind, address, address.is_link_local() ? ifindex : 0};
    if (std::find(targets.begin(), targets.end(), target) == targets.end()) {
      targets.push_back(target);
    }
  };
  for (const bool v4 : {true, false}) {
    const model::Route* route = routes.default_route(v4);
    if (route == nullptr || route->gateway.is_unspecified()) continue;
    add(model::ProbeKind::kIcmpEcho, route->gateway, route->ifindex);
  }
  for (const model::Resolver& resolver : resolvers.upstream) {
    std::uint32_t ifindex = 0;
    for (const model::Interface& interface : interfaces.interfaces) {
      if (interface.name == resolver.zone) ifindex = interface.ifindex;
    }
    add(model::ProbeKind::kDnsQuery, resolver.address, ifindex);
  }
  return targets;
}

class HealthProber::Impl {
 public:
  explicit Impl(ProbeOptions options) : options_(options), random_(std::random_device{}()) {}

  void set_targets(const std::vector<model::HealthTarget>& targets) {
    std::vector<Known> known;
    known.reserve(targets.size());
    for (const model::HealthTarget& target : targets) {
      const auto before = std::find_if(known_.begin(), known_.end(),
                                       [&](const Known& one) { return one.target == target; });
      known.push_back(before != known_.end() ? std::move(*before) : Known{target, {}, -1});
    }
    known_ = std::move(known);
  }

  model::HealthTable round() {
    model::HealthTable table;
    table.taken_ns = base::wall_clock_ns();
    const base::TimeNs deadline_ns =
        base::monotonic_clock_ns() +
        std::chrono::duration_cast<std::chrono::nanoseconds>(options_.timeout).count();
    std::vector<Probe> probes(known_.size());
    std::vector<int> errors;
    errors.reserve(known_.size());
    for (std::size_t i = 0; i < known_.size(); ++i) {
      errors.push_back(probes[i].start(known_[i].target, options_.dns_port, random_));
    }
    wait_for_all(probes, deadline_ns);
    for (std::size_t i = 0; i < known_.size(); ++i) {
      model::HealthRow& row = table.rows.emplace_back();
      row.target = known_[i].target;
      if (errors[i] != 0) {
        explain(errors[i], row);  // nothing was sent: that is no loss
      } else {
        known_[i].history.add(probes[i].rtt_ns());
        if (probes[i].rcode() >= 0) known_[i].rcode = probes[i].rcode();
      }
      known_[i].history.describe(row);
      row.rcode = known_[i].rcode;
    }
    return table;
  }

 private:
  struct Known {
    model::HealthTarget target;
    ProbeHistory history;
    std::int32_t rcode = -1;
  };

  ProbeOptions options_;
  std::mt19937_64 random_;
  std::vector<Known> known_;
};

HealthProber::HealthProber(ProbeOptions options) : impl_(std::make_unique<Impl>(options)) {}
HealthProber::~HealthProber() = default;
void HealthProber::set_targets(const std::vector<model::HealthTarget>& targets) {
  impl_->set_targets(targets);
}
model::HealthTable HealthProber::round() { return impl_->round(); }

}  // namespace netwatch::collect
