#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/time.h"

namespace netwatch::model {

enum class MetricKind : std::uint8_t {
  kGauge,
  kCounter,  // grows; begins anew at a boot or when its device does
  kState,    // one of MetricDef::states
};
enum class MetricUnit : std::uint8_t {
  kNone,  // a number of things
  kBytes,
  kBitsPerSecond,
  kPackets,
  kSeconds,
  kRatio,  // 0 to 1
};
std::string_view metric_kind_name(MetricKind kind);  // "gauge"
std::string_view metric_unit_name(MetricUnit unit);  // "bits_per_second"; empty for kNone

inline constexpr std::size_t kMaxLabels = 3;

// Describes one measured series of a collector; feeds UI, exports and hub alike. All views are of
// static storage.
struct MetricDef {
  std::string_view name;  // "interface.rx_bytes"
  MetricKind kind = MetricKind::kGauge;
  MetricUnit unit = MetricUnit::kNone;
  std::string_view help;                       // one line, for people
  std::span<const std::string_view> labels{};  // names of the labels, at most kMaxLabels
  std::span<const std::string_view> states{};  // of kState: a sample's value is a place in it
};

// One measurement. `def` is of static storage.
struct Sample {
  const MetricDef* def = nullptr;
  std::array<std::string, kMaxLabels> labels;  // values of def->labels, in their order
  double value = 0;
};

// A network interface of this host as the kernel describes it.
struct Interface {
  std::string name;
  std::uint32_t ifindex = 0;
  std::string mac;  // empty if it has none
  std::vector<base::IpAddress> addresses;
  bool up = false;
  bool loopback = false;
  bool is_default = false;             // carries the default route
  std::int64_t speed_bits_per_s = -1;  // -1: the driver does not say
  std::uint32_t mtu = 0;
  std::uint64_t rx_bytes = 0;  // since boot, 64-bit kernel counters
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_packets = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t rx_dropped = 0;
  std::uint64_t tx_dropped = 0;
  std::uint64_t rx_errors = 0;
  std::uint64_t tx_errors = 0;
};

struct InterfaceTable {
  base::TimeNs taken_ns = 0;
  std::vector<Interface> interfaces;
};

// One thing this host or these rights do or do not allow, in words for people (`doctor`, the
// status line): what is off, why, and the command that turns it on.
struct Ability {
  std::string name;  // "capture"
  bool on = false;
  std::string why;  // empty when on
  std::string fix;  // a command; empty if there is none
};

// One look of all collectors.
struct SampleTable {
  base::TimeNs taken_ns = 0;  // wall clock
  std::vector<Sample> samples;
  std::vector<Ability> abilities;    // one for each collector
  std::uint64_t counter_wraps = 0;   // counters that ran over their width since the last look
  std::uint64_t counter_resets = 0;  // counters that went backwards since the last look
};

}  // namespace netwatch::model
