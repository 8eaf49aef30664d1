#pragma once

// What is kept beside each socket: who uses it. For BPF only.

#include "ebpf/programs/kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "ebpf/programs/notes.h"

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define PF_KTHREAD 0x00200000

// A thread in the middle of a call; and, when it is through, whom the last one was with.
struct PeerCall {
  __u32 thread;  // 0: none
  __u32 port;
  __u64 address[2];
  __u32 slot;  // of that peer, plus 1, in the table's `turn`; 0: not known
  __u32 turn;
};

// What is kept beside a socket: the note and what does not leave the kernel. With what the kernel
// adds it takes 256 bytes, and with one more it would take 512.
struct Kept {
  struct SocketNote note;
  __u64 mover;    // who sent or received first, see mover_of(); 0: nobody has
  __u32 busy;     // 1 while somebody writes the user
  __u16 several;  // 1: another process has sent or received since
  __u16 peers;    // 1: it has a Peering
  struct PeerCall call;
};
_Static_assert(sizeof(struct Kept) <= 184, "more memory for each socket");

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct Kept);
} kept_of_socket SEC(".maps");

// --- who ---------------------------------------------------------------------------------------

// The kernel pads names with zeros. Loaded: to copy one by a helper costs far more.
static __always_inline void write_comm(char* out, const struct task_struct* task) {
  _Static_assert(sizeof(task->comm) == NETWATCH_COMM_BYTES, "two words");
  const __u64* words = (const __u64*)task->comm;
  ((__u64*)out)[0] = words[0];
  ((__u64*)out)[1] = words[1];
}

static __always_inline void write_process(struct ProcessNote* out, struct task_struct* task) {
  struct task_struct* leader = task->group_leader;
  out->start_ns = leader->start_boottime;
  out->cgroup = task->cgroups->dfl_cgrp->kn->id;
  out->pid = task->tgid;
  out->parent_pid = leader->real_parent->tgid;
  out->uid = task->cred->euid.val;
  out->exec_id = leader->self_exec_id;
  write_comm(out->comm, leader);
  // Some thread of the parent's has forked; it may have a name of its own.
  write_comm(out->parent_comm, leader->real_parent->group_leader);
}

// `task`, the running one, becomes the socket's user. Of two at the same time one is the last:
// whoever finds the note in work leaves it alone, so that it never mixes two processes.
static __always_inline void write_user(struct Kept* kept, struct task_struct* task) {
  struct task_struct* leader = task->group_leader;
  const struct ProcessNote* user = &kept->note.user;
  if (user->pid == (__u32)task->tgid && user->start_ns == leader->start_boottime &&
      user->exec_id == leader->self_exec_id) {
    return;
  }
  if (task->flags & PF_KTHREAD) return;
  if (__sync_val_compare_and_swap(&kept->busy, 0, 1) != 0) return;
  write_process(&kept->note.user, task);
  __sync_val_compare_and_swap(&kept->busy, 1, 0);
}

// Of two processes one has another start, or another pid.
static __always_inline __u64 mover_of(struct task_struct* task) {
  return task->group_leader->start_boottime ^ ((__u64)task->tgid << 40);
}

// That of several movers the socket is shared must not be missed, whoever writes the user.
static __always_inline void write_mover(struct Kept* kept, struct task_struct* task) {
  const __u64 mover = mover_of(task);
  if (kept->mover == mover) return;
  if (__sync_val_compare_and_swap(&kept->mover, 0, mover) != 0) kept->several = 1;
}

static __always_inline __u16 users_of(const struct Kept* kept) {
  return kept->several ? 2 : kept->mover != 0;
}

// --- which socket ------------------------------------------------------------------------------

static __always_inline int is_ip(const struct sock* sk) {
  const unsigned short family = sk->__sk_common.skc_family;
  return family == AF_INET || family == AF_INET6;
}

static __always_inline void write_v4(__u8* out, __be32 address) {
  __u32* words = (__u32*)out;
  words[0] = 0;
  words[1] = 0;
  words[2] = bpf_htonl(0xFFFF);
  words[3] = address;
}

// A connection that is over has given back its port, but still says which it was.
static __always_inline __u16 local_port(const struct sock* sk) {
  const __u16 port = BPF_CORE_READ(sk, __sk_common.skc_num);
  return port != 0 ? port : bpf_ntohs(BPF_CORE_READ((const struct inet_sock*)sk, inet_sport));
}

static __always_inline void write_ends(struct SocketNote* note, const struct sock* sk) {
  if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
    write_v4(note->local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
    write_v4(note->remote, BPF_CORE_READ(sk, __sk_common.skc_daddr));
  } else {
    BPF_CORE_READ_INTO(&note->local, sk, __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO(&note->remote, sk, __sk_common.skc_v6_daddr);
  }
  note->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
  note->protocol = BPF_CORE_READ(sk, sk_protocol);
  note->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
  note->local_port = local_port(sk);
}

static __always_inline void write_v6(__u8* out, const struct in6_addr* address) {
  __u32* words = (__u32*)out;
  words[0] = address->in6_u.u6_addr32[0];
  words[1] = address->in6_u.u6_addr32[1];
  words[2] = address->in6_u.u6_addr32[2];
  words[3] = address->in6_u.u6_addr32[3];
}

// The same where the verifier knows what `sk` is, so that its members can be loaded: a call for
// each member costs as much as all the rest.
static __always_inline void load_ends(struct SocketNote* note, const struct sock* sk) {
  if (sk->__sk_common.skc_family == AF_INET) {
    write_v4(note->local, sk->__sk_common.skc_rcv_saddr);
    write_v4(note->remote, sk->__sk_common.skc_daddr);
  } else {
    write_v6(note->local, &sk->__sk_common.skc_v6_rcv_saddr);
    write_v6(note->remote, &sk->__sk_common.skc_v6_daddr);
  }
  note->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
  note->protocol = sk->sk_protocol;
  note->netns = sk->__sk_common.skc_net.net->ns.inum;
  const __u16 port = sk->__sk_common.skc_num;
  note->local_port = port != 0 ? port : local_port(sk);
}

static __always_inline struct Kept* opened(struct Kept* kept) {
  if (kept && kept->note.opened_ns == 0) kept->note.opened_ns = bpf_ktime_get_boot_ns();
  return kept;
}

#define KEPT_OF(sk) opened(bpf_sk_storage_get(&kept_of_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE))
