#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "collect/netlink_linux.h"
#include "model/socket.h"

// The socket tables of the kernel by NETLINK_SOCK_DIAG (Linux: sock_diag(7),
// include/uapi/linux/inet_diag.h).
namespace netwatch::collect {

// Appends the sockets of one table, TCP with its counters. `proto`: ip_proto::kTcp or kUdp;
// `family`: AF_INET or AF_INET6. On an error `out` is as before.
base::Status dump_sock_diag(NetlinkSocket& netlink, std::uint8_t proto, std::uint8_t family,
                            std::vector<model::Socket>& out);

// The same of all TCP sockets, of both families at once. The kernel walks its table, as large as
// the host's memory allows, once for every dump, and only the older request (TCPDIAG_GETSOCK) asks
// for no family.
base::Status dump_tcp_sock_diag(NetlinkSocket& netlink, std::vector<model::Socket>& out);

// The tables, as they are asked for; the order is that of the broker's messages.
enum class DiagTable : std::uint8_t { kTcp, kTcp4, kTcp6, kUdp4, kUdp6 };  // kTcp: both families
inline constexpr std::uint32_t kDiagTables = 5;
base::Status dump_sock_diag(NetlinkSocket& netlink, DiagTable table,
                            std::vector<model::Socket>& out);
// In two halves, see NetlinkSocket. False: the table changed meanwhile.
base::Status ask_sock_diag(NetlinkSocket& netlink, DiagTable table);
base::Result<bool> take_sock_diag(NetlinkSocket& netlink, DiagTable table,
                                  std::vector<model::Socket>& out);

// One answer: inet_diag_msg and its attributes; false if it is too short.
bool parse_sock_diag(base::Bytes body, std::uint8_t proto, model::Socket& out);

}  // namespace netwatch::collect
