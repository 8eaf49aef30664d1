#include "enrich/name_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace netwatch::enrich {
namespace {

using model::FieldType;
using model::Role;

enum Id : std::uint8_t { kAnswer, kName, kCount };
constexpr model::FieldDef kFields[] = {
    {.name = "x.answers", .type = FieldType::kAddress, .list = true, .role = Role::kAnswerAddress},
    {.name = "x.qname", .role = Role::kQueryName},
    {.name = "x.count", .type = FieldType::kUint},
};
constexpr std::string_view kKinds[] = {"answer"};
constexpr model::Schema kSchema{.proto = "x", .title = "X", .kinds = kKinds, .fields = kFields};

base::IpAddress ip(std::string_view text) { return base::IpAddress::parse(text).value(); }

TEST(NameCache, LearnsFromRolesInAnyOrder) {
  model::RecordBuilder builder;
  builder.start(kSchema, 0);
  builder.add_address(kAnswer, ip("192.0.2.1"));
  builder.add_uint(kCount, 2);
  builder.add_text(kName, "Www.Example.ORG.");
  builder.add_address(kAnswer, ip("2001:db8::1"));
  NameCache names;
  names.learn(builder.view());
  EXPECT_EQ(names.find(ip("192.0.2.1")).name, "www.example.org");
  EXPECT_EQ(names.find(ip("2001:db8::1")).name, "www.example.org");
  EXPECT_EQ(names.find(ip("192.0.2.2")).name, "");
  EXPECT_EQ(names.size(), 2U);
}

TEST(NameCache, ARecordWithoutNameOrAddressTeachesNothing) {
  NameCache names;
  model::RecordBuilder builder;
  builder.start(kSchema, 0);
  builder.add_text(kName, "example.org");
  names.learn(builder.view());
  builder.start(kSchema, 0);
  builder.add_address(kAnswer, ip("192.0.2.1"));
  names.learn(builder.view());
  builder.add_text(kName, ".");  // the root
  names.learn(builder.view());
  EXPECT_EQ(names.size(), 0U);
}

TEST(NameCache, WhatIsNoNameIsNotKept) {
  NameCache names;
  names.learn(ip("0.0.0.0"), "ads.example.org");
  names.learn(ip("::"), "ads.example.org");
  names.learn(ip("192.0.2.1"), std::string(256, 'a'));
  EXPECT_EQ(names.size(), 0U);
}

TEST(NameCache, TheLastNameWins) {
  NameCache names;
  names.learn(ip("192.0.2.1"), "old.example.org");
  names.learn(ip("192.0.2.1"), "new.example.org");
  EXPECT_EQ(names.find(ip("192.0.2.1")).name, "new.example.org");
  EXPECT_EQ(names.size(), 1U);
  EXPECT_EQ(names.forgotten(), 0U);
}

TEST(NameCache, ForgetsWhatWasUsedLongestAgo) {
  NameCache names(500);  // room for three
  names.learn(ip("192.0.2.1"), "one");
  names.learn(ip("192.0.2.2"), "two");
  names.learn(ip("192.0.2.3"), "three");
  EXPECT_EQ(names.forgotten(), 0U);
  EXPECT_EQ(names.find(ip("192.0.2.1")).name, "one");  // used: now the newest
  names.learn(ip("192.0.2.4"), "four");
  EXPECT_EQ(names.forgotten(), 1U);
  EXPECT_EQ(names.find(ip("192.0.2.2")).name, "");
  EXPECT_EQ(names.find(ip("192.0.2.1")).name, "one");
  EXPECT_EQ(names.size(), 3U);
}

TEST(NameCache, AnAnswerIsBelievedMoreThanAFile) {
  NameCache names;
  names.learn(ip("192.0.2.1"), "of.file", model::NameSource::kFile);
  EXPECT_EQ(names.find(ip("192.0.2.1")).source, model::NameSource::kFile);
  names.learn(ip("192.0.2.1"), "of.answer");
  names.learn(ip("192.0.2.1"), "of.file", model::NameSource::kFile);
  EXPECT_EQ(names.find(ip("192.0.2.1")).name, "of.answer");
  EXPECT_EQ(names.find(ip("192.0.2.1")).source, model::NameSource::kDns);
}

// The budget counts the bytes of names, also of those that were replaced.
TEST(NameCache, StaysInItsBudget) {
  NameCache names(10'000);
  const std::string long_name(200, 'a');
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 200; ++i) {
      names.learn(ip("192.0.2." + std::to_string(i)), i % 2 == round % 2 ? long_name : "b");
    }
  }
  EXPECT_LE(names.size(), 10'000U / 150);
  EXPECT_GE(names.size(), 10'000U / 400);
  EXPECT_EQ(names.find(ip("192.0.2.199")).name, "b");
  NameCache none(0);
  none.learn(ip("192.0.2.1"), "x");
  EXPECT_EQ(none.size(), 0U);
  EXPECT_EQ(none.forgotten(), 1U);
}

}  // namespace
}  // namespace netwatch::enrich
