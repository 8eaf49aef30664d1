// Who uses which socket. A note is kept in each socket's own storage (it goes with the socket) and
// sent once, when the socket is released: no event per connect, send or receive.
#include "ebpf/programs/kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ebpf/programs/kept.h"
#include "ebpf/programs/notes.h"
#include "ebpf/programs/peers.h"

char LICENSE[] SEC("license") = "GPL";

#define SOCK_STREAM 1
#define SOCK_RAW 3
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_FIN_WAIT1 4
#define TCP_CLOSE 7
#define TCP_LAST_ACK 9
#define TCP_CLOSING 11
#define MSG_PEEK 2
#define MSG_ERRQUEUE 0x2000
#define SOCK_DONE (1 << 1)  // the peer's FIN has come

// Nobody is woken by an event: a wake-up costs more than all the rest, and the reader looks by
// itself many times a second.
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 2 << 20);
} events SEC(".maps");

__u64 lost_events = 0;

#include "ebpf/programs/processes.h"

SEC("cgroup/sock_create")
int on_create(struct bpf_sock* ctx) {
  if (ctx->type == SOCK_RAW) return 1;
  struct Kept* kept = KEPT_OF(ctx);
  if (!kept) return 1;
  kept->note.whole = 1;
  write_user(kept, bpf_get_current_task_btf());
  return 1;
}

// A connection begins in the context of who connects; it is complete, or has failed, in anybody's.
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock* sk, int old_state, int new_state) {
  if (new_state != TCP_SYN_SENT && new_state != TCP_ESTABLISHED && new_state != TCP_CLOSE) return 0;
  if (new_state == TCP_CLOSE && old_state != TCP_SYN_SENT) return 0;
  struct Kept* kept = KEPT_OF(sk);
  if (!kept) return 0;
  kept->note.whole = 1;
  if (new_state == TCP_SYN_SENT) write_user(kept, bpf_get_current_task_btf());
  // The ends of an accepted Multipath TCP socket come later.
  if (new_state != TCP_SYN_SENT && kept->note.local_port == 0 && sk->__sk_common.skc_dport != 0) {
    load_ends(&kept->note, sk);
  }
  return 0;
}

// --- who and how much --------------------------------------------------------------------------

// Each call of a helper costs more than all loads and stores here: two have to do, for the note and
// for the task.
static __always_inline void count(struct sock* sk, __u64 more_sent, __u64 more_received) {
  if (!is_ip(sk)) return;
  struct Kept* kept = KEPT_OF(sk);
  if (!kept) return;
  struct task_struct* task = bpf_get_current_task_btf();
  write_user(kept, task);
  if (sk->sk_protocol == IPPROTO_TCP) return;  // counts by itself
  write_mover(kept, task);
  add_to(&kept->note.sent, &kept->note.received, more_sent, more_received);
  if (kept->peers) add_to_peer(kept, sk, task->pid, more_sent, more_received);
}

static __always_inline int sent(struct sock* sk, int length) {
  if (!sk) return 0;
  if (length < 0) {
    forget_call(sk);
  } else {
    count(sk, length, 0);
  }
  return 0;
}

// What comes out of the queue of errors is what the program has sent itself.
static __always_inline int received(struct sock* sk, int length, int flags) {
  if (!sk || length < 0) return 0;
  if (flags & (MSG_PEEK | MSG_ERRQUEUE)) {
    forget_call(sk);
  } else {
    count(sk, 0, length);
  }
  return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock* sk, int length) { return sent(sk, length); }
SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_receive, struct sock* sk, int length, int flags) {
  return received(sk, length, flags);
}

