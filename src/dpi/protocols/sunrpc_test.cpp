#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kSunrpc;
extern const ProtocolDef kNfs;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;
using ::testing::Not;

std::string u32(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}
std::string text(const std::string& value) {
  return u32(static_cast<std::uint32_t>(value.size())) + value +
         std::string((4 - value.size() % 4) % 4, '\0');
}
std::string call(std::uint32_t xid, std::uint32_t program, std::uint32_t version,
                 std::uint32_t procedure, const std::string& arguments) {
  return u32(xid) + u32(0) + u32(2) + u32(program) + u32(version) + u32(procedure) +
         std::string(16, '\0') + arguments;
}
std::string reply(std::uint32_t xid, const std::string& results) {
  return u32(xid) + u32(1) + std::string(16, '\0') + results;
}
std::string record(const std::string& message) {
  return u32(0x80000000U | static_cast<std::uint32_t>(message.size())) + message;
}
std::string lookup3(std::uint32_t xid, const std::string& directory, const std::string& name) {
  return call(xid, 100003, 3, 3, text(directory) + text(name));
}

TEST(Sunrpc, PortmapOverUdp) {
  Feeder feeder(kSunrpc);
  feeder.datagram(kClient, call(7, 100000, 2, 3, u32(100003) + u32(3) + u32(6) + u32(0)));
  feeder.pass_us(20);
  feeder.datagram(kServer, reply(7, u32(2049)));
  feeder.datagram(kServer, reply(7, u32(2049)));  // sent twice
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> call xid=7 program=portmapper version=2 procedure=getport auth=none "
                          "mapping=nfs 3 tcp",
                          "< reply xid=7 program=portmapper version=2 procedure=getport port=2049 "
                          "status=SUCCESS latency_us=20",
                          "< reply xid=7 status=SUCCESS"));
}

TEST(Sunrpc, SaysWhoAsks) {
  const std::string credentials = u32(99) + text("laptop") + u32(1000) + u32(100) + u32(0);
  const std::string mount = u32(8) + u32(0) + u32(2) + u32(100005) + u32(3) + u32(1) + u32(1) +
                            text(credentials) + u32(0) + u32(0) + text("/share");
  for (std::size_t chunk : {1U, 100'000U}) {
    Feeder feeder(kSunrpc, chunk);
    feeder.stream(kClient, record(mount));
    feeder.stream(kServer, record(reply(8, u32(13))));
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> call xid=8 program=mount version=3 procedure=mnt auth=sys uid=1000 "
                            "gid=100 machine=laptop path=/share",
                            "< reply xid=8 program=mount version=3 procedure=mnt path=/share "
                            "status=MNTERR_ACCES latency_us=0"));
  }
}

TEST(Sunrpc, RefusalsHaveNames) {
  Feeder feeder(kSunrpc);
  feeder.datagram(kServer, u32(5) + u32(1) + u32(0) + u32(0) + u32(0) + u32(3));
  feeder.datagram(kServer, u32(6) + u32(1) + u32(1) + u32(1) + u32(5));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("< reply xid=5 status=PROC_UNAVAIL", "< reply xid=6 status=AUTH_ERROR"));
}

