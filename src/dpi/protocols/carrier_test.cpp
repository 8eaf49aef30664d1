// What the captures of testdata cannot show of the protocols of operators' networks: hostile and
// cut input, and forms that no packaged program sends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kLisp;
extern const ProtocolDef kRx;
extern const ProtocolDef kGtp;
extern const ProtocolDef kNetflow;
extern const ProtocolDef kSflow;
extern const ProtocolDef kCollectd;
extern const ProtocolDef kDropbox;
extern const ProtocolDef kBjnp;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using testing::kClient;
using testing::kServer;

Probe probe(const ProtocolDef& def, std::string_view bytes) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  input.datagram = true;
  return def.probe(input);
}

// Whatever is missing of `message`, or comes too much behind it, is not believed.
void expect_whole(const ProtocolDef& def, const std::string& message) {
  EXPECT_EQ(probe(def, message), Probe::kYes);
  EXPECT_TRUE(def.first.has(static_cast<std::uint8_t>(message[0])));
  for (std::size_t n = 0; n < message.size(); ++n) {
    EXPECT_EQ(probe(def, message.substr(0, n)), Probe::kNo) << n;
  }
  EXPECT_EQ(probe(def, message + '\0'), Probe::kNo);
}

const std::string kMapReply = from_hex(
    "28000001 0000000000000005 000005a0 01 18 1000 0000 0001 c0000200 0164ff00 0005 0001 0a4d0001");

TEST(Lisp, OnlyWhatAddsUp) {
  expect_whole(kLisp, kMapReply);
  for (const auto& [at, value] : {std::pair{0, 0x29},
                                  {1, 0x01},
                                  {16, 2},
                                  {17, 33},
                                  {18, 0x18},
                                  {19, 1},
                                  {23, 3},
                                  {32, 1},
                                  {35, 3}}) {
    std::string bad = kMapReply;
    bad[static_cast<std::size_t>(at)] = static_cast<char>(value);
    EXPECT_EQ(probe(kLisp, bad), Probe::kNo) << at;
  }
}

TEST(Lisp, AnEncapsulatedMessageIsNotEncapsulatedAgain) {
  const std::string request =
      from_hex("10000001 0000000000000002 0001 c0000207 0001 0a4d0001 00 20 0001 c6336401");
  const auto wrapped = [](const std::string& inner) {
    std::string head = from_hex(
        "80000000 4500 0000 00000000 4011 0000 0a4d0001 c6336401"
        "10f610f6 0000 0000");
    head[7] = static_cast<char>(28 + inner.size());
    head[29] = static_cast<char>(8 + inner.size());
    return head + inner;
  };
  expect_whole(kLisp, wrapped(request));
  EXPECT_EQ(probe(kLisp, wrapped(wrapped(request))), Probe::kNo);
  EXPECT_EQ(probe(kLisp, from_hex("88") + wrapped(request).substr(1)), Probe::kNo);
}

TEST(Lisp, OldRoutersNoncesOfZeroAreNoPairs) {
  const std::string mapping = from_hex("000005a0 00 18 1000 0000 0001 c0000200");
  Feeder feeder(kLisp);
  feeder.datagram(kClient, from_hex("38000101 0000000000000000 0001 0000") + mapping);
  feeder.datagram(kServer, from_hex("40000001 0000000000000000 0001 0000") + mapping);
  EXPECT_THAT(feeder.context.records,
              ElementsAre(HasSubstr("> map_register records=1"),
                          "< map_notify records=1 nonce=" + std::string(8, '\0') +
                              " key_id=1 eid=192.0.2.0/24 ttl_min=1440 action=no_action "
                              "flags=authoritative"));
}

std::string rx(const std::string& type_flags, const std::string& security,
               const std::string& service, const std::string& data, const char* seq = "00000001") {
  return from_hex("5f000001 00000104 00000001" + std::string(seq) + "00000002" + type_flags + "00" +
                  security + "0000" + service) +
         data;
}

