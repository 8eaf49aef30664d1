#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace netwatch::tui {

// One unit style for the whole screen: decimal prefixes (1 kB = 1000 B), three digits, a space.
// Unknown is "–", never a number that stands for it.
inline constexpr const char* kUnknownMark = "–";

inline constexpr int kBytesColumns = 7;  // "1.23 MB", at most
inline constexpr int kRateColumns = 9;   // "1.23 MB/s"
inline constexpr int kRttColumns = 6;    // "999 µs"
inline constexpr int kAgeColumns = 8;    // "123d 03h"

std::string format_bytes(double bytes);
std::string format_rate(double bytes_per_second);
// As format_rate, but without "/s", for columns headed by it; blank below one byte per second.
std::string format_rate_cell(double bytes_per_second);
// "1 234 567" as "1.23M"; exact below 10 000.
std::string format_count(std::uint64_t count);
// A round-trip time; "–" if negative.
std::string format_rtt(std::int64_t rtt_us);
// How long something has lasted: "12s", "4m 05s", "3h 07m", "12d 03h"; "–" if negative.
std::string format_age(base::TimeNs duration_ns);
// Time of day, "HH:MM:SS", `offset_s` east of UTC.
std::string format_clock(base::TimeNs time_ns, std::int32_t offset_s);
// Whole percents; "<1%" and ">99%" where rounding would claim none or all; "–" if whole is 0.
std::string format_share(std::uint64_t part, std::uint64_t whole);

}  // namespace netwatch::tui
