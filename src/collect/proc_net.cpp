#include "collect/proc_net.h"

#include <array>
#include <bit>
#include <cstring>

#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kV4Digits = 8;
constexpr std::size_t kV6Digits = 32;
constexpr std::uint8_t kV6Bits = 128;
// include/uapi/linux/route.h, ipv6_route.h: up, by a gateway, one that rejects; of IPv6 also one
// that was learned of a single host, an anycast and a local address.
constexpr std::uint32_t kRouteUp = 0x1;
constexpr std::uint32_t kRouteGateway = 0x2;
constexpr std::uint32_t kRouteReject = 0x200;
constexpr std::uint32_t kRouteNotUnicast = kRouteReject | 0x01000000 | 0x00100000 | 0x80000000;
// include/uapi/linux/if_arp.h
constexpr std::uint32_t kArpComplete = 0x2;
constexpr std::uint32_t kArpPermanent = 0x4;

// 8 or 32 hex digits, four bytes at a time in host order.
std::optional<base::IpAddress> parse_host_order_address(std::string_view digits) {
  if (digits.size() != kV4Digits && digits.size() != kV6Digits) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i * kV4Digits < digits.size(); ++i) {
    const auto word = to_number<std::uint32_t>(digits.substr(i * kV4Digits, kV4Digits), 16);
    if (!word) return std::nullopt;
    std::memcpy(bytes.data() + i * 4, &*word, 4);
  }
  return digits.size() == kV4Digits ? base::IpAddress::v4(bytes.data())
                                    : base::IpAddress::v6(bytes.data());
}

// 32 hex digits in network order, as the IPv6 tables have them.
std::optional<base::IpAddress> parse_network_order_address(std::string_view digits) {
  if (digits.size() != kV6Digits) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = to_number<std::uint8_t>(digits.substr(i * 2, 2), 16);
    if (!byte) return std::nullopt;
    bytes[i] = *byte;
  }
  return base::IpAddress::v6(bytes.data());
}

// "0100007F:1F90"
std::optional<model::Endpoint> parse_endpoint(std::string_view word) {
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto address = parse_host_order_address(word.substr(0, colon));
  const auto port = to_number<std::uint16_t>(word.substr(colon + 1), 16);
  if (!address || !port) return std::nullopt;
  return model::Endpoint{*address, *port};
}

}  // namespace

void parse_proc_net_sockets(std::string_view text, std::uint8_t proto,
                            std::vector<model::Socket>& out) {
  while (auto line = next_line(text)) {
    if (!next_word(*line).ends_with(':')) continue;  // "sl" of the heading
    const auto local = parse_endpoint(next_word(*line));
    const auto remote = parse_endpoint(next_word(*line));
    const auto state = to_number<std::uint8_t>(next_word(*line), 16);
    for (int i = 0; i < 3; ++i) next_word(*line);  // queues, timer, retransmits
    const auto uid = to_number<std::uint32_t>(next_word(*line));
    next_word(*line);  // timeout
    const auto inode = to_number<std::uint64_t>(next_word(*line));
    if (!local || !remote || !state || !uid || !inode) continue;
    model::Socket& socket = out.emplace_back();
    socket.local = *local;
    socket.remote = *remote;
    socket.proto = proto;
    if (proto == model::ip_proto::kTcp &&
        *state <= static_cast<std::uint8_t>(model::TcpState::kNewSynReceived)) {
      socket.state = static_cast<model::TcpState>(*state);
    }
    socket.uid = *uid;
    socket.inode = *inode;
  }
}

void parse_proc_route(std::string_view text, std::vector<model::Route>& out) {
  next_line(text);  // the heading
  while (auto line = next_line(text)) {
    const std::string_view interface = next_word(*line);
    const auto destination = parse_host_order_address(next_word(*line));
    const auto gateway = parse_host_order_address(next_word(*line));
    const auto flags = to_number<std::uint32_t>(next_word(*line), 16);
    for (int i = 0; i < 2; ++i) next_word(*line);  // references, uses
    const auto metric = to_number<std::uint32_t>(next_word(*line));
    const auto mask = to_number<std::uint32_t>(next_word(*line), 16);
    if (!destination || !gateway || !flags || !metric || !mask) continue;
    if ((*flags & kRouteUp) == 0 || (*flags & kRouteReject) != 0) continue;
    model::Route& route = out.emplace_back();
    route.destination = *destination;
    route.prefix_bits = static_cast<std::uint8_t>(std::popcount(*mask));
    if ((*flags & kRouteGateway) != 0) route.gateway = *gateway;
    route.interface = interface;
    route.metric = *metric;
  }
}

void parse_proc_ipv6_route(std::string_view text, std::vector<model::Route>& out) {
  while (auto line = next_line(text)) {
    const auto destination = parse_network_order_address(next_word(*line));
    const auto prefix = to_number<std::uint8_t>(next_word(*line), 16);
    for (int i = 0; i < 2; ++i) next_word(*line);  // source, its prefix
    const auto gateway = parse_network_order_address(next_word(*line));
    const auto metric = to_number<std::uint32_t>(next_word(*line), 16);
    for (int i = 0; i < 2; ++i) next_word(*line);  // references, uses
    const auto flags = to_number<std::uint32_t>(next_word(*line), 16);
    const std::string_view interface = next_word(*line);
    if (!destination || !prefix || !gateway || !metric || !flags || interface.empty()) continue;
    if ((*flags & kRouteUp) == 0 || (*flags & kRouteNotUnicast) != 0) continue;
    if (*prefix > kV6Bits || destination->is_multicast()) continue;
    model::Route& route = out.emplace_back();
    route.v4 = false;
    route.destination = *destination;
    route.prefix_bits = *prefix;
    if ((*flags & kRouteGateway) != 0) route.gateway = *gateway;
    route.interface = interface;
    route.metric = *metric;
  }
}

// "192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0"
void parse_proc_arp(std::string_view text, std::vector<model::Neighbour>& out) {
  next_line(text);  // the heading
  while (auto line = next_line(text)) {
    const auto address = base::IpAddress::parse(next_word(*line));
    next_word(*line);  // type of the hardware
    const std::string_view flags_text = next_word(*line);
    const std::string_view mac = next_word(*line);
    next_word(*line);  // mask
    const std::string_view interface = next_word(*line);
    if (!address || !flags_text.starts_with("0x") || interface.empty()) continue;
    const auto flags = to_number<std::uint32_t>(flags_text.substr(2), 16);
    if (!flags) continue;
    model::Neighbour& neighbour = out.emplace_back();
    neighbour.address = *address;
    neighbour.interface = interface;
    if ((*flags & kArpComplete) != 0) neighbour.mac = mac;
    if (*flags == 0) neighbour.state = "incomplete";
    if ((*flags & kArpPermanent) != 0) neighbour.state = "permanent";
  }
}

std::vector<InterfaceAddress> parse_proc_if_inet6(std::string_view text) {
  std::vector<InterfaceAddress> found;
  while (auto line = next_line(text)) {
    const auto address = parse_network_order_address(next_word(*line));
    for (int i = 0; i < 4; ++i) next_word(*line);  // index, prefix, scope, flags
    const std::string_view interface = next_word(*line);
    if (address && !interface.empty()) found.push_back({std::string(interface), *address});
  }
  return found;
}

}  // namespace netwatch::collect
