#include "base/json_writer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace netwatch::base {
namespace {

TEST(JsonWriter, PlacesCommas) {
  std::string out = "x";
  JsonWriter json(out);
  json.begin_object();
  json.key("a");
  json.uint(1);
  json.key("b");
  json.begin_array();
  json.string("s\"");
  json.begin_object();
  json.end_object();
  json.begin_array();
  json.end_array();
  json.boolean(true);
  json.null();
  json.end_array();
  json.key("c");
  json.begin_object();
  json.outside_key("k\n");
  json.integer(-1);
  json.key("r");
  json.raw_value() += "[1]";
  json.end_object();
  json.end_object();
  EXPECT_EQ(out, R"(x{"a":1,"b":["s\"",{},[],true,null],"c":{"k\\x0a":-1,"r":[1]}})");
}

TEST(JsonWriter, NumbersAtTheirLimits) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  json.uint(std::numeric_limits<std::uint64_t>::max());
  json.integer(std::numeric_limits<std::int64_t>::min());
  json.real(0.1);
  json.real(std::numeric_limits<double>::lowest());
  json.real(std::numeric_limits<double>::infinity());
  json.real(std::numeric_limits<double>::quiet_NaN());
  json.end_array();
  EXPECT_EQ(out,
            "[18446744073709551615,-9223372036854775808,0.1,-1.7976931348623157e+308,null,null]");
}

}  // namespace
}  // namespace netwatch::base
