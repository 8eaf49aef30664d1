#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/time.h"

namespace netwatch::model {

enum class ProbeKind : std::uint8_t { kIcmpEcho, kDnsQuery };
std::string_view probe_kind_name(ProbeKind kind);  // "icmp_echo"

// Whom to ask whether the network works.
struct HealthTarget {
  ProbeKind kind = ProbeKind::kIcmpEcho;
  base::IpAddress address;
  std::uint32_t ifindex = 0;  // of a link-local address
  friend bool operator==(const HealthTarget&, const HealthTarget&) = default;
};

// The last probes of one target, at most kProbeSamples. Times are -1 while there is none.
struct HealthRow {
  HealthTarget target;
  std::string why;                    // it cannot be probed at all; empty if it can
  std::string fix;                    // a command; empty if there is none
  std::vector<base::TimeNs> rtts_ns;  // oldest first; -1 is a probe without answer
  base::TimeNs last_ns = -1;          // of the last probe
  base::TimeNs mean_ns = -1;
  base::TimeNs min_ns = -1;
  base::TimeNs max_ns = -1;
  base::TimeNs jitter_ns = -1;  // mean difference of one answered probe's time to the next's
  double loss = -1;             // share of probes without answer
  std::int32_t rcode = -1;      // of the last DNS answer (RFC 1035 4.1.1): 2 is "server failure"
};
inline constexpr std::size_t kProbeSamples = 60;

struct HealthTable {
  base::TimeNs taken_ns = 0;
  std::vector<HealthRow> rows;
};

}  // namespace netwatch::model
