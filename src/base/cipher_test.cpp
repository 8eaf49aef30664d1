#include "base/cipher.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace netwatch::base {
namespace {

std::vector<std::uint8_t> hex(std::string_view digits) {
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    out.push_back(
        static_cast<std::uint8_t>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

template <typename Array>
Array array_of(std::string_view digits) {
  Array out{};
  const auto bytes = hex(digits);
  EXPECT_EQ(bytes.size(), out.size());
  std::copy_n(bytes.begin(), std::min(bytes.size(), out.size()), out.begin());
  return out;
}

// RFC 4231 test cases 1, 2 and 6: a key shorter, and one longer, than a block.
TEST(CipherTest, HmacSha256IsThatOfTheRfc) {
  EXPECT_EQ(to_hex(hmac_sha256(std::vector<std::uint8_t>(20, 0x0b), as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::vector<std::uint8_t> long_key(131, 0xaa);
  EXPECT_EQ(to_hex(hmac_sha256(long_key,
                               as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// RFC 5869 A.1.
TEST(CipherTest, HkdfExtractIsThatOfTheRfc) {
  EXPECT_EQ(to_hex(hkdf_extract_sha256(hex("000102030405060708090a0b0c"),
                                       std::vector<std::uint8_t>(22, 0x0b))),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
}

// RFC 8448 3: the early secret is of zeros, "derived" over the hash of nothing.
TEST(CipherTest, ExpandLabelTakesAContext) {
  const std::vector<std::uint8_t> zeros(32, 0);
  const Sha256Digest early = hkdf_extract_sha256({}, zeros);
  EXPECT_EQ(to_hex(early), "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
  Sha256Digest derived{};
  ASSERT_TRUE(hkdf_expand_label_sha256(early, "derived", sha256({}), derived));
  EXPECT_EQ(to_hex(derived), "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba");
}

TEST(CipherTest, ExpandLabelGoesOverSeveralRoundsAndRefusesTooMuch) {
  const Sha256Digest secret = sha256(as_bytes("secret"));
  std::array<std::uint8_t, 80> three_rounds{};
  std::array<std::uint8_t, 80> again{};
  ASSERT_TRUE(hkdf_expand_label_sha256(secret, "key", {}, three_rounds));
  ASSERT_TRUE(hkdf_expand_label_sha256(secret, "key", {}, again));
  EXPECT_EQ(three_rounds, again);
  EXPECT_NE(to_hex(Bytes(three_rounds).first(32)), to_hex(Bytes(three_rounds).subspan(32, 32)));
  const std::string long_label(250, 'x');
  EXPECT_FALSE(hkdf_expand_label_sha256(secret, long_label, {}, again));
  EXPECT_FALSE(hkdf_expand_label_sha256(secret, "key", std::vector<std::uint8_t>(256), again));
  std::vector<std::uint8_t> too_long(255 * 32 + 1);
  EXPECT_FALSE(hkdf_expand_label_sha256(secret, "key", {}, too_long));
}

// FIPS 197 C.1.
TEST(CipherTest, OneBlockOfAes) {
  EXPECT_EQ(to_hex(aes128_encrypt_block(array_of<Aes128Key>("000102030405060708090a0b0c0d0e0f"),
                                        array_of<AesBlock>("00112233445566778899aabbccddeeff"))),
            "69c4e0d86a7b0430d8cdb78070b4c55a");
}

// Test case 4 of "The Galois/Counter Mode of Operation", McGrew and Viega.
class GcmTest : public testing::Test {
 protected:
  bool open(std::span<const Bytes> aad, Bytes sealed) {
    return aes128_gcm_open(key_, nonce_, aad, sealed, out_);
  }
  const Aes128Key key_ = array_of<Aes128Key>("feffe9928665731c6d6a8f9467308308");
  const GcmNonce nonce_ = array_of<GcmNonce>("cafebabefacedbaddecaf888");
  const std::vector<std::uint8_t> aad_ = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  std::vector<std::uint8_t> sealed_ = hex(
      "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84"
      "aa051ba30b396a0aac973d58e091"
      "5bc94fbc3221a5db94fae95ae7121a47");
  std::array<std::uint8_t, 60> out_{};
};

TEST_F(GcmTest, OpensWithTheAssociatedDataInPieces) {
  const std::array<Bytes, 3> pieces{Bytes(aad_).first(1), Bytes{}, Bytes(aad_).subspan(1)};
  ASSERT_TRUE(open(pieces, sealed_));
  EXPECT_EQ(
      to_hex(out_),
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24"
      "49a6b525b16aedf5aa0de657ba637b39");
}

TEST_F(GcmTest, RefusesWhatIsNotAuthentic) {
  const std::array<Bytes, 1> whole{Bytes(aad_)};
  ASSERT_TRUE(open(whole, sealed_));
  EXPECT_FALSE(open({}, sealed_));
  EXPECT_FALSE(open(whole, Bytes(sealed_).first(sealed_.size() - 1)));
  EXPECT_FALSE(open(whole, Bytes(sealed_).first(15)));
  EXPECT_FALSE(aes128_gcm_open(key_, nonce_, whole, sealed_, std::span(out_).first(59)));
  for (const std::size_t at : {std::size_t{0}, std::size_t{59}, sealed_.size() - 1}) {
    sealed_[at] ^= 1;
    EXPECT_FALSE(open(whole, sealed_)) << at;
    sealed_[at] ^= 1;
  }
}

}  // namespace
}  // namespace netwatch::base
