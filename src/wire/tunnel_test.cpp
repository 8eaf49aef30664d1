#include "model/tunnel.h"

#include <gtest/gtest.h>

#include <utility>

#include "wire/frame_maker.h"

namespace netwatch::wire {
namespace {

using model::TunnelKind;

Frame geneve(std::uint16_t type, const Frame& inside, const Frame& options = {}) {
  return ip4(17, udp(join({{static_cast<std::uint8_t>(options.size() / 4), 0},
                           be16(type),
                           {0, 0, 10, 0},
                           options,
                           inside})));
}

// A header of two words, RFC 5415 4.3; `low` holds T, F, L, W, M, K and the flags.
Frame capwap(std::uint16_t low, const Frame& inside, std::uint16_t offset = 0) {
  return ip4(17, udp(join({{0, 0x10}, be16(0x200U | low), {0, 0}, be16(offset), inside})));
}
Frame to_port(Frame datagram, std::uint16_t port) {
  datagram[22] = static_cast<std::uint8_t>(port >> 8);
  datagram[23] = static_cast<std::uint8_t>(port);
  return datagram;
}

Frame wlan_data(std::uint8_t control, std::uint8_t flags, std::size_t header_len,
                const Frame& inside) {
  return join(
      {{control, flags, 0, 0}, Frame(18, 2), {0x10, 0x23}, Frame(header_len - 24, 0), inside});
}
Frame snap(std::uint16_t type, const Frame& inside) {
  return join({{0xaa, 0xaa, 3, 0, 0, 0}, be16(type), inside});
}
Frame exchanged(Frame frame) {
  std::swap(frame[0], frame[1]);
  std::swap(frame[22], frame[23]);
  return frame;
}
const Frame kEther4 = join({ether(0x800), kTcp4, Frame(6, 0)});
const Frame kArpFrame = join({ether(0x806), {0, 1, 8, 0, 6, 4, 0, 1}, Frame(20, 1)});
const Frame kWlan4 = wlan_data(0x08, 0x01, 24, snap(0x800, kTcp4));

Frame over_udp(const Frame& inside) { return ip4(17, udp(inside)); }
Frame vxlan(const Frame& inside, std::uint8_t flags = 8, std::uint8_t next = 0) {
  return over_udp(join({{flags, 0, 0, next, 0, 0, 42, 0}, inside}));
}
// `optional`: sequence number, N-PDU number and next extension, then the extensions.
Frame gtp(const Frame& inside, std::uint8_t flags = 0x30, const Frame& optional = {}) {
  return over_udp(
      join({{flags, 0xff}, be16(optional.size() + inside.size()), {0, 0, 0, 9}, optional, inside}));
}
Frame teredo6(std::uint8_t next, const Frame& body) {
  Frame frame = ip6(next, body);
  frame[8] = 0x20;
  frame[9] = 0x01;
  return frame;
}
Frame gre(std::uint16_t flags, std::uint16_t type, const Frame& rest) {
  return ip4(47, join({be16(flags), be16(type), rest}));
}
const Frame kPpp4 = join({{0xff, 3, 0, 0x21}, kTcp4});
const Frame kTeredo6 = teredo6(17, udp(text("dns")));

const Case kUdpTunnels[] = {
    {"Vxlan", 101, vxlan(kEther4), kFlow, kTcp, 1234, 80, "hi"},
    {"VxlanPolicy", 101, vxlan(kEther4, 0x88), kFlow, kTcp, 1234, 80, "hi"},
    {"VxlanGpeIp6", 101, vxlan(kUdp6, 0x0c, 2), kFlow, kUdp, 5353, 53, "dns"},
    {"VxlanGpeFrame", 101, vxlan(kEther4, 0x0c, 3), kFlow, kTcp, 1234, 80, "hi"},
    {"Gtp", 101, gtp(kTcp4), kFlow, kTcp, 1234, 80, "hi"},
    {"GtpSequence", 101, gtp(kTcp4, 0x32, {0, 7, 0, 0}), kFlow, kTcp, 1234, 80, "hi"},
    {"GtpExtensions", 101,
     gtp(kUdp6, 0x34, {0, 0, 0, 0x85, 1, 16, 9, 0x40, 2, 0, 0, 0, 0, 0, 0, 0}), kFlow, kUdp, 5353,
     53, "dns"},
    {"GtpFrame", 101, gtp(kEther4), kFlow, kTcp, 1234, 80, "hi"},
    {"Teredo", 101, over_udp(kTeredo6), kFlow, kUdp, 5353, 53, "dns"},
    {"TeredoIndications", 101,
     over_udp(join({{0, 1, 0, 0}, Frame(9, 5), {0, 0}, Frame(6, 5), kTeredo6})), kFlow, kUdp, 5353,
     53, "dns"},
    {"TeredoBubble", 101, over_udp(teredo6(59, {})), kFlow, 59, 0, 0, ""},
    {"L2tp", 101, over_udp(join({{0x40, 2}, be16(8 + kPpp4.size()), {0, 1, 0, 2}, kPpp4})), kFlow,
     kTcp, 1234, 80, "hi"},
    {"L2tpEverything", 101,
     over_udp(
         join({{0x4b, 2}, be16(16 + kPpp4.size()), {0, 1, 0, 2, 0, 0, 0, 1, 0, 2, 9, 9}, kPpp4})),
     kFlow, kTcp, 1234, 80, "hi"},
    {"L2tpBare", 101, over_udp(join({{0, 2, 0, 1, 0, 2, 0x57}, kUdp6})), kFlow, kUdp, 5353, 53,
     "dns"},
    {"L2tp3Udp", 101, over_udp(join({{0, 3, 0, 0, 0, 0, 0, 9}, Frame(8, 0xc0), kEther4})), kFlow,
     kTcp, 1234, 80, "hi"},
    {"GeneveFrame", 101, geneve(0x6558, kEther4), kFlow, kTcp, 1234, 80, "hi"},
    {"GeneveVlan", 101, geneve(0x6558, join({ether(0x8100), vlan(5, 0x86dd), kUdp6})), kFlow, kUdp,
     5353, 53, "dns"},
    {"GeneveIp6", 101, geneve(0x86dd, kUdp6, {1, 2, 3, 1, 0, 0, 0, 0}), kFlow, kUdp, 5353, 53,
     "dns"},
    {"GeneveArp", 101, geneve(0x6558, kArpFrame), DecodeStatus::kArp, 0, 0, 0, ""},
    {"GeneveInGeneve", 101, geneve(0x0800, geneve(0x0800, kTcp4)), kFlow, kTcp, 1234, 80, "hi"},
    {"CapwapEthernet", 101, capwap(0, kEther4), kFlow, kTcp, 1234, 80, "hi"},
    {"CapwapWlan", 101, capwap(0x100, kWlan4), kFlow, kTcp, 1234, 80, "hi"},
    {"CapwapWlanExchanged", 101, capwap(0x100, exchanged(kWlan4)), kFlow, kTcp, 1234, 80, "hi"},
    {"CapwapWlanQos", 101, capwap(0x100, wlan_data(0x88, 0x03, 32, snap(0x86dd, kUdp6))), kFlow,
     kUdp, 5353, 53, "dns"},
    {"Ayiya", 101, over_udp(join({{0x41, 0x52, 0x11, 41, 1, 2, 3, 4}, Frame(16 + 20, 7), kUdp6})),
     kFlow, kUdp, 5353, 53, "dns"},
    {"AyiyaNoSignature", 101, over_udp(join({{0x01, 0, 0x01, 4, 1, 2, 3, 4}, {9}, kTcp4})), kFlow,
     kTcp, 1234, 80, "hi"},
    {"CapwapFragment", 101, to_port(capwap(0x180, Frame(40, 7), 0x0100), 5247),
     DecodeStatus::kFragment, 0, 0, 0, ""},
};

const Case kIpTunnels[] = {
    {"Gre", 101, gre(0, 0x800, kTcp4), kFlow, kTcp, 1234, 80, "hi"},
    {"GreEverything", 101, gre(0xb000, 0x86dd, join({Frame(12, 3), kUdp6})), kFlow, kUdp, 5353, 53,
     "dns"},
    {"GreFrame", 101, gre(0x2000, 0x6558, join({{0, 0x20, 0, 7}, kEther4})), kFlow, kTcp, 1234, 80,
     "hi"},
    {"GreMpls", 101, gre(0, 0x8847, join({{0, 1, 0x01, 64}, kTcp4})), kFlow, kTcp, 1234, 80, "hi"},
    {"GrePpp", 101, gre(0, 0x880b, kPpp4), kFlow, kTcp, 1234, 80, "hi"},
    {"GreArp", 101, gre(0, 0x6558, kArpFrame), DecodeStatus::kArp, 0, 0, 0, ""},
    {"GreWlan", 101, gre(0, 0x8200, kWlan4), kFlow, kTcp, 1234, 80, "hi"},
    {"GreWlanProtected", 101, gre(0, 0x8200, wlan_data(0x08, 0x41, 24, text("secret!!"))),
     DecodeStatus::kProtected, 0, 0, 0, ""},
    {"GreWccp", 101, gre(0, 0x883e, join({{0, 1, 2, 3}, kTcp4})), kFlow, kTcp, 1234, 80, "hi"},
    {"GreFirstFragmentTooShort", 101,
     ip4(47, join({{0, 0, 8, 0}, Frame(kTcp4.begin(), kTcp4.begin() + 12)}), 0x2000),
     DecodeStatus::kFragment, 0, 0, 0, ""},
    {"GreUnknown", 101, gre(0, 0x2001, text("nhrp")), kFlow, 47, 0, 0,
     std::string("\0\0\x20\x01nhrp", 8)},
    {"GreRouting", 101, gre(0x4000, 0x800, kTcp4), kFlow, 47, 0, 0,
     std::string("\x40\0\x08\0", 4) + std::string(kTcp4.begin(), kTcp4.end())},
    {"GreOfNothing", 101, gre(0, 0x800, text("?")), kMalformed, 0, 0, 0, ""},
    {"Pptp", 101, gre(0x3081, 0x880b, join({be16(kPpp4.size()), Frame(10, 1), kPpp4})), kFlow, kTcp,
     1234, 80, "hi"},
    {"PptpAcknowledges", 101, gre(0x2081, 0x880b, Frame(8, 0)), kFlow, 47, 0, 0,
     std::string("\x20\x81\x88\x0b\0\0\0\0\0\0\0\0", 12)},
    {"Erspan1", 101, gre(0, 0x88be, kEther4), kFlow, kTcp, 1234, 80, "hi"},
    {"Erspan2", 101, gre(0x1000, 0x88be, join({{0, 0, 0, 1, 0x10, 5, 0, 9, 0, 0, 0, 0}, kEther4})),
     kFlow, kTcp, 1234, 80, "hi"},
    {"Erspan3", 101,
     gre(0x1000, 0x22eb,
         join({{0, 0, 0, 1, 0x20, 5, 0, 9}, Frame(6, 0), {0, 1}, Frame(8, 7), kEther4})),
     kFlow, kTcp, 1234, 80, "hi"},
    {"Erspan3Ip", 101,
     gre(0x1000, 0x22eb, join({{0, 0, 0, 1, 0x20, 5, 0, 9}, Frame(6, 0), {8, 0}, kUdp6})), kFlow,
     kUdp, 5353, 53, "dns"},
    {"EtherIp", 101, ip4(97, join({{0x30, 0}, kEther4})), kFlow, kTcp, 1234, 80, "hi"},
    {"MplsInIp", 101, ip4(137, join({{0, 1, 0x01, 64}, kTcp4})), kFlow, kTcp, 1234, 80, "hi"},
    {"L2tp3", 101, ip4(115, join({{0, 0, 0, 9, 1, 2, 3, 4}, kEther4})), kFlow, kTcp, 1234, 80,
     "hi"},
    {"Pseudowire", 1, join({ether(0x8847), {0, 1, 0x01, 64, 0, 0, 0, 0}, kEther4}), kFlow, kTcp,
     1234, 80, "hi"},
    {"PseudowireBare", 1, join({ether(0x8847), {0, 1, 0x01, 64}, kEther4}), kFlow, kTcp, 1234, 80,
     "hi"},
    {"FiveOfAllKinds", 101,
     gre(0, 0x800, vxlan(join({ether(0x800), gtp(ip4(4, gre(0, 0x800, kTcp4)))}))),
     DecodeStatus::kTooDeep, 0, 0, 0, ""},
};

class TunnelTable : public testing::TestWithParam<Case> {};
TEST_P(TunnelTable, Decodes) { EXPECT_EQ(wrong_about(GetParam()), ""); }
INSTANTIATE_TEST_SUITE_P(Udp, TunnelTable, testing::ValuesIn(kUdpTunnels), kCaseName);
INSTANTIATE_TEST_SUITE_P(Ip, TunnelTable, testing::ValuesIn(kIpTunnels), kCaseName);

TEST(Tunnel, EveryCutIsSane) {
  for (const Case& c : kUdpTunnels) EXPECT_EQ(wrong_when_cut(c), "");
  for (const Case& c : kIpTunnels) EXPECT_EQ(wrong_when_cut(c), "");
}

bool is_datagram(const Frame& frame) {
  const Decoded d = decode_frame(101, frame);
  return d.status == kFlow && d.proto == kUdp && d.src.to_string() == "10.0.0.1" &&
         d.dst_port == 53 && d.scope == 0 && d.tunnels.empty() &&
         d.payload.size() == frame.size() - 28;
}

// What breaks one rule of a tunnel is a datagram.
TEST(Tunnel, StrictOrNotAtAll) {
  constexpr std::size_t kAt = 28;  // behind IP and UDP
  const Frame geneve_frame = geneve(0x6558, kEther4);
  const Frame vxlan_frame = vxlan(kEther4);
  const Frame gtp_frame = gtp(kTcp4);
  const Frame teredo_frame = over_udp(kTeredo6);
  const Frame l2tp_frame = over_udp(join({{0, 2, 0, 1, 0, 2}, kPpp4}));
  struct Change {
    const Frame& good;
    std::size_t at;
    unsigned bits;
  };
  const Change changes[] = {
      {geneve_frame, 0, 0x40},  {geneve_frame, 0, 0x80},  {geneve_frame, 1, 0x80},
      {geneve_frame, 1, 0x01},  {geneve_frame, 2, 0x01},  {geneve_frame, 7, 0x01},
      {geneve_frame, 20, 0x01}, {geneve_frame, 22, 0x20}, {geneve_frame, 24, 0x80},
      {vxlan_frame, 0, 0x01},   {vxlan_frame, 0, 0x08},   {vxlan_frame, 2, 0x01},
      {vxlan_frame, 3, 0x01},   {vxlan_frame, 7, 0x01},   {vxlan_frame, 21, 0x01},
      {gtp_frame, 0, 0x08},     {gtp_frame, 0, 0x10},     {gtp_frame, 0, 0x40},
      {gtp_frame, 1, 0x01},     {gtp_frame, 3, 0x01},     {gtp_frame, 8, 0x80},
      {teredo_frame, 0, 0x10},  {teredo_frame, 4, 0x80},  {teredo_frame, 9, 0x01},
      {l2tp_frame, 0, 0x80},    {l2tp_frame, 0, 0x10},    {l2tp_frame, 1, 0x04},
      {l2tp_frame, 9, 0x01},    {l2tp_frame, 10, 0x10},
  };
  for (const Change& change : changes) {
    ASSERT_FALSE(is_datagram(change.good));
    Frame bad = change.good;
    bad[kAt + change.at] = static_cast<std::uint8_t>(bad[kAt + change.at] ^ change.bits);
    EXPECT_TRUE(is_datagram(bad)) << &change - changes;
  }
  EXPECT_TRUE(is_datagram(geneve(0x6558, join({ether(0x88cc), Frame(40, 1)}))));
  EXPECT_TRUE(is_datagram(capwap(0x108, kWlan4)));
  EXPECT_TRUE(is_datagram(capwap(0x180, kWlan4)));  // a fragment, but not of its port
  EXPECT_TRUE(is_datagram(capwap(0x100, wlan_data(0x08, 0x41, 24, snap(0x800, kTcp4)))));
}

TEST(Tunnel, KeepsFlowsOfTunnelsApart) {
  const Frame one = geneve(0x6558, kEther4);
  Frame other = one;
  other[15] = 9;  // another outer source
  Frame back = one;
  std::swap_ranges(back.begin() + 12, back.begin() + 16, back.begin() + 16);
  const std::uint32_t scope = decode_frame(101, one).scope;
  EXPECT_EQ(scope >> 31, 1U);  // no VLAN id has that bit
  EXPECT_EQ(scope, decode_frame(101, back).scope);
  EXPECT_NE(scope, decode_frame(101, other).scope);
  EXPECT_NE(scope, decode_frame(101, capwap(0, kEther4)).scope);
  const auto inner_vlan = [](std::uint16_t id) {
    return decode_frame(101, geneve(0x6558, join({ether(0x8100), vlan(id, 0x800), kTcp4}))).scope;
  };
  EXPECT_NE(inner_vlan(1), inner_vlan(2));
  EXPECT_NE(inner_vlan(1), scope);
}

TEST(Tunnel, IdsThatBothDirectionsShareCount) {
  Frame one = vxlan(kEther4);
  Frame other = one;
  other[28 + 6] = 43;
  EXPECT_NE(decode_frame(101, one).scope, decode_frame(101, other).scope);
  EXPECT_EQ(decode_frame(101, one).tunnels.id(), 42U);
  // A TEID belongs to a direction.
  Frame gtp_there = gtp(kTcp4);
  Frame gtp_back = gtp_there;
  gtp_back[28 + 7] = 77;
  EXPECT_EQ(decode_frame(101, gtp_there).scope, decode_frame(101, gtp_back).scope);
  EXPECT_FALSE(decode_frame(101, gtp_there).tunnels.has_id());
}

TEST(Tunnel, NamesAllOfThem) {
  const Decoded d = decode_frame(
      101, gre(0x2000, 0x800, join({{0, 0, 0, 5}, vxlan(join({ether(0x800), ip4(41, kUdp6)}))})));
  ASSERT_EQ(d.status, kFlow);
  ASSERT_EQ(d.tunnels.size(), 3U);
  EXPECT_EQ(d.tunnels[0], TunnelKind::kGre);
  EXPECT_EQ(d.tunnels[1], TunnelKind::kVxlan);
  EXPECT_EQ(d.tunnels[2], TunnelKind::kIp);
  EXPECT_EQ(d.tunnels.id(), 42U);
  EXPECT_EQ(model::tunnel_name(d.tunnels[1]), "vxlan");
  EXPECT_EQ(model::tunnel_name(TunnelKind::kCapwap), "capwap");
  EXPECT_TRUE(decode_frame(101, kTcp4).tunnels.empty());
}

// Of a datagram's first fragment the inner lengths reach beyond it.
TEST(Tunnel, AFirstFragmentIsOpenedOnlyWhereItIsAllThereIs) {
  const Frame inside = ip4(6, tcp(text("part of it")), 0, 1400);
  const Frame datagram = udp(join({{0x30, 0xff}, be16(1400), {0, 0, 0, 1}, inside}), 1416);
  const Frame first = ip4(17, datagram, 0x2000);
  Decoded d = decode_frame(101, first);
  EXPECT_EQ(d.status, DecodeStatus::kFragment);
  EXPECT_TRUE(d.detour);
  EXPECT_TRUE(d.fragment.hides_tunnel);
  EXPECT_EQ(d.fragment.proto, kUdp);
  EXPECT_EQ(d.fragment.bytes.size(), datagram.size());
  EXPECT_TRUE(d.tunnels.empty());
  decode_into(
      {.linktype = 101, .wire_len = static_cast<std::uint32_t>(first.size()), .bytes = first}, d,
      Fragmented::kBeginning);
  EXPECT_EQ(d.status, kFlow);
  EXPECT_EQ(d.proto, kTcp);
  EXPECT_TRUE(d.first_fragment);
  EXPECT_EQ(base::as_text(d.payload), "part of it");
  // What is no tunnel is not held up, and a whole packet is opened at once.
  d = decode_frame(101, ip4(17, udp(text("x"), 999), 0x2000));
  EXPECT_EQ(d.status, kFlow);
  EXPECT_FALSE(d.fragment.hides_tunnel);
  EXPECT_FALSE(decode_frame(101, gre(0, 0x800, kTcp4)).detour);
}

// What was put together stands where its fragments stood: as deep in tunnels, and in the same VLAN.
TEST(Tunnel, APacketOutOfFragmentsIsAsTheFragmentsWere) {
  const Frame inner = ip4(4, kTcp4);
  const Frame frame = join({ether(0x8100), vlan(7, 0x800), gre(0, 0x800, inner)});
  const Decoded direct = decode_frame(1, frame);
  ASSERT_EQ(direct.tunnels.size(), 2U);
  Frame part = frame;
  part[part.size() - inner.size() + 6] = 0x20;  // the inner one is a fragment
  const Decoded fragment = decode_frame(1, part);
  ASSERT_TRUE(fragment.fragment.hides_tunnel);
  Decoded joined;
  decode_joined({fragment.scope, fragment.ether_type, fragment.tunnels}, inner,
                static_cast<std::uint32_t>(inner.size()), Fragmented::kWhole, joined);
  EXPECT_EQ(joined.status, kFlow);
  EXPECT_EQ(joined.scope, direct.scope);
  EXPECT_EQ(joined.tunnels, direct.tunnels);
  EXPECT_EQ(joined.ether_type, direct.ether_type);
  Frame deep = kTcp4;
  for (int i = 0; i < 3; ++i) deep = ip4(4, deep);
  decode_joined({fragment.scope, fragment.ether_type, fragment.tunnels}, ip4(4, deep), 200,
                Fragmented::kWhole, joined);
  EXPECT_EQ(joined.status, DecodeStatus::kTooDeep);
}

// Larger than a length field can say: 64 KiB and more of segments in one.
TEST(Tunnel, LengthsLeftToTheCard) {
  const Frame body(70'000, 'x');
  const Frame inside = join({ether(0x800), ip4(6, tcp(body), 0, 0)});
  const Frame datagram = udp(join({{8, 0, 0, 0, 0, 0, 42, 0}, inside}), 0);
  const Frame whole = ip4(17, datagram, 0, 0);
  const Decoded d = decode_frame(101, whole);
  EXPECT_EQ(d.status, kFlow);
  EXPECT_EQ(d.tunnels[0], TunnelKind::kVxlan);
  EXPECT_EQ(d.payload.size(), body.size());
  EXPECT_EQ(d.ip_bytes, body.size() + 40);
}

}  // namespace
}  // namespace netwatch::wire
