#pragma once

#include <string>

namespace netwatch::app {

struct SocketsOptions {
  std::string filter;  // -Y
  bool json = false;
};

// `netwatch sockets`: the sockets of this network namespace with their owners, once. Returns the
// exit status.
int run_sockets(const SocketsOptions& options);

}  // namespace netwatch::app
