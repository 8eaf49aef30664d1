#include "base/cipher.h"

#include <openssl/evp.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace netwatch::base {
namespace {

// What is decrypted with a broken library would be reported as hostile: there is no going on.
[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "netwatch: the crypto library fails: %s\n", what);
  std::abort();
}

struct Algorithms {
  const EVP_MD* sha256 = nullptr;
  const EVP_CIPHER* aes128_ecb = nullptr;
  const EVP_CIPHER* aes128_gcm = nullptr;
};

// From a library context of our own, which reads no configuration file (the worker may not, and a
// host's policy must not decide what a capture says). Fetched once and never freed: threads may
// still decrypt while the program ends.
const Algorithms& algorithms() {
  static const Algorithms all = [] {
    OSSL_LIB_CTX* const context = OSSL_LIB_CTX_new();
    if (context == nullptr) give_up("no library context");
    Algorithms fetched;
    fetched.sha256 = EVP_MD_fetch(context, "SHA256", nullptr);
    fetched.aes128_ecb = EVP_CIPHER_fetch(context, "AES-128-ECB", nullptr);
    fetched.aes128_gcm = EVP_CIPHER_fetch(context, "AES-128-GCM", nullptr);
    if (fetched.sha256 == nullptr) give_up("SHA256");
    if (fetched.aes128_ecb == nullptr || fetched.aes128_gcm == nullptr) give_up("AES-128");
    return fetched;
  }();
  return all;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

// One context per thread and use: making one costs more than a short message.
EVP_MD_CTX* digest_context() {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  if (context == nullptr) give_up("no digest context");
  return context.get();
}
EVP_CIPHER_CTX* block_context() {
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context(EVP_CIPHER_CTX_new());
  if (context == nullptr) give_up("no cipher context");
  return context.get();
}
EVP_CIPHER_CTX* gcm_context() {
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context(EVP_CIPHER_CTX_new());
  if (context == nullptr) give_up("no cipher context");
  return context.get();
}

constexpr std::size_t kHashBlockBytes = 64;
using HashBlock = std::array<std::uint8_t, kHashBlockBytes>;

Sha256Digest keyed_hash(const HashBlock& key, std::uint8_t pad, Bytes data) {
  HashBlock padded = key;
  for (std::uint8_t& byte : padded) byte ^= pad;
  Sha256Digest out{};
  EVP_MD_CTX* const context = digest_context();
  if (EVP_DigestInit_ex2(context, algorithms().sha256, nullptr) != 1 ||
      EVP_DigestUpdate(context, padded.data(), padded.size()) != 1 ||
      EVP_DigestUpdate(context, data.data(), data.size()) != 1 ||
      EVP_DigestFinal_ex(context, out.data(), nullptr) != 1) {
    give_up("digest");
  }
  return out;
}

bool update(EVP_CIPHER_CTX* context, std::uint8_t* out, Bytes in) {
  int written = 0;
  return in.empty() ||
         EVP_DecryptUpdate(context, out, &written, in.data(), static_cast<int>(in.size())) == 1;
}

}  // namespace

Sha256Digest hmac_sha256(Bytes key, Bytes data) {
  constexpr std::uint8_t kInner = 0x36;
  constexpr std::uint8_t kOuter = 0x5c;
  HashBlock block{};
  if (key.size() > block.size()) {
    const Sha256Digest digest = sha256(key);
    std::copy(digest.begin(), digest.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  return keyed_hash(block, kOuter, keyed_hash(block, kInner, data));
}

Sha256Digest hkdf_extract_sha256(Bytes salt, Bytes secret) { return hmac_sha256(salt, secret); }

bool hkdf_expand_label_sha256(const Sha256Digest& secret, std::string_view label, Bytes context,
                              std::span<std::uint8_t> out) {
  constexpr std::string_view kPrefix = "tls13 ";
  constexpr std::size_t kMaxOutBytes = 255 * sizeof(Sha256Digest);
  if (label.size() > 255 - kPrefix.size() || context.size() > 255) return false;
  if (out.size() > kMaxOutBytes) return false;
  // The digest of the round before, the label's structure, the number of the round.
  std::array<std::uint8_t, sizeof(Sha256Digest) + 2 + 1 + 255 + 1 + 255 + 1> text;
  std::uint8_t* at = text.data() + sizeof(Sha256Digest);
  *at++ = static_cast<std::uint8_t>(out.size() >> 8);
  *at++ = static_cast<std::uint8_t>(out.size());
  *at++ = static_cast<std::uint8_t>(kPrefix.size() + label.size());
  at = std::copy(kPrefix.begin(), kPrefix.end(), at);
  at = std::copy(label.begin(), label.end(), at);
  *at++ = static_cast<std::uint8_t>(context.size());
  at = std::copy(context.begin(), context.end(), at);
  const auto size = static_cast<std::size_t>(at - text.data()) + 1;
  std::size_t start = sizeof(Sha256Digest);  // nothing comes before the first round
  std::uint8_t round = 0;
  while (!out.empty()) {
    *at = ++round;
    const Sha256Digest digest = hmac_sha256(secret, Bytes(text).first(size).subspan(start));
    const std::size_t part = std::min(out.size(), digest.size());
    std::copy_n(digest.begin(), part, out.begin());
    out = out.subspan(part);
    std::copy(digest.begin(), digest.end(), text.begin());
    start = 0;
  }
  return true;
}

AesBlock aes128_encrypt_block(const Aes128Key& key, const AesBlock& block) {
  EVP_CIPHER_CTX* const context = block_context();
  AesBlock out{};
  int written = 0;
  if (EVP_EncryptInit_ex2(context, algorithms().aes128_ecb, key.data(), nullptr, nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(context, 0) != 1 ||
      EVP_EncryptUpdate(context, out.data(), &written, block.data(), AesBlock{}.size()) != 1 ||
      written != static_cast<int>(out.size())) {
    give_up("AES-128");
  }
  return out;
}

bool aes128_gcm_open(const Aes128Key& key, const GcmNonce& nonce, std::span<const Bytes> aad,
                     Bytes sealed, std::span<std::uint8_t> out) {
  if (sealed.size() < kGcmTagBytes || sealed.size() > INT_MAX) return false;
  const Bytes text = sealed.first(sealed.size() - kGcmTagBytes);
  if (out.size() < text.size()) return false;
  AesBlock tag;  // the library wants a tag that it could write to
  std::copy_n(sealed.end() - kGcmTagBytes, tag.size(), tag.begin());
  EVP_CIPHER_CTX* const context = gcm_context();
  if (EVP_DecryptInit_ex2(context, algorithms().aes128_gcm, key.data(), nonce.data(), nullptr) !=
      1) {
    give_up("AES-128-GCM");
  }
  for (const Bytes piece : aad) {
    if (piece.size() > INT_MAX || !update(context, nullptr, piece)) return false;
  }
  std::uint8_t none = 0;
  int written = 0;
  return update(context, out.data(), text) &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kGcmTagBytes, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(context, &none, &written) == 1;
}

}  // namespace netwatch::base
