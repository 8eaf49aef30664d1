#include "dpi/parts/bencode.h"

namespace netwatch::dpi {
namespace {

constexpr int kMaxDepth = 8;

// Digits up to `end`, which is taken too.
bool read_digits(base::Cursor& in, char end, std::int64_t& number) {
  constexpr std::int64_t kMost = std::int64_t{1} << 52;
  number = 0;
  bool any = false;
  while (in.ok() && !in.at_end()) {
    const auto c = static_cast<char>(in.u8());
    if (c == end) return any;
    if (c < '0' || c > '9' || number > kMost) return false;
    number = number * 10 + (c - '0');
    any = true;
  }
  return false;
}

bool read_scalar(base::Cursor& in, BencodeValue& value) {
  if (in.peek() == 'i') {
    in.skip(1);
    const bool negative = in.peek() == '-';
    if (negative) in.skip(1);
    value.type = BencodeType::kInteger;
    if (!read_digits(in, 'e', value.number)) return false;
    if (negative) value.number = -value.number;
    return true;
  }
  value.type = BencodeType::kString;
  std::int64_t length = 0;
  if (!read_digits(in, ':', length)) return false;
  value.bytes = in.take(static_cast<std::size_t>(length));
  return in.ok();
}

// Passes over what is left of so many open lists and dictionaries.
bool skip_to_end(base::Cursor& in, int depth) {
  BencodeValue ignored;
  while (depth > 0) {
    const std::uint8_t next = in.peek();
    if (in.at_end()) return false;
    if (next == 'e') {
      in.skip(1);
      --depth;
    } else if (next == 'l' || next == 'd') {
      in.skip(1);
      if (++depth > kMaxDepth) return false;
    } else if (!read_scalar(in, ignored)) {
      return false;
    }
  }
  return in.ok();
}

}  // namespace

bool next_bencode(base::Cursor& in, BencodeValue& value) {
  const std::uint8_t first = in.peek();
  bool ok = false;
  if (first == 'l' || first == 'd') {
    value.type = first == 'l' ? BencodeType::kList : BencodeType::kDictionary;
    in.skip(1);
    const base::Bytes rest = in.rest();
    ok = skip_to_end(in, 1);
    if (ok) value.bytes = rest.first(rest.size() - in.remaining() - 1);
  } else {
    ok = read_scalar(in, value);
  }
  if (!ok) in.fail();
  return ok;
}

std::optional<BencodeValue> find_bencode(base::Bytes dictionary, std::string_view key) {
  base::Cursor in(dictionary);
  BencodeValue name;
  BencodeValue value;
  while (!in.at_end()) {
    if (!next_bencode(in, name) || name.type != BencodeType::kString) return std::nullopt;
    if (!next_bencode(in, value)) return std::nullopt;
    if (base::as_text(name.bytes) == key) return value;
  }
  return std::nullopt;
}

}  // namespace netwatch::dpi
