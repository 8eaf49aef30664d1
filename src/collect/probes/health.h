#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "model/health.h"
#include "model/network.h"
#include "model/sample.h"

// Probes of the host's own gateway and resolvers: ICMP echo without privileges, and real DNS
// queries. Nobody else is asked but whom the caller names.
namespace netwatch::collect {

// The gateways of both families, and whom the host asks for names (the upstream of a stub).
std::vector<model::HealthTarget> own_targets(const model::RouteTable& routes,
                                             const model::ResolverList& resolvers,
                                             const model::InterfaceTable& interfaces);

// The last probes of one target.
class ProbeHistory {
 public:
  void add(base::TimeNs rtt_ns);  // -1: no answer
  // Fills in everything that follows from the probes.
  void describe(model::HealthRow& row) const;

 private:
  std::deque<base::TimeNs> rtts_ns_;
};

// A query for the name servers of the root: every resolver knows them, and they tell nobody
// anything about this host (RFC 1035 4.1).
std::vector<std::uint8_t> root_query(std::uint16_t id);
// The response code of an answer to it; -1 if it is none.
std::int32_t root_answer_rcode(base::Bytes message, std::uint16_t id);

// An echo request of 64 bytes (RFC 792, RFC 4443 4.1); the kernel fills in identifier and checksum.
std::vector<std::uint8_t> echo_request(bool v4, std::uint16_t sequence, std::uint64_t token);
// Whether it is the reply to that request.
bool is_echo_reply(base::Bytes message, bool v4, std::uint16_t sequence, std::uint64_t token);

// The series of a table of probes, one for each target.
std::span<const model::MetricDef> health_metrics();
void append_samples(const model::HealthTable& table, std::vector<model::Sample>& out);

struct ProbeOptions {
  std::chrono::milliseconds timeout{1000};
  std::uint16_t dns_port = 53;
};

// Not thread-safe.
class HealthProber {
 public:
  explicit HealthProber(ProbeOptions options = {});
  ~HealthProber();
  HealthProber(const HealthProber&) = delete;
  HealthProber& operator=(const HealthProber&) = delete;

  // Whom to probe from now on. Who was probed before keeps its history.
  void set_targets(const std::vector<model::HealthTarget>& targets);
  // One probe of each, all at once; blocks until all have answered, at most for the timeout.
  model::HealthTable round();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace netwatch::collect
