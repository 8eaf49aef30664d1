#include "wire/decode.h"

#include <gtest/gtest.h>

#include <span>

#include "wire/decoded_difference.h"
#include "wire/frame_maker.h"

namespace netwatch::wire {
namespace {

// (next header, 0 = 8 bytes, padding option)
Frame extension(std::uint8_t next) { return {next, 0, 1, 4, 0, 0, 0, 0}; }
Frame fragment6(std::uint8_t next, std::uint16_t offset_more) {
  return join({{next, 0}, be16(offset_more), {0, 0, 0, 1}});
}

const Case kLinks[] = {
    {"Ethernet4", 1, join({ether(0x800), kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"Ethernet6", 1, join({ether(0x86dd), kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"PaddingNeverCounts", 1, join({ether(0x800), kTcp4, Frame(20, 0xee)}), kFlow, kTcp, 1234, 80,
     "hi"},
    {"Vlan", 1, join({ether(0x8100), vlan(5, 0x800), kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"StackedVlan", 1, join({ether(0x88a8), vlan(7, 0x8100), vlan(5, 0x800), kTcp4}), kFlow, kTcp,
     1234, 80, "hi"},
    {"OldStackedVlan", 1, join({ether(0x9100), vlan(7, 0x8100), vlan(5, 0x86dd), kUdp6}), kFlow,
     kUdp, 5353, 53, "dns"},
    {"FiveVlans", 1,
     join({ether(0x8100), vlan(1, 0x8100), vlan(2, 0x8100), vlan(3, 0x8100), vlan(4, 0x8100),
           vlan(5, 0x800), kTcp4}),
     kMalformed, 0, 0, 0, ""},
    {"Length8023", 1, join({ether(38), Frame(38, 0x42)}), kOther, 0, 0, 0, ""},
    {"Snap", 1, join({ether(50), {0xaa, 0xaa, 3, 0, 0, 0}, be16(0x800), kTcp4, Frame(9, 0)}), kFlow,
     kTcp, 1234, 80, "hi"},
    {"SnapOfAnother", 1, join({ether(50), {0xaa, 0xaa, 3, 0, 0, 0x0c}, be16(0x800), kTcp4}), kOther,
     0, 0, 0, ""},
    {"SnapShort", 1, join({ether(3), {0xaa, 0xaa, 3}}), kOther, 0, 0, 0, ""},
    {"Lldp", 1, join({ether(0x88cc), Frame(38, 0x42)}), kOther, 0, 0, 0, ""},
    {"Arp", 1, join({ether(0x806), Frame(28, 0)}), DecodeStatus::kArp, 0, 0, 0, ""},
    {"Mpls", 1, join({ether(0x8847), {0, 1, 0x00, 64, 0, 2, 0x01, 64}, kTcp4}), kFlow, kTcp, 1234,
     80, "hi"},
    {"MplsNotIp", 1, join({ether(0x8847), {0, 1, 0x01, 64, 0, 0}}), kOther, 0, 0, 0, ""},
    {"Pppoe", 1,
     join({ether(0x8864), {0x11, 0, 0, 1}, be16(2 + kTcp4.size()), {0, 0x21}, kTcp4, {0, 0, 0}}),
     kFlow, kTcp, 1234, 80, "hi"},
    {"PppoeTooLong", 1, join({ether(0x8864), {0x11, 0, 0, 1}, be16(500), {0, 0x21}, kTcp4}),
     kMalformed, 0, 0, 0, ""},
    {"Sll", 113, join({Frame(14, 0), be16(0x800), kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"SllVlan", 113, join({Frame(14, 0), be16(0x8100), vlan(9, 0x86dd), kUdp6}), kFlow, kUdp, 5353,
     53, "dns"},
    {"SllNetlink", 113, join({{0, 4, 3, 0x38}, Frame(10, 0), be16(0x800), kTcp4}), kOther, 0, 0, 0,
     ""},
    {"Sll2", 276, join({be16(0x86dd), Frame(18, 0), kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"Raw101v4", 101, kTcp4, kFlow, kTcp, 1234, 80, "hi"},
    {"Raw101v6", 101, kUdp6, kFlow, kUdp, 5353, 53, "dns"},
    {"Raw12", 12, kUdp6, kFlow, kUdp, 5353, 53, "dns"},
    {"Raw14", 14, kTcp4, kFlow, kTcp, 1234, 80, "hi"},
    {"RawVersion5", 101, Frame(60, 0x55), kMalformed, 0, 0, 0, ""},
    {"Ipv4", 228, kTcp4, kFlow, kTcp, 1234, 80, "hi"},
    {"Ipv4HoldsIpv6", 228, kUdp6, kMalformed, 0, 0, 0, ""},
    {"Ipv6", 229, kUdp6, kFlow, kUdp, 5353, 53, "dns"},
    {"NullLittle4", 0, join({{2, 0, 0, 0}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"NullBig4", 0, join({{0, 0, 0, 2}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"NullDarwin6", 0, join({{30, 0, 0, 0}, kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"NullFreeBsd6", 0, join({{0, 0, 0, 28}, kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"NullLinux6", 0, join({{10, 0, 0, 0}, kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"LoopOpenBsd6", 108, join({{0, 0, 0, 24}, kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"NullEtherType", 0, join({{0x0f, 0, 8, 0}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"NullOther", 0, join({{7, 0, 0, 0}, kTcp4}), kOther, 0, 0, 0, ""},
    {"Ppp", 9, join({{0xff, 3, 0, 0x21}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"PppCompressed", 9, join({{0x57}, kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"Unspoken", 195, kTcp4, DecodeStatus::kUnspokenLink, 0, 0, 0, ""},
    {"EmptyEthernet", 1, {}, kMalformed, 0, 0, 0, ""},
    {"CutEthernet", 1, Frame(9, 2), kCut, 0, 0, 0, "", 60},
};

const Case kNetworks[] = {
    {"Options4", 101,
     join({{0x46, 0, 0, 34, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1},
           udp(text("ab"))}),
     kFlow, kUdp, 5353, 53, "ab"},
    {"HeaderOf16", 101, join({{0x44}, Frame(40, 0)}), kMalformed, 0, 0, 0, ""},
    {"TotalBelowHeader", 101, ip4(6, tcp({}), 0, 19), kMalformed, 0, 0, 0, ""},
    {"TotalZeroIsTso", 101, ip4(6, tcp(text("long")), 0, 0), kFlow, kTcp, 1234, 80, "long"},
    {"SnapCutsPayload", 101, ip4(6, tcp(text("12345")), 0, 1500), kFlow, kTcp, 1234, 80, "12345",
     1500, 1460},
    {"SnapCutsTcp", 101, ip4(6, Frame(12, 1), 0, 1500), kCut, 0, 0, 0, "", 1500},
    {"SnapCutsOptions", 101, ip4(6, tcp({}, 8), 0, 1500), kCut, 0, 0, 0, "", 1500},
    {"NoRoomForTcp", 101, ip4(6, Frame(12, 1)), kMalformed, 0, 0, 0, ""},
    {"LaterFragment", 101, ip4(17, Frame(40, 1), 0x2005), DecodeStatus::kFragment, 0, 0, 0, ""},
    {"FirstFragment", 101, ip4(17, udp(text("first"), 4000), 0x2000), kFlow, kUdp, 5353, 53,
     "first", 0, 0, true},
    {"TinyFirstFragment", 101, ip4(6, Frame(8, 1), 0x2000), DecodeStatus::kFragment, 0, 0, 0, ""},
    {"Ah4", 101, ip4(51, join({{6, 4, 0, 0}, Frame(20, 0), tcp(text("ah"))})), kFlow, kTcp, 1234,
     80, "ah"},
    {"AllExtensions", 101,
     ip6(0, join({extension(43),
                  extension(60),
                  extension(44),
                  fragment6(51, 0),
                  {135, 4, 0, 0},
                  Frame(20, 0),
                  extension(139),
                  extension(140),
                  extension(6),
                  tcp(text("x"))})),
     kFlow, kTcp, 1234, 80, "x"},
    {"MobilityAlone", 101, ip6(135, extension(59)), kFlow, 135, 0, 0,
     std::string("\x3b\0\x01\x04\0\0\0\0", 8)},
    {"TooManyExtensions", 101,
     ip6(60, join({extension(60), extension(60), extension(60), extension(60), extension(60),
                   extension(60), extension(60), extension(60), extension(60), extension(60),
                   extension(6), tcp({})})),
     kMalformed, 0, 0, 0, ""},
    {"Fragment6First", 101, ip6(44, join({fragment6(17, 1), udp(text("one"), 999)})), kFlow, kUdp,
     5353, 53, "one", 0, 0, true},
    {"Fragment6Later", 101, ip6(44, join({fragment6(17, 0x0100), Frame(8, 0)})),
     DecodeStatus::kFragment, 0, 0, 0, ""},
    {"NoNextHeader", 101, ip6(59, text("x")), kFlow, 59, 0, 0, "x"},
    {"PaddingAfterEmpty6", 1, join({ether(0x86dd), ip6(59, {}), Frame(6, 9)}), kFlow, 59, 0, 0, ""},
    {"Jumbo6", 101, ip6(0, join({extension(17), udp(text("jumbo"), 0)}), 0), kFlow, kUdp, 5353, 53,
     "jumbo"},
    {"ExtensionPastEnd", 101, ip6(0, {6, 200, 0, 0, 0, 0, 0, 0}), kMalformed, 0, 0, 0, ""},
    {"ExtensionCut", 101, ip6(0, {6, 9, 0, 0, 0, 0, 0, 0}, 200), kCut, 0, 0, 0, "", 240},
    {"Esp", 101, ip4(50, text("enc")), kFlow, 50, 0, 0, "enc"},
    {"Ip4In4", 101, ip4(4, kTcp4), kFlow, kTcp, 1234, 80, "hi"},
    {"Ip6In4", 101, ip4(41, kUdp6), kFlow, kUdp, 5353, 53, "dns"},
    {"Ip4In6", 101, ip6(60, join({extension(4), kTcp4})), kFlow, kTcp, 1234, 80, "hi"},
    {"Ip6In6", 101, ip6(41, kUdp6), kFlow, kUdp, 5353, 53, "dns"},
    {"FourTunnels", 101, ip4(4, ip4(4, ip4(4, ip4(4, kTcp4)))), kFlow, kTcp, 1234, 80, "hi"},
    {"FiveTunnels", 101, ip4(4, ip4(4, ip4(4, ip4(4, ip4(4, kTcp4))))), DecodeStatus::kTooDeep, 0,
     0, 0, ""},
    {"TunnelOfNothing", 101, ip4(4, {}), kMalformed, 0, 0, 0, ""},
    {"TunnelOfTheOther", 101, ip4(41, kTcp4), kMalformed, 0, 0, 0, ""},
    {"TunnelFragment", 101, ip4(4, ip4(17, udp(text("one"), 99), 0, 119), 0x2000),
     DecodeStatus::kFragment, 0, 0, 0, ""},
    {"TunnelTinyFragment", 101, ip4(41, Frame(8, 0x60), 0x2000), DecodeStatus::kFragment, 0, 0, 0,
     ""},
    {"GreTooShort", 101, ip4(47, text("gre")), kFlow, 47, 0, 0, "gre"},
};

const Case kTransports[] = {
    {"TcpOptions", 101, ip4(6, tcp(text("o"), 6, {1, 1, 1, 1})), kFlow, kTcp, 1234, 80, "o"},
    {"TcpOffset4", 101, ip4(6, tcp({}, 4)), kMalformed, 0, 0, 0, ""},
    {"TcpOffsetPastIp", 101, ip4(6, tcp({}, 15)), kMalformed, 0, 0, 0, ""},
    {"UdpShorterThanIp", 101, ip4(17, udp(text("abcdef"), 11)), kFlow, kUdp, 5353, 53, "abc"},
    {"UdpLongerThanIp", 101, ip4(17, udp(text("abc"), 12)), kMalformed, 0, 0, 0, ""},
    {"UdpLength7", 101, ip4(17, udp(text("abc"), 7)), kMalformed, 0, 0, 0, ""},
    {"UdpLength0", 101, ip4(17, udp(text("abc"), 0)), kFlow, kUdp, 5353, 53, "abc"},
    {"UdpCut", 101, ip4(17, udp(text("abc"), 1000), 0, 1020), kFlow, kUdp, 5353, 53, "abc", 1020,
     992},
    {"Sctp", 101, ip4(132, join({be16(36412), be16(38412), Frame(8, 0), text("chunk")})), kFlow,
     132, 36412, 38412, "chunk"},
    {"SctpShort", 101, ip4(132, Frame(11, 0)), kMalformed, 0, 0, 0, ""},
    {"EchoRequest", 101, ip4(1, join({{8, 0}, Frame(6, 0), text("ping")})), kFlow, 1, 8, 0, "ping"},
    {"EchoReply", 101, ip4(1, join({{0, 0}, Frame(6, 0), text("ping")})), kFlow, 1, 0, 8, "ping"},
    {"Unreachable", 101, ip4(1, join({{3, 13}, Frame(6, 0), text("q")})), kFlow, 1, 3, 13, "q"},
    {"IcmpOf4", 101, ip4(1, {8, 0, 0, 0}), kFlow, 1, 8, 0, ""},
    {"IcmpOf3", 101, ip4(1, {8, 0, 0}), kMalformed, 0, 0, 0, ""},
    {"Neighbor6", 101, ip6(58, join({{135, 0}, Frame(6, 0), text("t")})), kFlow, 58, 135, 136, "t"},
    {"Unreachable6", 101, ip6(58, join({{1, 4}, Frame(6, 0), text("t")})), kFlow, 58, 1, 4, "t"},
};

class DecodeTable : public testing::TestWithParam<Case> {};
TEST_P(DecodeTable, Decodes) { EXPECT_EQ(wrong_about(GetParam()), ""); }
INSTANTIATE_TEST_SUITE_P(Links, DecodeTable, testing::ValuesIn(kLinks), kCaseName);
INSTANTIATE_TEST_SUITE_P(Networks, DecodeTable, testing::ValuesIn(kNetworks), kCaseName);
INSTANTIATE_TEST_SUITE_P(Transports, DecodeTable, testing::ValuesIn(kTransports), kCaseName);

TEST(Decode, FieldsOfTcp) {
  const Decoded d =
      decode_frame(1, join({ether(0x88a8), vlan(7, 0x8100), vlan(5, 0x800), kTcp4, Frame(9, 0)}));
  EXPECT_EQ(d.scope, (7U << 12) | 5U);
  EXPECT_EQ(d.ether_type, 0x800);
  EXPECT_EQ(d.tcp_seq, 9U);
  EXPECT_EQ(d.tcp_ack, 7U);
  EXPECT_EQ(d.tcp_flags, tcp_flag::kAck | tcp_flag::kPsh);
  EXPECT_EQ(d.tcp_window, 0x1001);
  EXPECT_EQ(d.ip_bytes, 42U);
  EXPECT_EQ(d.src.to_string(), "10.0.0.1");
  EXPECT_EQ(d.dst.to_string(), "10.0.0.2");
}

// A total length beyond the frame is believed with a right checksum: cut by a capture that does not
// say so. With a wrong one it is damage, and would be a hole in a TCP stream.
TEST(Decode, TotalLengthBeyondTheFrameNeedsItsChecksum) {
  Frame frame = ip4(6, tcp(text("12345")), 0, 4148);
  frame[10] = 0x56;
  frame[11] = 0xc1;
  EXPECT_EQ(decode_frame(101, frame).payload_wire_len, 4148U - 40U);
  frame[11] = 0xc2;
  const Decoded damaged = decode_frame(101, frame);
  EXPECT_EQ(damaged.status, DecodeStatus::kFlow);
  EXPECT_EQ(damaged.payload_wire_len, 5U);
  EXPECT_EQ(damaged.ip_bytes, 45U);
  EXPECT_EQ(decode_frame(101, frame, 4148).payload_wire_len, 4148U - 40U);
  // A datagram whose own length went with it is still read.
  const Decoded datagram = decode_frame(101, ip4(17, udp(text("abc"), 900), 0, 1020));
  EXPECT_EQ(datagram.status, DecodeStatus::kFlow);
  EXPECT_EQ(datagram.payload_wire_len, 3U);
}

TEST(Decode, TunnelsAreStrippedAndKeptApart) {
  Frame there = ip4(41, kUdp6);
  Frame back = there;
  std::swap_ranges(back.begin() + 12, back.begin() + 16, back.begin() + 16);
  Frame elsewhere = there;
  elsewhere[15] = 77;
  const Decoded d = decode_frame(101, there);
  EXPECT_EQ(d.src.to_string(), "2000::1");
  EXPECT_EQ(d.dst.to_string(), "2000::2");
  EXPECT_EQ(d.ip_bytes, 51U);
  EXPECT_NE(d.scope, 0U);
  EXPECT_EQ(d.scope, decode_frame(101, back).scope);
  EXPECT_NE(d.scope, decode_frame(101, elsewhere).scope);
  EXPECT_NE(d.scope, decode_frame(1, join({ether(0x8100), vlan(5, 0x800), there})).scope);
}

TEST(Decode, FragmentsKeepAddressesAndProtocol) {
  const Decoded four = decode_frame(101, ip4(17, Frame(40, 1), 5));
  EXPECT_EQ(four.proto, kUdp);
  EXPECT_EQ(four.src.to_string(), "10.0.0.1");
  EXPECT_EQ(four.ip_bytes, 60U);
  const Decoded six = decode_frame(101, ip6(44, join({fragment6(6, 0x0100), Frame(8, 0)})));
  EXPECT_EQ(six.proto, kTcp);
  EXPECT_EQ(six.dst.to_string(), "2000::2");
  EXPECT_EQ(six.ip_bytes, 56U);
}

TEST(Decode, FragmentsSayWhereTheyBelong) {
  const Decoded first = decode_frame(101, ip4(17, udp(text("first"), 4000), 0x2000));
  EXPECT_EQ(first.fragment.bytes.size(), 13U);
  EXPECT_EQ(first.fragment.offset(), 0U);
  EXPECT_TRUE(first.fragment.more());
  const Decoded last = decode_frame(101, ip4(51, Frame(40, 1), 0x1fff), 80);
  EXPECT_EQ(last.fragment.id, 1U);
  EXPECT_EQ(last.fragment.offset(), 65528U);
  EXPECT_FALSE(last.fragment.more());
  EXPECT_EQ(last.fragment.wire_len, 40U);  // not the frame's padding
  EXPECT_EQ(last.fragment.proto, 51);
  // A TCP header that goes on in the next fragment.
  const Decoded tiny = decode_frame(101, ip4(6, tcp({}, 8), 0x2000));
  EXPECT_EQ(tiny.status, DecodeStatus::kFragment);
  EXPECT_EQ(tiny.fragment.wire_len, 20U);
  // Of IPv6 the protocol is that of the header at the datagram's start.
  const Decoded six =
      decode_frame(101, ip6(44, join({fragment6(60, 1), extension(17), udp(text("one"), 999)})));
  EXPECT_EQ(six.proto, kUdp);
  EXPECT_EQ(six.fragment.proto, 60);
  EXPECT_EQ(six.fragment.id, 1U);
  EXPECT_EQ(six.fragment.wire_len, 19U);
  // Neither an atomic fragment (RFC 6946) nor a packet out of a tunnel's fragment is one.
  EXPECT_EQ(
      decode_frame(101, ip6(44, join({fragment6(17, 0), udp(text("one"))}))).fragment.wire_len, 0U);
  const Frame in_tunnel = ip4(4, ip4(17, udp(text("one"), 99), 0, 119), 0x2000);
  Decoded inner;
  decode_joined({}, in_tunnel, 51, Fragmented::kBeginning, inner);
  EXPECT_EQ(inner.status, kFlow);
  EXPECT_TRUE(inner.first_fragment);
  EXPECT_EQ(inner.fragment.wire_len, 0U);
}

// Every frame of the tables, cut at every length as a snaplen would, never decodes to more than
// is there, and the whole frame's verdict is not contradicted: cut or flow, never malformed.
TEST(Decode, EveryCutIsSane) {
  for (const auto& table : {std::span<const Case>(kLinks), std::span<const Case>(kNetworks),
                            std::span<const Case>(kTransports)}) {
    for (const Case& c : table) EXPECT_EQ(wrong_when_cut(c), "");
  }
}

// The short way of ordinary packets: in Ethernet frames, at every cut, with padding, and with
// whatever was read before.
TEST(Decode, TheShortWaySaysWhatTheLayersSay) {
  const Case kMore[] = {
      {"UdpThatEndsEarly", 228, ip4(17, join({udp(text("\xff\xff"), 10), text("rest")})), kFlow,
       kUdp, 5353, 53, "\xff\xff"},
      {"FirstFragment", 228, ip4(6, tcp(text("0123")), 0x2000), kFlow, kTcp, 1234, 80, "0123", 0, 0,
       true},
  };
  for (const Case& c : kMore) EXPECT_EQ(wrong_about(c), "") << c.what;
  for (const auto& table : {std::span<const Case>(kLinks), std::span<const Case>(kNetworks),
                            std::span<const Case>(kTransports), std::span<const Case>(kMore)}) {
    for (const Case& c : table) {
      const Frame frame = c.linktype == 1 ? c.frame : join({ether(0x800), c.frame, Frame(6, 0xee)});
      for (std::size_t len = 0; len <= frame.size(); ++len) {
        const model::Packet packet{.linktype = 1,
                                   .wire_len = static_cast<std::uint32_t>(frame.size()),
                                   .bytes = base::Bytes(frame).first(len)};
        Decoded whole = used_before();
        decode_into(packet, whole);
        EXPECT_EQ(difference(whole, decode(1, packet.bytes, packet.wire_len)), "")
            << c.what << " cut at " << len;
      }
    }
  }
}

TEST(Linktype, Names) {
  EXPECT_EQ(linktype_name(1), "EN10MB");
  EXPECT_EQ(linktype_name(276), "LINUX_SLL2");
  EXPECT_EQ(linktype_name(299), "LINKTYPE_299");
  EXPECT_EQ(linktype_name(5), "LINKTYPE_5");
  EXPECT_EQ(linktype_name(40000), "LINKTYPE_UNASSIGNED");
}

TEST(Linktype, SpokenIsWhatDecodeSpeaks) {
  for (unsigned l = 0; l < 600; ++l) {
    const auto linktype = static_cast<std::uint16_t>(l);
    EXPECT_EQ(linktype_spoken(linktype),
              decode_frame(linktype, kTcp4).status != DecodeStatus::kUnspokenLink)
        << l;
  }
}

}  // namespace
}  // namespace netwatch::wire
