#pragma once

#include <cstdint>
#include <optional>

#include "base/cursor.h"

// Bencoding: BEP 3. Nothing is copied; nesting is limited, and no recursion is needed for it.
namespace netwatch::dpi {

enum class BencodeType : std::uint8_t { kInteger, kString, kList, kDictionary };

struct BencodeValue {
  BencodeType type = BencodeType::kString;
  base::Bytes bytes;  // a string's content; of a list or dictionary what is between its ends
  std::int64_t number = 0;
};

// Takes the next whole value. False, and `in` failed, if there is none.
bool next_bencode(base::Cursor& in, BencodeValue& value);

// The value of `key` in what is between the ends of a dictionary.
std::optional<BencodeValue> find_bencode(base::Bytes dictionary, std::string_view key);

}  // namespace netwatch::dpi
