#include "dpi/parts/internet_message.h"

#include "model/flow.h"

namespace netwatch::dpi {

base::IpAddress next_v4(base::Cursor& in) {
  const base::Bytes bytes = in.take(4);
  return bytes.empty() ? base::IpAddress{} : base::IpAddress::v4(bytes.data());
}

base::IpAddress next_v6(base::Cursor& in) {
  const base::Bytes bytes = in.take(16);
  return bytes.empty() ? base::IpAddress{} : base::IpAddress::v6(bytes.data());
}

bool read_quoted_packet(base::Bytes bytes, unsigned version, QuotedPacket& packet) {
  base::Cursor in(bytes);
  const std::uint8_t first = in.peek();
  if (first >> 4 != version) return false;
  bool whole = true;  // a later fragment has no ports
  if (version == 4) {
    in.skip(6);
    whole = (in.u16() & 0x1fff) == 0;
    in.skip(1);
    packet.proto = in.u8();
    in.skip(2);
    packet.source = next_v4(in);
    packet.destination = next_v4(in);
    const std::size_t header = std::size_t{first} % 16 * 4;
    if (header < 20) return false;
    in.skip(header - 20);
  } else {
    in.skip(6);
    packet.proto = in.u8();
    in.skip(1);
    packet.source = next_v6(in);
    packet.destination = next_v6(in);
  }
  if (!in.ok()) return false;
  packet.has_ports = whole && model::ip_proto::has_ports(packet.proto) && in.remaining() >= 4;
  if (packet.has_ports) {
    packet.source_port = in.u16();
    packet.destination_port = in.u16();
  }
  return true;
}

}  // namespace netwatch::dpi
