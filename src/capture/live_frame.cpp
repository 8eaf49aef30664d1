// Ethernet with the VLAN tag put back (IEEE 802.1Q 9.3), and LINKTYPE_LINUX_SLL2
// (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html).
#include "capture/live_frame.h"

#include <algorithm>
#include <array>

namespace netwatch::capture {
namespace {

constexpr std::size_t kTagBytes = 4;

void put_be16(std::uint8_t* at, unsigned value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}

void append(std::vector<std::uint8_t>& out, base::Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

std::uint32_t append_ethernet(std::vector<std::uint8_t>& out, const LiveFrame& frame) {
  constexpr std::size_t kAddresses = 12;
  if (frame.vlan_tpid == 0 || frame.data.size() < kAddresses) {
    append(out, frame.data);
    return frame.wire_len;
  }
  std::array<std::uint8_t, kTagBytes> tag{};
  put_be16(tag.data(), frame.vlan_tpid);
  put_be16(tag.data() + 2, frame.vlan_tci);
  append(out, frame.data.first(kAddresses));
  append(out, tag);
  append(out, frame.data.subspan(kAddresses));
  return frame.wire_len + kTagBytes;
}

std::uint32_t append_cooked(std::vector<std::uint8_t>& out, const LiveFrame& frame) {
  constexpr std::size_t kHeaderBytes = 20;
  const bool tagged = frame.vlan_tpid != 0;
  std::array<std::uint8_t, kHeaderBytes + kTagBytes> header{};
  put_be16(header.data(), tagged ? frame.vlan_tpid : frame.protocol);
  put_be16(header.data() + 4, frame.ifindex >> 16);
  put_be16(header.data() + 6, frame.ifindex & 0xffff);
  put_be16(header.data() + 8, frame.device_type);
  header[10] = frame.packet_type;
  header[11] = static_cast<std::uint8_t>(frame.address.size());
  std::copy_n(frame.address.begin(), std::min<std::size_t>(8, frame.address.size()),
              header.data() + 12);
  put_be16(header.data() + 20, frame.vlan_tci);
  put_be16(header.data() + 22, frame.protocol);
  const std::size_t len = tagged ? header.size() : kHeaderBytes;
  append(out, base::Bytes(header).first(len));
  append(out, frame.data);
  return frame.wire_len + static_cast<std::uint32_t>(len);
}

}  // namespace netwatch::capture
