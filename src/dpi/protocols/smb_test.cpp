#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kSmb;
extern const ProtocolDef kNbss;
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;
using ::testing::SizeIs;

std::string le(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}
std::string wide(std::string_view text) {
  std::string out;
  for (char c : text) out += std::string{c, '\0'};
  return out;
}
std::string frame(const std::string& message) {
  return std::string{'\0', static_cast<char>(message.size() >> 16),
                     static_cast<char>(message.size() >> 8), static_cast<char>(message.size())} +
         message;
}

struct Two {
  int command = 0;
  std::uint64_t id = 1;
  std::string body{};
  bool answer = false;
  std::uint32_t status = 0;
  std::uint32_t next = 0;
  std::uint32_t flags = 0;
  std::uint32_t tree = 5;
  std::uint64_t session = 0x77;
};
std::string two(const Two& m) {
  return "\xFESMB" + le(64, 2) + le(1, 2) + le(m.status, 4) +
         le(static_cast<unsigned>(m.command), 2) + le(1, 2) +
         le(m.flags | (m.answer ? 1U : 0U), 4) + le(m.next, 4) + le(m.id, 8) + le(0, 4) +
         le(m.tree, 4) + le(m.session, 8) + std::string(16, '\0') + m.body;
}
std::string create_body(const std::string& name) {
  return le(57, 2) + std::string(34, '\0') + le(1, 4) + le(0, 4) + le(64 + 56, 2) +
         le(name.size() * 2, 2) + le(0, 8) + wide(name);
}
std::string created_body(std::uint64_t file) {
  return le(89, 2) + le(0, 2) + le(1, 4) + std::string(40, '\0') + le(1234, 8) + le(0, 8) +
         le(9, 8) + le(file, 8) + le(0, 8);
}
std::string file_body(std::size_t at, std::uint64_t file, std::size_t size) {
  std::string body = std::string(at + 8, '\0') + le(file, 8);
  body.resize(size);
  return body;
}
std::string share_body(const std::string& name) {
  return le(9, 2) + le(0, 2) + le(64 + 8, 2) + le(name.size() * 2, 2) + wide(name);
}

struct Said {
  model::Side side;
  std::string bytes;
};
std::vector<std::string> records(const std::vector<Said>& said, std::size_t chunk) {
  Feeder feeder(kSmb, chunk);
  for (const Said& one : said) feeder.stream(one.side, one.bytes);
  EXPECT_THAT(feeder.context.odds, IsEmpty());
  return feeder.context.records;
}

const std::vector<Said> kWrite = {
    {kClient, frame(two({.command = 3, .body = share_body("\\\\A\\docs"), .tree = 0}))},
    {kServer,
     frame(two({.command = 3, .body = le(16, 2) + "\1" + std::string(13, '\0'), .answer = true}))},
    {kClient, frame(two({.command = 5, .id = 2, .body = create_body("a.txt")}))},
    {kServer, frame(two({.command = 5, .id = 2, .answer = true, .status = 0x103, .flags = 2}))},
    {kServer, frame(two({.command = 5, .id = 2, .body = created_body(42), .answer = true}))},
    {kClient, frame(two({.command = 9, .id = 3, .body = file_body(16, 42, 48)}))},
    {kServer, frame(two({.command = 9,
                         .id = 3,
                         .body = le(17, 2) + le(0, 2) + le(700, 4) + le(0, 8),
                         .answer = true}))},
    {kClient, frame(two({.command = 6, .id = 4, .body = file_body(8, 42, 24)}))},
    {kServer, frame(two({.command = 6, .id = 4, .body = std::string(60, '\0'), .answer = true}))},
};

std::string data_body(std::uint64_t file, const std::string& data) {
  return le(49, 2) + le(64 + 48, 2) + le(data.size(), 4) + le(0, 8) + le(0, 8) + le(file, 8) +
         std::string(16, '\0') + data;
}
std::string read_body(const std::string& data) {
  return le(17, 2) + le(64 + 16, 2) + le(data.size(), 4) + le(0, 8) + data;
}

