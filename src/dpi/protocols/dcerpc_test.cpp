// DCE RPC: fragments, contexts, towers, and what is none of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kDcerpc;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;

Probe probe(std::string_view bytes, bool datagram = false) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  input.datagram = datagram;
  return kDcerpc.probe(input);
}

// Version, type, flags, representation, sizes and call of little-endian messages.
std::string message(std::string_view type_and_flags, const std::string& body,
                    const std::string& auth = {}) {
  const auto size = static_cast<char>(16 + body.size() + auth.size());
  const auto auth_size = static_cast<char>(auth.empty() ? 0 : auth.size() - 8);
  return from_hex("0500") + from_hex(type_and_flags) + from_hex("10000000") + size + '\0' +
         auth_size + '\0' + from_hex("07000000") + body + auth;
}
const std::string kMapperSyntax = from_hex("0883afe11f5dc91191a408002b14a0fa 03000000");
const std::string kNdrSyntax = from_hex("045d888aeb1cc9119fe808002b104860 02000000");
const std::string kBind =
    message("0b03", from_hex("d016d016 00000000 01000000 0500 0100") + kMapperSyntax + kNdrSyntax);
const std::string kAck = message(
    "0c03", from_hex("d016d016 01000000 0400 31333500 0000 01000000 0000 0000") + kNdrSyntax);
std::string request(std::string_view flags, std::string_view opnum, const std::string& stub = {}) {
  return message("00" + std::string(flags), from_hex("00000000 0500") + from_hex(opnum) + stub);
}

TEST(Dcerpc, NamesAnOperationByItsContext) {
  for (std::size_t chunk : {1U, 7U, 1000U}) {
    Feeder feeder(kDcerpc, chunk);
    feeder.stream(kClient, kBind);
    feeder.stream(kServer, kAck);
    feeder.stream(kClient, request("03", "0200"));
    feeder.pass_us(5);
    feeder.stream(kServer, message("0303", from_hex("00000000 0500 0000 05000000 00000000")));
    EXPECT_THAT(
        feeder.context.records,
        ElementsAre("> bind version=5 call_id=7 interface=epmapper "
                    "uuid=e1af8308-5d1f-11c9-91a4-08002b14a0fa interface_version=3.0 "
                    "transfer_syntax=ndr",
                    "< bind_ack version=5 call_id=7 endpoint=135 result=acceptance "
                    "transfer_syntax=ndr",
                    "> request version=5 call_id=7 interface=epmapper opnum=2 "
                    "operation=ept_lookup",
                    "< fault version=5 call_id=7 interface=epmapper opnum=2 operation=ept_lookup "
                    "status=access_denied latency_us=5"));
  }
}

TEST(Dcerpc, OnlyFirstFragmentsAreReported) {
  Feeder feeder(kDcerpc);
  feeder.stream(kClient, request("01", "0100") + request("00", "0100") + request("02", "0100"));
  EXPECT_THAT(feeder.context.records, ElementsAre("> request version=5 call_id=7 opnum=1"));
}

// Of NDR and NDR64; a tower that is cut, or that counts more floors than there are, says nothing.
TEST(Dcerpc, ReadsTowers) {
  const std::string tower = from_hex(
      "0500 1300 0d ac785634123412cdabef000123456789 0000 0200 0000"
      "1300 0d 045d888aeb1cc9119fe808002b104860 0200 0200 0000"
      "0100 0b 0200 0000 0100 07 0200 c020 0100 09 0400 c0000202");
  const std::string size = std::string(1, static_cast<char>(tower.size())) + from_hex("000000");
  const std::string handle(20, '\0');
  const std::string narrow =
      handle + from_hex("01000000 04000000 00000000 01000000 03000000") + size + size + tower;
  const std::string wide =
      handle + from_hex("01000000 0400000000000000 0000000000000000 0100000000000000") +
      from_hex("0300000000000000") + size + from_hex("00000000") + size + tower;
  for (const std::string& stub : {narrow, wide, narrow.substr(0, narrow.size() - 1)}) {
    Feeder feeder(kDcerpc);
    feeder.stream(kClient, kBind);
    feeder.stream(kServer, kAck);
    feeder.stream(kClient, request("03", "0300"));
    feeder.stream(kServer, message("0203", from_hex("00000000 0500 0000") + stub));
    const bool whole = stub.size() != narrow.size() - 1;
    EXPECT_EQ(feeder.context.records.back().find(" tcp 192.0.2.2:49184") != std::string::npos,
              whole);
  }
}

