// The endpoint mapper's towers: C706 appendix L (floors), appendix O (ept_map).
#include <algorithm>
#include <string>

#include "dpi/protocols/dcerpc_names.h"
#include "dpi/protocols/dcerpc_report.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;

struct Tower {
  std::string interface;  // with its version
  std::string_view transport;
  std::string_view pipe;
  std::uint16_t port = 0;
  Bytes address;  // of IPv4
};

// Floors are little-endian whatever the message is, but for ports and addresses.
bool read_tower(Bytes octets, Tower& tower) {
  constexpr std::uint8_t kUuidFloor = 0x0D;
  enum Protocol : std::uint8_t { kTcp = 7, kUdp = 8, kIp = 9, kPipe = 15, kLocal = 16, kHttp = 31 };
  constexpr std::uint16_t kFewest = 3;
  constexpr std::uint16_t kMost = 8;
  Cursor in(octets);
  const std::uint16_t floors = in.u16le();
  if (!in.ok() || floors < kFewest || floors > kMost) return false;
  for (int floor = 0; floor < floors; ++floor) {
    const Bytes left = in.take(in.u16le());
    const Bytes right = in.take(in.u16le());
    if (!in.ok() || left.empty()) return false;
    if (floor == 0) {
      DceCursor what(left, true);
      if (what.Cursor::u8() != kUuidFloor) return false;
      const std::string uuid = uuid_text(what.uuid());
      const std::uint16_t version = what.u16();
      const std::string_view name = dcerpc::interface_name(dcerpc::find_interface(uuid));
      tower.interface = std::string(name.empty() ? std::string_view(uuid) : name) + " " +
                        std::to_string(version) + "." + std::to_string(Cursor(right).u16le());
      if (!what.ok()) return false;
    }
    const std::uint8_t protocol = left[0];
    if (protocol == kTcp || protocol == kUdp || protocol == kHttp) {
      tower.transport = protocol == kTcp ? "tcp" : protocol == kUdp ? "udp" : "http";
      tower.port = Cursor(right).u16();
    } else if (protocol == kIp && right.size() == 4) {
      tower.address = right;
    } else if (protocol == kPipe || protocol == kLocal) {
      tower.transport = protocol == kPipe ? "pipe" : "local";
      tower.pipe = base::as_text(right).substr(0, base::as_text(right).find('\0'));
    }
  }
  return true;
}

void report(const Tower& tower, bool answer, const TowerPlace& place) {
  std::string text = tower.interface;
  if (!tower.transport.empty()) text.append(" ").append(tower.transport);
  if (answer && !tower.pipe.empty()) text.append(" ").append(tower.pipe);
  if (answer && tower.port != 0) {
    base::IpAddress address = place.context.address(place.server);
    if (tower.address.size() == 4 && Cursor(tower.address).be(4) != 0) {
      address = base::IpAddress::v4(tower.address.data());
    }
    text.append(" ").append(address.to_string()).append(":").append(std::to_string(tower.port));
    if (tower.transport == "tcp") {
      place.context.expect({.protocol = "dcerpc",
                            .transport = Transport::kTcp,
                            .address = address,
                            .port = tower.port,
                            .note = {}});
    }
  }
  place.record.add_text(place.field, text);
}

// Integers of `width` bytes (4 in NDR, 8 in NDR64) at multiples of it.
std::uint64_t aligned(DceCursor& in, std::size_t width) {
  in.skip((width - in.offset() % width) % width);
  return in.little() ? in.le(width) : in.be(width);
}

Bytes tower_octets(DceCursor& in, std::size_t width) {
  aligned(in, width);  // room
  return in.take(in.u32());
}

bool asked_tower(DceCursor in, std::size_t width, Tower& tower) {
  constexpr std::size_t kUuidBytes = 16;
  if (aligned(in, width) != 0) in.skip(kUuidBytes);
  if (aligned(in, width) == 0) return false;
  return read_tower(tower_octets(in, width), tower);
}

}  // namespace

// Which transfer syntax it is follows from what can be read.
void add_asked_tower(DceCursor stub, const TowerPlace& place) {
  for (std::size_t width : {4U, 8U}) {
    Tower tower;
    if (asked_tower(stub, width, tower)) return report(tower, false, place);
  }
}

void add_mapped_towers(DceCursor stub, const TowerPlace& place) {
  constexpr std::size_t kHandleBytes = 20;
  constexpr std::uint64_t kMost = 16;
  for (std::size_t width : {4U, 8U}) {
    DceCursor in = stub;
    in.skip(kHandleBytes);
    const std::uint32_t count = in.u32();
    aligned(in, width);  // room
    const std::uint64_t first = aligned(in, width);
    const std::uint64_t towers = aligned(in, width);
    if (!in.ok() || count != towers || first != 0 || count == 0 || count > kMost) continue;
    for (std::uint64_t i = 0; i < towers; ++i) aligned(in, width);
    bool any = false;
    for (std::uint64_t i = 0; i < towers; ++i) {
      Tower tower;
      if (!read_tower(tower_octets(in, width), tower)) break;
      report(tower, true, place);
      any = true;
    }
    if (any) return;
  }
}

}  // namespace netwatch::dpi
