#include "query/timestamp.h"

#include <chrono>

#include "base/cursor.h"

namespace netwatch::query {
namespace {

// Exactly `digits` decimal digits; fails the cursor otherwise.
unsigned read_digits(base::Cursor& in, std::size_t digits) {
  unsigned value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const std::uint8_t c = in.u8();
    if (c < '0' || c > '9') {
      in.fail();
      return 0;
    }
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

void expect(base::Cursor& in, char c) {
  if (in.u8() != static_cast<std::uint8_t>(c)) in.fail();
}

base::TimeNs read_fraction(base::Cursor& in) {
  base::TimeNs unit = base::kNsPerSecond;
  base::TimeNs value = 0;
  std::size_t digits = 0;
  for (; in.peek() >= '0' && in.peek() <= '9'; ++digits) {
    unit /= 10;
    value += unit * (in.u8() - '0');
  }
  if (digits == 0 || digits > 9) in.fail();
  return value;
}

}  // namespace

std::optional<base::TimeNs> parse_timestamp(std::string_view text) {
  using namespace std::chrono;
  base::Cursor in(base::as_bytes(text));
  const int years = static_cast<int>(read_digits(in, 4));
  expect(in, '-');
  const unsigned months = read_digits(in, 2);
  expect(in, '-');
  const year_month_day date{year{years}, month{months}, day{read_digits(in, 2)}};
  unsigned hours_of_day = 0;
  unsigned minutes_of_hour = 0;
  unsigned seconds_of_minute = 0;
  base::TimeNs fraction = 0;
  if (in.peek() == 'T' || in.peek() == 't' || in.peek() == ' ') {
    in.skip(1);
    hours_of_day = read_digits(in, 2);
    expect(in, ':');
    minutes_of_hour = read_digits(in, 2);
    if (in.peek() == ':') {
      in.skip(1);
      seconds_of_minute = read_digits(in, 2);
    }
    if (in.peek() == '.') {
      in.skip(1);
      fraction = read_fraction(in);
    }
  }
  if (in.peek() == 'Z' || in.peek() == 'z') in.skip(1);
  if (!in.ok() || !in.at_end() || !date.ok() || years < 1970 || years > 2261) return std::nullopt;
  if (hours_of_day > 23 || minutes_of_hour > 59 || seconds_of_minute > 60) return std::nullopt;
  const auto whole = sys_days{date}.time_since_epoch() + hours{hours_of_day} +
                     minutes{minutes_of_hour} + seconds{seconds_of_minute};
  return duration_cast<nanoseconds>(whole).count() + fraction;
}

}  // namespace netwatch::query
