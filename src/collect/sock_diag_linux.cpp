#include "collect/sock_diag_linux.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace netwatch::collect {
namespace {

constexpr std::uint32_t kAllStates = 0xFFFFFFFF;

model::Endpoint endpoint(std::uint8_t family, const __be32* address, __be16 port) {
  model::Endpoint end;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(address);
  end.address = family == AF_INET ? base::IpAddress::v4(bytes) : base::IpAddress::v6(bytes);
  std::array<std::uint8_t, 2> port_bytes{};
  std::memcpy(port_bytes.data(), &port, sizeof port);
  end.port = static_cast<std::uint16_t>((port_bytes[0] << 8) | port_bytes[1]);
  return end;
}

// The kernel counts the peer's FIN as one byte received.
bool has_received_fin(model::TcpState state) {
  return state == model::TcpState::kCloseWait || state == model::TcpState::kLastAck ||
         state == model::TcpState::kClosing;
}

// Older kernels send a shorter tcp_info: a member counts only if it is wholly there.
void take_tcp_counters(const NetlinkAttribute& attribute, model::Socket& socket) {
  const auto counters = attribute.as<tcp_info>();
  const auto has = [&](auto tcp_info::* member) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(&counters);
    const auto* end = reinterpret_cast<const std::uint8_t*>(&(counters.*member) + 1);
    return attribute.value.size() >= static_cast<std::size_t>(end - begin);
  };
  if (socket.state == model::TcpState::kListen) return;  // the members mean other things there
  if (has(&tcp_info::tcpi_rtt) && counters.tcpi_rtt != 0) socket.rtt_us = counters.tcpi_rtt;
  if (has(&tcp_info::tcpi_total_retrans)) socket.retransmits = counters.tcpi_total_retrans;
  if (has(&tcp_info::tcpi_bytes_received)) {
    socket.bytes_received = static_cast<std::int64_t>(counters.tcpi_bytes_received);
    if (has_received_fin(socket.state) && socket.bytes_received > 0) --socket.bytes_received;
  }
  if (has(&tcp_info::tcpi_bytes_retrans)) {
    // Exact, where tcpi_bytes_acked also counts a SYN and a FIN, and not always.
    socket.bytes_sent =
        static_cast<std::int64_t>(counters.tcpi_bytes_sent - counters.tcpi_bytes_retrans);
  } else if (has(&tcp_info::tcpi_bytes_acked)) {
    socket.bytes_sent = static_cast<std::int64_t>(counters.tcpi_bytes_acked);
  }
}

}  // namespace

bool parse_sock_diag(base::Bytes body, std::uint8_t proto, model::Socket& out) {
  inet_diag_msg message{};
  if (body.size() < sizeof message) return false;
  std::memcpy(&message, body.data(), sizeof message);
  out.local = endpoint(message.idiag_family, message.id.idiag_src, message.id.idiag_sport);
  out.remote = endpoint(message.idiag_family, message.id.idiag_dst, message.id.idiag_dport);
  out.proto = proto;
  if (proto == model::ip_proto::kTcp &&
      message.idiag_state <= static_cast<std::uint8_t>(model::TcpState::kNewSynReceived)) {
    out.state = static_cast<model::TcpState>(message.idiag_state);
  }
  out.ifindex = message.id.idiag_if;
  out.uid = message.idiag_uid;
  out.inode = message.idiag_inode;
  out.cookie = (std::uint64_t{message.id.idiag_cookie[1]} << 32) | message.id.idiag_cookie[0];
  base::Bytes attributes = body.subspan(sizeof message);
  while (const auto attribute = next_attribute(attributes)) {
    if (attribute->type == INET_DIAG_INFO && proto == model::ip_proto::kTcp) {
      take_tcp_counters(*attribute, out);
    }
    // Told of IPv6 sockets that listen or are not connected, whether asked for or not.
    if (attribute->type == INET_DIAG_SKV6ONLY && !attribute->value.empty()) {
      out.v6_only = attribute->value[0] != 0;
    }
  }
  return true;
}

