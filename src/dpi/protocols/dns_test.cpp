#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dpi/parts/dns_message.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kDns;
extern const ProtocolDef kMdns;
extern const ProtocolDef kLlmnr;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;
using ::testing::Not;

std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

// "www.example" as labels, with the root.
std::string name(std::string_view dotted) {
  std::string wire;
  while (!dotted.empty()) {
    const std::size_t dot = std::min(dotted.find('.'), dotted.size());
    wire += static_cast<char>(dot);
    wire += dotted.substr(0, dot);
    dotted.remove_prefix(std::min(dot + 1, dotted.size()));
  }
  return wire + '\0';
}

std::string header(unsigned id, unsigned flags, unsigned questions, unsigned answers = 0,
                   unsigned authorities = 0, unsigned additionals = 0) {
  return u16(id) + u16(flags) + u16(questions) + u16(answers) + u16(authorities) + u16(additionals);
}

std::string question(std::string_view dotted, unsigned type, unsigned dns_class = 1) {
  return name(dotted) + u16(type) + u16(dns_class);
}

std::string resource(const std::string& owner, unsigned type, const std::string& data,
                     unsigned dns_class = 1) {
  return owner + u16(type) + u16(dns_class) + u16(0) + u16(60) +
         u16(static_cast<unsigned>(data.size())) + data;
}

const std::string kToQuestion = "\xc0\x0c";  // a pointer to the first question's name

std::string query(unsigned id, std::string_view dotted, unsigned type = 1) {
  return header(id, 0x0100, 1) + question(dotted, type);
}

std::string prefixed(const std::string& message) {
  return u16(static_cast<unsigned>(message.size())) + message;
}

struct Case {
  const char* name;
  std::string message;
  std::vector<std::string> records;
  std::vector<std::string> odds;
};

const std::string kSubnetOption =
    resource(std::string(1, '\0'), 41,
             u16(8) + u16(7) + u16(1) + std::string("\x18\x00\xc0\x00\x02", 5), 1232);