TEST(Dcerpc, AVerifierLongerThanItsMessageIsNone) {
  std::string bad = kBind;
  bad[10] = '\x40';  // bytes of authentication
  EXPECT_EQ(probe(bad), Probe::kNo);
  EXPECT_EQ(probe(kBind), Probe::kYes);
}

TEST(DcerpcProbe, TheHeadDecides) {
  for (std::size_t n = 1; n < 16; ++n) EXPECT_EQ(probe(kBind.substr(0, n)), Probe::kMore) << n;
  EXPECT_EQ(probe(from_hex("0501 00")), Probe::kMore);  // SOCKS 5, or
  EXPECT_EQ(probe(from_hex("0501 00 05 01 00 03 0b")), Probe::kNo);
  EXPECT_EQ(probe(from_hex("0500 05 00 00 01 7f")), Probe::kNo);
  EXPECT_EQ(probe(from_hex("0502")), Probe::kNo);
  // A number, a size and zeros, of another protocol.
  EXPECT_EQ(probe(from_hex("0500 00 00 00000000 4000 0000 07000000")), Probe::kNo);
  EXPECT_EQ(probe(from_hex("0500 0b 03 10000000 1000 0000 07000000")), Probe::kNo);  // too short
}

TEST(DcerpcProbe, ADatagramsLengthsAddUp) {
  const std::string head = from_hex("04 00 20 00 10 00 00 00") + std::string(48, '\1') +
                           from_hex("00000000 01000000 00000000 0500 ffff ffff");
  const std::string right = head + from_hex("0400 0000 00 00") + "stub";
  EXPECT_EQ(probe(right, true), Probe::kYes);
  EXPECT_EQ(probe(right + "x", true), Probe::kNo);
  EXPECT_EQ(probe(right.substr(0, right.size() - 1), true), Probe::kNo);
  EXPECT_EQ(probe(right.substr(0, 79), true), Probe::kNo);
  std::string other = right;
  other[1] = '\x0b';  // no such type
  EXPECT_EQ(probe(other, true), Probe::kNo);
}

TEST(Dcerpc, BehindAGapASegmentOfMessagesGoesOn) {
  Feeder feeder(kDcerpc);
  feeder.stream(kClient, kBind);
  feeder.gap(kClient, 100);
  feeder.stream(kClient, "\5\0 the tail of something");
  feeder.stream(kClient, request("03", "0200"));
  EXPECT_THAT(feeder.context.records, ElementsAre(HasSubstr("bind"), HasSubstr("ept_lookup")));
}

TEST(Dcerpc, AnAnswerInAnotherProtocolIsHandedOn) {
  Feeder feeder(kDcerpc);
  feeder.stream(kClient, kBind);
  feeder.stream(kServer, "HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_TRUE(feeder.context.handed_on);
  EXPECT_THAT(feeder.held(kServer), HasSubstr("HTTP/1.1 400"));
  EXPECT_THAT(feeder.context.odds, IsEmpty());
}

TEST(Dcerpc, HostileCountsEndWithTheMessage) {
  Feeder feeder(kDcerpc);
  std::string many = kBind;
  many[24] = '\xff';  // contexts
  many[30] = '\xff';  // transfer syntaxes
  feeder.stream(kClient, many);
  EXPECT_THAT(feeder.context.records, ElementsAre(HasSubstr("interface=epmapper")));
}

}  // namespace
}  // namespace netwatch::dpi
