#include "collect/proc_net.h"

#include <array>
#include <cstring>

#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kV4Digits = 8;
constexpr std::size_t kV6Digits = 32;
// include/uapi/linux/route.h, ipv6_route.h: the route is up, and not one that rejects.
constexpr std::uint32_t kRouteUp = 0x1;
constexpr std::uint32_t kRouteReject = 0x200;

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

void keep_lower(std::optional<DefaultRoute>& best, std::string_view interface,
                std::uint32_t metric) {
  if (!best || metric < best->metric) best = DefaultRoute{std::string(interface), metric};
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

std::optional<DefaultRoute> parse_proc_route(std::string_view text) {
  std::optional<DefaultRoute> best;
  next_line(text);  // the heading
  while (auto line = next_line(text)) {
    const std::string_view interface = next_word(*line);
    const auto destination = to_number<std::uint32_t>(next_word(*line), 16);
    next_word(*line);  // gateway
    const auto flags = to_number<std::uint32_t>(next_word(*line), 16);
    for (int i = 0; i < 2; ++i) next_word(*line);  // references, uses
    const auto metric = to_number<std::uint32_t>(next_word(*line));
    const auto mask = to_number<std::uint32_t>(next_word(*line), 16);
    if (!destination || !flags || !metric || !mask) continue;
    const bool usable = (*flags & kRouteUp) != 0 && (*flags & kRouteReject) == 0;
    if (*destination == 0 && *mask == 0 && usable) keep_lower(best, interface, *metric);
  }
  return best;
}

std::optional<DefaultRoute> parse_proc_ipv6_route(std::string_view text) {
  std::optional<DefaultRoute> best;
  while (auto line = next_line(text)) {
    const auto destination = parse_network_order_address(next_word(*line));
    const auto prefix = to_number<std::uint32_t>(next_word(*line), 16);
    for (int i = 0; i < 3; ++i) next_word(*line);  // source, its prefix, next hop
    const auto metric = to_number<std::uint32_t>(next_word(*line), 16);
    for (int i = 0; i < 2; ++i) next_word(*line);  // references, uses
    const auto flags = to_number<std::uint32_t>(next_word(*line), 16);
    const std::string_view interface = next_word(*line);
    if (!destination || !prefix || !metric || !flags || interface.empty()) continue;
    const bool usable = (*flags & kRouteUp) != 0 && (*flags & kRouteReject) == 0;
    if (destination->is_unspecified() && *prefix == 0 && usable) {
      keep_lower(best, interface, *metric);
    }
  }
  return best;
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
