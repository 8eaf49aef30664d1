#include "base/crypto.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace netwatch::base {
namespace {

// Without a working digest no fingerprint is true: there is nothing to go on with.
[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "netwatch: the crypto library fails: %s\n", what);
  std::abort();
}

struct Digests {
  const EVP_MD* md5 = nullptr;
  const EVP_MD* sha1 = nullptr;
  const EVP_MD* sha256 = nullptr;
};

// Fetched once and never freed: threads may still digest while the program ends.
const Digests& digests() {
  static const Digests all = [] {
    OSSL_LIB_CTX* const context = OSSL_LIB_CTX_new();
    if (context == nullptr) give_up("no library context");
    const auto fetch = [context](const char* name) {
      const EVP_MD* const digest = EVP_MD_fetch(context, name, nullptr);
      if (digest == nullptr) give_up(name);
      return digest;
    };
    return Digests{fetch("MD5"), fetch("SHA1"), fetch("SHA256")};
  }();
  return all;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

template <std::size_t kBytes>
std::array<std::uint8_t, kBytes> digest_of(const EVP_MD* digest, Bytes data) {
  // One context per thread: making one costs more than hashing a short text.
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  std::array<std::uint8_t, kBytes> out{};
  unsigned length = 0;
  if (context == nullptr || EVP_DigestInit_ex2(context.get(), digest, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), data.data(), data.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out.data(), &length) != 1 || length != kBytes) {
    give_up("digest");
  }
  return out;
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNotBase64 = 0xFF;

constexpr std::array<std::uint8_t, 256> kBase64Values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNotBase64);
  for (std::size_t i = 0; i < kBase64.size(); ++i) {
    values[static_cast<std::uint8_t>(kBase64[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

}  // namespace

Md5Digest md5(Bytes data) { return digest_of<16>(digests().md5, data); }
Sha1Digest sha1(Bytes data) { return digest_of<20>(digests().sha1, data); }
Sha256Digest sha256(Bytes data) { return digest_of<32>(digests().sha256, data); }

void append_hex(std::string& out, Bytes data) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::size_t at = out.size();
  out.resize(at + data.size() * 2);
  for (const std::uint8_t byte : data) {
    out[at++] = kDigits[byte >> 4];
    out[at++] = kDigits[byte & 0xF];
  }
}

std::string to_hex(Bytes data) {
  std::string out;
  append_hex(out, data);
  return out;
}

void append_base64(std::string& out, Bytes data) {
  for (std::size_t i = 0; i < data.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(data.size() - i, 3);
    std::uint32_t group = std::uint32_t{data[i]} << 16;
    if (have > 1) group |= std::uint32_t{data[i + 1]} << 8;
    if (have > 2) group |= data[i + 2];
    out += kBase64[group >> 18];
    out += kBase64[(group >> 12) & 63];
    out += have > 1 ? kBase64[(group >> 6) & 63] : '=';
    out += have > 2 ? kBase64[group & 63] : '=';
  }
}

std::string to_base64(Bytes data) {
  std::string out;
  append_base64(out, data);
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::size_t padding = 0;
  while (padding < 2 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  if (text.size() % 4 == 1) return std::nullopt;
  if (padding > 0 && (text.size() + padding) % 4 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::uint8_t value = kBase64Values[static_cast<std::uint8_t>(c)];
    if (value == kNotBase64) return std::nullopt;
    bits = (bits << 6) | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>(bits >> held);
      bits &= (1U << held) - 1;
    }
  }
  if (bits != 0) return std::nullopt;
  return out;
}

}  // namespace netwatch::base