// Kernels before 6.3 have no such tracepoints. What they call instead, in the same place, can be
// followed where the kernel is not locked down.
SEC("fexit/inet_sendmsg")
int BPF_PROG(after_send4, struct socket* socket, void* message, __u64 size, int length) {
  return sent(socket->sk, length);
}
SEC("fexit/inet6_sendmsg")
int BPF_PROG(after_send6, struct socket* socket, void* message, __u64 size, int length) {
  return sent(socket->sk, length);
}
SEC("fexit/inet_recvmsg")
int BPF_PROG(after_receive4, struct socket* socket, void* message, __u64 size, int flags,
             int length) {
  return received(socket->sk, length, flags);
}
SEC("fexit/inet6_recvmsg")
int BPF_PROG(after_receive6, struct socket* socket, void* message, __u64 size, int flags,
             int length) {
  return received(socket->sk, length, flags);
}
// sendfile(2), until Linux 6.5. (IPv4 datagrams to an interface without NETIF_F_SG come by
// inet_sendmsg, too, and count twice.)
SEC("fexit/inet_sendpage")
int BPF_PROG(after_sendpage, struct socket* socket, void* page, int offset, __u64 size, int flags,
             __s64 length) {
  return sent(socket->sk, (int)length);
}

// Where neither can be had: these say who connects and who moves datagrams, but not how much.
static __always_inline int used(struct bpf_sock_addr* ctx) {
  struct bpf_sock* sk = ctx->sk;
  if (!sk) return 1;
  struct Kept* kept = KEPT_OF(sk);
  if (!kept) return 1;
  kept->note.whole = 0;
  write_user(kept, bpf_get_current_task_btf());
  return 1;
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr* ctx) { return used(ctx); }
SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr* ctx) { return used(ctx); }
SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr* ctx) { return used(ctx); }
SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr* ctx) { return used(ctx); }
SEC("cgroup/recvmsg4")
int on_recvmsg4(struct bpf_sock_addr* ctx) { return used(ctx); }
SEC("cgroup/recvmsg6")
int on_recvmsg6(struct bpf_sock_addr* ctx) { return used(ctx); }

// --- with whom ---------------------------------------------------------------------------------

SEC("cgroup/sendmsg4")
int to_peer4(struct bpf_sock_addr* ctx) {
  struct bpf_sock* sk = ctx->sk;
  if (sk) names_peer4(ctx, sk);
  return 1;
}
SEC("cgroup/sendmsg6")
int to_peer6(struct bpf_sock_addr* ctx) {
  struct bpf_sock* sk = ctx->sk;
  if (sk) names_peer6(ctx, sk);
  return 1;
}
// These are called for connected sockets, too, whose peer is no news.
SEC("cgroup/recvmsg4")
int from_peer4(struct bpf_sock_addr* ctx) {
  struct bpf_sock* sk = ctx->sk;
  if (sk && sk->dst_port == 0) names_peer4(ctx, sk);
  return 1;
}
SEC("cgroup/recvmsg6")
int from_peer6(struct bpf_sock_addr* ctx) {
  struct bpf_sock* sk = ctx->sk;
  if (sk && sk->dst_port == 0) names_peer6(ctx, sk);
  return 1;
}

// --- the end -----------------------------------------------------------------------------------

#define LOCK_LOOKS 48

static __always_inline __u32 is_locked(const struct sock* sk) {
  __u32 lock = 0;
  bpf_probe_read_kernel(&lock, sizeof(lock),
                        (const void*)sk + bpf_core_field_offset(struct sock, sk_lock));
  return lock;
}

// Payload that has come, without the peer's FIN, which the kernel counts first and says a moment
// later, on another processor perhaps: so both are read while no packet is handled, if that comes
// about soon.
static __always_inline __u64 received_bytes(const struct sock* sk) {
  const struct tcp_sock* tcp = (const struct tcp_sock*)sk;
  __u64 bytes = 0;
  int done = 0;
  for (int i = 0; i < LOCK_LOOKS; ++i) {
    const __u32 locked = is_locked(sk);
    done = (BPF_CORE_READ(sk, __sk_common.skc_flags) & SOCK_DONE) != 0;
    bytes = BPF_CORE_READ(tcp, bytes_received);
    const int still = (BPF_CORE_READ(sk, __sk_common.skc_flags) & SOCK_DONE) != 0;
    // One branch: of several, the compiler makes a loop whose way back is no jump, which the
    // verifier of Linux 6.1 refuses.
    if ((locked | is_locked(sk) | (still ^ done)) == 0) break;
  }
  return bytes - done;
}