TEST(Rx, CallsAndTheirEnds) {
  const std::string lookup = from_hex("00000207 00000004") + "home";
  Feeder feeder(kRx);
  feeder.datagram(kClient, rx("0105", "00", "0034", lookup));
  feeder.datagram(kClient, rx("0105", "00", "0034", lookup));  // again: no news
  feeder.pass_us(5);
  feeder.datagram(kServer, rx("0400", "00", "0034", from_hex("00058c04"), "00000000"));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> call epoch=1593835521 cid=260 call=1 service_id=52 security=null "
                          "service=vldb opcode=519 operation=get_entry_by_name_n name=home",
                          "< abort epoch=1593835521 cid=260 call=1 service_id=52 security=null "
                          "service=vldb opcode=519 operation=get_entry_by_name_n latency_us=5 "
                          "abort_code=363524 abort=vldb_no_entry"));
}

TEST(Rx, WhatIsEncipheredHasNoOperation) {
  Feeder feeder(kRx);
  feeder.datagram(kClient, rx("0105", "02", "0034", from_hex("9d1f22ab 00112233")));
  EXPECT_THAT(feeder.context.records, ElementsAre(HasSubstr("security=rxkad service=vldb")));
  EXPECT_THAT(feeder.context.records[0], ::testing::Not(HasSubstr("opcode")));
}

TEST(Rx, ANameThatIsLongerThanItsPacketIsNone) {
  Feeder feeder(kRx);
  feeder.datagram(kClient, rx("0105", "00", "0034", from_hex("00000207 ffffffff") + "home"));
  Feeder create(kRx);
  create.datagram(kClient, rx("0105", "00", "0001", from_hex("00000050 fffffffe 00000004")));
  EXPECT_THAT(feeder.context.records, ElementsAre(::testing::Not(HasSubstr(" name="))));
  EXPECT_THAT(create.context.records, ElementsAre(::testing::EndsWith("=create_bnode")));
}

TEST(RxProbe, OtherPacketsAreNone) {
  EXPECT_EQ(probe(kRx, rx("0105", "00", "0034", "")), Probe::kYes);
  EXPECT_EQ(probe(kRx, rx("0105", "00", "0035", "")), Probe::kNo);  // no such service
  EXPECT_EQ(probe(kRx, rx("0105", "01", "0034", "")), Probe::kNo);  // no such security
  EXPECT_EQ(probe(kRx, rx("0185", "00", "0034", "")), Probe::kNo);  // flags
  EXPECT_EQ(probe(kRx, rx("0901", "00", "0034", "")), Probe::kNo);  // no such type
  EXPECT_EQ(probe(kRx, rx("0400", "00", "0034", "four")), Probe::kYes);
  EXPECT_EQ(probe(kRx, rx("0400", "00", "0034", "fiver")), Probe::kNo);
  const std::string ack = from_hex("0000000000000001000000000000000206 02 0100");
  EXPECT_EQ(probe(kRx, rx("0221", "00", "0034", ack, "00000000")), Probe::kYes);
  EXPECT_EQ(probe(kRx, rx("0221", "00", "0034", ack.substr(0, 19), "00000000")), Probe::kNo);
}

TEST(Gtp, OnlyWhatAddsUp) {
  const std::string echo = from_hex("32010006 00000000 00010000 0e05");
  expect_whole(kGtp, echo);
  for (const auto& [at, value] : {std::pair{0, 0x3a}, {0, 0x22}, {1, 0xff}, {1, 8}, {12, 6}}) {
    std::string bad = echo;
    bad[static_cast<std::size_t>(at)] = static_cast<char>(value);
    EXPECT_EQ(probe(kGtp, bad), Probe::kNo) << at;
  }
  // A tunnelled packet is not its matter, and charging's messages come over GTP' only.
  EXPECT_EQ(probe(kGtp, from_hex("30ff0004 00000001 45000000")), Probe::kNo);
  EXPECT_EQ(probe(kGtp, from_hex("32f00006 00000000 00010000 0e05")), Probe::kNo);
}

