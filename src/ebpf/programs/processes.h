#pragma once

// What is told of processes themselves, for BPF only: who runs, which program it has begun, and the
// cgroups that processes will be in.

static __always_inline void write_process(struct ProcessNote* out, struct task_struct* task) {
  struct task_struct* leader = task->group_leader;
  out->start_ns = leader->start_boottime;
  out->cgroup = task->cgroups->dfl_cgrp->kn->id;
  out->pid = task->tgid;
  out->parent_pid = leader->real_parent->tgid;
  out->uid = task->cred->euid.val;
  out->exec_id = leader->self_exec_id;
  bpf_probe_read_kernel_str(out->comm, sizeof(out->comm), leader->comm);
  // Some thread of the parent's has forked; it may have a name of its own.
  bpf_probe_read_kernel_str(out->parent_comm, sizeof(out->parent_comm),
                            leader->real_parent->group_leader->comm);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct* task, int old_pid, struct linux_binprm* binary) {
  struct ProcessExec* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) {
    __sync_fetch_and_add(&lost_events, 1);
    return 0;
  }
  event->kind = kEventExec;
  event->reserved = 0;
  write_process(&event->process, task);
  bpf_probe_read_kernel_str(event->path, sizeof(event->path), binary->interp);
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