// RFC 5531 section 11: a message may come in fragments, of which only the last is marked.
TEST(Nfs, FragmentsArePutTogether) {
  const std::string message = lookup3(1, "dir", "a.txt");
  std::string fragments;
  for (std::size_t at = 0; at < message.size(); at += 10) {
    const std::string part = message.substr(at, 10);
    const std::uint32_t last = at + 10 >= message.size() ? 0x80000000U : 0;
    fragments += u32(last | static_cast<std::uint32_t>(part.size())) + part;
  }
  for (std::size_t chunk : {1U, 17U, 100'000U}) {
    Feeder feeder(kNfs, chunk);
    feeder.stream(kClient, fragments + record(lookup3(2, "dir", "b.txt")));
    EXPECT_THAT(feeder.context.records,
                ElementsAre(HasSubstr("file=a.txt"), HasSubstr("file=b.txt")));
  }
}

// A long write: its head is read, the fragments behind it are passed over.
TEST(Nfs, LongMessagesArePassedOver) {
  const std::string head = call(1, 100003, 3, 7, text("file") + u32(0) + u32(4096) + u32(40000));
  const std::string first = head + std::string(20000 - head.size(), 'x');
  Feeder feeder(kNfs, 1000);
  feeder.stream(
      kClient, u32(20000) + first + record(std::string(20000, 'y')) + record(lookup3(2, "d", "b")));
  EXPECT_THAT(feeder.context.odds, IsEmpty());
  EXPECT_THAT(feeder.context.records,
              ElementsAre(HasSubstr("operation=write auth=none offset=4096 count=40000"),
                          HasSubstr("file=b")));
}

TEST(Nfs, HandlesAreNamed) {
  Feeder feeder(kNfs);
  feeder.stream(kClient, record(lookup3(1, "root", "docs")));
  feeder.stream(kServer, record(reply(1, u32(0) + text("H1"))));
  feeder.stream(kClient, record(lookup3(2, "H1", "a.txt")));
  feeder.stream(kServer, record(reply(2, u32(0) + text("H2"))));
  feeder.stream(kClient, record(call(3, 100003, 3, 6, text("H2") + u32(0) + u32(10) + u32(20))));
  feeder.stream(kServer, record(reply(3, u32(70))));
  EXPECT_THAT(feeder.context.records[4],
              "> call version=3 xid=3 operation=read auth=none file=docs/a.txt offset=10 count=20");
  EXPECT_THAT(
      feeder.context.records[5],
      "< reply version=3 xid=3 operation=read file=docs/a.txt status=NFS3ERR_STALE latency_us=0");
  feeder.stream(kClient, record(call(4, 100003, 3, 14,
                                     text("root") + text("docs") + text("root") + text("old"))));
  feeder.stream(kClient, record(call(5, 100003, 3, 1, text("H2"))));
  EXPECT_THAT(feeder.context.records.back(), "> call version=3 xid=5 operation=getattr auth=none");
  // Many other names later nothing is said of it; nothing wrong either.
  for (std::uint32_t i = 0; i < 100; ++i) {
    feeder.stream(kClient, record(lookup3(10 + i, "root", "f" + std::to_string(i))));
    feeder.stream(kServer, record(reply(10 + i, u32(0) + text("F" + std::to_string(i)))));
  }
  feeder.stream(kClient, record(call(3, 100003, 3, 1, text("H2"))));
  EXPECT_THAT(feeder.context.records.back(), "> call version=3 xid=3 operation=getattr auth=none");
}

TEST(Nfs, Version4WalksItsOperations) {
  const std::string rename = text("") + u32(0) + u32(5) + u32(24) + u32(32) + u32(15) +
                             text("docs") + u32(29) + text("a") + text("b") + u32(10);
  Feeder feeder(kNfs, 1);
  feeder.stream(kClient, record(call(1, 100003, 4, 1, rename)));
  feeder.stream(kServer, record(reply(1, u32(13) + text("") + u32(4) + u32(24) + u32(0) + u32(32) +
                                             u32(0) + u32(15) + u32(0) + u32(29) + u32(13))));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> call version=4 xid=1 auth=none operation=putrootfh operation=savefh "
                          "operation=lookup file=/docs operation=rename file=/a new_name=/docs/b "
                          "operation=getfh",
                          "< reply version=4 xid=1 operation=putrootfh operation=savefh "
                          "operation=lookup operation=rename operation=getfh file=/docs "
                          "status=NFS4ERR_ACCES failed=rename latency_us=0"));
  // An operation that nobody knows hides what follows.
  Feeder unknown(kNfs);
  unknown.stream(kClient, record(call(1, 100003, 4, 1,
                                      text("") + u32(0) + u32(2) + u32(24) + u32(99) + u32(24))));
  EXPECT_THAT(unknown.context.records, ElementsAre(HasSubstr("operation=putrootfh (cut)")));
}

TEST(Nfs, ACallBackDoesNotTurnTheFlow) {
  Feeder feeder(kNfs);
  feeder.stream(kClient, record(lookup3(1, "root", "docs")));
  feeder.stream(kServer, record(call(9, 0x40000000, 1, 0, "")));
  EXPECT_THAT(feeder.context.originators, ElementsAre(kClient));
}

