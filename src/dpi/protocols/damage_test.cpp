// Messages that are damaged, refused or seen late: what is left of them has to prove enough.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {

extern const ProtocolDef kBgp;
extern const ProtocolDef kDns;
extern const ProtocolDef kFtp;
extern const ProtocolDef kIke;
extern const ProtocolDef kModbus;
extern const ProtocolDef kRadius;
extern const ProtocolDef kRedis;
extern const ProtocolDef kTelnet;
extern const ProtocolDef kTftp;

namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Feeder;
using testing::kClient;
using testing::kServer;

std::string bgp(const std::string& body) { return std::string(16, '\xff') + from_hex(body); }

const std::string kRadiusHead = "5e0e2b78773314628ae3d5ea0efe915e";
const std::string kVendors = "1a0a 000057c8 0e04 5553 1a0c 000057c8 0d06 77696669";
const std::string kNamed = "0108 616c69636531 0406 0a000001";
const std::string kSaInit = "0001020304050607 0000000000000000 2120 2208 00000000 00000028";

struct Case {
  std::string_view name;
  const ProtocolDef* protocol;
  std::string first;   // of the client, or the datagram
  std::string second;  // of the server
  Probe expected;
};

const Case kCases[] = {
    {"BgpUpdateTooShort", &kBgp, bgp("0013 02"), "", Probe::kYes},
    {"BgpOpenOfNoVersionBeforeAnother", &kBgp, bgp("0015 01 ffff") + bgp("0017 02 00000000"), "",
     Probe::kYes},
    {"BgpOpenOfNoVersion", &kBgp, bgp("0015 01 ffff"), "", Probe::kNo},
    {"BgpOpenOfNoVersionBeforeOther", &kBgp, bgp("0015 01 ffff") + "x", "", Probe::kNo},
    {"BgpTooShort", &kBgp, bgp("0012 02"), "", Probe::kNo},

    {"RadiusTwoOfAVendorBeforeDamage", &kRadius,
     from_hex("010a 002e" + kRadiusHead + kVendors + "2500 0000"), "", Probe::kYes},
    {"RadiusOneOfAVendorBeforeDamage", &kRadius,
     from_hex("010a 0022" + kRadiusHead + kVendors.substr(0, 25) + "2500 0000"), "", Probe::kNo},
    {"RadiusPadded", &kRadius, from_hex("010a 0022" + kRadiusHead + kNamed + "0000"), "",
     Probe::kYes},
    {"RadiusPaddedAndNobodyNamed", &kRadius,
     from_hex("010a 002a" + kRadiusHead + kVendors + "0000"), "", Probe::kNo},
    {"RadiusPaddedAndDamaged", &kRadius,
     from_hex("010a 0026" + kRadiusHead + kNamed + "2500 0000 0000"), "", Probe::kNo},

    {"ModbusRefusesNoFunction", &kModbus, from_hex("0000 0000 0006 01 00 0000 0000"),
     from_hex("0000 0000 0003 01 80 01"), Probe::kYes},
    {"ModbusRefusesNoFunctionOtherwise", &kModbus, from_hex("0000 0000 0006 01 00 0000 0000"),
     from_hex("0000 0000 0003 01 80 02"), Probe::kNo},
    {"ModbusNoFunctionAlone", &kModbus, from_hex("0000 0000 0006 01 00 0000 0000"), "",
     Probe::kMore},
    {"ModbusOtherProtocol", &kModbus, from_hex("0000 0001 0006 01 00 0000 0000"), "", Probe::kNo},
    {"ModbusAnswerBeforeTheNextQuestion", &kModbus, from_hex("0202 0000 0006 01 04 0001 0002"),
     from_hex("0201 0000 0003 01 83 02"), Probe::kYes},
    {"ModbusAnswerBeforeAnothersQuestion", &kModbus, from_hex("0202 0000 0006 02 04 0001 0002"),
     from_hex("0201 0000 0003 01 83 02"), Probe::kNo},

    {"TftpNoName", &kTftp, from_hex("0001 00") + std::string("octet\0", 6), "", Probe::kYes},
    {"TftpNoMode", &kTftp, from_hex("0001 00") + std::string("octets\0", 7), "", Probe::kNo},

    {"IkeDamagedOpening", &kIke, from_hex(kSaInit + "2280 00f4 01020304 05060708"), "",
     Probe::kYes},
    {"IkeDamagedLater", &kIke,
     from_hex("0001020304050607 0000000000000001 2120 2208 00000000 00000028"
              "2280 00f4 01020304 05060708"),
     "", Probe::kNo},

    {"DnsInverseQuery", &kDns,
     from_hex("77fc 0900 0000 0001 0000 0000 03 323136 01 34 00 0001 0001 00000000 0000"), "",
     Probe::kYes},
    {"DnsQueryWithAnAnswer", &kDns,
     from_hex("77fc 0100 0000 0001 0000 0000 03 323136 01 34 00 0001 0001 00000000 0000"), "",
     Probe::kNo},

    {"FtpCommandSucceeded", &kFtp, "", "200 NOOP command successful.\r\n", Probe::kYes},
    {"FtpSuccess", &kFtp, "", "200 fine\r\n", Probe::kNo},
    {"TelnetSubnegotiationAndText", &kTelnet, "", from_hex("fffa250f fff0") + "Welcome",
     Probe::kYes},
    {"TelnetSubnegotiation", &kTelnet, "", from_hex("fffa250f fff0"), Probe::kMore},

    {"RedisInline", &kRedis, "\r\nset a b\r\n", "+OK\r\n", Probe::kYes},
    {"RedisInlineAlone", &kRedis, "GET a\r\n", "", Probe::kMore},
    {"RedisInlineNumber", &kRedis, "PUBLISH a b\r\n", ":2\r\n", Probe::kYes},
    {"RedisPong", &kRedis, "", "+PONG\r\n", Probe::kYes},
    {"Pop3Ok", &kRedis, "", "+OK\r\n", Probe::kNo},
    {"Pop3", &kRedis, "STAT\r\n", "+OK 2 320\r\n", Probe::kNo},
    {"Memcached", &kRedis, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n", Probe::kNo},
    {"Http", &kRedis, "GET /a HTTP/1.1\r\n", "", Probe::kNo},
    {"RedisValues", &kRedis, "", "*3\r\n:1\r\n|1\r\n+ttl\r\n:3600\r\n", Probe::kYes},
    {"RedisPush", &kRedis, "", ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nbc\r\n", Probe::kYes},
    {"ImapList", &kRedis, "", "* 3 EXISTS\r\n", Probe::kNo},
    {"RedisOtherValues", &kRedis, "", "*3\r\n:1\r\nx1\r\n", Probe::kNo},
};

Probe probe(const Case& one) {
  const bool udp = (static_cast<unsigned>(one.protocol->transport) &
                    static_cast<unsigned>(Transport::kTcp)) == 0;
  ProbeInput input{.sides = {},
                   .latest = one.second.empty() ? kClient : kServer,
                   .datagram = udp || one.protocol == &kDns};
  input.sides[0] = base::as_bytes(one.first);
  input.sides[1] = base::as_bytes(one.second);
  return one.protocol->probe(input);
}

TEST(Damage, WhatIsLeftHasToProveEnough) {
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.name);
    EXPECT_EQ(probe(one), one.expected);
  }
}

