// Sanitising of text at the edge to people. Well-formed UTF-8 is table 3-7 of the Unicode
// standard (section 3.9); what cannot be seen is mostly its Default_Ignorable_Code_Point.
#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "base/bytes.h"

namespace netwatch::base {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr char32_t kInvalid = 0xFFFFFFFF;

struct CodeRange {
  char32_t first;
  char32_t last;
};
// Valid code points that are shown as escapes, ascending. Variation selectors are left alone
// (emoji need them); planes end in two non-characters each, which is_hidden() knows.
constexpr std::array<CodeRange, 19> kHidden{{
    {0x80, 0x9F},        // C1 controls
    {0xAD, 0xAD},        // soft hyphen
    {0x34F, 0x34F},      // combining grapheme joiner
    {0x61C, 0x61C},      // Arabic letter mark
    {0x115F, 0x1160},    // Hangul fillers
    {0x17B4, 0x17B5},    // Khmer inherent vowels
    {0x180E, 0x180E},    // Mongolian vowel separator
    {0x200B, 0x200F},    // zero-width spaces and joiners, bidi marks
    {0x2028, 0x202E},    // line and paragraph separators, bidi embeddings and overrides
    {0x2060, 0x206F},    // word joiner, invisible operators, bidi isolates
    {0x3164, 0x3164},    // Hangul filler
    {0xFDD0, 0xFDEF},    // non-characters
    {0xFEFF, 0xFEFF},    // byte order mark
    {0xFFA0, 0xFFA0},    // half-width Hangul filler
    {0xFFF0, 0xFFFB},    // unassigned, interlinear annotations
    {0x13430, 0x1345F},  // Egyptian hieroglyph format controls
    {0x1BCA0, 0x1BCA3},  // shorthand format controls
    {0x1D173, 0x1D17A},  // musical format controls
    {0xE0000, 0xE0FFF},  // tags
}};

bool is_hidden(char32_t code) {
  if ((code & 0xFFFE) == 0xFFFE) return true;
  const auto* after = std::upper_bound(kHidden.begin(), kHidden.end(), code,
                                       [](char32_t c, CodeRange range) { return c < range.first; });
  return after != kHidden.begin() && code <= std::prev(after)->last;
}

struct Decoded {
  char32_t code = kInvalid;
  std::size_t bytes = 1;
};

// The code point at the front of `text` (which is not empty); kInvalid if it is malformed.
Decoded decode_utf8(Bytes text) {
  const std::uint8_t lead = text[0];
  if (lead < 0x80) return {lead, 1};
  std::size_t length = 0;
  char32_t code = 0;
  char32_t smallest = 0;
  if ((lead & 0xE0) == 0xC0) {
    length = 2, code = lead & 0x1F, smallest = 0x80;
  } else if ((lead & 0xF0) == 0xE0) {
    length = 3, code = lead & 0x0F, smallest = 0x800;
  } else if ((lead & 0xF8) == 0xF0) {
    length = 4, code = lead & 0x07, smallest = 0x10000;
  }
  if (length == 0 || length > text.size()) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((text[i] & 0xC0) != 0x80) return {};
    code = (code << 6) | (text[i] & 0x3FU);
  }
  if (code < smallest || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, length};
}

void append_utf8(std::string& out, char32_t code) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

// The value of `count` lower-case hex digits, or kInvalid.
char32_t hex_value(std::string_view digits) {
  char32_t value = 0;
  for (const char digit : digits) {
    const std::size_t place = kHexDigits.find(digit);
    if (place == std::string_view::npos) return kInvalid;
    value = (value << 4) | static_cast<char32_t>(place);
  }
  return value;
}

struct Escape {
  char32_t value = kInvalid;
  std::size_t length = 0;  // 0: no escape stands there
  bool is_byte = false;    // \xNN
};

