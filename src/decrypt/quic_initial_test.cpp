// The vectors of RFC 9001 appendix A and RFC 9369 appendix A.
#include "decrypt/quic_initial.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "decrypt/quic_seal_test.h"

namespace netwatch::decrypt {
namespace {

using base::Bytes;

std::string hex(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return out;
}
std::string to_hex(std::string_view bytes) { return base::to_hex(base::as_bytes(bytes)); }

const std::string kDcid = hex("8394c8f03e515708");

// A.2: the client's ClientHello in a CRYPTO frame, padded.
const std::string kClientFrames =
    hex("060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868"
        "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578"
        "616d706c652e636f6dff01000100000a00080006001d00170018001000070005"
        "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba"
        "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
        "0d0010000e0403050306030203080408050806002d00020101001c0002400100"
        "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
        "75300901100f088394c8f03e51570806048000ffff") +
    std::string(917, '\0');
// A.3: an ACK and a ServerHello.
const std::string kServerFrames =
    hex("02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf739"
        "88cfc79825df566dc5430b9a045a1200130100002e00330024001d00209d3c94"
        "0d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00"
        "020304");

struct Case {
  const char* name;
  QuicSalt salt;
  const char* client_keys;  // key, IV, header protection
  const char* server_keys;
  const char* client_header;
  const char* client_head;  // how the protected packet begins, and its tag
  const char* client_tag;
  const char* server_packet;
  const char* retry;
};

const Case kCases[] = {
    {"v1", QuicSalt::kV1,
     "1f369613dd76d5467730efcbe3b1a22d"
     "fa044b2f42a3fd3b46fb255c"
     "9f50449e04a0e810283a1e9933adedd2",
     "cf3a5331653c364c88f0f379b6067e37"
     "0ac1493ca1905853b0bba03e"
     "c206b8d9b9f0f37644430b490eeaa314",
     "c300000001088394c8f03e5157080000449e00000002",
     "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11"
     "d242b123dc9bd8bab936b47d92ec356c0bab7df5976d27cd449f63300099f399",
     "e221af44860018ab0856972e194cd934",
     "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a"
     "5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3"
     "dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84"
     "022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4"
     "2158407dd074ee",
     "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba"},
    {"v2", QuicSalt::kV2,
     "8b1a0bc121284290a29e0971b5cd045d"
     "91f73e2351d8fa91660e909f"
     "45b95e15235d6f45a6b19cbcb0294ba9",
     "82db637861d55e1d011f19ea71d5d2a7"
     "dd13c276499c0249d3310652"
     "edf6d05c83121201b436e16877593c3a",
     "d36b3343cf088394c8f03e5157080000449e00000002",
     "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485"
     "dd04de806071bf03dceebfa162e75d6c96058bdbfb127cdfcbf903388e99ad04",
     "a18b2faa745b6fe189cf772a9f84cbfc",
     "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698"
     "baeea26b91eb761d9b89237bbf87263017915358230035f7fd3945d88965cf17"
     "f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2"
     "c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca8"
     "4bed8521e2e140",
     "cf6b3343cf0008f067a5502a4262b5746f6b656ec8646ce8bfe33952d955543665dcc7b6"},
};

class QuicVectors : public ::testing::TestWithParam<Case> {
 protected:
  const QuicInitialKeys keys_{GetParam().salt, base::as_bytes(kDcid)};
  std::vector<std::uint8_t> out_ = std::vector<std::uint8_t>(2048);
  static constexpr std::size_t kNumberAt = 18;
};

std::string key_text(const QuicPacketKeys& keys) {
  return base::to_hex(keys.key) + base::to_hex(keys.iv) + base::to_hex(keys.header);
}

TEST_P(QuicVectors, KeysFollowFromTheConnectionId) {
  EXPECT_EQ(key_text(keys_.client()), GetParam().client_keys);
  EXPECT_EQ(key_text(keys_.server()), GetParam().server_keys);
}

TEST_P(QuicVectors, ClientInitialIsOpened) {
  const std::string packet =
      testing::seal_packet(keys_.client(), hex(GetParam().client_header), 2, kClientFrames);
  // That it is the packet of the RFC: its begin, and a tag over all of it.
  ASSERT_EQ(packet.size(), 1200U);
  ASSERT_EQ(to_hex(packet.substr(0, 64)), GetParam().client_head);
  ASSERT_EQ(to_hex(packet.substr(packet.size() - 16)), GetParam().client_tag);
  const auto opened = open_quic_packet(keys_.client(), base::as_bytes(packet), kNumberAt, 0, out_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->packet_number, 2U);
  EXPECT_EQ(base::as_text(opened->frames), kClientFrames);
}

TEST_P(QuicVectors, ServerInitialIsOpened) {
  const std::string packet = hex(GetParam().server_packet);
  const auto opened = open_quic_packet(keys_.server(), base::as_bytes(packet), kNumberAt, 0, out_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->packet_number, 1U);
  EXPECT_EQ(base::as_text(opened->frames), kServerFrames);
}

TEST_P(QuicVectors, NothingElseIsOpened) {
  const std::string packet = hex(GetParam().server_packet);
  const Bytes bytes = base::as_bytes(packet);
  EXPECT_FALSE(open_quic_packet(keys_.client(), bytes, kNumberAt, 0, out_));
  EXPECT_FALSE(open_quic_packet(keys_.server(), bytes, kNumberAt + 1, 0, out_));
  EXPECT_FALSE(open_quic_packet(keys_.server(), bytes, 0, 0, out_));
  EXPECT_FALSE(open_quic_packet(keys_.server(), bytes, bytes.size() + 1, 0, out_));
  EXPECT_FALSE(open_quic_packet(keys_.server(), bytes, kNumberAt, 0, std::span(out_).first(98)));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(open_quic_packet(keys_.server(), bytes.first(size), kNumberAt, 0, out_)) << size;
  }
  for (std::size_t at = 0; at < packet.size(); ++at) {
    std::string damaged = packet;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    EXPECT_FALSE(open_quic_packet(keys_.server(), base::as_bytes(damaged), kNumberAt, 0, out_))
        << at;
  }
}

TEST_P(QuicVectors, RetryIsChecked) {
  std::string retry = hex(GetParam().retry);
  const auto check = [&](QuicSalt salt, std::string_view dcid) {
    return check_quic_retry(salt, base::as_bytes(dcid), base::as_bytes(retry));
  };
  EXPECT_EQ(check(GetParam().salt, kDcid), QuicRetryTag::kGenuine);
  EXPECT_EQ(check(GetParam().salt, "another"), QuicRetryTag::kForged);
  EXPECT_EQ(check(QuicSalt::kDraft29, kDcid), QuicRetryTag::kForged);
  EXPECT_EQ(check(QuicSalt::kT051, kDcid), QuicRetryTag::kUnknown);
  retry[16] = 'T';
  EXPECT_EQ(check(GetParam().salt, kDcid), QuicRetryTag::kForged);
  retry.resize(15);
  EXPECT_EQ(check(GetParam().salt, kDcid), QuicRetryTag::kForged);
}

INSTANTIATE_TEST_SUITE_P(Rfc, QuicVectors, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

// RFC 9000 A.3: its example, and the ends of the window.
TEST(QuicPacketNumber, IsTheNearestThatFits) {
  struct Row {
    std::uint64_t number;
    std::size_t bytes;
    std::uint64_t expected;
  };
  const QuicInitialKeys keys(QuicSalt::kV1, base::as_bytes(kDcid));
  std::vector<std::uint8_t> out(64);
  for (const Row& row : {Row{0xa82f9b32, 2, 0xa82f30eb}, Row{0x100, 1, 0xff}, Row{0xff, 1, 0x100},
                         Row{0, 1, 0}, Row{200, 1, 200}, Row{0x1ff, 1, 0x180}}) {
    std::string header(1, static_cast<char>(0xc0 | (row.bytes - 1)));
    header += "header";
    const std::size_t number_at = header.size();
    for (std::size_t i = row.bytes; i > 0; --i) {
      header += static_cast<char>(row.number >> (8 * (i - 1)));
    }
    const std::string packet =
        testing::seal_packet(keys.client(), header, row.number, std::string(32, 'f'));
    const auto opened =
        open_quic_packet(keys.client(), base::as_bytes(packet), number_at, row.expected, out);
    ASSERT_TRUE(opened) << row.number;
    EXPECT_EQ(opened->packet_number, row.number);
  }
}

TEST(QuicVersions, AreFoundByNumber) {
  struct Row {
    std::uint32_t number;
    const char* name;  // null: not known
  };
  for (const Row& row : {Row{1, "1"}, Row{0x6b3343cf, "2"}, Row{0xff00001d, "draft-29"},
                         Row{0xfaceb002, "mvfst-2"}, Row{0x54303531, "T051"}, Row{2, nullptr},
                         Row{0xff000015, nullptr}, Row{0xff000023, nullptr}, Row{0, nullptr},
                         Row{0xffffffff, nullptr}, Row{0x51303433, nullptr}}) {
    const QuicVersion* found = find_quic_version(row.number);
    ASSERT_EQ(found != nullptr, row.name != nullptr) << row.number;
    if (found == nullptr) continue;
    EXPECT_EQ(found->name, row.name);
  }
  EXPECT_TRUE(is_reserved_quic_version(0x1a2a3a4a));
  EXPECT_FALSE(is_reserved_quic_version(1));
}

}  // namespace
}  // namespace netwatch::decrypt
