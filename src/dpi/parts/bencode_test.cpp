#include "dpi/parts/bencode.h"

#include <gtest/gtest.h>

#include <string>

namespace netwatch::dpi {
namespace {

bool reads(std::string_view text) {
  base::Cursor in(base::as_bytes(text));
  BencodeValue value;
  return next_bencode(in, value) && in.at_end();
}

TEST(Bencode, Values) {
  EXPECT_TRUE(reads("i-42e"));
  EXPECT_TRUE(reads("4:spam"));
  EXPECT_TRUE(reads("le"));
  EXPECT_TRUE(reads("d3:cow3:moo4:listli1e2:abee"));
}

TEST(Bencode, WhatDoesNotEndIsNone) {
  for (const char* text : {"", "i42", "ie", "4:spa", "99999999999999999999:a", "l", "d3:cow", "x",
                           "i1-2e", ":", "-1:a"}) {
    EXPECT_FALSE(reads(text)) << text;
  }
}

TEST(Bencode, NestingIsLimited) {
  EXPECT_TRUE(reads(std::string(8, 'l') + std::string(8, 'e')));
  EXPECT_FALSE(reads(std::string(9, 'l') + std::string(9, 'e')));
  EXPECT_FALSE(reads(std::string(60000, 'd')));
}

TEST(Bencode, FindsKeysOfItsOwnLevel) {
  const std::string_view inner = "1:ad2:id3:onee2:id3:two";
  EXPECT_EQ(base::as_text(find_bencode(base::as_bytes(inner), "id")->bytes), "two");
  EXPECT_FALSE(find_bencode(base::as_bytes(inner), "none"));
  EXPECT_FALSE(find_bencode(base::as_bytes("i1e2:id3:two"), "id"));  // a key is text
}

}  // namespace
}  // namespace netwatch::dpi
