#pragma once

// What the programs write and the loader reads: C, fixed layout, no padding that is not named.
// Addresses are in network order, IPv4 as IPv4-mapped IPv6; ports in host order; times are
// nanoseconds of CLOCK_BOOTTIME.

#ifdef __cplusplus
#include <cstdint>
namespace netwatch::ebpf {
using NoteU8 = std::uint8_t;
using NoteU16 = std::uint16_t;
using NoteU32 = std::uint32_t;
using NoteU64 = std::uint64_t;
#else
typedef __u8 NoteU8;
typedef __u16 NoteU16;
typedef __u32 NoteU32;
typedef __u64 NoteU64;
#endif

#define NETWATCH_COMM_BYTES 16
#define NETWATCH_PATH_BYTES 192
#define NETWATCH_PARTS_BYTES 256  // a power of two
#define NETWATCH_PART_BYTES 64
#define NETWATCH_CGROUP_BYTES 512

struct ProcessNote {
  NoteU64 start_ns;  // of its first thread; tells a reused pid
  NoteU64 cgroup;    // id in the cgroup2 tree
  NoteU32 pid;       // 0: nobody is known
  NoteU32 parent_pid;
  NoteU32 uid;      // effective
  NoteU32 exec_id;  // grows by one with each execve
  char comm[NETWATCH_COMM_BYTES];
  char parent_comm[NETWATCH_COMM_BYTES];
};

// Kept by the kernel beside each socket, and sent when the socket is released.
struct SocketNote {
  struct ProcessNote user;  // of the last send or receive, else who connected, accepted, created
  NoteU64 opened_ns;
  NoteU64 sent;  // payload that programs handed over and took
  NoteU64 received;
  NoteU8 local[16];
  NoteU8 remote[16];
  NoteU16 local_port;  // 0: the ends are not known yet
  NoteU16 remote_port;
  NoteU16 protocol;
  NoteU16 whole;  // 1: seen from its creation on, so that `sent` and `received` are all there was
  NoteU32 netns;  // inode of the network namespace
  NoteU16 followed;  // at its end: `whole` as it was, which TCP's own counters make 1 always
  NoteU16 users;     // processes that were seen to send or receive; 2: two or more
};

// Of a UDP socket that names another end with each datagram; all 0 of others.
struct PeersNote {
  NoteU64 unknown_sent;  // payload of which the program was not seen to name the other end
  NoteU64 unknown_received;
  NoteU32 told;  // 1: what the other ends moved is in the PeerTable
  NoteU32 reserved;
};

enum EventKind {
  kEventSocketReleased = 1,
  kEventExec = 2,
  kEventCgroup = 3,
  kEventProcessEnded = 4,
};

struct SocketReleased {
  NoteU32 kind;
  NoteU32 reserved;
  NoteU64 closed_ns;
  NoteU64 cookie;
  struct SocketNote note;
  struct PeersNote peers;
  NoteU32 rtt_us;       // of TCP: smoothed (RFC 6298); 0: none was measured
  NoteU32 retransmits;  // of TCP: segments, over the socket's life
};

struct ProcessExec {
  NoteU32 kind;
  NoteU32 parts_bytes;  // 0: `parts` are not all
  struct ProcessNote process;
  char path[NETWATCH_PATH_BYTES];  // of the program file as it was called, NUL-terminated
  // The file itself: its name, the name of its folder, ..., each NUL-terminated.
  char parts[NETWATCH_PARTS_BYTES + NETWATCH_PART_BYTES];
};

// The last thread of a process has ended.
struct ProcessEnded {
  NoteU32 kind;
  NoteU32 pid;
  NoteU64 start_ns;
  NoteU64 ended_ns;
};

// A cgroup of version 2 has been made.
struct CgroupMade {
  NoteU32 kind;
  NoteU32 reserved;
  NoteU64 id;
  char path[NETWATCH_CGROUP_BYTES];  // from the root of the whole tree, NUL-terminated
};

// One descriptor of a socket, as the iterator finds it.
struct HolderNote {
  NoteU64 inode;
  NoteU64 cookie;
  struct ProcessNote holder;
  struct ProcessNote user;  // pid 0: nobody has been seen to use the socket
  NoteU64 sent;             // as in SocketNote
  NoteU64 received;
  NoteU32 netns;
  NoteU32 protocol;
  NoteU32 whole;
  NoteU32 users;  // as in SocketNote
  struct PeersNote peers;
};

// What one other end of one socket has moved since the table was emptied last. Two slots may have
// the same ends.
struct PeerSlot {
  NoteU64 cookie;
  NoteU64 address[2];  // network order
  NoteU64 sent;        // by the socket
  NoteU64 received;
  NoteU32 port;
  NoteU32 state;
};
enum PeerSlotState { kPeerSlotFree = 0, kPeerSlotBegun = 1, kPeerSlotUsed = 2 };

// Shared memory. Programs write into one half; the loader empties the other, when no program can be
// at work in it any more.
#define NETWATCH_PEER_SLOTS 16384
struct PeerHalf {
  NoteU32 used;  // slots in `order`, at most NETWATCH_PEER_SLOTS
  NoteU32 reserved;
  NoteU32 order[NETWATCH_PEER_SLOTS];  // 1 + the number of each slot in use; 0: being written
  struct PeerSlot slots[NETWATCH_PEER_SLOTS];
};
struct PeerTable {
  NoteU32 turn;  // programs write into the half of its lowest bit
  NoteU32 reserved;
  struct PeerHalf halves[2];
};

#ifdef __cplusplus
}  // namespace netwatch::ebpf
#endif
