#include "tui/format.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string_view>

namespace netwatch::tui {
namespace {

// Three significant digits, never four: 9.995 is already "10.0".
std::string three_digits(double value) {
  if (value < 9.995) return fmt::format("{:.2f}", value);
  if (value < 99.95) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

}  // namespace

std::string format_bytes(double bytes) {
  static constexpr std::array<std::string_view, 7> kUnits{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (!std::isfinite(bytes) || bytes < 0) return kUnknownMark;
  if (bytes < 999.5) return fmt::format("{:.0f} B", bytes);
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  return fmt::format("{} {}", three_digits(bytes), kUnits[unit]);
}

std::string format_rate(double bytes_per_second) { return format_bytes(bytes_per_second) + "/s"; }

std::string format_rate_cell(double bytes_per_second) {
  if (bytes_per_second >= 0 && bytes_per_second < 1) return {};
  return format_bytes(bytes_per_second);
}

std::string format_count(std::uint64_t count) {
  static constexpr std::array<std::string_view, 7> kUnits{"", "k", "M", "G", "T", "P", "E"};
  if (count < 10'000) return std::to_string(count);
  auto value = static_cast<double>(count);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{}{}", three_digits(value), kUnits[unit]);
}

std::string format_rtt(std::int64_t rtt_us) {
  if (rtt_us < 0) return kUnknownMark;
  if (rtt_us < 1000) return fmt::format("{} µs", rtt_us);
  const double ms = static_cast<double>(rtt_us) / 1000;
  if (ms < 9.95) return fmt::format("{:.1f} ms", ms);
  if (ms < 999.5) return fmt::format("{:.0f} ms", ms);
  if (ms < 9950) return fmt::format("{:.1f} s", ms / 1000);
  return fmt::format("{:.0f} s", ms / 1000);
}

std::string format_age(base::TimeNs duration_ns) {
  if (duration_ns < 0) return kUnknownMark;
  const std::int64_t seconds = duration_ns / base::kNsPerSecond;
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m {:02}s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{}h {:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d {:02}h", seconds / 86'400, seconds / 3600 % 24);
}

std::string format_clock(base::TimeNs time_ns, std::int32_t offset_s) {
  const std::int64_t seconds = time_ns / base::kNsPerSecond + offset_s;
  const std::int64_t in_day = ((seconds % 86'400) + 86'400) % 86'400;
  return fmt::format("{:02}:{:02}:{:02}", in_day / 3600, in_day / 60 % 60, in_day % 60);
}

std::string format_share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return kUnknownMark;
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  if (part > 0 && percent < 1) return "<1%";
  if (part < whole && percent > 99) return ">99%";
  return fmt::format("{:.0f}%", percent);
}

}  // namespace netwatch::tui
