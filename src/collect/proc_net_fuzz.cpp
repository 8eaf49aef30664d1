// The text parsers of /proc and /etc, chosen by the first byte. A process writes its own name,
// arguments and cgroup, so these bytes are a stranger's.
#include "collect/proc_net.h"

#include "collect/cgroup.h"
#include "collect/proc_fd.h"
#include "collect/process.h"
#include "collect/resolvers.h"
#include "collect/vendors.h"

namespace {

namespace collect = netwatch::collect;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

void parse(unsigned which, std::string_view text) {
  switch (which % 8) {
    case 0: {
      std::vector<netwatch::model::Socket> sockets;
      collect::parse_proc_net_sockets(text, netwatch::model::ip_proto::kTcp, sockets);
      require(sockets.size() <= text.size());
      break;
    }
    case 1: {
      std::vector<netwatch::model::Route> routes;
      collect::parse_proc_route(text, routes);
      collect::parse_proc_ipv6_route(text, routes);
      require(routes.size() <= text.size());
      break;
    }
    case 2: {
      std::vector<netwatch::model::Neighbour> neighbours;
      collect::parse_proc_arp(text, neighbours);
      require(neighbours.size() <= text.size());
      require(collect::parse_resolv_conf(text).size() <= 3);
      collect::VendorTable vendors;
      vendors.add(text);
      vendors.index();
      (void)vendors.find(text);
      break;
    }
    case 3:
      (void)collect::parse_proc_if_inet6(text);
      break;
    case 4:
      if (const auto stat = collect::parse_proc_stat(text)) {
        require(stat->comm.size() < text.size());
      }
      (void)collect::parse_proc_status_uid(text);
      break;
    case 5: {
      const auto membership = collect::parse_proc_cgroup(text);
      require(membership.container.size() <= text.size());
      break;
    }
    case 6:
      (void)collect::parse_passwd(text);
      break;
    default:
      require(collect::join_cmdline(text, 64).size() <= 64 + 3);
      (void)collect::parse_socket_link(text);
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) parse(data[0], {reinterpret_cast<const char*>(data + 1), size - 1});
  return 0;
}
