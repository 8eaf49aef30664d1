#include "query/complete.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/filter_fixture.h"

namespace netwatch::query {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> at_end(std::string_view text) {
  return complete(text, text.size(), fixture::catalog());
}

TEST(Complete, ProposesNamesWhereAnOperandIsDue) {
  EXPECT_EQ(at_end("tls.s").front(), "tls.score");
  EXPECT_THAT(at_end("tls.s"), Contains("tls.sni"));
  EXPECT_THAT(at_end("tls.s"), Not(Contains("tls.alpn")));
  EXPECT_THAT(at_end("ht"), Contains("http"));
  EXPECT_THAT(at_end("sni"), ElementsAre("sni", "tls.sni"));
  EXPECT_THAT(at_end("tcp and (TLS.SN"), ElementsAre("tls.sni"));
  EXPECT_THAT(at_end("not tls.sn"), ElementsAre("tls.sni"));
  EXPECT_THAT(at_end("port == 80 or pid"),
              ElementsAre("pid", "orig.owner.pid", "owner.pid", "resp.owner.pid"));
  EXPECT_THAT(at_end("tun"), ElementsAre("tunnel", "tunnel_id"));
  EXPECT_THAT(at_end("orig.ip"), ElementsAre("orig.ip_bytes", "orig.ip"));
  EXPECT_THAT(at_end("zzz"), IsEmpty());
}

TEST(Complete, ProposesOperatorsThatFitTheField) {
  EXPECT_THAT(at_end("tls.sni "),
              ElementsAre("==", "!=", "contains", "matches", "in", "and", "or"));
  EXPECT_THAT(at_end("tls.sni c"), ElementsAre("contains"));
  EXPECT_THAT(at_end("ip.addr "), ElementsAre("==", "!=", "in", "and", "or"));
  EXPECT_THAT(at_end("tls.resumed "), ElementsAre("==", "!=", "and", "or"));
  EXPECT_THAT(at_end("tls.resumed == "), ElementsAre("true", "false"));
  EXPECT_THAT(at_end("tls.resumed == f"), ElementsAre("false"));
}

TEST(Complete, ProposesJointsBehindAComparison) {
  EXPECT_THAT(at_end("port == 80 "), ElementsAre("and", "or"));
  EXPECT_THAT(at_end("port in {80} "), ElementsAre("and", "or"));
  EXPECT_THAT(at_end("(tls) a"), ElementsAre("and"));
  EXPECT_THAT(at_end("tls "), ElementsAre("and", "or"));
  EXPECT_THAT(at_end("sni:example "), ElementsAre("and", "or"));
}

TEST(Complete, SaysNothingWhereAValueIsDue) {
  EXPECT_THAT(at_end("tls.sni == "), IsEmpty());
  EXPECT_THAT(at_end("tls.sni == \"tls.s"), IsEmpty());
  EXPECT_THAT(at_end("port in {80, p"), IsEmpty());
  EXPECT_THAT(at_end("sni:ex"), IsEmpty());
}

TEST(Complete, LooksAtTheCursorAndIsBounded) {
  EXPECT_THAT(complete("tls.sn and tcp", 6, fixture::catalog()), ElementsAre("tls.sni"));
  EXPECT_EQ(at_end("").size(), kMaxProposals);
  EXPECT_EQ(complete("tls.sn", 1000, fixture::catalog()), at_end("tls.sn"));
  EXPECT_EQ(completion_start("tcp and tls.s", 13), 8U);
  EXPECT_EQ(completion_start("(tls.s", 6), 1U);
  EXPECT_EQ(completion_start("", 5), 0U);
}

// Every name that is proposed is understood.
TEST(Complete, ProposesOnlyWhatParses) {
  const Catalog names = fixture::catalog();
  for (char c = 'a'; c <= 'z'; ++c) {
    for (const std::string& name : at_end(std::string(1, c))) {
      if (name == "not") continue;
      EXPECT_TRUE(Filter::parse(name, names)) << name;
    }
  }
}

}  // namespace
}  // namespace netwatch::query