const std::vector<Case> kCases{
    {"query",
     query(7, "www.Example.org"),
     {"> query transaction=7 opcode=QUERY qname=www.Example.org qtype=A"},
     {}},
    {"root_and_unknown_type",
     query(1, "", 65280),
     {"> query transaction=1 opcode=QUERY qname=. qtype=TYPE65280"},
     {}},
    {"aliases_and_addresses_of_the_name",
     header(9, 0x8580, 1, 4) + question("a.b", 1) + resource(kToQuestion, 5, name("c.d")) +
         resource(name("C.d"), 1, "\x01\x02\x03\x04") +
         resource(name("c.d"), 28, std::string(15, '\0') + '\x01') +
         resource(name("evil.example"), 1, "\x09\x09\x09\x09"),
     {"> response transaction=9 opcode=QUERY authoritative=true qname=a.b qtype=A answers=c.d "
      "cname=c.d answers=1.2.3.4 address=1.2.3.4 answers=::1 address=::1 answers=9.9.9.9 "
      "rcode=NOERROR"},
     {}},
    {"names_and_texts",
     header(9, 0x8180, 1, 4) + question("a.b", 255) +
         resource(kToQuestion, 15, u16(10) + name("mx.b")) +
         resource(kToQuestion, 33, u16(0) + u16(5) + u16(443) + name("srv.b")) +
         resource(kToQuestion, 16, "\x02hi\x03 yo") +
         resource(kToQuestion, 12, "\x01p" + kToQuestion),
     {"> response transaction=9 opcode=QUERY qname=a.b qtype=ANY answers=mx.b answers=srv.b "
      "answers=hi yo answers=p.a.b rcode=NOERROR"},
     {}},
    {"https_record",
     header(2, 0x8180, 1, 1) + question("a.b", 65) +
         resource(kToQuestion, 65,
                  u16(1) + std::string(1, '\0') + u16(1) + u16(6) + "\x02h2\x02h3" + u16(4) +
                      u16(4) + "\x01\x02\x03\x04" + u16(5) + u16(1) + "e"),
     {"> response transaction=2 opcode=QUERY qname=a.b qtype=HTTPS svcb_alpn=h2 svcb_alpn=h3 "
      "answers=1.2.3.4 address=1.2.3.4 svcb_ech=true rcode=NOERROR"},
     {}},
    {"edns_carries_half_of_the_result",
     header(3, 0x8180, 1, 0, 1, 1) + question("a.b", 6) + resource(kToQuestion, 6, name("ns.b")) +
         std::string(1, '\0') + u16(41) + u16(4096) + std::string("\x01\x00\x80\x00", 4) + u16(0),
     {"> response transaction=3 opcode=QUERY qname=a.b qtype=SOA edns_udp_bytes=4096 "
      "edns_dnssec_ok=true rcode=BADVERS"},
     {}},
    {"client_subnet",
     header(3, 0x0100, 1, 0, 0, 1) + question("a.b", 1) + kSubnetOption,
     {"> query transaction=3 opcode=QUERY qname=a.b qtype=A edns_udp_bytes=1232 "
      "edns_client_subnet=192.0.2.0/24"},
     {}},
    {"several_questions",
     header(0, 0, 2) + question("a.local", 12) + question("b.local", 255),
     {"> query transaction=0 opcode=QUERY qname=a.local qtype=PTR qname=b.local qtype=ANY"},
     {}},
    {"truncated_and_nxdomain",
     header(5, 0x8383, 1, 1) + question("a.b", 1),
     {"> response transaction=5 opcode=QUERY truncated=true qname=a.b qtype=A rcode=NXDOMAIN"},
     {}},
    {"unasked_response_names_its_addresses",
     header(0, 0x8400, 0, 1) + resource(name("host.local"), 1, "\x0a\x01\x02\x03", 0x8001),
     {"> response transaction=0 opcode=QUERY authoritative=true record_name=host.local "
      "answers=10.1.2.3 address=10.1.2.3 rcode=NOERROR"},
     {}},
    {"update_answers_nothing",
     header(6, 0x2800, 1, 1) + question("zone.b", 6) + resource(name("x.b"), 1, "\x01\x02\x03\x04"),
     {"> query transaction=6 opcode=UPDATE qname=zone.b qtype=SOA"},
     {}},
    {"answer_that_is_not_there",
     header(8, 0x8180, 1, 1) + question("a.b", 1),
     {"> response transaction=8 opcode=QUERY qname=a.b qtype=A rcode=NOERROR"},
     {"ends_early"}},
    {"reserved_bit",
     header(8, 0x0140, 1) + question("a.b", 1),
     {"> query transaction=8 opcode=QUERY qname=a.b qtype=A"},
     {"bad_flags"}},
    {"pointer_loop_in_an_answer",
     header(8, 0x8180, 1, 1) + question("a.b", 1) + "\xc0\x15" + u16(1) + u16(1) + u16(0) + u16(0) +
         u16(0),
     {"> response transaction=8 opcode=QUERY qname=a.b qtype=A rcode=NOERROR"},
     {"bad_pointer"}},
};

TEST(DnsDecoder, ReadsDatagrams) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    Feeder feeder(kDns);
    feeder.datagram(kClient, c.message);
    EXPECT_EQ(feeder.context.records, c.records);
    EXPECT_EQ(feeder.context.odds, c.odds);
    EXPECT_FALSE(feeder.ended());
  }
}

