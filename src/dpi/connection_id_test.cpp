// Ids by which a conversation is known, whatever address it comes from.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "dpi/analyzer.h"
#include "dpi/fake_protocols.h"

namespace netwatch::dpi {
namespace {

using model::Side;
using namespace fake;

constexpr Side kB = Side::kResponder;

// "T:<id>": the sender chooses an id. "T:in" hands the rest on.
class TellerDecoder final : public Fake {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override {
    const base::Bytes id = chunk.bytes.subspan(2);
    if (base::as_text(id) == "in") {
      context.hand_on();
    } else {
      context.connection_id(chunk.side, id);
    }
    return {.consumed = chunk.bytes.size()};
  }
};

// What nobody knows carries an id behind "c".
constexpr ProtocolDef kTeller = [] {
  ProtocolDef teller = def<TellerDecoder>("teller", "T", Transport::kBoth,
                                          [](const ProbeInput& in) { return begins(in, "T:"); });
  teller.carried_id = [](const model::StreamChunk& datagram) {
    return base::as_text(datagram.bytes).starts_with("c") ? datagram.bytes.subspan(1)
                                                          : base::Bytes{};
  };
  teller.carried_first = FirstBytes::of("c");
  return teller;
}();
constexpr std::array kRows{&kTeller, &kLines};

class ConnectionIdTest : public testing::Test, public AnalyzerSink {
 public:
  void on_record(const model::Record&) override {}
  void on_app(std::uint64_t, std::uint8_t, std::string_view) override {}
  void on_originator(std::uint64_t, Side) override {}
  void on_connection_id(std::uint64_t flow, Side side, std::string_view protocol,
                        base::Bytes id) override {
    add(flow, side, protocol, " chose ", id);
  }
  void on_carried_id(std::uint64_t flow, Side side, std::string_view protocol,
                     base::Bytes bytes) override {
    add(flow, side, protocol, " was sent ", bytes);
  }

 protected:
  void feed(Side side, std::string_view text, bool datagram = true, std::uint8_t proto = 17) {
    analyzer_.feed(slot_, {.id = 1, .proto = proto},
                   {.side = side, .bytes = base::as_bytes(text), .datagram = datagram});
  }
  void add(std::uint64_t flow, Side side, std::string_view protocol, std::string_view what,
           base::Bytes id) {
    lines_.push_back(std::to_string(flow) + (side == kA ? " A " : " B ") + std::string(protocol) +
                     std::string(what) + std::string(base::as_text(id)));
  }

  using Lines = std::vector<std::string>;
  Lines lines_;
  Analyzer analyzer_{*this, AnalyzerBudget{}, std::span(kRows)};
  std::uint32_t slot_ = 0;
};

TEST_F(ConnectionIdTest, WhatAnEndChooses) {
  feed(kB, "T:12345678");
  EXPECT_EQ(lines_, Lines{"1 B teller chose 12345678"});
}

TEST_F(ConnectionIdTest, AShortOneCouldBeAnything) {
  feed(kA, "T:123");
  feed(kA, "T:" + std::string(21, 'x'));
  EXPECT_EQ(lines_, Lines{});
  feed(kA, "T:1234");
  feed(kA, "T:" + std::string(20, 'x'));
  EXPECT_EQ(lines_, (Lines{"1 A teller chose 1234", "1 A teller chose " + std::string(20, 'x')}));
}

TEST_F(ConnectionIdTest, TheEndsOfAStreamInsideAreNotTheFlows) {
  feed(kA, "T:in");
  feed(kA, "T:12345678");
  feed(kA, "c12345678");
  EXPECT_EQ(lines_, Lines{});
}

TEST_F(ConnectionIdTest, ATcpConnectionDoesNotMove) {
  feed(kA, "T:12345678", false, 6);
  EXPECT_EQ(lines_, Lines{});
}

TEST_F(ConnectionIdTest, TheFirstDatagramOfEitherSideThatNobodyKnows) {
  feed(kA, "c12345678 and more of it");
  feed(kA, "cABCDEFGH");
  feed(kB, "c87654321");
  feed(kB, "cABCDEFGH");
  EXPECT_EQ(lines_,
            (Lines{"1 B teller was sent 12345678 and more of", "1 A teller was sent 87654321"}));
}

TEST_F(ConnectionIdTest, WhatCarriesNoneOrIsKnownIsNotTold) {
  feed(kA, "d12345678");
  feed(kB, "c123");
  feed(kA, "c12345678");  // the side had its chance
  EXPECT_EQ(lines_, Lines{});
  slot_ = 0;
  feed(kA, "L:a line\n");
  feed(kB, "c12345678");
  EXPECT_EQ(lines_, Lines{});
  slot_ = 0;
  feed(kA, "c12345678", true, 1);  // ICMP
  EXPECT_EQ(lines_, Lines{});
}

}  // namespace
}  // namespace netwatch::dpi
