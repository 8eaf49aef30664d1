#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
