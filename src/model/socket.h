#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/flow.h"
#include "model/network.h"
#include "model/owner.h"
#include "model/process_table.h"

namespace netwatch::model {

// A TCP state as the kernel numbers it (include/net/tcp_states.h); 0 where there is none (UDP).
enum class TcpState : std::uint8_t {
  kNone = 0,
  kEstablished = 1,
  kSynSent,
  kSynReceived,
  kFinWait1,
  kFinWait2,
  kTimeWait,
  kClose,
  kCloseWait,
  kLastAck,
  kListen,
  kClosing,
  kNewSynReceived,
};
std::string_view tcp_state_name(TcpState state);  // as `ss` writes them: "ESTAB", "TIME-WAIT"

// How many processes have sent or received by a socket, whoever else holds it. Told of UDP.
enum class SocketUsers : std::uint8_t {
  kUnknown,
  kOne,  // in all of its life
  kSeveral,
};

// What one socket has moved to and from one other end.
struct PeerPayload {
  Endpoint peer;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

// Payload by peer of a UDP socket that is not connected, since it exists or, if it was not
// `followed`, since the programs in the kernel run.
struct SocketPeers {
  std::vector<PeerPayload> peers;  // sorted by their ends, each once
  // What is some peer's, one of the list or not: the program asked for no address, too many threads
  // used the socket at once, or others needed the room.
  std::uint64_t unknown_sent = 0;
  std::uint64_t unknown_received = 0;
};
// Null if the socket has moved nothing to or from it that is known.
const PeerPayload* find_peer(const SocketPeers& peers, const Endpoint& peer);

// A socket of this host as the kernel reports it.
struct Socket {
  Endpoint local;
  Endpoint remote;  // unspecified when not connected
  std::uint8_t proto = 0;
  TcpState state = TcpState::kNone;
  std::uint32_t ifindex = 0;  // bound device; 0 if none
  std::uint32_t uid = 0;
  std::uint64_t inode = 0;  // 0 in TIME-WAIT
  std::uint64_t cookie = 0;
  std::uint64_t netns = 0;  // inode of its network namespace
  Owner owner;
  // From tcp_info; -1 where the kernel does not say.
  std::int64_t rtt_us = -1;
  std::int64_t bytes_sent = -1;      // payload sent, without retransmissions; some may be in flight
  std::int64_t bytes_received = -1;  // payload (tcpi_bytes_received)
  std::int64_t retransmits = -1;     // segments, over the socket's life
  // The programs in the kernel have seen it from its creation on: nothing it moved is older than
  // they are.
  bool followed = false;
  // Of one that they have not: UDP payload since they began to count. -1 where nobody counts.
  std::int64_t seen_sent = -1;
  std::int64_t seen_received = -1;
  // As an earlier look of a namespace that this one did not read anew (collect's kAllAtTimes): it
  // may have ended since, and tells nothing new.
  bool kept = false;
  // Cookie of the Multipath TCP socket that this is a subflow of: it tells all of their payload at
  // its end. 0: it is none, or nobody has told us.
  std::uint64_t subflow_of = 0;
  // Of an IPv6 socket that is not connected: it takes no IPv4 traffic (IPV6_V6ONLY).
  std::optional<bool> v6_only{};
  SocketUsers users = SocketUsers::kUnknown;
  std::shared_ptr<const SocketPeers> peers{};  // null: it has none, or nobody tells
};

// Whether it has another end: not a listener, nor UDP that sends to anybody.
inline bool is_connected(const Socket& socket) {
  return socket.remote.port != 0 || !socket.remote.address.is_unspecified();
}

// What separates the keys of network namespaces, where the same addresses may be used: 0 for ours,
// else the inode, which has 32 bits (struct ns_common).
inline std::uint32_t netns_scope(std::uint64_t netns, std::uint64_t own_netns) {
  return netns == own_netns ? 0 : static_cast<std::uint32_t>(netns);
}

// A process that held sockets at the look before: another one may have used them since.
struct HolderDoubt {
  std::shared_ptr<const Process> process;  // never null
  bool is_gone = false;  // and nothing tells; else there is a sign that another did
};

// One look at all sockets of one network namespace, or of all of them.
struct SocketTable {
  base::TimeNs taken_ns = 0;
  std::vector<Socket> sockets;
  base::TimeNs read_ns = 0;      // when our own namespace's had been read; 0: unknown
  bool watches_holders = false;  // `doubts` tells all there are; else nobody has looked for them
  std::vector<HolderDoubt> doubts{};
  std::uint64_t unreadable_processes = 0;  // whose descriptors we were not allowed to list
  std::uint64_t sockets_without_owner = 0;
  std::uint64_t holdings_not_kept = 0;  // descriptors beyond what one look may remember
  // Tables of the kernel that kept changing while they were read: rows may be missing or twice.
  std::uint64_t torn_tables = 0;
  std::uint64_t own_netns = 0;  // inode of our network namespace; 0: unknown
  // Where other network namespaces were asked for: which there are, ours among them.
  std::vector<NetworkNamespace> namespaces{};
  std::uint64_t namespaces_unread = 0;               // whose sockets we could not read
  std::uint64_t namespaces_not_kept = 0;             // beyond what one look may remember
  std::uint64_t processes_of_unknown_namespace = 0;  // some of which may be in one that is not seen
  // What the owners of sockets take of the host, by pid; nothing where the look before is so young
  // that their CPU times would say little.
  std::optional<std::vector<ProcessUsage>> usage{};
};

// A socket that is no more, as the kernel's own event tells: its ends, owner and payload.
struct ClosedSocket {
  Socket socket;
  base::TimeNs opened_ns =
      0;  // wall clock; of an older socket: its first use that was seen; 0: none
  base::TimeNs closed_ns = 0;  // when its last holder let go; TCP may still be sending
};

// Something that happened to a socket, or that it was there when the watching began.
struct SocketEvent {
  enum class Kind : std::uint8_t { kExisting, kOpened, kClosed };
  Kind kind = Kind::kExisting;
  const Socket* socket = nullptr;  // valid during the call that tells of it
  base::TimeNs time_ns = 0;
  base::TimeNs opened_ns = 0;  // of one that closed, where it is known; else 0
};
std::string_view socket_event_name(SocketEvent::Kind kind);  // "existing", "opened", "closed"

// A process that holds a socket, as the kernel's iterator over descriptors tells.
struct SocketHolding {
  std::uint64_t inode = 0;
  std::uint64_t cookie = 0;
  std::uint64_t netns = 0;
  std::shared_ptr<const Process> holder;  // never null
  // Who sent or received last, else who connected or created it; null if nobody was seen to.
  std::shared_ptr<const Process> user;
  bool followed = false;   // as in Socket
  std::int64_t sent = -1;  // payload since the programs began to count; -1: they do not
  std::int64_t received = -1;
  SocketUsers users = SocketUsers::kUnknown;  // as in Socket, these two
  std::shared_ptr<const SocketPeers> peers;
};
struct SocketHoldings {
  std::vector<SocketHolding> holdings;  // sorted by inode, then pid; one per socket and process
  std::uint64_t not_kept = 0;           // beyond what one look may remember
};

}  // namespace netwatch::model
