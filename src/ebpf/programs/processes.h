#pragma once

// What is told of processes themselves, for BPF only: which program one has begun, and the cgroups
// that processes will be in.

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
