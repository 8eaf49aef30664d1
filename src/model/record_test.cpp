#include "model/record.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace netwatch::model {
namespace {

enum Id : std::uint8_t { kFlag, kCount, kDelta, kRatio, kTitle, kBlob, kHost, kWhen, kTags };

constexpr FieldDef kFields[] = {
    {.name = "t.flag", .type = FieldType::kBool},
    {.name = "t.count", .type = FieldType::kUint},
    {.name = "t.delta", .type = FieldType::kInt},
    {.name = "t.ratio", .type = FieldType::kReal},
    {.name = "t.title", .type = FieldType::kText, .max_bytes = 8},
    {.name = "t.blob", .type = FieldType::kBytes, .max_bytes = 65535},
    {.name = "t.host", .type = FieldType::kAddress},
    {.name = "t.when", .type = FieldType::kTime},
    {.name = "t.tags", .type = FieldType::kText, .list = true},
};
constexpr std::string_view kKinds[] = {"one", "two"};
constexpr Schema kSchema{.proto = "t", .title = "Test", .kinds = kKinds, .fields = kFields};

TEST(Record, ValuesComeBackInOrder) {
  RecordBuilder builder;
  builder.start(kSchema, 1);
  EXPECT_TRUE(builder.empty());
  const std::uint8_t blob[] = {0, 255};
  builder.add_bool(kFlag, true);
  builder.add_uint(kCount, std::numeric_limits<std::uint64_t>::max());
  builder.add_int(kDelta, std::numeric_limits<std::int64_t>::min());
  builder.add_real(kRatio, -0.25);
  builder.add_text(kTags, "a");
  builder.add_bytes(kBlob, blob);
  builder.add_text(kTags, "");
  builder.add_address(kHost, *base::IpAddress::parse("10.0.0.1"));
  builder.add_address(kHost, *base::IpAddress::parse("2001:db8::1"));
  builder.add_int(kWhen, -5);
  const Record record = builder.view();
  EXPECT_EQ(record.kind_name(), "two");
  EXPECT_FALSE(record.cut);

  ValueCursor values(record);
  const auto next = [&values](Id id) {
    const auto value = values.next();
    EXPECT_TRUE(value.has_value());
    EXPECT_EQ(value->def, &kFields[id]);
    return *value;
  };
  EXPECT_TRUE(next(kFlag).boolean());
  EXPECT_EQ(next(kCount).uint(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(next(kDelta).sint(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(next(kRatio).real(), -0.25);
  EXPECT_EQ(next(kTags).text(), "a");
  EXPECT_EQ(next(kBlob).raw.size(), 2U);
  EXPECT_EQ(next(kTags).text(), "");
  EXPECT_EQ(next(kHost).address().to_string(), "10.0.0.1");
  EXPECT_EQ(next(kHost).address().to_string(), "2001:db8::1");
  EXPECT_EQ(next(kWhen).sint(), -5);
  EXPECT_FALSE(values.next().has_value());

  EXPECT_EQ(find_value(record, kHost)->address().to_string(), "10.0.0.1");
  EXPECT_FALSE(find_value(record, kTitle).has_value());
}

TEST(Record, LongValuesAreCutAndSaySo) {
  RecordBuilder builder;
  builder.start(kSchema, 0);
  builder.add_text(kTitle, "12345678");
  EXPECT_FALSE(builder.view().cut);
  builder.add_text(kTitle, "123456789");
  const Record record = builder.view();
  EXPECT_TRUE(record.cut);
  ValueCursor values(record);
  values.next();
  EXPECT_EQ(values.next()->text(), "12345678");
}

TEST(Record, NeverGrowsBeyondItsBuffer) {
  const std::string big(3000, 'x');
  RecordBuilder builder;
  builder.start(kSchema, 0);
  builder.add_bytes(kBlob, base::as_bytes(big));
  EXPECT_FALSE(builder.view().cut);
  builder.add_bytes(kBlob, base::as_bytes(big));
  EXPECT_TRUE(builder.view().cut);
  EXPECT_EQ(builder.view().body.size(), RecordBuilder::kMaxBytes);
  for (int i = 0; i < 10; ++i) {
    builder.add_uint(kCount, 1);
    builder.add_text(kTags, "");
    builder.add_bool(kFlag, true);
    builder.add_address(kHost, {});
  }
  EXPECT_EQ(builder.view().body.size(), RecordBuilder::kMaxBytes);
  const Record record = builder.view();
  ValueCursor values(record);
  std::size_t bytes = 0;
  while (const auto value = values.next()) bytes += value->raw.size();
  EXPECT_EQ(bytes, RecordBuilder::kMaxBytes - 6);  // two values, three bytes of head each
}

// A number is whole or absent: half of one would be another number.
TEST(Record, NumbersAreNeverCut) {
  RecordBuilder builder;
  builder.start(kSchema, 0);
  builder.add_bytes(kBlob, base::as_bytes(std::string(RecordBuilder::kMaxBytes - 3 - 10, 'x')));
  builder.add_uint(kCount, 7);  // 11 bytes needed, 10 left
  EXPECT_TRUE(builder.view().cut);
  EXPECT_FALSE(find_value(builder.view(), kCount).has_value());
  builder.add_bool(kFlag, true);
  EXPECT_TRUE(find_value(builder.view(), kFlag)->boolean());
}

TEST(Record, StartForgetsTheRecordBefore) {
  RecordBuilder builder;
  builder.start(kSchema, 1);
  builder.add_uint(kCount, 7);
  builder.mark_cut();
  EXPECT_TRUE(builder.view().cut);
  builder.start(kSchema, 0);
  EXPECT_TRUE(builder.empty());
  EXPECT_FALSE(builder.view().cut);
  EXPECT_EQ(builder.view().kind_name(), "one");
}

}  // namespace
}  // namespace netwatch::model
