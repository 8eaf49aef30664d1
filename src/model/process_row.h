#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/owner.h"
#include "model/rate_point.h"

namespace netwatch::model {

// Payload by the kernel's own counters since this session began (truth rule 2): TCP's of tcp_info
// and of the socket's end, UDP's of the programs in the kernel. Never packets, never frames.
struct PayloadTotals {
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::array<std::uint64_t, 3> bytes{};  // of both, by the Quality of the owner
  float sent_rate = 0;                   // bytes per second over the last full second
  float received_rate = 0;
  std::uint64_t open_sockets = 0;  // listeners and unconnected ones too
  std::uint64_t connections = 0;   // sockets with another end that were seen so far
  // Sockets that nobody counts the payload of (UDP without the programs in the kernel): what they
  // moved is in no sum here.
  std::uint64_t uncounted_sockets = 0;
};

// What one process has moved.
struct ProcessRow {
  enum class Kind : std::uint8_t {
    kProcess,
    kUnknown,  // sockets whose process we could not learn
    kEarlier,  // processes that had to make room for others, together
  };
  Kind kind = Kind::kProcess;
  std::shared_ptr<const Process> process;  // of kProcess only
  Quality quality = Quality::kUnknown;     // how it is known now
  OwnerVia via = OwnerVia::kNone;
  std::uint64_t processes = 1;  // that the row stands for
  base::TimeNs ended_ns = 0;    // wall clock; 0: it lives, or nobody told
  PayloadTotals totals;
  // What it takes of the host, looked at once a second while it owns a socket.
  double cpu = -1;              // as in ProcessUsage; negative: not known
  std::uint64_t rss_bytes = 0;  // 0: not known
  // Payload by second, newest last, at most kRateSamples; empty: it moved nothing in that time.
  std::vector<RatePoint> rates{};

  static constexpr std::size_t kRateSamples = 60;
};
std::string_view process_row_kind_name(ProcessRow::Kind kind);  // "process", "unknown", "earlier"

// The same of all processes of one container, or of one systemd unit outside of containers.
struct ContainerRow {
  std::string container;  // id from the cgroup; empty for a unit
  std::string runtime;
  std::string pod;
  std::string unit;
  bool earlier = false;         // those that had to make room for others, together
  std::uint64_t processes = 0;  // that were seen in it so far
  PayloadTotals totals;
};

// Captured traffic that no process owns, at neither end. Measured by packets, apart from what
// processes move: the two are never added up.
struct UnownedTraffic {
  enum class Kind : std::uint8_t {
    kForwarded,  // neither end is an address of this host, nor a group's
    kKernel,     // answered by the kernel: echo requests, connections refused
    kNoPort,     // other protocols without ports: the kernel's, or some raw socket's
    kUnknown,    // has ports, and no socket of it was found
    kCount,
  };
  struct Part {
    std::uint64_t packets = 0;
    std::uint64_t ip_bytes = 0;
    std::uint64_t payload_bytes = 0;

    void add(const Part& more) {
      packets += more.packets;
      ip_bytes += more.ip_bytes;
      payload_bytes += more.payload_bytes;
    }
  };
  std::array<Part, static_cast<std::size_t>(Kind::kCount)> parts{};
  std::uint64_t non_ip_packets = 0;  // ARP, LLDP, ...: in no part

  Part& operator[](Kind kind) { return parts[static_cast<std::size_t>(kind)]; }
  const Part& operator[](Kind kind) const { return parts[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] Part sum() const {
    Part all;
    for (const Part& part : parts) all.add(part);
    return all;
  }
};
std::string_view unowned_kind_name(UnownedTraffic::Kind kind);  // "forwarded", "kernel", ...

// Who moved how much. Immutable once it is part of a Snapshot.
struct OwnerTotals {
  std::vector<ProcessRow> processes;      // most bytes first
  std::vector<ContainerRow> containers;   // likewise
  std::optional<UnownedTraffic> unowned;  // nothing where no packets are captured
};

}  // namespace netwatch::model