// Only what begins with a bind is a call; of two pipes that are open at a time the first is
// carried.
TEST(Smb2, WhatAPipeCarriesIsAChild) {
  const std::string bind("\5\0\x0b bind", 8);
  Feeder feeder(kSmb, 50);
  for (std::uint64_t file : {42U, 43U}) {
    feeder.stream(kClient, frame(two({.command = 5, .id = file, .body = create_body("srvsvc")})));
    feeder.stream(
        kServer,
        frame(two({.command = 5, .id = file, .body = created_body(file), .answer = true})));
  }
  const auto write = [&](std::uint64_t id, std::uint64_t file, const std::string& data) {
    feeder.stream(kClient, frame(two({.command = 9, .id = id, .body = data_body(file, data)})));
  };
  write(50, 42, "no bind");
  write(51, 42, bind);
  write(52, 43, bind);
  write(53, 42, "more");
  feeder.stream(kClient, frame(two({.command = 8, .id = 54, .body = file_body(16, 42, 49)})));
  feeder.stream(kServer,
                frame(two({.command = 8, .id = 54, .body = read_body("answer"), .answer = true})));
  EXPECT_EQ(feeder.context.children[0], bind + "more");
  EXPECT_EQ(feeder.context.children[1], "answer");
  feeder.stream(kClient, frame(two({.command = 6, .id = 55, .body = file_body(8, 42, 24)})));
  feeder.stream(
      kServer, frame(two({.command = 6, .id = 55, .body = std::string(60, '\0'), .answer = true})));
  write(56, 43, bind);
  EXPECT_EQ(feeder.context.children[0], bind + "more" + bind);
}

