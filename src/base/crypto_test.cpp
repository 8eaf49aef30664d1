#include "base/crypto.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

namespace netwatch::base {
namespace {

// RFC 1321 A.5; FIPS 180-4 examples.
TEST(Crypto, KnownDigests) {
  EXPECT_EQ(to_hex(md5({})), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(to_hex(md5(as_bytes("message digest"))), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(to_hex(sha1({})), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(to_hex(sha1(as_bytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Crypto, DigestsDoNotDisturbEachOther) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 200; ++i) {
        EXPECT_EQ(md5(as_bytes("abc"))[0], 0x90);
        EXPECT_EQ(sha1(as_bytes("abc"))[0], 0xa9);
        EXPECT_EQ(sha256(as_bytes("abc"))[0], 0xba);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// RFC 4648 section 10.
TEST(Crypto, Base64Vectors) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, encoded] : cases) {
    EXPECT_EQ(to_base64(as_bytes(plain)), encoded);
    EXPECT_EQ(from_base64(encoded), plain);
  }
  EXPECT_EQ(from_base64("Zg"), "f");
  EXPECT_EQ(from_base64("Zm8"), "fo");
  for (const char* bad :
       {"Z", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zm-_", "=", "Z=g="}) {
    EXPECT_FALSE(from_base64(bad).has_value()) << bad;
  }
}

TEST(Crypto, Base64RoundTrip) {
  std::mt19937 random(1);
  for (std::size_t length = 0; length < 300; ++length) {
    std::string data(length, ' ');
    for (char& c : data) c = static_cast<char>(random());
    EXPECT_EQ(from_base64(to_base64(as_bytes(data))), data);
  }
}

}  // namespace
}  // namespace netwatch::base
