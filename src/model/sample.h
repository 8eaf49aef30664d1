#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/time.h"
#include "model/field.h"

namespace netwatch::model {

enum class MetricKind : std::uint8_t { kGauge, kCounter };
enum class MetricUnit : std::uint8_t {
  kNone,
  kBytes,
  kBitsPerSecond,
  kPackets,
  kNanoseconds,
  kRatio
};

// Describes one measured series of a collector; feeds UI, exports and hub alike.
struct MetricDef {
  std::string_view name;  // "interface.rx_bytes"
  MetricKind kind = MetricKind::kGauge;
  MetricUnit unit = MetricUnit::kNone;
  std::string_view help;
  std::string_view label;  // the one label's name ("interface"); empty for none
};

// One measurement. `def` is of static storage.
struct Sample {
  const MetricDef* def = nullptr;
  base::TimeNs time_ns = 0;
  std::string label;
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

}  // namespace netwatch::model