TEST(Smb2, AWriteIsToldWhenItsFileIsClosed) {
  for (std::size_t chunk : {1U, 7U, 100'000U}) {
    EXPECT_THAT(
        records(kWrite, chunk),
        ElementsAre(
            "> request version=2 command=tree_connect share=\\\\A\\docs",
            "< response version=2 command=tree_connect status=STATUS_SUCCESS "
            "share=\\\\A\\docs share_type=disk latency_us=0",
            "> request version=2 command=create share=\\\\A\\docs file=a.txt disposition=open",
            "< response version=2 command=create status=STATUS_SUCCESS file=a.txt "
            "action=opened size_bytes=1234 share=\\\\A\\docs latency_us=0",
            "< response version=2 command=close status=STATUS_SUCCESS file=a.txt "
            "written_bytes=700 share=\\\\A\\docs latency_us=0"));
  }
}

// The parts of a compound may leave out what the one in front said.
TEST(Smb2, ACompoundSharesItsFile) {
  const std::string create = two({.command = 5, .body = create_body("dir"), .next = 128});
  const std::string list = two(
      {.command = 14,
       .id = 2,
       .body = file_body(8, ~std::uint64_t{0}, 24) + le(96, 2) + le(2, 2) + le(0, 4) + wide("*"),
       .flags = 4,
       .tree = 0,
       .session = 0});
  std::string first = create;
  first.resize(128);
  const auto told = records({{kClient, frame(first + list)}}, 1);
  EXPECT_THAT(told, ElementsAre(HasSubstr("command=create file=dir"),
                                "> request version=2 command=query_directory pattern=* file=dir"));
}

// Too many at once: an answer is without a name rather than with a wrong one.
TEST(Smb2, NamesAreNeverThoseOfOthers) {
  std::vector<Said> said;
  said.reserve(64);
  for (std::uint64_t i = 0; i < 30; ++i) {
    said.push_back(
        {kClient,
         frame(two({.command = 5, .id = i, .body = create_body("f" + std::to_string(i))}))});
  }
  for (std::uint64_t i = 0; i < 30; ++i) {
    said.push_back(
        {kServer,
         frame(two({.command = 5, .id = i, .body = created_body(100 + i), .answer = true}))});
  }
  const std::vector<std::string> told = records(said, 100'000);
  ASSERT_THAT(told, SizeIs(60));
  for (std::size_t i = 0; i < 30; ++i) {
    const std::string named = " file=f" + std::to_string(i) + " ";
    EXPECT_THAT(told[30 + i], i >= 20 ? HasSubstr(named) : HasSubstr("STATUS_SUCCESS action="))
        << i;
  }
}

TEST(Smb2, WhatIsEncryptedIsLetGo) {
  Feeder feeder(kSmb);
  feeder.stream(kClient, frame("\xFDSMB" + std::string(48, 'x')));
  EXPECT_THAT(feeder.context.records, ElementsAre("> encrypted version=3"));
  EXPECT_TRUE(feeder.ended());
}

TEST(Smb2, ReadsOnBehindAGap) {
  Feeder feeder(kSmb);
  feeder.stream(kClient, kWrite[0].bytes);
  feeder.gap(kClient, 5000);
  feeder.stream(kClient, "the rest of something");
  feeder.stream(kClient, kWrite[2].bytes);
  EXPECT_THAT(feeder.context.records, Contains(HasSubstr("file=a.txt")));
}

std::string one(int command, const std::string& words, const std::string& bytes,
                bool answer = false, std::uint32_t status = 0) {
  return "\xFFSMB" + le(static_cast<unsigned>(command), 1) + le(status, 4) +
         (answer ? "\x80" : std::string(1, '\0')) + le(0x4000, 2) + std::string(12, '\0') +
         le(3, 2) + le(1, 2) + le(9, 2) + le(4, 2) + le(words.size() / 2, 1) + words +
         le(bytes.size(), 2) + bytes;
}

TEST(Smb1, NegotiatesByPlace) {
  const std::string dialects("\2LANMAN1.0\0\2NT LM 0.12\0", 23);
  EXPECT_THAT(
      records({{kClient, frame(one(0x72, "", dialects))},
               {kServer, frame(one(0x72, le(1, 2) + le(7, 1) + std::string(31, '\0'), "", true))}},
              1),
      ElementsAre("> request version=1 command=negotiate dialects=LANMAN1.0 "
                  "dialects=NT LM 0.12",
                  "< response version=1 command=negotiate status=STATUS_SUCCESS "
                  "dialect=NT LM 0.12 signing=enabled latency_us=0"));
}

// A session setup with a tree connect chained to it ([MS-CIFS] 2.2.3.4).
TEST(Smb1, AChainHasSeveralRecords) {
  const std::string logins("alice\0OFFICE\0Unix\0Samba\0", 24);
  const std::size_t second = 32 + 1 + 26 + 2 + logins.size();
  const std::string setup = le(0x75, 1) + le(0, 1) + le(second, 2) + std::string(22, '\0');
  const std::string tree =
      le(4, 1) + le(0xFF, 2) + le(0, 6) + le(12, 2) + std::string("\\\\A\\B\0?????\0", 12);
  EXPECT_THAT(
      records({{kClient, frame(one(0x73, setup, logins) + tree)}}, 1),
      ElementsAre("> request version=1 command=session_setup_andx user=alice domain=OFFICE os=Unix "
                  "os=Samba",
                  "> request version=1 command=tree_connect_andx share=\\\\A\\B user=alice"));
  // One that leads back into itself ends.
  const std::string loop = le(0x73, 1) + le(0, 1) + le(32, 2) + std::string(22, '\0');
  EXPECT_THAT(records({{kClient, frame(one(0x73, loop, logins))}}, 1), SizeIs(1));
}

Probe probe(const ProtocolDef& def, std::string_view bytes) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  return def.probe(input);
}

TEST(SmbProbe, IsStrict) {
  const std::string good = kWrite[0].bytes;
  for (std::size_t n = 1; n < 10; ++n) EXPECT_EQ(probe(kSmb, good.substr(0, n)), Probe::kMore) << n;
  EXPECT_EQ(probe(kSmb, good), Probe::kYes);
  EXPECT_EQ(probe(kSmb, from_hex("85000000") + good), Probe::kYes);
  EXPECT_EQ(probe(kSmb, frame("\xFESMB" + std::string(60, 'A'))), Probe::kNo);
  EXPECT_EQ(probe(kSmb, frame("\xFBSMB" + std::string(60, 'A'))), Probe::kNo);
  EXPECT_EQ(probe(kSmb, std::string("\0\0\0\4\xFESMB", 8)), Probe::kNo);
}

const std::string kCall = from_hex("81000044") + " EGEJEMEFFDCACACACACACACACACACACA" +
                          std::string(1, '\0') + " EMEBFAFEEPFACACACACACACACACACAAA" +
                          std::string(1, '\0');

TEST(Nbss, SaysWhoCallsAndHandsOn) {
  Feeder feeder(kNbss, 1);
  EXPECT_EQ(probe(kNbss, kCall), Probe::kYes);
  EXPECT_EQ(probe(kNbss, kCall.substr(0, 70)), Probe::kMore);
  EXPECT_EQ(probe(kNbss, kCall.substr(0, 10) + "a" + kCall.substr(11)), Probe::kNo);
  feeder.stream(kClient, kCall);
  EXPECT_FALSE(feeder.context.handed_on);
  feeder.pass_us(30);
  feeder.stream(kServer, from_hex("82000000"));
  EXPECT_TRUE(feeder.context.handed_on);
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> request called=FILES called_suffix=file_server calling=LAPTOP "
                          "calling_suffix=workstation",
                          "< positive latency_us=30"));
}