Probe probe(const ProtocolDef& def, std::string_view bytes, bool datagram) {
  ProbeInput input;
  input.datagram = datagram;
  input.sides[0] = base::as_bytes(bytes);
  return def.probe(input);
}

TEST(SunrpcProbe, IsStrict) {
  const std::string nfs = lookup3(1, "root", "docs");
  EXPECT_EQ(probe(kNfs, nfs, true), Probe::kYes);
  EXPECT_EQ(probe(kSunrpc, nfs, true), Probe::kNo);
  EXPECT_EQ(probe(kNfs, record(nfs), false), Probe::kYes);
  EXPECT_EQ(probe(kNfs, record(nfs).substr(0, 20), false), Probe::kMore);
  EXPECT_EQ(probe(kNfs, nfs.substr(0, 20), true), Probe::kNo);
  EXPECT_EQ(probe(kSunrpc, reply(1, ""), true), Probe::kYes);
  EXPECT_EQ(probe(kSunrpc, u32(1) + u32(1) + u32(1) + u32(1) + u32(1) + std::string(3, '\0'), true),
            Probe::kNo);
  EXPECT_EQ(probe(kSunrpc, u32(1) + u32(1) + u32(0) + u32(0) + u32(0) + u32(9), true), Probe::kNo);
  std::string other = call(1, 100000, 2, 0, "");
  other[11] = 3;  // the version of RPC
  EXPECT_EQ(probe(kSunrpc, other, true), Probe::kNo);
}

// Marks of nothing, byte by byte: none may be read again and again.
TEST(Nfs, EmptyFragmentsAreRefused) {
  const std::string good = record(lookup3(1, "dir", "a.txt"));
  Feeder feeder(kNfs, 1);
  feeder.stream(kClient, good + u32(8) + u32(7) + u32(0) + u32(0));
  EXPECT_THAT(feeder.context.odds, ElementsAre("bad_frame"));
  // Behind it a record is found again from its beginning.
  Feeder again(kNfs);
  again.stream(kClient, good + u32(8) + u32(7) + u32(0) + u32(4));
  again.gap(kClient, 100);
  again.stream(kClient, record(lookup3(2, "dir", "b.txt")));
  EXPECT_THAT(again.context.records, ElementsAre(HasSubstr("file=a.txt"), HasSubstr("file=b.txt")));
}

// Another one's handle, in front of a lookup that fails, is not that of the name.
TEST(Nfs, AHandleIsThatOfItsOwnPlace) {
  const std::string walk =
      text("") + u32(0) + u32(4) + u32(24) + u32(10) + u32(15) + text("x") + u32(10);
  const std::string root = u32(24) + u32(0) + u32(10) + u32(0) + text("ROOT");
  const auto getattr = [](std::uint32_t xid, const std::string& handle) {
    return record(call(xid, 100003, 4, 1,
                       text("") + u32(0) + u32(2) + u32(22) + text(handle) + u32(9) + u32(0)));
  };
  Feeder failed(kNfs);
  failed.stream(kClient, record(call(1, 100003, 4, 1, walk)));
  failed.stream(kServer, record(reply(1, u32(2) + text("") + u32(3) + root + u32(15) + u32(2))));
  failed.stream(kClient, getattr(2, "ROOT"));
  EXPECT_THAT(failed.context.records.back(), Not(HasSubstr("file=")));
  Feeder well(kNfs);
  well.stream(kClient, record(call(1, 100003, 4, 1, walk)));
  well.stream(kServer, record(reply(1, u32(0) + text("") + u32(4) + root + u32(15) + u32(0) +
                                           u32(10) + u32(0) + text("X"))));
  well.stream(kClient, getattr(2, "X"));
  EXPECT_THAT(well.context.records.back(), HasSubstr("file=/x"));
  well.stream(kClient, getattr(3, "ROOT"));
  EXPECT_THAT(well.context.records.back(), Not(HasSubstr("file=")));
}

}  // namespace
}  // namespace netwatch::dpi
