#pragma once

// With whom unconnected UDP sockets talk, for BPF only. The kernel tells of a length without the
// other end, and of the other end (sendmsg4 and its like) without the length; both in the thread
// that calls. What is told first is kept until the other comes.

#include "ebpf/programs/kept.h"
#include "ebpf/programs/peer_slots.h"

// Besides the one that stands in the note of every socket.
#define PEER_CALLS 3

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

static __always_inline struct PeerCall* call_of(struct Peering* peering, __u32 thread) {
  for (int i = 0; i < PEER_CALLS; ++i) {
    if (peering->calls[i].thread == thread) return &peering->calls[i];
  }
  return 0;
}

// --- the call that ends --------------------------------------------------------------------------

static __always_inline struct PeerCall* call_of_thread(struct Kept* kept, struct sock* sk,
                                                       __u32 thread) {
  if (kept->call.thread == thread) return &kept->call;
  struct Peering* peering = bpf_sk_storage_get(&peering_of_socket, sk, 0, 0);
  return peering ? call_of(peering, thread) : 0;
}

// A call that moved nothing has still named its other end.
static __always_inline void forget_call(struct sock* sk) {
  if (sk->sk_protocol == IPPROTO_TCP) return;
  struct Kept* kept = bpf_sk_storage_get(&kept_of_socket, sk, 0, 0);
  if (!kept || !kept->peers) return;
  struct PeerCall* call = call_of_thread(kept, sk, bpf_get_current_task_btf()->pid);
  if (call) call->thread = 0;
}

static __always_inline void write_connected(struct PeerCall* out, const struct sock* sk) {
  out->port = bpf_ntohs(sk->__sk_common.skc_dport);
  if (sk->__sk_common.skc_family == AF_INET) {
    write_v4((__u8*)out->address, sk->__sk_common.skc_daddr);
  } else {
    write_v6((__u8*)out->address, &sk->__sk_common.skc_v6_daddr);
  }
}

// With the other end of the call that ends now, else of the socket itself.
static __always_inline void add_to_peer(struct Kept* kept, struct sock* sk, __u32 thread,
                                        __u64 sent, __u64 received) {
  struct PeerTable* table = the_peer_table();
  if (!table) return;
  struct PeerCall* call = &kept->call;
  if (call->thread == thread && call->turn == table->turn &&
      add_to_slot(table, call, sent, received)) {
    call->thread = 0;
    return;
  }
  struct Peering* peering = bpf_sk_storage_get(&peering_of_socket, sk, 0, 0);
  if (!peering) return;
  struct PeerCall peer = {};
  if (call->thread != thread) call = call_of(peering, thread);
  if (call) {
    find_slot(table, peering->cookie, call);
    peer = *call;
    call->thread = 0;
  } else if (sk->__sk_common.skc_dport != 0) {
    write_connected(&peer, sk);
    find_slot(table, peering->cookie, &peer);
  }
  if (add_to_slot(table, &peer, sent, received)) return;
  add_to(&peering->note.unknown_sent, &peering->note.unknown_received, sent, received);
}

// --- the call that begins ------------------------------------------------------------------------

// What a socket has moved until it names its first peer is of none that is known.
static __always_inline void begin_peering(struct bpf_sock_addr* ctx, struct bpf_sock* sk,
                                          struct Kept* kept) {
  struct Peering* peering =
      bpf_sk_storage_get(&peering_of_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!peering) return;
  peering->cookie = bpf_get_socket_cookie(ctx);
  peering->note.told = 1;
  kept->peers = 1;
  peering->note.unknown_sent = __sync_fetch_and_add(&kept->note.sent, 0);
  peering->note.unknown_received = __sync_fetch_and_add(&kept->note.received, 0);
}

// Where this thread's call may stand; null where more threads than that are in the middle of one:
// the peer of this one stays unknown.
static __always_inline struct PeerCall* free_call(struct Kept* kept, struct bpf_sock* sk,
                                                  __u32 thread) {
  if (kept->call.thread == 0 || kept->call.thread == thread) return &kept->call;
  struct Peering* peering = bpf_sk_storage_get(&peering_of_socket, sk, 0, 0);
  if (!peering) return 0;
  struct PeerCall* call = call_of(peering, thread);
  return call ? call : call_of(peering, 0);
}

// Called by the kernel with the socket locked: nobody else takes a call at the same time.
static __always_inline void names_peer(struct bpf_sock_addr* ctx, struct bpf_sock* sk, __u64 high,
                                       __u64 low) {
  struct Kept* kept = KEPT_OF(sk);
  if (!kept) return;
  if (!kept->peers) begin_peering(ctx, sk, kept);
  const __u32 thread = bpf_get_current_task_btf()->pid;
  struct PeerCall* call = free_call(kept, sk, thread);
  if (!call) return;
  const __u32 port = bpf_ntohs(ctx->user_port);
  if (call->address[1] != low || call->address[0] != high || call->port != port) {
    call->address[0] = high;
    call->address[1] = low;
    call->port = port;
    call->slot = 0;
  }
  call->thread = thread;
}

static __always_inline void names_peer4(struct bpf_sock_addr* ctx, struct bpf_sock* sk) {
  __u64 words[2];
  write_v4((__u8*)words, ctx->user_ip4);
  names_peer(ctx, sk, words[0], words[1]);
}

static __always_inline void names_peer6(struct bpf_sock_addr* ctx, struct bpf_sock* sk) {
  __u64 words[2];
  __u32* halves = (__u32*)words;
  halves[0] = ctx->user_ip6[0];
  halves[1] = ctx->user_ip6[1];
  halves[2] = ctx->user_ip6[2];
  halves[3] = ctx->user_ip6[3];
  names_peer(ctx, sk, words[0], words[1]);
}

static __always_inline void read_peers(struct PeersNote* out, struct Peering* peering) {
  if (peering) *out = peering->note;
}
