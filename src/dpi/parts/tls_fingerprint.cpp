// JA3, JA3S and JA4 of TLS hellos.
#include <algorithm>
#include <charconv>
#include <span>

#include "base/crypto.h"
#include "dpi/parts/tls_hello.h"

namespace netwatch::dpi {
namespace {

constexpr std::uint16_t kServerNameExtension = 0;
constexpr std::uint16_t kAlpnExtension = 16;

constexpr std::size_t kMaxText = 8192;
constexpr std::size_t kMaxJa4Values = 1024;

// Whether the fingerprints of a hello exist whatever its values are: no list is too long. At most
// five digits and a separator go into a text for each value.
bool surely_fits(const ClientHello& hello) {
  constexpr std::size_t kExtensionHeader = 4;
  static_assert(kMaxText >= kMaxJa4Values * 6 + 16);
  const std::size_t values = 2 + hello.ciphers.size() + hello.groups.size() +
                             hello.extensions.size() / kExtensionHeader +
                             hello.signature_algorithms.size() + hello.point_formats.size();
  return values <= kMaxJa4Values;
}

// Text of bounded length on the stack; what no longer fits makes it useless, and says so.
class HashedText {
 public:
  void add(std::string_view text) {
    full_ |= text.size() > text_.size() - size_;
    if (full_) return;
    std::copy(text.begin(), text.end(), text_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += text.size();
  }
  [[nodiscard]] bool full() const { return full_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] base::Bytes bytes() const {
    return base::as_bytes(std::string_view(text_.data(), size_));
  }

 private:
  std::size_t size_ = 0;
  bool full_ = false;
  std::array<char, kMaxText> text_;
};

char* put_hex(base::Bytes bytes, char* out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::uint8_t byte : bytes) {
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
  return out;
}

std::array<std::uint8_t, 2> big_endian(std::uint16_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

// JA3's lists: decimal, joined with dashes, without GREASE; commas between the lists.
class Ja3Lists {
 public:
  void add(std::uint16_t value) {
    if (is_grease(value)) return;
    if (!first_) text_.add("-");
    first_ = false;
    std::array<char, 5> digits{};
    const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text_.add(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
  }
  void add_all(const U16List& values) {
    for (std::size_t i = 0; i < values.size() && !text_.full(); ++i) add(values[i]);
  }
  void add_types(base::Bytes extensions) {
    ExtensionCursor cursor(extensions);
    std::uint16_t type = 0;
    base::Bytes data;
    while (!text_.full() && cursor.next(type, data)) add(type);
  }
  void next_list() {
    text_.add(",");
    first_ = true;
  }
  bool finish(Ja3Text& out, bool wanted) const {
    if (text_.full()) return false;
    if (wanted) put_hex(base::md5(text_.bytes()), out.data());
    return true;
  }

 private:
  HashedText text_;
  bool first_ = true;
};

// The first twelve digits of the SHA-256 of comma-separated four-digit hexadecimal values.
class Ja4Hash {
 public:
  void add(std::uint16_t value) {
    if (!first_) text_.add(",");
    first_ = false;
    std::array<char, 4> digits{};
    put_hex(big_endian(value), digits.data());
    text_.add(std::string_view(digits.data(), digits.size()));
  }
  void next_list() {
    text_.add("_");
    first_ = true;
  }
  // Null if the lists were too long.
  char* finish(char* out, bool wanted) const {
    if (text_.full()) return nullptr;
    if (text_.empty() || !wanted) return std::fill_n(out, 12, '0');
    return put_hex(base::Bytes(base::sha256(text_.bytes())).first(6), out);
  }

 private:
  HashedText text_;
  bool first_ = true;
};

std::string_view ja4_version(std::uint16_t version) {
  switch (version) {
    case 0x0304:
      return "13";
    case 0x0303:
      return "12";
    case 0x0302:
      return "11";
    case 0x0301:
      return "10";
    case 0x0300:
      return "s3";
    case 0x0002:
      return "s2";
    case 0xfeff:
      return "d1";
    case 0xfefd:
      return "d2";
    case 0xfefc:
      return "d3";
    default:
      return "00";
  }
}

// DTLS versions count down.
std::uint16_t best_version(const ClientHello& hello, Ja4Transport transport) {
  if (transport != Ja4Transport::kDtls) return hello.version();
  std::uint16_t best = 0xffff;
  for (std::size_t i = 0; i < hello.supported_versions.size(); ++i) {
    const std::uint16_t version = hello.supported_versions[i];
    if (!is_grease(version)) best = std::min(best, version);
  }
  return best != 0xffff ? best : hello.legacy_version;
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// First and last character of the first protocol; if either is not alphanumeric, the first digit
// of the first byte and the last digit of the last one.
char* put_alpn(base::Bytes alpn, char* out) {
  std::string_view first;
  if (!AlpnCursor(alpn).next(first) || first.empty()) return std::fill_n(out, 2, '0');
  std::array<char, 2> ends{first.front(), first.back()};
  if (!is_alphanumeric(ends[0]) || !is_alphanumeric(ends[1])) {
    std::array<char, 4> digits{};
    put_hex(base::as_bytes(std::string_view(ends.data(), ends.size())), digits.data());
    ends = {digits[0], digits[3]};
  }
  return std::copy(ends.begin(), ends.end(), out);
}

char* put_count(std::size_t count, char* out) {
  count = std::min<std::size_t>(count, 99);
  *out++ = static_cast<char>('0' + count / 10);
  *out++ = static_cast<char>('0' + count % 10);
  return out;
}

struct Ja4Values {
  std::array<std::uint16_t, kMaxJa4Values> values;
  std::size_t size = 0;
  bool add(std::uint16_t value) {
    if (is_grease(value)) return true;
    if (size == values.size()) return false;
    values[size++] = value;
    return true;
  }
  std::span<const std::uint16_t> sorted() {
    std::sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(size));
    return std::span(values).first(size);
  }
};

}  // namespace

bool ja3(const ClientHello& hello, Ja3Text& out, bool wanted) {
  if (!wanted && surely_fits(hello)) return true;
  Ja3Lists lists;
  lists.add(hello.legacy_version);
  lists.next_list();
  lists.add_all(hello.ciphers);
  lists.next_list();
  lists.add_types(hello.extensions);
  lists.next_list();
  lists.add_all(hello.groups);
  lists.next_list();
  for (std::uint8_t format : hello.point_formats) lists.add(format);
  return lists.finish(out, wanted);
}

bool ja3s(const ServerHello& hello, Ja3Text& out, bool wanted) {
  Ja3Lists lists;
  lists.add(hello.legacy_version);
  lists.next_list();
  lists.add(hello.cipher);
  lists.next_list();
  lists.add_types(hello.extensions);
  return lists.finish(out, wanted);
}

bool ja4(const ClientHello& hello, Ja4Transport transport, Ja4Text& out, bool wanted) {
  if (!wanted && surely_fits(hello)) {
    out.fill('0');
    return true;
  }
  Ja4Values ciphers;
  for (std::size_t i = 0; i < hello.ciphers.size(); ++i) {
    if (!ciphers.add(hello.ciphers[i])) return false;
  }
  Ja4Values extensions;
  ExtensionCursor cursor(hello.extensions);
  std::uint16_t type = 0;
  base::Bytes data;
  while (cursor.next(type, data)) {
    if (!extensions.add(type)) return false;
  }

  Ja4Text text{};
  char* at = text.data();
  *at++ = static_cast<char>(transport);
  const std::string_view version = ja4_version(best_version(hello, transport));
  at = std::copy(version.begin(), version.end(), at);
  *at++ = hello.has_sni ? 'd' : 'i';
  at = put_count(ciphers.size, at);
  at = put_count(extensions.size, at);
  at = put_alpn(hello.alpn, at);

  *at++ = '_';
  Ja4Hash cipher_hash;
  for (std::uint16_t cipher : ciphers.sorted()) cipher_hash.add(cipher);
  at = cipher_hash.finish(at, wanted);
  if (at == nullptr) return false;

  *at++ = '_';
  Ja4Hash extension_hash;
  for (std::uint16_t extension : extensions.sorted()) {
    if (extension == kServerNameExtension || extension == kAlpnExtension) continue;
    extension_hash.add(extension);
  }
  bool signed_any = false;
  for (std::size_t i = 0; i < hello.signature_algorithms.size(); ++i) {
    if (is_grease(hello.signature_algorithms[i])) continue;
    if (!signed_any) extension_hash.next_list();
    signed_any = true;
    extension_hash.add(hello.signature_algorithms[i]);
  }
  if (extension_hash.finish(at, wanted) == nullptr) return false;
  out = text;
  return true;
}

}  // namespace netwatch::dpi