TEST(Nbss, ARefusalEndsIt) {
  Feeder feeder(kNbss);
  feeder.stream(kClient, kCall);
  feeder.stream(kServer, from_hex("8300000182"));
  EXPECT_TRUE(feeder.ended());
  EXPECT_THAT(feeder.context.records,
              Contains("< negative error=called_name_not_present latency_us=0"));
}

// The client's side alone: the answer is not there, SMB is.
TEST(Nbss, OneSideIsEnough) {
  Feeder feeder(kNbss);
  feeder.stream(kClient, kCall + kWrite[0].bytes);
  EXPECT_TRUE(feeder.context.handed_on);
  EXPECT_EQ(feeder.held(kClient), kWrite[0].bytes);
}

// A client that answers itself neither names a file nor takes the place of the answer.
TEST(Smb, NobodyAnswersItself) {
  const std::string answer =
      frame(two({.command = 5, .id = 2, .body = created_body(42), .answer = true}));
  Feeder feeder(kSmb);
  feeder.stream(kClient, kWrite[2].bytes);
  feeder.stream(kClient, answer);
  EXPECT_THAT(feeder.context.records, SizeIs(1));
  EXPECT_THAT(feeder.context.odds, ElementsAre("wrong_side"));
  feeder.stream(kServer, answer);
  EXPECT_THAT(feeder.context.records.back(), HasSubstr("< response version=2 command=create"));
  EXPECT_THAT(feeder.context.records.back(), HasSubstr("file=a.txt"));
  const std::string dialects("\2NT LM 0.12\0", 12);
  Feeder one_side(kSmb);
  one_side.stream(kClient, frame(one(0x72, "", dialects)));
  one_side.stream(kClient, frame(one(0x72, le(0, 2) + le(7, 1) + std::string(31, '\0'), "", true)));
  EXPECT_THAT(one_side.context.records, SizeIs(1));
  EXPECT_THAT(one_side.context.odds, ElementsAre("wrong_side"));
}

}  // namespace
}  // namespace netwatch::dpi
