#pragma once

// The memory that is shared with the loader: what each socket has moved to and from each peer. For
// BPF only.

#include "ebpf/programs/kept.h"

#define PEER_PROBES 8

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct PeerTable);
} peer_table SEC(".maps");

// So that nobody can choose addresses that meet in one slot.
const volatile __u64 peer_seed = 0;

static __always_inline struct PeerTable* the_peer_table(void) {
  const __u32 first = 0;
  return bpf_map_lookup_elem(&peer_table, &first);
}

// Finds the slot of these ends, or takes one; leaves 0 if there is no room.
static __always_inline void find_slot(struct PeerTable* table, __u64 cookie,
                                      struct PeerCall* peer) {
  const __u64 high = peer->address[0];
  const __u64 low = peer->address[1];
  const __u32 turn = table->turn;
  struct PeerHalf* half = &table->halves[turn & 1];
  __u64 hash = (peer_seed ^ cookie ^ ((__u64)peer->port << 48)) * 0x9E3779B97F4A7C15ULL;
  hash = (hash ^ (hash >> 32) ^ low) * 0xBF58476D1CE4E5B9ULL;
  hash = (hash ^ (hash >> 32) ^ high) * 0x94D049BB133111EBULL;
  __u32 at = hash >> 40;
  peer->slot = 0;
  peer->turn = turn;
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
      peer->slot = at + 1;
      return;
    }
    if (slot->state == kPeerSlotUsed && slot->cookie == cookie && slot->address[1] == low &&
        slot->address[0] == high && slot->port == peer->port) {
      peer->slot = at + 1;
      return;
    }
  }
}

static __always_inline void add_to(__u64* sent, __u64* received, __u64 more_sent,
                                   __u64 more_received) {
  if (more_sent > 0) __sync_fetch_and_add(sent, more_sent);
  if (more_received > 0) __sync_fetch_and_add(received, more_received);
}

// Whether there was a slot to add to, of a turn in which this program runs.
static __always_inline int add_to_slot(struct PeerTable* table, const struct PeerCall* peer,
                                       __u64 sent, __u64 received) {
  if (peer->slot == 0) return 0;
  struct PeerSlot* slot =
      &table->halves[peer->turn & 1].slots[(peer->slot - 1) & (NETWATCH_PEER_SLOTS - 1)];
  add_to(&slot->sent, &slot->received, sent, received);
  return 1;
}
