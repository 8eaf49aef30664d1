#include <gtest/gtest.h>

#include "wire/frame_maker.h"

namespace netwatch::wire {
namespace {

Frame snap(std::uint16_t type, const Frame& inside) {
  return join({{0xaa, 0xaa, 3, 0, 0, 0}, be16(type), inside});
}
const Frame kSnap4 = snap(0x800, kTcp4);

// Frame control, duration, three addresses, sequence control 0x10 (number 1, fragment `fragment`),
// then what else `header_len` has room for.
Frame data(std::uint8_t control, std::uint8_t flags, std::size_t header_len, const Frame& inside,
           std::uint8_t fragment = 0) {
  return join({{control, flags, 0, 0},
               Frame(18, 2),
               {static_cast<std::uint8_t>(0x10 | fragment), 0},
               Frame(header_len - 24, 0),
               inside});
}
Frame aggregate(const Frame& inside) {
  return join({data(0x88, 1, 24, {0x80, 0}), Frame(12, 4), be16(inside.size()), inside, Frame(2, 0),
               Frame(30, 9)});
}
const Frame kBeacon = join({{0x80, 0}, Frame(40, 1)});
const Frame kFcs(4, 0xfc);

Frame radiotap(const Frame& fields, const Frame& frame) {
  const auto len = static_cast<std::uint8_t>(4 + fields.size());
  return join({{0, 0, len, 0}, fields, frame});
}
const Frame kTwoWords = {0x03, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0};  // and a pad to eight
const Frame kTime(8, 7);

const Case kWireless[] = {
    {"Data", 105, data(0x08, 2, 24, kSnap4), kFlow, kTcp, 1234, 80, "hi"},
    {"DataWithFcs", 105, join({data(0x08, 2, 24, kSnap4), kFcs}), kFlow, kTcp, 1234, 80, "hi"},
    {"FourAddresses", 105, data(0x08, 3, 30, kSnap4), kFlow, kTcp, 1234, 80, "hi"},
    {"Qos", 105, data(0x88, 1, 26, kSnap4), kFlow, kTcp, 1234, 80, "hi"},
    {"QosOrder", 105, data(0x88, 0x81, 30, kSnap4), kFlow, kTcp, 1234, 80, "hi"},
    {"QosFourAddresses", 105, data(0x88, 3, 32, kSnap4), kFlow, kTcp, 1234, 80, "hi"},
    {"Amsdu", 105, aggregate(kSnap4), kFlow, kTcp, 1234, 80, "hi"},
    {"Arp", 105, data(0x08, 2, 24, snap(0x806, Frame(28, 0))), DecodeStatus::kArp, 0, 0, 0, ""},
    {"Protected", 105, data(0x08, 0x41, 24, kSnap4), DecodeStatus::kProtected, 0, 0, 0, ""},
    {"Null", 105, data(0x48, 1, 24, {}), kOther, 0, 0, 0, ""},
    {"QosNull", 105, data(0xc8, 1, 26, {}), kOther, 0, 0, 0, ""},
    {"Beacon", 105, kBeacon, kOther, 0, 0, 0, ""},
    {"Acknowledgement", 105, join({{0xd4, 0}, Frame(8, 1)}), kOther, 0, 0, 0, ""},
    {"Version1", 105, join({{0x09, 0}, Frame(40, 1)}), kMalformed, 0, 0, 0, ""},
    {"LaterFragment", 105, data(0x08, 1, 24, kSnap4, 1), DecodeStatus::kFragment, 0, 0, 0, ""},
    {"FirstFragment", 105, data(0x08, 5, 24, snap(0x800, ip4(17, udp(text("one"), 99), 0, 119))),
     kFlow, kUdp, 5353, 53, "one", 0, 91, true},
    {"AmsduTooLong", 105, join({data(0x88, 1, 24, {0x80, 0}), Frame(12, 4), be16(900), kSnap4}),
     kMalformed, 0, 0, 0, ""},
    {"Radiotap", 127, radiotap({0, 0, 0, 0}, data(0x08, 2, 24, kSnap4)), kFlow, kTcp, 1234, 80,
     "hi"},
    {"RadiotapPadded", 127,
     radiotap({0x02, 0, 0, 0, 0x20}, join({data(0x88, 2, 26, {}), {0, 0}, kSnap4})), kFlow, kTcp,
     1234, 80, "hi"},
    {"RadiotapTimeThenPadded", 127,
     radiotap(join({kTwoWords, kTime, {0x20}}), join({data(0x88, 2, 26, {}), {0, 0}, kSnap4})),
     kFlow, kTcp, 1234, 80, "hi"},
    {"RadiotapVersion1", 127, join({{1, 0, 8, 0}, Frame(40, 0)}), kMalformed, 0, 0, 0, ""},
    {"RadiotapEndless", 127, join({{0, 0, 12, 0}, Frame(8, 0xff), kBeacon}), kMalformed, 0, 0, 0,
     ""},
    {"Prism", 119, join({{0x44, 0, 0, 0, 144, 0, 0, 0}, Frame(136, 0), data(0x08, 2, 24, kSnap4)}),
     kFlow, kTcp, 1234, 80, "hi"},
    {"PrismOfAvs", 119,
     join({{0x80, 0x21, 0x10, 1, 0, 0, 0, 64}, Frame(56, 0), data(0x08, 2, 24, kSnap4)}), kFlow,
     kTcp, 1234, 80, "hi"},
    {"Avs", 163, join({{0x80, 0x21, 0x10, 2, 0, 0, 0, 12}, Frame(4, 0), data(0x08, 2, 24, kSnap4)}),
     kFlow, kTcp, 1234, 80, "hi"},
    {"PpiWlan", 192, join({{0, 0, 12, 0, 105, 0, 0, 0}, Frame(4, 0), data(0x08, 2, 24, kSnap4)}),
     kFlow, kTcp, 1234, 80, "hi"},
    {"PpiEthernet", 192, join({{0, 0, 8, 0, 1, 0, 0, 0}, ether(0x800), kTcp4}), kFlow, kTcp, 1234,
     80, "hi"},
    {"PpiOfPpi", 192, join({{0, 0, 8, 0, 192, 0, 0, 0}, {0, 0, 8, 0, 1, 0, 0, 0}, kTcp4}), kOther,
     0, 0, 0, ""},
};

const Case kWired[] = {
    {"CiscoHdlc", 104, join({{0x0f, 0, 8, 0}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"CiscoHdlcWithDirection", 205, join({{1, 0x0f, 0, 8, 0}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"PppHdlc", 50, join({{0xff, 3, 0, 0x21}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"PppHdlcCisco", 50, join({{0x8f, 0, 0x86, 0xdd}, kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"PppWithDirection", 204, join({{1, 0xff, 3, 0, 0x57}, kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"PppMpls", 9, join({{0xff, 3, 2, 0x81, 0, 1, 1, 64}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"PppEther", 51, join({{0x11, 0, 0, 1}, be16(2 + kTcp4.size()), {0, 0x21}, kTcp4}), kFlow, kTcp,
     1234, 80, "hi"},
    {"FrameRelayIp", 107, join({{0x18, 0x41, 3, 0xcc}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"FrameRelayIp6", 107, join({{0x18, 0x40, 0x41, 3, 0x8e}, kUdp6}), kFlow, kUdp, 5353, 53,
     "dns"},
    {"FrameRelaySnap", 107, join({{0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0}, kTcp4}), kFlow, kTcp,
     1234, 80, "hi"},
    {"FrameRelayType", 107, join({{0x18, 0x41, 8, 0}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"FrameRelayAddress", 107, Frame(30, 0x18), kMalformed, 0, 0, 0, ""},
    {"Slip", 8, join({Frame(16, 1), kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"Fddi", 10, join({{0x50}, Frame(12, 1), kSnap4}), kFlow, kTcp, 1234, 80, "hi"},
    {"FddiBeacon", 10, join({{0xc2}, Frame(12, 1), kSnap4}), kOther, 0, 0, 0, ""},
    {"TokenRing", 6, join({{0x10, 0x40}, Frame(12, 1), kSnap4}), kFlow, kTcp, 1234, 80, "hi"},
    {"TokenRingRouted", 6,
     join({{0x10, 0x40}, Frame(6, 1), Frame(6, 0x81), Frame{6, 0, 1, 2, 3, 4}, kSnap4}), kFlow,
     kTcp, 1234, 80, "hi"},
    {"ArcnetLinux", 129, join({{1, 2, 0, 0, 0xd4, 0, 0, 1}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"ArcnetLinuxOld", 129, join({{1, 2, 0, 0, 0xf0}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"ArcnetBsd6", 7, join({{1, 2, 0xc4, 0, 0, 1}, kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"Rfc1483", 100, kSnap4, kFlow, kTcp, 1234, 80, "hi"},
    {"AtmClipBare", 106, kTcp4, kFlow, kTcp, 1234, 80, "hi"},
    {"SunAtm", 123, join({{2, 0, 0, 5}, kSnap4}), kFlow, kTcp, 1234, 80, "hi"},
    {"IpOverFc", 122, join({Frame(16, 1), kSnap4}), kFlow, kTcp, 1234, 80, "hi"},
    {"IpOver1394", 138, join({Frame(16, 1), be16(0x800), kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"Ipoib", 242, join({Frame(40, 1), be16(0x800), {0, 0}, kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"BroadcomTag", 281, join({Frame(12, 1), Frame(4, 9), be16(0x800), kTcp4}), kFlow, kTcp, 1234,
     80, "hi"},
    {"BroadcomPrepended", 282, join({Frame(4, 9), ether(0x800), kTcp4}), kFlow, kTcp, 1234, 80,
     "hi"},
    {"Edsa", 285, join({Frame(12, 1), Frame(8, 9), be16(0x86dd), kUdp6}), kFlow, kUdp, 5353, 53,
     "dns"},
    {"Mpacket", 274, join({Frame(7, 0x55), {0xd5}, ether(0x800), kTcp4, kFcs}), kFlow, kTcp, 1234,
     80, "hi"},
    {"MpacketFragment", 274, join({Frame(7, 0x55), {0xe6}, ether(0x800), kTcp4}), kOther, 0, 0, 0,
     ""},
    {"Pflog", 117, join({{61, 2}, Frame(62, 0), kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"NflogLittle", 239, join({{2, 0, 0, 1}, {5, 0, 10, 0, 'x', 0, 0, 0}, {46, 0, 9, 0}, kTcp4}),
     kFlow, kTcp, 1234, 80, "hi"},
    {"NflogBig", 239, join({{10, 0, 0, 1}, {0, 55, 0, 9}, kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"NflogShortValue", 239, join({{2, 0, 0, 1}, {3, 0, 9, 0}, kTcp4}), kMalformed, 0, 0, 0, ""},
    {"Erf", 197,
     join({Frame(8, 0), {0x82, 0}, Frame(6, 0), Frame(8, 0), {0, 0}, ether(0x800), kTcp4}), kFlow,
     kTcp, 1234, 80, "hi"},
    {"Pktap", 258, join({{12, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}, ether(0x800), kTcp4}), kFlow, kTcp,
     1234, 80, "hi"},
    {"Ipnet6", 226, join({{1, 26}, Frame(22, 0), kUdp6}), kFlow, kUdp, 5353, 53, "dns"},
    {"Enc", 109, join({{2, 0, 0, 0}, Frame(8, 0), kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"JuniperExtended", 178, join({{0x4d, 0x47, 0x43, 0x80, 0, 3, 1, 2, 3}, ether(0x800), kTcp4}),
     kFlow, kTcp, 1234, 80, "hi"},
    {"NetAnalyzer", 240, join({Frame(4, 0), ether(0x800), kTcp4}), kFlow, kTcp, 1234, 80, "hi"},
    {"SllLlc", 113, join({Frame(14, 0), be16(4), kSnap4}), kFlow, kTcp, 1234, 80, "hi"},
    {"SllRadiotap", 113,
     join({{0, 0}, be16(803), Frame(12, 0), radiotap({0, 0, 0, 0}, data(0x08, 2, 24, kSnap4))}),
     kFlow, kTcp, 1234, 80, "hi"},
    {"CiscoMetadata", 1, join({ether(0x8909), {1, 1, 0, 1, 0, 9}, be16(0x800), kTcp4}), kFlow, kTcp,
     1234, 80, "hi"},
};

class LinkTable : public testing::TestWithParam<Case> {};
TEST_P(LinkTable, Decodes) { EXPECT_EQ(wrong_about(GetParam()), ""); }
INSTANTIATE_TEST_SUITE_P(Wireless, LinkTable, testing::ValuesIn(kWireless), kCaseName);
INSTANTIATE_TEST_SUITE_P(Wired, LinkTable, testing::ValuesIn(kWired), kCaseName);

TEST(Link, EveryCutIsSane) {
  for (const Case& c : kWireless) EXPECT_EQ(wrong_when_cut(c), "");
  for (const Case& c : kWired) EXPECT_EQ(wrong_when_cut(c), "");
}

}  // namespace
}  // namespace netwatch::wire