// What TCP itself has counted, all of the connection's life: payload that programs handed over, and
// payload that came. A FIN, sent or come, takes a place among the bytes (RFC 9293 section 3.4).
static __always_inline void write_tcp_bytes(struct SocketNote* note, struct bpf_sock* ctx) {
  const struct sock* sk = (const struct sock*)ctx;
  const struct tcp_sock* tcp = (const struct tcp_sock*)sk;
  const __u32 state = ctx->state;
  __u32 queued = BPF_CORE_READ(tcp, write_seq) - BPF_CORE_READ(tcp, snd_nxt);
  if (state == TCP_CLOSE) queued = 0;  // it will not be sent any more
  const int ends = state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK || state == TCP_CLOSING;
  if (ends && queued > 0) --queued;
  note->sent = BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans) + queued;
  note->received = received_bytes(sk);
  note->whole = 1;
}

// The context of this hook is the socket itself, of which the verifier lets a program load a few
// members only: the others are copied.
SEC("cgroup/sock_release")
int on_release(struct bpf_sock* ctx) {
  if (ctx->type == SOCK_RAW) return 1;  // its "port" is a protocol
  const struct sock* sk = (const struct sock*)ctx;
  const int is_tcp = ctx->protocol == IPPROTO_TCP;
  struct Kept* kept = bpf_sk_storage_get(&kept_of_socket, ctx, 0, 0);
  const int has_ends = kept && kept->note.local_port != 0;
  const int is_listener = ctx->type == SOCK_STREAM && ctx->dst_port == 0;
  if (!has_ends && (is_listener || local_port(sk) == 0)) return 1;
  struct SocketReleased* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) {
    __sync_fetch_and_add(&lost_events, 1);
    return 1;
  }
  event->kind = kEventSocketReleased;
  event->reserved = 0;
  event->closed_ns = bpf_ktime_get_boot_ns();
  if (kept) {
    __builtin_memcpy(&event->note, &kept->note, sizeof(event->note));
  } else {
    __builtin_memset(&event->note, 0, sizeof(event->note));
  }
  // Nobody was seen to use it: it is older, or has only been accepted. Its last holder is left.
  if (event->note.user.pid == 0) write_process(&event->note.user, bpf_get_current_task_btf());
  if (!has_ends) write_ends(&event->note, sk);
  event->cookie = bpf_get_socket_cookie(ctx);
  event->note.followed = event->note.whole;
  event->note.users = kept ? users_of(kept) : 0;
  __builtin_memset(&event->peers, 0, sizeof(event->peers));
  if (kept && kept->peers) {
    read_peers(&event->peers, bpf_sk_storage_get(&peering_of_socket, ctx, 0, 0));
  }
  event->rtt_us = 0;
  event->retransmits = 0;
  if (is_tcp) {
    write_tcp_bytes(&event->note, ctx);
    event->rtt_us = BPF_CORE_READ((const struct tcp_sock*)sk, srtt_us) >> 3;
    event->retransmits = BPF_CORE_READ((const struct tcp_sock*)sk, total_retrans);
  }
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return 1;
}

// --- sockets that are there --------------------------------------------------------------------

SEC("iter/task_file")
int holders(struct bpf_iter__task_file* ctx) {
  struct task_struct* task = ctx->task;
  struct file* file = ctx->file;
  if (!task || !file) return 0;
  struct socket* socket = bpf_sock_from_file(file);
  if (!socket) return 0;
  struct sock* sk = socket->sk;
  if (!sk || !is_ip(sk)) return 0;
  struct HolderNote out = {};
  out.inode = file->f_inode->i_ino;
  out.cookie = bpf_get_socket_cookie(sk);
  out.netns = sk->__sk_common.skc_net.net->ns.inum;
  out.protocol = sk->sk_protocol;
  write_process(&out.holder, task);
  struct Kept* kept = bpf_sk_storage_get(&kept_of_socket, sk, 0, 0);
  if (kept) {
    out.sent = kept->note.sent;
    out.received = kept->note.received;
    out.whole = kept->note.whole;
    out.users = users_of(kept);
    if (kept->peers) read_peers(&out.peers, bpf_sk_storage_get(&peering_of_socket, sk, 0, 0));
  }
  if (kept && kept->busy == 0) {
    const __u64 start_ns = kept->note.user.start_ns;
    out.user = kept->note.user;
    if (kept->busy != 0 || kept->note.user.start_ns != start_ns) out.user.pid = 0;
  }
  bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
  return 0;
}
