#pragma once

#include <cstdint>
#include <string>

namespace netwatch::base {

// Nanoseconds since 1970-01-01T00:00:00Z (a point) or of a duration.
using TimeNs = std::int64_t;

inline constexpr TimeNs kNsPerUs = 1'000;
inline constexpr TimeNs kNsPerMs = 1'000'000;
inline constexpr TimeNs kNsPerSecond = 1'000'000'000;

// Appends RFC 3339 in UTC with nine fraction digits: 2026-11-20T12:00:00.000000000Z.
void append_rfc3339(std::string& out, TimeNs time_ns);
std::string to_rfc3339(TimeNs time_ns);

// The wall clock and the monotonic clock of this host.
TimeNs wall_clock_ns();
TimeNs monotonic_clock_ns();

}  // namespace netwatch::base
