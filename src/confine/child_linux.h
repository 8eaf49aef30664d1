#pragma once

#include <functional>

#include "base/result.h"

// Processes beside the worker, forked before its first thread.
namespace netwatch::confine {

struct Child {
  int fd = -1;  // our end of a pair of SOCK_SEQPACKET sockets that only the two have
  int pid = 0;
};

// `run` gets the child's end and is not expected to return. `what` is for people: "broker".
base::Result<Child> start_child(const char* what, const std::function<void(int fd)>& run);
// In the child: its name in the process table, and nothing of the worker's but the pair. It ends
// with its worker and not with what a terminal or a service manager says to all of them, and no
// handler of the worker's runs in it. Answers its end of the pair.
int become_child(int fd, const char* name);
// The child sees that its worker is gone. Confined by then, perhaps: closing does nothing and
// waiting is refused, and the child sees the end of the process all the same.
void end_child(const Child& child);

}  // namespace netwatch::confine
