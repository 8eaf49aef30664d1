// What nearly all packets are, read in one go: Ethernet, IPv4 without options or fragments, a whole
// TCP segment or UDP datagram (RFC 791 3.1, RFC 9293 3.1, RFC 768). Says the same as the layers of
// decode.cpp do, for a third of their instructions; the fuzzer of this folder holds it to that.
#include "model/flow.h"
#include "wire/byte_order.h"
#include "wire/layers.h"

namespace netwatch::wire {
namespace {

constexpr std::size_t kLinkHeader = 14;
constexpr std::size_t kIpHeader = 20;
constexpr std::size_t kTcpHeader = 20;
constexpr std::size_t kUdpHeader = 8;

// Of a segment or datagram of `len` bytes that are all there.
struct Transport {
  const std::uint8_t* at;
  std::size_t len;
};

void begin(Decoded& out, const std::uint8_t* ip, std::size_t total) {
  out.status = DecodeStatus::kFlow;
  out.proto = ip[9];
  out.first_fragment = false;
  out.detour = false;
  out.ether_type = ether::kIpv4;
  out.scope = 0;
  out.ip_bytes = static_cast<std::uint32_t>(total);
  out.tunnels = {};
  out.src = base::IpAddress::v4(ip + 12);
  out.dst = base::IpAddress::v4(ip + 16);
  out.fragment = {};
}

void payload(Decoded& out, const Transport& transport, std::size_t header_len) {
  out.src_port = load_be16(transport.at);
  out.dst_port = load_be16(transport.at + 2);
  out.payload = {transport.at + header_len, transport.len - header_len};
  out.payload_wire_len = static_cast<std::uint32_t>(transport.len - header_len);
}

bool tcp(Decoded& out, const Transport& transport, const std::uint8_t* ip, std::size_t total) {
  if (transport.len < kTcpHeader) return false;
  const std::uint8_t* p = transport.at;
  const std::size_t header_len = std::size_t{p[12]} / 16 * 4;
  if (header_len < kTcpHeader || header_len > transport.len) return false;
  begin(out, ip, total);
  out.tcp_seq = load_be32(p + 4);
  out.tcp_ack = load_be32(p + 8);
  out.tcp_flags = p[13];
  out.tcp_window = load_be16(p + 14);
  out.header_bytes = static_cast<std::uint8_t>(header_len);
  payload(out, transport, header_len);
  return true;
}

bool udp(Decoded& out, Transport transport, const std::uint8_t* ip, std::size_t total) {
  if (transport.len < kUdpHeader) return false;
  const std::size_t len = load_be16(transport.at + 4);
  if (len < kUdpHeader || len > transport.len) return false;
  transport.len = len;
  if (len > kUdpHeader && may_begin_tunnel(transport.at[kUdpHeader])) return false;
  begin(out, ip, total);
  out.tcp_seq = out.tcp_ack = 0;
  out.tcp_flags = 0;
  out.tcp_window = 0;
  out.header_bytes = 0;
  payload(out, transport, kUdpHeader);
  return true;
}

}  // namespace

bool ordinary(const model::Packet& packet, Decoded& out) {
  constexpr std::uint8_t kVersionAndLength = 0x45;
  constexpr unsigned kFragmentBits = 0x3fff;  // more fragments, offset
  const base::Bytes frame = packet.bytes;
  if (packet.linktype != linktype::kEthernet || frame.size() < kLinkHeader + kIpHeader) {
    return false;
  }
  const std::uint8_t* const ip = frame.data() + kLinkHeader;
  if (load_be16(ip - 2) != ether::kIpv4 || ip[0] != kVersionAndLength) return false;
  if ((load_be16(ip + 6) & kFragmentBits) != 0) return false;
  const std::size_t total = load_be16(ip + 2);
  if (total < kIpHeader || total > frame.size() - kLinkHeader) return false;
  const Transport transport{ip + kIpHeader, total - kIpHeader};
  if (ip[9] == model::ip_proto::kTcp) return tcp(out, transport, ip, total);
  if (ip[9] == model::ip_proto::kUdp) return udp(out, transport, ip, total);
  return false;
}

}  // namespace netwatch::wire
