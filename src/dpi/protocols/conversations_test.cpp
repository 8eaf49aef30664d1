// Properties that every protocol of lines, frames and headers shares, by one conversation of each:
// it is told from all others, its records do not depend on how it is cut, its secrets stay away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dpi/parts/hex_test.h"
#include "dpi/protocols.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
namespace {

using ::testing::Contains;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;
using ::testing::Not;

struct Said {
  model::Side side;
  std::string bytes;
};
struct Conversation {
  std::string_view protocol;
  std::vector<Said> said;
  std::string record;  // one of its records
};

const std::string kPostgresStartup =
    from_hex("00000023 00030000") + std::string("user\0alice\0database\0shop\0\0\0", 27);
// With the NULs in it.
template <std::size_t kBytes>
std::string bytes(const char (&text)[kBytes]) {
  return {text, kBytes - 1};
}

const std::vector<Conversation> kConversations = {
    {"ssh",
     {{kServer, "SSH-2.0-one\r\n"}, {kClient, "SSH-2.0-two\r\n"}},
     "> banner client=SSH-2.0-two"},
    {"ftp",
     {{kServer, "220 ready\r\n"},
      {kClient, "USER alice\r\n"},
      {kServer, "331-one\r\n331 two\r\n"},
      {kClient, "PASS secret\r\n"},
      {kServer, "230 in\r\n"},
      {kClient, "EPRT |1|192.0.2.1|4000|\r\n"},
      {kServer, "200 ok\r\n"}},
     "> request command=EPRT argument=|1|192.0.2.1|4000| data_address=192.0.2.1 "
     "data_port=4000"},
    {"smtp",
     {{kServer, "220 mx ESMTP\r\n"},
      {kClient, "EHLO me\r\n"},
      {kServer, "250-mx\r\n250 AUTH LOGIN\r\n"},
      {kClient, "AUTH LOGIN\r\n"},
      {kServer, "334 VXNlcm5hbWU6\r\n"},
      {kClient, "YWxpY2U=\r\n"},
      {kServer, "334 UGFzc3dvcmQ6\r\n"},
      {kClient, "c2VjcmV0\r\n"},
      {kServer, "235 ok\r\n"},
      {kClient, "MAIL FROM:<a@b> SIZE=9\r\nRCPT TO:<c@d>\r\nDATA\r\n"},
      {kServer, "250 ok\r\n250 ok\r\n354 go\r\n"},
      {kClient, "secret\r\nQUIT\r\n..\r\n.\r\nQUIT\r\n"},
      {kServer, "250 queued\r\n221 bye\r\n"}},
     "> request auth=LOGIN user=alice"},
    {"imap",
     {{kServer, "* OK hello\r\n"},
      {kClient, "1 LOGIN \"al\\\"ice\" secret\r\n"},
      {kServer, "1 OK in\r\n"},
      {kClient, "2 APPEND Sent {8+}\r\nsecret\r\n\r\n3 UID FETCH 1 FLAGS\r\n"},
      {kServer, "* 1 FETCH (BODY {10}\r\n2 NO xxxx\n)\r\n3 BAD no\r\n"}},
     "> request tag=3 command=FETCH uid=true"},
    {"pop3",
     {{kServer, "+OK hello\r\n"},
      {kClient, "USER alice\r\n"},
      {kServer, "+OK\r\n"},
      {kClient, "PASS secret\r\n"},
      {kServer, "+OK\r\n"},
      {kClient, "RETR 1\r\n"},
      {kServer, "+OK 20 octets\r\nsecret\r\n-ERR no\r\n.\r\n"},
      {kClient, "DELE 9\r\n"},
      {kServer, "-ERR none\r\n"}},
     "< response status=-ERR text=none latency_us=0"},
    {"telnet",
     {{kServer, "\xff\xfd\x18\xff\xfb\x01"},
      {kClient, "\xff\xfb\x18\xff\xfd\x01"},
      {kServer, bytes("\xff\xfa\x18\x01\xff\xf0")},
      {kClient, bytes("\xff\xfa\x18\x00VT100\xff\xf0")},
      {kServer, "host login: "},
      {kClient, "alicx\be\r\n"},
      {kServer, "Password: "},
      {kClient, "secret\r\n"}},
     "> login user=alice"},
    {"socks",
     {{kClient, bytes("\5\2\0\2")},
      {kServer, "\5\2"},
      {kClient, "\1\5alice\6secret"},
      {kServer, bytes("\1\0")},
      {kClient, bytes("\5\1\0\3\7a.local\0\x50")},
      {kServer, bytes("\5\0\0\1\x7f\0\0\1\0\x50")}},
     "> request version=5 command=connect host=a.local target_port=80"},
    {"redis",
     {{kClient, "*3\r\n$4\r\nauth\r\n$5\r\nalice\r\n$6\r\nsecret\r\n"},
      {kServer, "%1\r\n+a\r\n*2\r\n:1\r\n$6\r\nsecret\r\n"},
      {kClient, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"},
      {kServer, "-WRONGTYPE no\r\n"}},
     "< error error=WRONGTYPE no latency_us=0"},
    {"memcached",
     {{kClient, "set a 0 -1 6\r\nsecret\r\nget a\r\n"},
      {kServer, "STORED\r\nVALUE a 0 6\r\nsecret\r\nEND\r\n"},
      {kClient, "verbosity\r\n"},
      {kServer, "ERROR\r\n"}},
     "> request command=get key=a"},
    {"mysql",
     {{kServer, from_hex("2d000000 0a") + bytes("8.0.1\0") + from_hex("01000000") + "12345678" +
                    from_hex("00 0082 21 0200 0800 15") + std::string(10, '\0') +
                    bytes("plugin\0")},
      {kClient, from_hex("2d000001 00820000 00000001 21") + std::string(23, '\0') +
                    bytes("alice\0\6secret")},
      {kServer, from_hex("07000002 00000002000000")},
      {kClient, from_hex("09000000 03") + "SELECT 1"},
      {kServer, from_hex("09000001 ff1504") + "#28000x"}},
     "> command request=query query=SELECT 1"},
    {"pgsql",
     {{kClient, kPostgresStartup},
      {kServer, bytes("R\0\0\0\x08\0\0\0\3")},
      {kClient, bytes("p\0\0\0\x0bsecret\0")},
      {kServer, bytes("R\0\0\0\x08\0\0\0\0Z\0\0\0\5I")},
      {kClient, bytes("Q\0\0\0\x0dSELECT 1\0")},
      {kServer, bytes("E\0\0\0\x10"
                      "C42P01\0Mno\0\0")}},
     "< response status=42P01 error=no"},
    {"mqtt",
     {{kClient, bytes("\x10\x1f\0\4MQTT\4\xc2\0\x3c\0\4lamp\0\5alice\0\6secret")},
      {kServer, bytes("\x20\2\0\0")},
      {kClient, bytes("\x30\x0b\0\3a/bsecret")}},
     "> message type=publish topic=a/b qos=0"},
    {"irc",
     {{kClient, "PASS secret\r\nNICK alice\r\nUSER alice 0 * :Alice\r\n"},
      {kServer, ":irc 001 alice :Welcome\r\n"},
      {kClient, "PRIVMSG #a :secret\r\nOPER alice secret\r\n"}},
     "> request command=PRIVMSG target=#a"},
    {"xmpp",
     {{kClient, "<?xml version='1.0'?><stream:stream to='a.local' xmlns='jabber:client'>"},
      {kServer, "<stream:stream id='1' from='a.local'>"},
      {kClient, "<auth mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>"},
      {kServer, "<success/>"},
      {kClient, "<message to='b@c'><body>secret<iq/></body></message>"}},
     "> auth auth=PLAIN user=alice"},
    {"sip",
     {{kClient,
       "REGISTER sip:a SIP/2.0\r\nf: <sip:b@a>;tag=1\r\nAuthorization: Digest "
       "username=\"alice\", response=\"secret\"\r\nl: 6\r\n\r\nv=0\r\n\n"},
      {kServer, "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"}},
     "> request method=REGISTER uri=sip:a from=sip:b@a user=alice"},
    {"rtsp",
     {{kClient, "PLAY rtsp://a/b RTSP/1.0\r\nCSeq: 2\r\n\r\n"},
      {kServer, bytes("RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n$\0\0\6secret"
                      "RTSP/1.0 454 No\r\nCSeq: 3\r\n\r\n")}},
     "< response version=RTSP/1.0 status=454 reason=No cseq=3"},
    {"ldap",
     {{kClient, from_hex("3016 020101 6011 020103 0404") + "cn=a" + from_hex("8006") + "secret"},
      {kServer, from_hex("300c 020101 6107 0a0131 0400 0400")}},
     "< response message_id=1 operation=bind status=49 latency_us=0"},
    {"vnc",
     {{kServer, "RFB 003.008\n"},
      {kClient, "RFB 003.008\n"},
      {kServer, "\2\1\2"},
      {kClient, "\1"},
      {kServer, bytes("\0\0\0\0")},
      {kClient, "\1"},
      {kServer, from_hex("0140 00c8") + std::string(16, '\0') + from_hex("00000004") + "desk"}},
     "< desktop name=desk width=320 height=200"},
    {"amqp",
     {{kClient, bytes("AMQP\0\0\x09\1")},
      {kServer, from_hex("01 0000 0000000f 000a000a 0009 00000000 00000001 58 ce")},
      {kClient, from_hex("01 0000 00000020 000a000b 00000000 05") + "PLAIN" + from_hex("0000000d") +
                    bytes("\0alice\0secret") + from_hex("00 ce")}},
     "> method method=connection.start_ok auth=PLAIN user=alice"},
    {"mongodb",
     {{kClient, from_hex("2e000000 01000000 00000000 dd070000 00000000 00 19000000") + "\2find" +
                    from_hex("00 07000000") + "orders" +
                    bytes("\0\x0a"
                          "a\0\0")}},
     "> request command=find collection=orders"},
    {"kafka",
     {{kClient,
       from_hex("00000018 0003 0001 00000001 0002") + "me" + from_hex("00000001 0006") + "orders"},
      {kServer, from_hex("00000008 00000001 00000000")}},
     "> request api=metadata version=1 client=me topic=orders"},
    {"modbus",
     {{kClient, from_hex("0001 0000 0006 07 03 0010 0005")},
      {kServer, from_hex("0001 0000 0003 07 83 02")}},
     "< response transaction=1 unit=7 function=read_holding_registers function_code=3 "
     "exception=illegal_data_address"},
    {"dnp3",
     {{kClient, from_hex("0564 05 c0 0100 0004 e921")}},
     "> link source=1024 destination=1 link_function=reset_link"},
    {"nbss",
     {{kClient, from_hex("81000044") + " EGEJEMEFFDCACACACACACACACACACACA" + bytes("\0") +
                    " EMEBFAFEEPFACACACACACACACACACAAA" + bytes("\0")},
      {kServer, from_hex("8300000182")}},
     "< negative error=called_name_not_present latency_us=0"},
    {"smb",
     {{kClient, from_hex("00000023 ff534d42 72") + std::string(27, '\0') + bytes("\0\0\0")}},
     "> request version=1 command=negotiate"},
    {"sunrpc",
     {{kClient, from_hex("80000028 00000001 00000000 00000002 000186a0 00000002 00000000") +
                    std::string(16, '\0')},
      {kServer, from_hex("80000018 00000001 00000001") + std::string(16, '\0')}},
     "< reply xid=1 program=portmapper version=2 procedure=null status=SUCCESS latency_us=0"},
    {"nfs",
     {{kClient, from_hex("80000028 00000001 00000000 00000002 000186a3 00000003 00000000") +
                    std::string(16, '\0')},
      {kServer, from_hex("80000018 00000001 00000001") + std::string(16, '\0')}},
     "> call version=3 xid=1 operation=null auth=none"},
    {"nntp",
     {{kServer, "201 news\r\n"},
      {kClient, "authinfo pass secret\r\n"},
      {kServer, "281 in\r\n"},
      {kClient, "LISTGROUP a.b\r\nTAKETHIS <1@a>\r\n..secret\r\n.\r\nSTAT\r\n"},
      {kServer, "211 1 1 1 a.b\r\nsecret\r\n.\r\n239 <1@a>\r\n223 1 <1@a>\r\n"}},
     "< response status=239 text=<1@a> latency_us=0"},
    {"pptp",
     {{kClient, from_hex("00100001 1a2b3c4d 000c0000 10b2 0000")},
      {kServer,
       from_hex("00940001 1a2b3c4d 000d0000 10b2 04 00 0000 0000") + std::string(128, '\0')}},
     "< disconnect call=4274 result=requested latency_us=0 cause=0"},
    {"tns",
     {{kClient, from_hex("0027 0000 01 00 0000 013f 012c 0000 2000 ffff 7f08 0000 0001 0005 0022") +
                    from_hex("00000800 4141") + "(X=1)"},
      {kServer, from_hex("0017 0000 04 00 0000 22 00 000b") + "(ERR=12514)"}},
     "< refuse error=ORA-12514 latency_us=0"},
    {"git",
     {{kClient, bytes("002cgit-upload-pack /a.git\0host=example.org\0")},
      {kServer, "0010ERR no such\n"}},
     "< error error=no such latency_us=0"},
};

const ProtocolDef& row(std::string_view name) {
  const auto table = protocols();
  return **std::ranges::find(table, name, [](const ProtocolDef* def) { return def->name; });
}

std::vector<std::string> records(const Conversation& one, std::size_t chunk) {
  Feeder feeder(row(one.protocol), chunk);
  for (const Said& said : one.said) feeder.stream(said.side, said.bytes);
  EXPECT_THAT(feeder.context.odds, IsEmpty()) << one.protocol;
  // A run of Telnet's options in a segment is one record.
  std::vector<std::string> records = feeder.context.records;
  std::erase_if(records, [](const std::string& text) { return text.contains(" options "); });
  return records;
}

TEST(Conversations, RecordsDoNotDependOnSegmentsAndHoldNoSecrets) {
  for (const Conversation& one : kConversations) {
    const std::vector<std::string> whole = records(one, 100'000);
    EXPECT_THAT(whole, Contains(one.record)) << one.protocol;
    EXPECT_THAT(whole, Not(Contains(HasSubstr("secret")))) << one.protocol;
    for (std::size_t chunk : {1, 2, 5}) EXPECT_EQ(records(one, chunk), whole) << one.protocol;
  }
}

// What all probes together say of both sides' first words.
TEST(Conversations, EachIsToldFromAllOthers) {
  for (const Conversation& one : kConversations) {
    std::array<std::string, 2> sides;
    bool told = false;
    for (std::size_t i = 0; i < one.said.size() && !told; ++i) {
      sides[model::index(one.said[i].side)] += one.said[i].bytes;
      ProbeInput input;
      input.latest = one.said[i].side;
      for (std::size_t side = 0; side < 2; ++side) input.sides[side] = base::as_bytes(sides[side]);
      for (const ProtocolDef* def : protocols()) {
        if (def->transport == Transport::kUdp || def->transport == Transport::kIp) continue;
        const bool first = std::ranges::any_of(sides, [&](const std::string& side) {
          return !side.empty() && def->first.has(static_cast<std::uint8_t>(side[0]));
        });
        if (!first || def->probe(input) != Probe::kYes) continue;
        EXPECT_EQ(def->name, one.protocol);
        told = true;
      }
    }
    EXPECT_TRUE(told) << one.protocol;
  }
}

// Every beginning of every conversation, from either side alone, and with a hole in it.
TEST(Conversations, WhatIsMissingDoesNoHarm) {
  for (const Conversation& one : kConversations) {
    for (std::size_t cut = 0; cut < 40; ++cut) {
      Feeder feeder(row(one.protocol), 7);
      for (const Said& said : one.said) {
        feeder.stream(said.side, said.bytes.substr(0, cut), true);
        feeder.gap(said.side, 1000);
        feeder.stream(said.side, said.bytes.substr(std::min(cut, said.bytes.size())));
      }
      EXPECT_THAT(feeder.context.records, Not(Contains(HasSubstr("=secret")))) << one.protocol;
    }
    for (model::Side side : {kClient, kServer}) {
      Feeder feeder(row(one.protocol));
      for (const Said& said : one.said) {
        if (said.side == side) feeder.stream(side, said.bytes);
      }
      EXPECT_THAT(feeder.context.records, Not(Contains(HasSubstr("secret")))) << one.protocol;
    }
  }
}

TEST(Conversations, ALengthOfZeroIsNoMessage) {
  Feeder feeder(row("pgsql"));
  feeder.stream(kClient, std::string(8, '\0'));
  EXPECT_TRUE(feeder.ended());
  EXPECT_THAT(feeder.context.records, IsEmpty());
}

}  // namespace
}  // namespace netwatch::dpi