// The escape at the front of `text`, which starts with a backslash.
Escape parse_escape(std::string_view text) {
  if (text.size() >= 4 && text[1] == 'x') {
    const char32_t value = hex_value(text.substr(2, 2));
    return value == kInvalid ? Escape{} : Escape{value, 4, true};
  }
  if (text.size() < 5 || text[1] != 'u' || text[2] != '{') return {};
  const std::size_t end = text.substr(0, 10).find('}', 3);  // at most six digits
  if (end == std::string_view::npos || end == 3) return {};
  const char32_t value = hex_value(text.substr(3, end - 3));
  return value > 0x10FFFF ? Escape{} : Escape{value, end + 1, false};
}

void append_byte_escape(std::string& out, std::uint8_t byte) {
  out += "\\x";
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 0xF];
}

void append_code_escape(std::string& out, char32_t code) {
  out += "\\u{";
  int shift = 20;
  while (shift > 4 && (code >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) out += kHexDigits[(code >> shift) & 0xF];
  out += '}';
}

// Bytes that are copied without a look: printable ASCII but the backslash and the quote.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x7F; ++c) plain[c] = c != '\\' && c != '"';
  return plain;
}();

// How many bytes at the front are plain: eight at a time, then one by one.
std::size_t plain_prefix(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    // A high bit is set in `odd` if any byte is >= 0x7F, < 0x20, '"' or '\\'. (Borrows may set
    // more of them above a byte that is odd, never without one.)
    const std::uint64_t quote = word ^ (kOnes * '"');
    const std::uint64_t slash = word ^ (kOnes * '\\');
    const std::uint64_t odd =
        word | (word + kOnes) | (word - kOnes * 0x20) | (quote - kOnes) | (slash - kOnes);
    if ((odd & kHighs) != 0) break;
  }
  while (i < text.size() && kPlain[static_cast<std::uint8_t>(text[i])]) ++i;
  return i;
}

// Everything that is not plain. `kJson`: quotes and backslashes are escaped once more for JSON.
template <bool kJson>
void append_text(std::string& out, std::string_view raw) {
  const char* const backslash = kJson ? "\\\\" : "\\";
  std::string escape;  // short: it never leaves the string's own room
  while (true) {
    const std::size_t plain = plain_prefix(raw);
    out.append(raw.data(), plain);
    raw.remove_prefix(plain);
    if (raw.empty()) return;
    if (raw[0] == '"') {
      out += kJson ? "\\\"" : "\"";
      raw.remove_prefix(1);
      continue;
    }
    escape.clear();
    const Decoded next = decode_utf8(as_bytes(raw));
    if (raw[0] == '\\') {
      if (parse_escape(raw).length == 0) {
        out += backslash;
      } else {
        append_byte_escape(escape, '\\');
      }
    } else if (next.code == kInvalid || next.code < 0x80) {
      append_byte_escape(escape, static_cast<std::uint8_t>(raw[0]));
    } else if (is_hidden(next.code)) {
      append_code_escape(escape, next.code);
    } else {
      out.append(raw.data(), next.bytes);
    }
    if (!escape.empty()) {
      out += backslash;
      out.append(escape, 1);
    }
    raw.remove_prefix(next.bytes);
  }
}

}  // namespace

void append_sanitised(std::string& out, std::string_view raw) { append_text<false>(out, raw); }

std::string sanitised(std::string_view raw) {
  std::string out;
  append_sanitised(out, raw);
  return out;
}

std::string restore_sanitised(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Escape escape = text[0] == '\\' ? parse_escape(text) : Escape{};
    if (escape.length == 0) {
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    if (escape.is_byte) {
      out += static_cast<char>(escape.value);
    } else {
      append_utf8(out, escape.value);
    }
    text.remove_prefix(escape.length);
  }
  return out;
}

void append_json_string(std::string& out, std::string_view raw) {
  out += '"';
  append_text<true>(out, raw);
  out += '"';
}

}  // namespace netwatch::base
