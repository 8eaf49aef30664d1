#pragma once

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sockets.skel.h>  // made from programs/sockets.bpf.c
#include "ebpf/programs/notes.h"

// Owners of what the tracker opens.
namespace netwatch::ebpf {

struct CloseFd {
  int fd = -1;
  explicit CloseFd(int number) : fd(number) {}
  CloseFd(const CloseFd&) = delete;
  CloseFd& operator=(const CloseFd&) = delete;
  ~CloseFd() {
    if (fd >= 0) ::close(fd);
  }
};

struct DestroySkeleton {
  void operator()(sockets_bpf* skeleton) const { sockets_bpf::destroy(skeleton); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
struct FreeRing {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
struct Unmap {
  void operator()(PeerTable* table) const { ::munmap(table, sizeof(PeerTable)); }
};
struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};

}  // namespace netwatch::ebpf