TEST(Damage, IsOdd) {
  Feeder ike(kIke);
  ike.datagram(kClient, from_hex(kSaInit + "2280 00f4 01020304 05060708"));
  EXPECT_EQ(ike.context.records.size(), 1U);
  EXPECT_THAT(ike.context.odds, ElementsAre("payload_overrun"));
  Feeder border(kBgp);
  border.stream(kClient, bgp("0013 02"));
  EXPECT_THAT(border.context.odds, ElementsAre("message_overrun"));
}

TEST(Damage, AnInlineCommandHasASide) {
  for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX}) {
    SCOPED_TRACE(chunk);
    Feeder feed(kRedis, chunk);
    feed.stream(kServer, "PUBLISH a b\r\n");
    feed.stream(kClient, ":2\r\n");
    feed.stream(kServer, "nonsense\r\n");
    feed.stream(kClient, "-ERR unknown command 'nonsense'\r\n");
    EXPECT_THAT(feed.context.originators, Contains(kServer));
    EXPECT_THAT(feed.context.records,
                ElementsAre("< request command=PUBLISH arguments=0",
                            "< request command=NONSENSE arguments=0",
                            "> error error=ERR unknown command 'nonsense' latency_us=0"));
  }
}

}  // namespace
}  // namespace netwatch::dpi
