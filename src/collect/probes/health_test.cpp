#include "collect/probes/health.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <thread>

namespace netwatch::collect {
namespace {

base::IpAddress ip(std::string_view text) { return *base::IpAddress::parse(text); }

TEST(ProbeHistory, JitterAndLoss) {
  ProbeHistory history;
  model::HealthRow row;
  history.describe(row);
  EXPECT_LT(row.loss, 0) << "nothing is known yet";
  for (const base::TimeNs rtt : {100, -1, 140, 120, -1}) history.add(rtt);
  history.describe(row);
  EXPECT_EQ(row.rtts_ns, (std::vector<base::TimeNs>{100, -1, 140, 120, -1}));
  EXPECT_EQ(row.last_ns, -1);
  EXPECT_EQ(row.mean_ns, 120);
  EXPECT_EQ(row.min_ns, 100);
  EXPECT_EQ(row.max_ns, 140);
  EXPECT_EQ(row.jitter_ns, 30) << "40 and 20, over the lost one";
  EXPECT_DOUBLE_EQ(row.loss, 0.4);
}

TEST(ProbeHistory, KeepsTheLastSixty) {
  ProbeHistory history;
  for (int i = 0; i < 60; ++i) history.add(-1);
  for (int i = 0; i < 30; ++i) history.add(5);
  model::HealthRow row;
  history.describe(row);
  EXPECT_EQ(row.rtts_ns.size(), model::kProbeSamples);
  EXPECT_DOUBLE_EQ(row.loss, 0.5);
}

TEST(DnsProbe, OnlyTheAnswerToOurQuestionCounts) {
  auto answer = root_query(0x1234);
  EXPECT_EQ(root_answer_rcode(answer, 0x1234), -1) << "a query is no answer";
  answer[2] |= 0x80;
  EXPECT_EQ(root_answer_rcode(answer, 0x1234), 0);
  EXPECT_EQ(root_answer_rcode(answer, 0x1235), -1);
  answer[3] |= 2;
  EXPECT_EQ(root_answer_rcode(answer, 0x1234), 2) << "it answers, though it cannot resolve";
  for (std::size_t length = 0; length < answer.size(); ++length) {
    EXPECT_EQ(root_answer_rcode({answer.data(), length}, 0x1234), -1) << length;
  }
  auto other = answer;
  other[14] = 1;  // another type was asked for
  EXPECT_EQ(root_answer_rcode(other, 0x1234), -1);
  answer[5] = 0;
  answer.resize(12);
  EXPECT_EQ(root_answer_rcode(answer, 0x1234), 2) << "without the question";
}

TEST(EchoProbe, OnlyTheReplyToOurRequestCounts) {
  for (const bool v4 : {true, false}) {
    auto reply = echo_request(v4, 7, 0x1122334455667788);
    EXPECT_EQ(reply.size(), 64U);
    EXPECT_FALSE(is_echo_reply(reply, v4, 7, 0x1122334455667788)) << "a request is no reply";
    reply[0] = v4 ? 0 : 129;
    reply[2] = 0xAB;  // checksum
    reply[4] = 0xCD;  // identifier
    EXPECT_TRUE(is_echo_reply(reply, v4, 7, 0x1122334455667788));
    EXPECT_FALSE(is_echo_reply(reply, v4, 8, 0x1122334455667788));
    EXPECT_FALSE(is_echo_reply(reply, v4, 7, 0x1122334455667789));
    EXPECT_FALSE(is_echo_reply({reply.data(), 63}, v4, 7, 0x1122334455667788));
    EXPECT_FALSE(is_echo_reply({}, v4, 7, 0));
  }
}

TEST(OwnTargets, GatewaysAndUpstreamResolversOnly) {
  model::RouteTable routes;
  const auto add_route = [&](std::string_view gateway, bool v4, std::uint8_t bits) {
    model::Route& route = routes.routes.emplace_back();
    if (!gateway.empty()) route.gateway = ip(gateway);
    route.v4 = v4;
    route.prefix_bits = bits;
    route.ifindex = 4;
  };
  add_route("192.0.2.9", true, 24);
  add_route("192.0.2.1", true, 0);
  add_route("fe80::1", false, 0);
  model::ResolverList resolvers;
  resolvers.configured = {{ip("127.0.0.53"), ""}};
  resolvers.upstream = {{ip("192.0.2.1"), ""}, {ip("fe80::53"), "eth7"}};
  model::InterfaceTable interfaces;
  interfaces.interfaces.emplace_back().name = "eth7";
  interfaces.interfaces.back().ifindex = 7;
  using model::ProbeKind;
  EXPECT_EQ(own_targets(routes, resolvers, interfaces),
            (std::vector<model::HealthTarget>{{ProbeKind::kIcmpEcho, ip("192.0.2.1"), 0},
                                              {ProbeKind::kIcmpEcho, ip("fe80::1"), 4},
                                              {ProbeKind::kDnsQuery, ip("192.0.2.1"), 0},
                                              {ProbeKind::kDnsQuery, ip("fe80::53"), 7}}));
  EXPECT_TRUE(own_targets({}, {}, {}).empty());
}

// Runs `body` on a thread in a new network namespace with its loopback up.
bool within_namespace(const std::function<void()>& body) {
  bool entered = false;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    // NOLINTNEXTLINE(concurrency-mt-unsafe,cert-env33-c): the command stands here
    if (std::system("ip link set lo up >/dev/null 2>&1") != 0) return;
    entered = true;
    body();
  }).join();
  return entered;
}

