#include "apps/netwatch/rotation_options.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace netwatch::app {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
// The first is that of a bare number.
constexpr std::array kSizes{Unit{"kB", 1000},          Unit{"MB", 1'000'000},
                            Unit{"GB", 1'000'000'000}, Unit{"KiB", 1ULL << 10},
                            Unit{"MiB", 1ULL << 20},   Unit{"GiB", 1ULL << 30}};
constexpr std::array kTimes{Unit{"s", 1}, Unit{"m", 60}, Unit{"h", 3600}, Unit{"d", 86'400}};
constexpr std::array kCounts{Unit{"", 1}};

std::optional<std::uint64_t> read_number(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number == 0) return std::nullopt;
  std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  if (name.empty()) name = units.front().name;
  for (const Unit& unit : units) {
    std::uint64_t out = 0;
    if (unit.name == name && !__builtin_mul_overflow(number, unit.factor, &out)) return out;
  }
  return std::nullopt;
}

base::Error wrong(const std::string& option, std::string_view wanted) {
  return {base::ErrorCode::kInvalid, fmt::format("-b {}: {}", option, wanted)};
}

std::optional<base::TimeNs> read_time(std::string_view text) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max() / base::kNsPerSecond;
  const auto seconds = read_number(text, kTimes);
  if (!seconds || *seconds > kMost) return std::nullopt;
  return static_cast<base::TimeNs>(*seconds) * base::kNsPerSecond;
}

base::Status apply(const std::string& option, record::Rotation& out) {
  const std::size_t colon = option.find(':');
  const std::string_view key = std::string_view(option).substr(0, colon);
  const std::string_view value =
      colon == std::string::npos ? std::string_view() : std::string_view(option).substr(colon + 1);
  if (key == "filesize") {
    const auto bytes = read_number(value, kSizes);
    if (!bytes) return wrong(option, "a size is wanted: 500 (kB), 100MB, 1GiB");
    out.max_bytes = *bytes;
  } else if (key == "duration" || key == "interval") {
    const auto time = read_time(value);
    if (!time) return wrong(option, "a time is wanted: 90 (seconds), 15m, 1h, 1d");
    (key == "duration" ? out.duration_ns : out.interval_ns) = *time;
  } else if (key == "packets" || key == "files") {
    const auto count = read_number(value, kCounts);
    if (!count || (key == "files" && *count > 1'000'000)) {
      return wrong(option, "a whole number from 1 is wanted");
    }
    if (key == "packets") {
      out.max_packets = *count;
    } else {
      out.keep_files = static_cast<std::uint32_t>(*count);
    }
  } else {
    return wrong(option,
                 "known are filesize, duration, interval, packets and files, as in "
                 "-b filesize:100MB -b files:10");
  }
  return base::ok_status();
}

}  // namespace

base::Result<record::Rotation> parse_rotation(const std::vector<std::string>& options) {
  record::Rotation out;
  for (const std::string& option : options) {
    if (auto applied = apply(option, out); !applied.ok()) return applied.error();
  }
  if (out.keep_files != 0 && !out.divides()) {
    return base::Error{base::ErrorCode::kInvalid,
                       "-b files needs to be told when the next one begins: "
                       "filesize, duration, interval or packets"};
  }
  return out;
}

}  // namespace netwatch::app
