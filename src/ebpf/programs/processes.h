#pragma once

// What is told of processes themselves, for BPF only: which program one has begun, and the cgroups
// that processes will be in.

#define PATH_STEPS 24  // folders and mounts

// The way from a program's file up to the root, as /proc/PID/exe tells it: through folders and from
// one mount to the folder that it is mounted on. A name that is cut makes all of it unknown.
static __always_inline __u32 write_parts(char* parts, struct task_struct* task) {
  const struct file* file = BPF_CORE_READ(task, mm, exe_file);
  struct dentry* dentry = BPF_CORE_READ(file, f_path.dentry);
  const struct vfsmount* mounted = BPF_CORE_READ(file, f_path.mnt);
  struct mount* mount = (void*)mounted - bpf_core_field_offset(struct mount, mnt);
  __u32 used = 0;
  for (int i = 0; i < PATH_STEPS; ++i) {
    struct dentry* parent = BPF_CORE_READ(dentry, d_parent);
    if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
      struct mount* below = BPF_CORE_READ(mount, mnt_parent);
      if (below == mount) return used;
      dentry = BPF_CORE_READ(mount, mnt_mountpoint);
      mount = below;
      continue;
    }
    if (parent == dentry) return 0;  // in no folder: memfd_create(2)
    if (used >= NETWATCH_PARTS_BYTES) return 0;
    const unsigned char* name = BPF_CORE_READ(dentry, d_name.name);
    // What the compiler knows and leaves out, older verifiers have to be shown.
    __u64 at = used;
    asm volatile("%0 &= %1" : "+r"(at) : "i"(NETWATCH_PARTS_BYTES - 1));
    const long length = bpf_probe_read_kernel_str(&parts[at], NETWATCH_PART_BYTES, name);
    if (length <= 1 || length >= NETWATCH_PART_BYTES) return 0;
    used += length;
    dentry = parent;
  }
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct* task, int old_pid, struct linux_binprm* binary) {
  struct ProcessExec* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) {
    __sync_fetch_and_add(&lost_events, 1);
    return 0;
  }
  event->kind = kEventExec;
  write_process(&event->process, task);
  event->parts_bytes = write_parts(event->parts, task);
  bpf_probe_read_kernel_str(event->path, sizeof(event->path), binary->interp);
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return 0;
}

// Called for every thread; the kernel has counted this one out already.
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
  if (task->signal->live.counter != 0) return 0;
  struct ProcessEnded* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) {
    __sync_fetch_and_add(&lost_events, 1);
    return 0;
  }
  event->kind = kEventProcessEnded;
  event->pid = task->tgid;
  event->start_ns = task->group_leader->start_boottime;
  event->ended_ns = bpf_ktime_get_boot_ns();
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return 0;
}

// A container may be gone before anybody looks for its cgroup.
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup, struct cgroup* cgroup, const char* path) {
  if (cgroup->root->hierarchy_id != 0) return 0;  // of version 1
  struct CgroupMade* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) {
    __sync_fetch_and_add(&lost_events, 1);
    return 0;
  }
  event->kind = kEventCgroup;
  event->reserved = 0;
  event->id = cgroup->kn->id;
  bpf_probe_read_kernel_str(event->path, sizeof(event->path), path);
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return 0;
}