// A server on a port of the loopback that answers each message by `answer`.
class Server {
 public:
  explicit Server(std::function<void(std::vector<std::uint8_t>&)> answer)
      : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), length), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer)] { serve(answer); });
  }
  ~Server() {
    stop_ = true;
    thread_.join();
    ::close(fd_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve(const std::function<void(std::vector<std::uint8_t>&)>& answer) const {
    while (!stop_) {
      pollfd readable{fd_, POLLIN, 0};
      if (::poll(&readable, 1, 20) != 1) continue;
      std::vector<std::uint8_t> message(512);
      sockaddr_in from{};
      socklen_t length = sizeof from;
      const ssize_t got = ::recvfrom(fd_, message.data(), message.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &length);
      if (got <= 0) continue;
      message.resize(static_cast<std::size_t>(got));
      answer(message);
      (void)::sendto(fd_, message.data(), message.size(), 0,
                     reinterpret_cast<const sockaddr*>(&from), length);
    }
  }

  int fd_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

TEST(LiveProbes, DnsIsTimedAndSilenceIsLoss) {
  std::atomic<bool> silent = false;
  const Server server([&](std::vector<std::uint8_t>& message) {
    message[2] |= 0x80;
    message[3] |= 5;
    if (silent) message[0] ^= 1;  // somebody else's answer
  });
  HealthProber prober({.timeout = std::chrono::milliseconds(2000), .dns_port = server.port()});
  const model::HealthTarget target{model::ProbeKind::kDnsQuery, ip("127.0.0.1"), 0};
  const model::HealthTarget deaf{model::ProbeKind::kDnsQuery, ip("127.0.0.2"), 0};
  prober.set_targets({target, deaf});
  auto table = prober.round();
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].loss, 0);
  EXPECT_GT(table.rows[0].last_ns, 0);
  EXPECT_EQ(table.rows[0].rcode, 5) << "refused, but there";
  EXPECT_EQ(table.rows[1].loss, 1) << "nobody listens";
  EXPECT_EQ(table.rows[1].why, "");
  silent = true;
  prober.set_targets({target});
  table = prober.round();
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0].loss, 0.5) << "its history was kept, and the wrong answer is none";
}

TEST(LiveProbes, EchoOfBothFamiliesWhereItIsAllowed) {
  const bool entered = within_namespace([] {
    HealthProber prober({.timeout = std::chrono::milliseconds(2000)});
    prober.set_targets({{model::ProbeKind::kIcmpEcho, ip("127.0.0.1"), 0},
                        {model::ProbeKind::kIcmpEcho, ip("::1"), 0},
                        {model::ProbeKind::kIcmpEcho, ip("192.0.2.1"), 0}});
    // A new namespace allows it to nobody.
    auto table = prober.round();
    for (const model::HealthRow& row : table.rows) {
      EXPECT_NE(row.why.find("ping_group_range"), std::string::npos) << row.why;
      EXPECT_NE(row.fix, "");
      EXPECT_LT(row.loss, 0) << "what was not sent is not lost";
    }
    std::ofstream("/proc/sys/net/ipv4/ping_group_range") << "0 2147483647";
    table = prober.round();
    for (const std::size_t i : {0U, 1U}) {
      EXPECT_EQ(table.rows[i].why, "");
      EXPECT_EQ(table.rows[i].loss, 0);
      EXPECT_GT(table.rows[i].last_ns, 0);
    }
    EXPECT_EQ(table.rows[2].loss, 1) << "there is no way there";
  });
  if (!entered) GTEST_SKIP() << "no right to make a network namespace, or no ip(8)";
}

TEST(Health, SamplesAreWhatIsKnown) {
  model::HealthTable table;
  model::HealthRow& good = table.rows.emplace_back();
  good.target = {.kind = model::ProbeKind::kDnsQuery,
                 .address = *base::IpAddress::parse("192.0.2.53")};
  good.last_ns = 2'000'000;
  good.mean_ns = 1'500'000;
  good.loss = 0.5;
  model::HealthRow& refused = table.rows.emplace_back();
  refused.target.address = *base::IpAddress::parse("192.0.2.1");
  refused.why = "not allowed";
  std::vector<model::Sample> samples;
  append_samples(table, samples);
  std::string told;
  for (const model::Sample& sample : samples) {
    told += std::string(sample.def->name) + ' ' + sample.labels[0] + ' ' + sample.labels[1] + ' ' +
            std::to_string(sample.value) + '\n';
  }
  EXPECT_EQ(told,
            "probe.rtt dns_query 192.0.2.53 0.002000\n"
            "probe.rtt_mean dns_query 192.0.2.53 0.001500\n"
            "probe.loss dns_query 192.0.2.53 0.500000\n");
}

}  // namespace
}  // namespace netwatch::collect