TEST(DnsDecoder, ReadsStreamsHoweverTheyAreCut) {
  std::string stream;
  std::vector<std::string> records;
  for (const Case& c : kCases) {
    stream += prefixed(c.message);
    records.insert(records.end(), c.records.begin(), c.records.end());
  }
  for (std::size_t chunk_bytes : {SIZE_MAX, std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
    SCOPED_TRACE(chunk_bytes);
    Feeder feeder(kDns, chunk_bytes);
    feeder.stream(kClient, stream);
    EXPECT_EQ(feeder.context.records, records);
    EXPECT_TRUE(feeder.held(kClient).empty());
  }
}

TEST(DnsDecoder, LatencyIsByIdAndQuestion) {
  Feeder feeder(kDns);
  feeder.datagram(kClient, query(1, "a.b"));
  feeder.pass_us(10);
  feeder.datagram(kClient, query(2, "a.b"));
  feeder.datagram(kClient, query(1, "a.b"));  // asked again: the first time counts
  feeder.pass_us(5);
  const auto response = [](unsigned id, const char* qname) {
    return header(id, 0x8180, 1) + question(qname, 1);
  };
  feeder.datagram(kServer, response(2, "A.b"));
  feeder.datagram(kServer, response(1, "x.y"));
  feeder.datagram(kServer, response(1, "a.b"));
  feeder.datagram(kServer, response(1, "a.b"));
  ASSERT_EQ(feeder.context.records.size(), 7U);
  EXPECT_THAT(feeder.context.records[3], HasSubstr("latency_us=5"));
  EXPECT_THAT(feeder.context.records[4], Not(HasSubstr("latency_us")));
  EXPECT_THAT(feeder.context.records[5], HasSubstr("latency_us=15"));
  EXPECT_THAT(feeder.context.records[6], Not(HasSubstr("latency_us")));
  EXPECT_THAT(feeder.context.originators, ElementsAre(kClient));
}

TEST(DnsDecoder, WhatTheCaptureKeptIsReported) {
  const std::string message =
      header(4, 0x8180, 1, 1) + question("a.b", 1) + resource(kToQuestion, 1, "\x01\x02\x03\x04");
  Feeder feeder(kDns);
  feeder.datagram(kServer, message.substr(0, message.size() - 6), true);
  EXPECT_THAT(feeder.context.records,
              ElementsAre("< response transaction=4 opcode=QUERY qname=a.b qtype=A rcode=NOERROR "
                          "(cut)"));
  EXPECT_THAT(feeder.context.odds, IsEmpty());
}

TEST(DnsDecoder, StreamFindsItsMessagesAgainBehindAGap) {
  Feeder feeder(kDns);
  feeder.stream(kClient, prefixed(query(1, "a.b")));
  feeder.gap(kClient, 100);
  feeder.stream(kClient, "rest of a message");
  feeder.stream(kClient, prefixed(query(2, "c.d")));
  EXPECT_EQ(feeder.context.records.size(), 2U);
  EXPECT_THAT(feeder.context.records.back(), HasSubstr("c.d"));
}

TEST(DnsDecoder, LeavesWhatIsNoDns) {
  Feeder feeder(kDns);
  feeder.datagram(kClient, "hello");
  EXPECT_TRUE(feeder.ended());
}

TEST(DnsDecoder, LabelsInTheSchemas) {
  EXPECT_EQ(kDns.schema->proto, "dns");
  EXPECT_EQ(kMdns.schema->proto, "mdns");
  EXPECT_EQ(kLlmnr.schema->proto, "llmnr");
  EXPECT_EQ(kMdns.schema->fields.data(), kDns.schema->fields.data());
}

TEST(DnsProbe, TellsByContent) {
  const std::string netbios_name = " " + std::string(32, 'A') + std::string(1, '\0');
  struct Row {
    const char* name;
    std::string bytes;
    Probe expected;
    bool datagram = true;
  };
  const Row rows[] = {
      {"query", query(1, "a.b"), Probe::kYes},
      {"tcp", prefixed(query(1, "a.b")), Probe::kYes, false},
      {"tcp, begun", prefixed(query(1, "a.b")).substr(0, 8), Probe::kMore, false},
      {"mdns unicast question", header(0, 0, 1) + question("x.local", 255, 0x8001), Probe::kYes},
      {"unasked response", header(0, 0x8400, 0, 1) + resource(name("h.local"), 1, "abcd", 0x8001),
       Probe::kYes},
      {"netbios name service", header(1, 0x0110, 1) + netbios_name + u16(0x20) + u16(1),
       Probe::kNo},
      {"netbios response", header(1, 0x8500, 0, 1) + resource(netbios_name, 0x20, "abcdef"),
       Probe::kNo},
      {"odd flags, good name", header(1, 0x0740, 1) + question("a.b", 1), Probe::kYes},
      {"odd flags, poor name", header(1, 0x0740, 1) + question("\x01\x02", 1), Probe::kNo},
      {"strange class", header(1, 0x0100, 1) + question("a.b", 1, 77), Probe::kNo},
      {"binary name", header(1, 0x0100, 1) + question("\x01\x02\x03\x04\x05\x06", 1), Probe::kNo},
      {"too many questions", header(1, 0x0100, 900) + question("a.b", 1), Probe::kNo},
      {"compressed first name", header(1, 0x0100, 1) + "\xc0\x0c" + u16(1) + u16(1), Probe::kNo},
      {"ntp", '\x23' + std::string(47, '\x02'), Probe::kNo},
      {"sip", "INVITE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n", Probe::kNo},
      {"stun", std::string("\x00\x01\x00\x08\x21\x12\xa4\x42", 8) + std::string(20, 'x'),
       Probe::kNo},
      {"zeros", std::string(64, '\0'), Probe::kNo},
  };
  for (const Row& row : rows) {
    ProbeInput input;
    input.datagram = row.datagram;
    input.sides[0] = base::as_bytes(row.bytes);
    EXPECT_EQ(kDns.probe(input), row.expected) << row.name;
  }
}

TEST(DnsProbe, PortsOnlyName) {
  const std::string bytes = query(1, "a.b");
  ProbeInput input;
  input.datagram = true;
  input.sides[0] = base::as_bytes(bytes);
  input.resp_port = 5353;
  EXPECT_EQ(kMdns.probe(input), Probe::kYes);
  EXPECT_EQ(kLlmnr.probe(input), Probe::kNo);
  input.resp_port = 5355;
  EXPECT_EQ(kMdns.probe(input), Probe::kNo);
  EXPECT_EQ(kLlmnr.probe(input), Probe::kYes);
  input.sides[0] = base::as_bytes("not a DNS message at all");
  EXPECT_EQ(kLlmnr.probe(input), Probe::kNo);
}

TEST(DnsName, IsReadWithinLimits) {
  struct Row {
    const char* name;
    std::string wire;
    DnsRead result;
    std::string text;
  };
  std::string long_name;
  for (int i = 0; i < 4; ++i) long_name += std::string(1, '\x3f') + std::string(63, 'a');
  const Row rows[] = {
      {"plain", ::netwatch::dpi::name("a.bc"), DnsRead::kOk, "a.bc"},
      {"escapes", std::string("\x05") + "\x01\\\xff" + "\xc3\xa9" + '\0', DnsRead::kOk,
       "\\001\\\\\\255\xc3\xa9"},
      {"overlong UTF-8", std::string("\x02\xc0\xaf", 3) + '\0', DnsRead::kOk, "\\192\\175"},
      {"255 bytes", long_name.substr(0, 192) + std::string("\x3d") + std::string(61, 'b') + '\0',
       DnsRead::kOk, ""},
      {"over 255 bytes", long_name + '\0', DnsRead::kNameTooLong, ""},
      {"to itself", std::string("\xc0\x00", 2), DnsRead::kBadPointer, ""},
      {"forward", std::string("\xc0\x02\x01x\x00", 5), DnsRead::kBadPointer, ""},
      {"extended label", "\x41x", DnsRead::kBadLabel, ""},
      {"no end",
       "\x03"
       "ab",
       DnsRead::kEndsEarly, ""},
      {"empty", "", DnsRead::kEndsEarly, ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    DnsName out;
    std::size_t offset = 0;
    EXPECT_EQ(read_dns_name(base::as_bytes(row.wire), offset, &out), row.result);
    if (!row.text.empty()) {
      EXPECT_EQ(out.text(), row.text);
    }
    EXPECT_EQ(offset, row.result == DnsRead::kOk ? row.wire.size() : 0U);
  }
}

TEST(DnsName, LongPointerChainsEnd) {
  // Each pointer points at the one before it; the first at a root label.
  std::string message(2, '\0');
  for (unsigned at = 2; at < 1000; at += 2) message += u16(0xc000 | (at - 2));
  DnsName out;
  std::size_t offset = message.size() - 2;
  EXPECT_EQ(read_dns_name(base::as_bytes(message), offset, &out), DnsRead::kBadPointer);
}

}  // namespace
}  // namespace netwatch::dpi
