#pragma once

#include <cstdint>
#include <string_view>

namespace netwatch::model {

// What a packet was taken out of. kIp: IP in IP of any two versions.
enum class TunnelKind : std::uint8_t {
  kNone,
  kIp,
  kGre,
  kErspan,
  kPptp,
  kEtherIp,
  kMpls,  // MPLS inside IP, or an Ethernet pseudowire over MPLS
  kL2tp,
  kVxlan,
  kGeneve,
  kGtp,
  kTeredo,
  kCapwap,
  kAyiya,
  kCount,
};
std::string_view tunnel_name(TunnelKind kind);  // "ip", "gre", "vxlan", ...

// The tunnels of a packet, outermost first.
class Tunnels {
 public:
  static constexpr unsigned kMax = 4;

  // `id`: VNI, key or session, if all packets of the tunnel carry the same in both directions.
  constexpr void push(TunnelKind kind) {
    kinds_ = static_cast<std::uint16_t>(kinds_ | static_cast<unsigned>(kind) << (size() * 4));
  }
  constexpr void push(TunnelKind kind, std::uint32_t id) {
    push(kind);
    id_ = id;
    has_id_ = true;
  }
  [[nodiscard]] constexpr bool empty() const { return kinds_ == 0; }
  [[nodiscard]] constexpr unsigned size() const {
    unsigned n = 0;
    for (unsigned kinds = kinds_; kinds != 0; kinds >>= 4) ++n;
    return n;
  }
  [[nodiscard]] constexpr TunnelKind operator[](unsigned i) const {
    return static_cast<TunnelKind>(kinds_ >> (i * 4) & 0xf);
  }
  // Of the innermost tunnel that has one.
  [[nodiscard]] constexpr bool has_id() const { return has_id_; }
  [[nodiscard]] constexpr std::uint32_t id() const { return id_; }

  friend constexpr bool operator==(const Tunnels&, const Tunnels&) = default;

 private:
  std::uint16_t kinds_ = 0;  // four bits each
  bool has_id_ = false;
  std::uint32_t id_ = 0;
};
static_assert(static_cast<unsigned>(TunnelKind::kCount) <= 16);

}  // namespace netwatch::model
