#pragma once

// With whom unconnected UDP sockets talk, for BPF only. The kernel tells of a length without the
// other end, and of the other end (sendmsg4 and its like) without the length; both in the thread
// that calls. What is told first is kept until the other comes.

// A thread in the middle of a call.
struct PeerCall {
  __u32 thread;  // 0: none
  __u32 port;
  __u64 address[2];
};

#define PEER_CALLS 4
#define PEER_PROBES 8

struct Peering {
  struct PeersNote note;
  __u64 cookie;
  struct PeerCall calls[PEER_CALLS];
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct Peering);
} peering_of_socket SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct PeerTable);
} peer_table SEC(".maps");

// So that nobody can choose addresses that meet in one slot.
const volatile __u64 peer_seed = 0;

static __always_inline struct PeerCall* call_of(struct Peering* peering, __u32 thread) {
  for (int i = 0; i < PEER_CALLS; ++i) {
    if (peering->calls[i].thread == thread) return &peering->calls[i];
  }
  return 0;
}

// Called with the socket locked, by the kernel: nobody else takes a call at the same time. Where
// more threads than that are in the middle of one, the peer of one stays unknown.
static __always_inline void keep_call(struct Peering* peering, __u64 high, __u64 low, __u32 port) {
  const __u32 thread = (__u32)bpf_get_current_pid_tgid();
  struct PeerCall* call = call_of(peering, thread);
  if (!call) call = call_of(peering, 0);
  if (!call) return;
  call->address[0] = high;
  call->address[1] = low;
  call->port = port;
  call->thread = thread;
}

// The slot of these ends, a new one if there is none; null if there is no room.
static __always_inline struct PeerSlot* peer_slot(__u64 cookie, const struct PeerCall* peer) {
  const __u32 first = 0;
  struct PeerTable* table = bpf_map_lookup_elem(&peer_table, &first);
  if (!table) return 0;
  const __u64 high = peer->address[0];
  const __u64 low = peer->address[1];
  struct PeerHalf* half = &table->halves[table->half & 1];
  __u64 hash = (peer_seed ^ cookie ^ ((__u64)peer->port << 48)) * 0x9E3779B97F4A7C15ULL;
  hash = (hash ^ (hash >> 32) ^ low) * 0xBF58476D1CE4E5B9ULL;
  hash = (hash ^ (hash >> 32) ^ high) * 0x94D049BB133111EBULL;
  __u32 at = hash >> 40;
  for (int i = 0; i < PEER_PROBES; ++i, ++at) {
    at &= NETWATCH_PEER_SLOTS - 1;
    struct PeerSlot* slot = &half->slots[at];
    if (slot->state == kPeerSlotFree &&
        __sync_val_compare_and_swap(&slot->state, kPeerSlotFree, kPeerSlotBegun) == kPeerSlotFree) {
      slot->cookie = cookie;
      slot->address[0] = high;
      slot->address[1] = low;
      slot->port = peer->port;
      __sync_val_compare_and_swap(&slot->state, kPeerSlotBegun, kPeerSlotUsed);
      const __u32 place = __sync_fetch_and_add(&half->used, 1);
      half->order[place & (NETWATCH_PEER_SLOTS - 1)] = at + 1;
      return slot;
    }
    if (slot->state == kPeerSlotUsed && slot->cookie == cookie && slot->address[1] == low &&
        slot->address[0] == high && slot->port == peer->port) {
      return slot;
    }
  }
  return 0;
}
