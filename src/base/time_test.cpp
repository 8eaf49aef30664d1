#include "base/time.h"

#include <gtest/gtest.h>

#include <limits>

namespace netwatch::base {
namespace {

TEST(Time, Rfc3339) {
  const struct {
    TimeNs time_ns;
    const char* text;
  } cases[] = {
      {0, "1970-01-01T00:00:00.000000000Z"},
      {1, "1970-01-01T00:00:00.000000001Z"},
      {-1, "1969-12-31T23:59:59.999999999Z"},
      {951'782'399'123'456'789, "2000-02-28T23:59:59.123456789Z"},
      {951'782'400 * kNsPerSecond, "2000-02-29T00:00:00.000000000Z"},
      {1'709'251'199 * kNsPerSecond, "2024-02-29T23:59:59.000000000Z"},
      {4'107'542'400 * kNsPerSecond, "2100-03-01T00:00:00.000000000Z"},
      {std::numeric_limits<TimeNs>::max(), "2262-04-11T23:47:16.854775807Z"},
      {std::numeric_limits<TimeNs>::min(), "1677-09-21T00:12:43.145224192Z"},
  };
  for (const auto& c : cases) EXPECT_EQ(to_rfc3339(c.time_ns), c.text);
  std::string out = "at ";
  append_rfc3339(out, 0);
  EXPECT_EQ(out, "at 1970-01-01T00:00:00.000000000Z");
}

TEST(Time, Clocks) {
  EXPECT_GT(wall_clock_ns(), TimeNs{1'577'836'800} * kNsPerSecond);  // after 2020
  const TimeNs before = monotonic_clock_ns();
  EXPECT_LE(before, monotonic_clock_ns());
}

}  // namespace
}  // namespace netwatch::base