TEST(Gtp, ExtensionHeadersArePassedOver) {
  const std::string before = from_hex("36010012 00000000 000100c0 ");
  EXPECT_EQ(probe(kGtp, before + from_hex("01 0000 85 02 000000000000 00 0e05")), Probe::kYes);
  EXPECT_EQ(probe(kGtp, before + from_hex("00 0000 85 02 000000000000 00 0e05")), Probe::kNo);
  EXPECT_EQ(probe(kGtp, before + from_hex("01 0000 85 09 000000000000 00 0e05")), Probe::kNo);
}

TEST(Gtp, AContextInAContextIsNotEntered) {
  const std::string inner = from_hex("5d000500 49000100 05");
  std::string nested = inner;
  for (int i = 0; i < 20; ++i) {
    nested = from_hex("5d00") + static_cast<char>(nested.size()) + '\0' + nested;
  }
  std::string message = from_hex("48200000 00000000 00000200") + nested;
  message[3] = static_cast<char>(message.size() - 4);
  Feeder feeder(kGtp);
  feeder.datagram(kClient, message);
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> request version=2 message_name=create_session_request "
                          "message_type=32 teid=0 sequence=2"));
}

TEST(Gtp, OneShortMessageOfChargingIsNotBelievedAlone) {
  Feeder feeder(kGtp);
  feeder.datagram(kClient, from_hex("4f04 0000 0001"));
  EXPECT_THAT(feeder.context.records, ::testing::IsEmpty());
  feeder.datagram(kServer, from_hex("4f05 0000 0001"));
  EXPECT_THAT(feeder.context.records,
              ElementsAre(HasSubstr("version=prime message_name=node_alive_response")));
}

TEST(Netflow, SizesAndCounts) {
  const std::string five =
      from_hex("0005 0001 00001388 6553f100 00000000 00000064 00 03 4064") + std::string(48, '\0');
  expect_whole(kNetflow, five);
  std::string bad = five;
  bad[3] = 2;
  EXPECT_EQ(probe(kNetflow, bad), Probe::kNo);
  const std::string nine = from_hex(
      "0009 0001 00001388 6553f100 00000001 0000002a 0000 000c 0100 0001 0008 0004 0100 0008 "
      "c0000201");
  EXPECT_EQ(probe(kNetflow, nine), Probe::kYes);
  EXPECT_EQ(probe(kNetflow, nine.substr(0, 39)), Probe::kNo);
  const std::string ipfix = from_hex(
      "000a 0026 6553f100 00000001 0000002a 0002 0010 0100 0001 8001 0004 00001234 0100 0006 0000");
  EXPECT_EQ(probe(kNetflow, ipfix), Probe::kYes);
  for (const auto& [at, value] : {std::pair{3, 1}, {17, 1}, {19, 1}, {20, 0}, {23, 9}, {35, 9}}) {
    bad = ipfix;
    bad[static_cast<std::size_t>(at)] = static_cast<char>(value);
    EXPECT_EQ(probe(kNetflow, bad), Probe::kNo) << at;
  }
}

TEST(Netflow, IpfixOverTcpInAnyPieces) {
  const auto message = [](char number) {
    return from_hex("000a 0018 6553f100 000000") + number + from_hex("0000002a 0100 0008 00000000");
  };
  for (std::size_t chunk : {1U, 7U, 100U}) {
    Feeder feeder(kNetflow, chunk);
    feeder.stream(kClient, message(10) + message(13));
    if (chunk == 100U) feeder.gap(kClient, 240);
    feeder.stream(kClient, message(33));
    feeder.end();
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> export version=10 source=42 sequence=10 messages=1",
                            HasSubstr("sequence=33 messages=2 records=23")));
  }
}

