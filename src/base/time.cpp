#include "base/time.h"

#include <array>
#include <chrono>
#include <cstddef>

namespace netwatch::base {
namespace {

void put_digits(char* out, std::int64_t value, std::size_t digits) {
  for (std::size_t i = digits; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

void append_rfc3339(std::string& out, TimeNs time_ns) {
  constexpr std::int64_t kNsPerDay = 86'400 * kNsPerSecond;
  // Rounds down, before the epoch too; the first day of the range starts outside it.
  std::int64_t day = time_ns / kNsPerDay;
  std::int64_t in_day = time_ns % kNsPerDay;
  if (in_day < 0) {
    in_day += kNsPerDay;
    --day;
  }
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  const std::int64_t second = in_day / kNsPerSecond;
  std::array<char, 30> text{'0', '0', '0', '0', '-', '0', '0', '-', '0', '0',
                            'T', '0', '0', ':', '0', '0', ':', '0', '0', '.'};
  put_digits(text.data(), static_cast<int>(date.year()), 4);
  put_digits(&text[5], static_cast<unsigned>(date.month()), 2);
  put_digits(&text[8], static_cast<unsigned>(date.day()), 2);
  put_digits(&text[11], second / 3600, 2);
  put_digits(&text[14], second / 60 % 60, 2);
  put_digits(&text[17], second % 60, 2);
  put_digits(&text[20], in_day % kNsPerSecond, 9);
  text[29] = 'Z';
  out.append(text.data(), text.size());
}

std::string to_rfc3339(TimeNs time_ns) {
  std::string out;
  append_rfc3339(out, time_ns);
  return out;
}

TimeNs wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

TimeNs monotonic_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace netwatch::base
