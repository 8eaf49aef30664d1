// Names of link types: pcap-linktype(7), https://www.tcpdump.org/linktypes.html.
#include <algorithm>
#include <array>

#include "wire/decode.h"

namespace netwatch::wire {
namespace {

struct Named {
  std::uint16_t linktype;
  std::string_view name;
};

constexpr Named kNames[] = {
    {0, "NULL"},
    {1, "EN10MB"},
    {3, "AX25"},
    {6, "IEEE802"},
    {7, "ARCNET_BSD"},
    {8, "SLIP"},
    {9, "PPP"},
    {10, "FDDI"},
    {12, "RAW"},
    {14, "RAW"},
    {50, "PPP_HDLC"},
    {51, "PPP_ETHER"},
    {100, "ATM_RFC1483"},
    {101, "RAW"},
    {104, "C_HDLC"},
    {105, "IEEE802_11"},
    {106, "ATM_CLIP"},
    {107, "FRELAY"},
    {108, "LOOP"},
    {109, "ENC"},
    {113, "LINUX_SLL"},
    {114, "LTALK"},
    {117, "PFLOG"},
    {119, "IEEE802_11_PRISM"},
    {122, "IP_OVER_FC"},
    {123, "SUNATM"},
    {127, "IEEE802_11_RADIO"},
    {129, "ARCNET_LINUX"},
    {132, "JUNIPER_ES"},
    {137, "JUNIPER_ATM1"},
    {138, "APPLE_IP_OVER_IEEE1394"},
    {139, "MTP2_WITH_PHDR"},
    {140, "MTP2"},
    {141, "MTP3"},
    {142, "SCCP"},
    {143, "DOCSIS"},
    {144, "LINUX_IRDA"},
    {147, "USER0"},
    {149, "USER2"},
    {163, "IEEE802_11_RADIO_AVS"},
    {165, "BACNET_MS_TP"},
    {166, "PPP_PPPD"},
    {169, "GPRS_LLC"},
    {177, "LINUX_LAPD"},
    {178, "JUNIPER_ETHER"},
    {182, "MFR"},
    {187, "BLUETOOTH_HCI_H4"},
    {189, "USB_LINUX"},
    {192, "PPI"},
    {195, "IEEE802_15_4"},
    {196, "SITA"},
    {197, "ERF"},
    {201, "BLUETOOTH_HCI_H4_WITH_PHDR"},
    {202, "AX25_KISS"},
    {203, "LAPD"},
    {204, "PPP_WITH_DIR"},
    {205, "C_HDLC_WITH_DIR"},
    {206, "FRELAY_WITH_DIR"},
    {209, "IPMB_LINUX"},
    {215, "IEEE802_15_4_NONASK_PHY"},
    {220, "USB_LINUX_MMAPPED"},
    {224, "FC_2"},
    {226, "IPNET"},
    {227, "CAN_SOCKETCAN"},
    {228, "IPV4"},
    {229, "IPV6"},
    {230, "IEEE802_15_4_NOFCS"},
    {231, "DBUS"},
    {239, "NFLOG"},
    {240, "NETANALYZER"},
    {242, "IPOIB"},
    {243, "MPEG_2_TS"},
    {245, "NFC_LLCP"},
    {249, "USBPCAP"},
    {251, "BLUETOOTH_LE_LL"},
    {252, "WIRESHARK_UPPER_PDU"},
    {253, "NETLINK"},
    {254, "BLUETOOTH_LINUX_MONITOR"},
    {255, "BLUETOOTH_BREDR_BB"},
    {256, "BLUETOOTH_LE_LL_WITH_PHDR"},
    {258, "PKTAP"},
    {259, "EPON"},
    {266, "USB_DARWIN"},
    {270, "ISO_14443"},
    {271, "VSOCK"},
    {272, "NORDIC_BLE"},
    {274, "ETHERNET_MPACKET"},
    {276, "LINUX_SLL2"},
    {278, "OPENVIZSLA"},
    {281, "DSA_TAG_BRCM"},
    {282, "DSA_TAG_BRCM_PREPEND"},
    {283, "IEEE802_15_4_TAP"},
    {284, "DSA_TAG_DSA"},
    {285, "DSA_TAG_EDSA"},
    {290, "ETW"},
    {292, "ZWAVE_SERIAL"},
};

static_assert(std::is_sorted(std::begin(kNames), std::end(kNames),
                             [](const Named& a, const Named& b) {
                               return a.linktype < b.linktype;
                             }));

// "LINKTYPE_0" and on, made when compiled so that views of them can be handed out.
constexpr std::uint32_t kNumbered = 512;  // the registry has not reached 310
struct NumberName {
  std::array<char, 12> text{};
  std::size_t size = 0;
};

constexpr NumberName number_name(std::uint32_t number) {
  NumberName out;
  for (const char c : std::string_view("LINKTYPE_")) out.text[out.size++] = c;
  if (number >= 100) out.text[out.size++] = static_cast<char>('0' + number / 100);
  if (number >= 10) out.text[out.size++] = static_cast<char>('0' + number / 10 % 10);
  out.text[out.size++] = static_cast<char>('0' + number % 10);
  return out;
}

constexpr auto kNumberNames = [] {
  std::array<NumberName, kNumbered> names{};
  for (std::uint32_t i = 0; i < kNumbered; ++i) names[i] = number_name(i);
  return names;
}();

}  // namespace

std::string_view linktype_name(std::uint16_t linktype) {
  const Named* found =
      std::lower_bound(std::begin(kNames), std::end(kNames), linktype,
                       [](const Named& named, std::uint16_t l) { return named.linktype < l; });
  if (found != std::end(kNames) && found->linktype == linktype) return found->name;
  if (linktype >= kNumbered) return "LINKTYPE_UNASSIGNED";
  return {kNumberNames[linktype].text.data(), kNumberNames[linktype].size};
}

}  // namespace netwatch::wire