namespace {

base::Status dump(NetlinkSocket& netlink, std::uint16_t type, base::Bytes request,
                  std::uint8_t proto, std::vector<model::Socket>& out) {
  const std::size_t before = out.size();
  auto status = netlink.dump(
      type, request,
      [&](base::Bytes body) {
        if (!parse_sock_diag(body, proto, out.emplace_back())) out.pop_back();
      },
      [&] { out.resize(before); });
  if (!status) out.resize(before);
  return status;
}

template <typename Request>
base::Bytes bytes_of(const Request& request) {
  return {reinterpret_cast<const std::uint8_t*>(&request), sizeof request};
}

constexpr std::uint8_t kTcpCounters = 1U << (INET_DIAG_INFO - 1);

inet_diag_req_v2 family_request(std::uint8_t proto, std::uint8_t family) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family;
  request.sdiag_protocol = proto;
  request.idiag_states = kAllStates;
  if (proto == model::ip_proto::kTcp) request.idiag_ext = kTcpCounters;
  return request;
}

inet_diag_req both_families_request() {
  inet_diag_req request{};
  request.idiag_ext = kTcpCounters;
  request.idiag_states = kAllStates;
  return request;
}

}  // namespace

base::Status dump_sock_diag(NetlinkSocket& netlink, std::uint8_t proto, std::uint8_t family,
                            std::vector<model::Socket>& out) {
  const inet_diag_req_v2 request = family_request(proto, family);
  return dump(netlink, SOCK_DIAG_BY_FAMILY, bytes_of(request), proto, out);
}

base::Status dump_tcp_sock_diag(NetlinkSocket& netlink, std::vector<model::Socket>& out) {
  const inet_diag_req request = both_families_request();
  return dump(netlink, TCPDIAG_GETSOCK, bytes_of(request), model::ip_proto::kTcp, out);
}

namespace {

struct TableDef {
  std::uint8_t proto;
  std::uint8_t family;  // AF_UNSPEC: both
};
TableDef def_of(DiagTable table) {
  switch (table) {
    case DiagTable::kTcp:
      break;
    case DiagTable::kTcp4:
      return {model::ip_proto::kTcp, AF_INET};
    case DiagTable::kTcp6:
      return {model::ip_proto::kTcp, AF_INET6};
    case DiagTable::kUdp4:
      return {model::ip_proto::kUdp, AF_INET};
    case DiagTable::kUdp6:
      return {model::ip_proto::kUdp, AF_INET6};
  }
  return {model::ip_proto::kTcp, AF_UNSPEC};
}

}  // namespace

base::Status dump_sock_diag(NetlinkSocket& netlink, DiagTable table,
                            std::vector<model::Socket>& out) {
  const TableDef def = def_of(table);
  if (def.family == AF_UNSPEC) return dump_tcp_sock_diag(netlink, out);
  return dump_sock_diag(netlink, def.proto, def.family, out);
}

base::Status ask_sock_diag(NetlinkSocket& netlink, DiagTable table) {
  const TableDef def = def_of(table);
  if (def.family == AF_UNSPEC) {
    const inet_diag_req request = both_families_request();
    return netlink.ask(TCPDIAG_GETSOCK, bytes_of(request));
  }
  const inet_diag_req_v2 request = family_request(def.proto, def.family);
  return netlink.ask(SOCK_DIAG_BY_FAMILY, bytes_of(request));
}

base::Result<bool> take_sock_diag(NetlinkSocket& netlink, DiagTable table,
                                  std::vector<model::Socket>& out) {
  const std::size_t before = out.size();
  const TableDef def = def_of(table);
  auto whole = netlink.answer([&](base::Bytes body) {
    if (!parse_sock_diag(body, def.proto, out.emplace_back())) out.pop_back();
  });
  if (!whole) out.resize(before);
  return whole;
}

}  // namespace netwatch::collect