TEST(Netflow, WhatIsMissingIsCountedEachMinute) {
  const auto five = [](char number) {
    return from_hex("0005 0002 00001388 6553f100 00000000 000000") + number +
           from_hex("00 03 0000") + std::string(96, '\0');
  };
  Feeder feeder(kNetflow);
  feeder.datagram(kClient, five(1));
  feeder.datagram(kClient, five(5));
  feeder.datagram(kClient, five(2));  // late, and not a loss of four thousand million
  feeder.pass_us(61'000'000);
  feeder.datagram(kClient, five(3));
  EXPECT_THAT(feeder.context.records,
              ElementsAre(HasSubstr("messages=1 records=2"),
                          "> export version=5 source=3 sequence=3 messages=3 records=6 lost=2"));
}

TEST(Sflow, OnlyWhatAddsUp) {
  const std::string five = from_hex(
      "00000005 00000001 0a4d0001 00000003 00000001 000003e8 00000001 00000002 00000004 00000001");
  expect_whole(kSflow, five);
  std::string bad = five;
  bad[27] = 2;
  EXPECT_EQ(probe(kSflow, bad), Probe::kNo);
  EXPECT_EQ(probe(kSflow, from_hex("00000005 00000001 0a4d0001 00000003 00000001 000003e8"
                                   "ffffffff 00000002 00000004 00000001")),
            Probe::kNo);
}

TEST(Collectd, OnlyWhatAddsUp) {
  const std::string values = from_hex(
      "0000 0008 77656200 0002 0009 6c6f616400 0006 000f 0001 01"
      "0000000000000000");
  expect_whole(kCollectd, values);
  for (const auto& [at, value] : {std::pair{7, 'x'}, {5, 0}, {23, 9}, {22, 2}}) {
    std::string bad = values;
    bad[static_cast<std::size_t>(at)] = static_cast<char>(value);
    EXPECT_EQ(probe(kCollectd, bad), Probe::kNo) << at;
  }
  Feeder feeder(kCollectd);
  feeder.datagram(kClient, values);
  feeder.datagram(kClient, values);  // no news
  EXPECT_THAT(feeder.context.records, ElementsAre("> values host=web plugin=load values=1"));
}

TEST(Dropbox, KeysInAnyOrder) {
  Feeder feeder(kDropbox);
  feeder.datagram(kClient,
                  R"({"namespaces": [], "port": 17500, "host_int": 7, "version": [1, 8]})");
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> announcement host_int=7 version=1.8 port=17500 namespaces=0"));
  EXPECT_EQ(probe(kDropbox, R"({"host_int": "no number", "version": [1, 8], "namespaces": []})"),
            Probe::kNo);
  EXPECT_EQ(probe(kDropbox, R"({"host_int": 7, "version": [1, 8], "namespaces": [])"), Probe::kNo);
  EXPECT_EQ(
      probe(kDropbox, R"({"jsonrpc": "2.0", "host_int": 7, "version": [1], "namespaces": []})"),
      Probe::kNo);
}

TEST(Bjnp, OverTcpPagesArePassedOver) {
  const std::string page =
      "BJNP" + from_hex("01 21 0000 0002 0005 00000100") + std::string(256, 'x');
  for (std::size_t chunk : {1U, 100U, 1000U}) {
    Feeder feeder(kBjnp, chunk);
    feeder.stream(kClient, page + "BJNP" + from_hex("01 11 0000 0003 0005 00000000"));
    feeder.stream(kServer, "BJNP" + from_hex("81 11 0000 0003 0005 00000000"));
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> request device=printer command=close command_code=17 sequence=3 "
                            "session=5",
                            HasSubstr("< response device=printer command=close")));
  }
}

TEST(Bjnp, AnIdentityThatIsCutIsNotRead) {
  expect_whole(kBjnp, "BJNP" + from_hex("82 30 0000 0001 0000 00000003 0003 4d"));
  Feeder feeder(kBjnp);
  feeder.datagram(kServer, "BJNP" + from_hex("82 01 0000 0001 0000 00000006 0001 0800 ff04"));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("< response device=scanner command=discover command_code=1 sequence=1"));
}

}  // namespace
}  // namespace netwatch::dpi
