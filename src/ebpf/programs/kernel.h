#pragma once

// The few kernel types that the programs read, for BPF only. Names must be the kernel's; order,
// size and what is left out do not matter: the loader finds each member by the running kernel's
// BTF (CO-RE).

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

// include/uapi/linux/bpf.h
enum {
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_SK_STORAGE = 24,
  BPF_MAP_TYPE_RINGBUF = 27,
  BPF_F_NO_PREALLOC = 1,
  BPF_F_MMAPABLE = 1 << 10,
  BPF_SK_STORAGE_GET_F_CREATE = 1,
  BPF_RB_NO_WAKEUP = 1,
};

// The contexts of cgroup programs: stable, laid out as in include/uapi/linux/bpf.h.
struct bpf_sock {
  __u32 bound_dev_if;
  __u32 family;
  __u32 type;
  __u32 protocol;
  __u32 mark;
  __u32 priority;
  __u32 src_ip4;
  __u32 src_ip6[4], src_port;
  __be16 dst_port, reserved;
  __u32 dst_ip4, dst_ip6[4], state;
};
struct bpf_sock_addr {
  __u32 user_family;
  __u32 user_ip4;
  __u32 user_ip6[4];
  __u32 user_port;
  __u32 family;
  __u32 type;
  __u32 protocol;
  __u32 msg_src_ip4;
  __u32 msg_src_ip6[4];
  union {
    struct bpf_sock* sk;
    __u64 : 64;
  } __attribute__((aligned(8)));
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
  union {
    __be32 u6_addr32[4];
  } in6_u;
};
struct ns_common {
  unsigned int inum;
};
struct net {
  struct ns_common ns;
};
typedef struct {
  struct net* net;
} possible_net_t;

struct sock_common {
  __be32 skc_daddr;
  __be32 skc_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  possible_net_t skc_net;
  unsigned long skc_flags;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};
struct socket_lock {
  __u32 slock;  // of who handles packets; 0: nobody
};
struct sock {
  struct sock_common __sk_common;
  struct socket_lock sk_lock;  // read by its place: what is in it has other names elsewhere
  __u16 sk_protocol;
};
struct inet_sock {
  struct sock sk;
  __be16 inet_sport;
};
struct tcp_sock {
  struct inet_sock inet_conn;  // the first member, whatever its type
  __u64 bytes_received;
  __u64 bytes_sent;
  __u64 bytes_retrans;
  __u32 write_seq;
  __u32 snd_nxt;
  __u32 srtt_us;  // eight times that
  __u32 total_retrans;
};

struct kernfs_node {
  __u64 id;
};
struct cgroup_root {
  int hierarchy_id;
};
struct cgroup {
  struct kernfs_node* kn;
  struct cgroup_root* root;
};
struct css_set {
  struct cgroup* dfl_cgrp;
};
typedef struct {
  __u32 val;
} kuid_t;
struct cred {
  kuid_t euid;
};
struct mm_struct;
typedef struct {
  int counter;
} atomic_t;
struct signal_struct {
  atomic_t live;  // threads
};
struct task_struct {
  unsigned int flags;
  struct mm_struct* mm;
  __s32 pid;
  __s32 tgid;
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  __u64 start_boottime;
  __u32 self_exec_id;
  const struct cred* cred;
  struct signal_struct* signal;
  struct css_set* cgroups;
  char comm[16];
};
struct linux_binprm {
  const char* filename;
  const char* interp;
};

struct inode {
  unsigned long i_ino;
};
struct qstr {
  const unsigned char* name;
};
struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
};
struct vfsmount {
  struct dentry* mnt_root;
};
struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
};
struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};
struct file {
  struct inode* f_inode;
  struct path f_path;
};
struct mm_struct {
  struct file* exe_file;
};
struct socket {
  struct sock* sk;
};

struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_iter__task_file {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
  __u32 fd;
  struct file* file;
};

#pragma clang attribute pop
