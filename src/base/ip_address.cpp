// Text forms: RFC 4291 section 2.2 read strictly, RFC 5952 written.
#include "base/ip_address.h"

#include <algorithm>

namespace netwatch::base {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t kLongestText = 45;  // six groups and a dotted quad, all digits
constexpr std::size_t kGroups = 8;

// Four decimal numbers of 0..255 without leading zeros.
bool parse_v4(std::string_view text, std::uint8_t* out) {
  for (std::size_t part = 0; part < 4; ++part) {
    if (part > 0) {
      if (text.empty() || text[0] != '.') return false;
      text.remove_prefix(1);
    }
    unsigned value = 0;
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
      if (digits > 0 && value == 0) return false;
      value = value * 10 + static_cast<unsigned>(text[digits] - '0');
      if (value > 255) return false;
      ++digits;
    }
    if (digits == 0) return false;
    out[part] = static_cast<std::uint8_t>(value);
    text.remove_prefix(digits);
  }
  return text.empty();
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The groups of an RFC 4291 text as far as they are written out, and where "::" stood.
class GroupParser {
 public:
  bool parse(std::string_view text) {
    if (text.starts_with("::")) {
      gap_ = 0;
      text.remove_prefix(2);
      if (text.empty()) return true;
    }
    while (true) {
      if (!parse_group(text)) return false;
      if (text.empty()) break;
      text.remove_prefix(1);  // parse_group() stops at a colon or the end
      if (!text.starts_with(':')) {
        if (text.empty()) return false;
        continue;
      }
      if (gap_ != kNoGap) return false;
      gap_ = used_;
      text.remove_prefix(1);
      if (text.empty()) break;
    }
    // "::" stands for one group at least.
    return gap_ == kNoGap ? used_ == 16 : used_ < 16;
  }

  void expand(std::array<std::uint8_t, 16>& out) const {
    out.fill(0);
    const std::size_t before = std::min(gap_, used_);
    std::copy_n(bytes_.begin(), before, out.begin());
    std::copy_backward(bytes_.begin() + static_cast<std::ptrdiff_t>(before),
                       bytes_.begin() + static_cast<std::ptrdiff_t>(used_), out.end());
  }

 private:
  static constexpr std::size_t kNoGap = 99;

  bool parse_group(std::string_view& text) {
    unsigned value = 0;
    std::size_t digits = 0;
    for (; digits < text.size(); ++digits) {
      const int digit = hex_digit(text[digits]);
      if (digit < 0) break;
      value = (value << 4) | static_cast<unsigned>(digit);
      if (digits == 4) return false;
    }
    if (digits < text.size() && text[digits] == '.') return parse_tail(text);
    if (digits == 0 || used_ > 14) return false;
    if (digits < text.size() && text[digits] != ':') return false;
    bytes_[used_++] = static_cast<std::uint8_t>(value >> 8);
    bytes_[used_++] = static_cast<std::uint8_t>(value);
    text.remove_prefix(digits);
    return true;
  }
  // A dotted quad ends the text.
  bool parse_tail(std::string_view& text) {
    if (used_ > 12 || !parse_v4(text, bytes_.data() + used_)) return false;
    used_ += 4;
    text = {};
    return true;
  }

  std::array<std::uint8_t, 16> bytes_{};
  std::size_t used_ = 0;
  std::size_t gap_ = kNoGap;  // in bytes before it
};

char* put_decimal(char* out, unsigned value) {
  if (value >= 100) *out++ = static_cast<char>('0' + value / 100);
  if (value >= 10) *out++ = static_cast<char>('0' + value / 10 % 10);
  *out++ = static_cast<char>('0' + value % 10);
  return out;
}

char* put_hex(char* out, unsigned value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  int shift = 12;
  while (shift > 0 && (value >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) *out++ = kDigits[(value >> shift) & 0xF];
  return out;
}

char* put_v4(char* out, Bytes address) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) *out++ = '.';
    out = put_decimal(out, address[i]);
  }
  return out;
}

char* put_v6(char* out, Bytes address) {
  std::array<unsigned, kGroups> groups{};
  for (std::size_t i = 0; i < kGroups; ++i) {
    groups[i] = (unsigned{address[2 * i]} << 8) | address[2 * i + 1];
  }
  // The longest run of zeros, the first of equals, and never a single group.
  std::size_t gap = kGroups;
  std::size_t gap_length = 1;
  for (std::size_t i = 0; i < kGroups; ++i) {
    std::size_t end = i;
    while (end < kGroups && groups[end] == 0) ++end;
    if (end - i > gap_length) {
      gap = i;
      gap_length = end - i;
    }
    i = end;
  }
  for (std::size_t i = 0; i < kGroups; ++i) {
    if (i == gap) {
      *out++ = ':';
      *out++ = ':';
      i += gap_length - 1;
      continue;
    }
    if (i > 0 && i != gap + gap_length) *out++ = ':';
    out = put_hex(out, groups[i]);
  }
  return out;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.empty() || text.size() > kLongestText) return std::nullopt;
  IpAddress a;
  if (text.find(':') == std::string_view::npos) {
    std::array<std::uint8_t, 4> raw{};
    if (!parse_v4(text, raw.data())) return std::nullopt;
    return v4(raw.data());
  }
  GroupParser groups;
  if (!groups.parse(text)) return std::nullopt;
  groups.expand(a.bytes_);
  return a;
}

bool IpAddress::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

bool IpAddress::is_unspecified() const {
  const Bytes own = family_bytes();
  return std::all_of(own.begin(), own.end(), [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; }) &&
         bytes_[15] == 1;
}

bool IpAddress::is_multicast() const {
  if (!is_v4()) return bytes_[0] == 0xff;
  return (bytes_[12] & 0xf0) == 0xe0 ||
         std::all_of(bytes_.begin() + 12, bytes_.end(), [](std::uint8_t b) { return b == 0xff; });
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return bytes_[12] == 169 && bytes_[13] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_private() const {
  if (!is_v4()) return (bytes_[0] & 0xfe) == 0xfc;
  return bytes_[12] == 10 || (bytes_[12] == 172 && (bytes_[13] & 0xf0) == 16) ||
         (bytes_[12] == 192 && bytes_[13] == 168) ||
         (bytes_[12] == 100 && (bytes_[13] & 0xc0) == 64);
}

bool IpAddress::in_prefix(const IpAddress& network, unsigned prefix_bits) const {
  if (is_v4() != network.is_v4()) return false;
  const Bytes mine = family_bytes();
  const Bytes theirs = network.family_bytes();
  const std::size_t bits = std::min<std::size_t>(prefix_bits, mine.size() * 8);
  const std::size_t whole = bits / 8;
  if (!std::equal(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(whole), theirs.begin()))
    return false;
  const unsigned left = bits % 8;
  return left == 0 || ((mine[whole] ^ theirs[whole]) >> (8 - left)) == 0;
}

Bytes IpAddress::family_bytes() const {
  return is_v4() ? Bytes(bytes_).subspan(12) : Bytes(bytes_);
}

void IpAddress::append_to(std::string& out) const {
  std::array<char, kLongestText> text{};
  const Bytes own = family_bytes();
  char* const end = is_v4() ? put_v4(text.data(), own) : put_v6(text.data(), own);
  out.append(text.data(), end);
}

std::string IpAddress::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

}  // namespace netwatch::base
