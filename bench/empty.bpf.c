// Programs that do nothing, where those of netwatch are that run with each send and each receive:
// what the kernel's counting alone takes. Loaded by empty.py.
#define SEC(name) __attribute__((section(name), used))

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/sock_send_length")
int empty_send(void* context) { return 0; }
SEC("tp_btf/sock_recv_length")
int empty_receive(void* context) { return 0; }
SEC("cgroup/sendmsg4")
int empty_to(void* context) { return 1; }
SEC("cgroup/recvmsg4")
int empty_from(void* context) { return 1; }
