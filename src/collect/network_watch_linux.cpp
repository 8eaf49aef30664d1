#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <utility>

#include "collect/collect.h"
#include "collect/netlink_linux.h"
#include "collect/rtnetlink_linux.h"

namespace netwatch::collect {
namespace {

constexpr int kReceiveBufferBytes = 1 << 20;
// One call reads so much and leaves the rest for the next: the descriptor stays readable.
constexpr int kMaxDatagrams = 4096;
constexpr std::size_t kMaxLinks = 4096;
constexpr std::uint32_t kGroups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
                                  RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_NEIGH;

void take_link(std::uint16_t type, base::Bytes body, model::NetworkChanges& changes) {
  changes.interfaces = true;
  // A link that goes down takes its IPv4 routes with it, and the kernel does not say so.
  changes.routes = true;
  auto interface = parse_link(body);
  if (!interface) return;
  if (changes.links.size() == kMaxLinks) {
    changes.lost = true;
    return;
  }
  changes.links.push_back({interface->ifindex, std::move(interface->name), type == RTM_DELLINK,
                           type != RTM_DELLINK && interface->up});
}

void take_event(std::uint16_t type, base::Bytes body, model::NetworkChanges& changes) {
  ++changes.events;
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      take_link(type, body, changes);
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      changes.interfaces = true;
      changes.routes = true;  // those that prefer the address as their source go with it
      break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      changes.routes = true;
      break;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      changes.neighbours = true;
      break;
    default:
      break;
  }
}

}  // namespace

class NetworkWatch::Impl {
 public:
  explicit Impl(NetlinkSocket netlink) : netlink_(std::move(netlink)) {}

  [[nodiscard]] int fd() const { return netlink_.fd(); }
  [[nodiscard]] std::uint64_t overruns() const { return overruns_; }

  base::Result<model::NetworkChanges> read() {
    model::NetworkChanges changes;
    for (int i = 0; i < kMaxDatagrams; ++i) {
      const auto received = netlink_.receive(
          [&](std::uint16_t type, base::Bytes body) { take_event(type, body, changes); });
      if (!received) return received.error();
      if (*received == NetlinkSocket::Received::kNothing) break;
      if (*received == NetlinkSocket::Received::kOverrun) {
        ++overruns_;
        changes.lost = true;
      }
    }
    if (changes.lost) changes.interfaces = changes.routes = changes.neighbours = true;
    return changes;
  }

 private:
  NetlinkSocket netlink_;
  std::uint64_t overruns_ = 0;
};

NetworkWatch::NetworkWatch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NetworkWatch::NetworkWatch(NetworkWatch&&) noexcept = default;
NetworkWatch::~NetworkWatch() = default;

base::Result<NetworkWatch> NetworkWatch::open(int receive_buffer_bytes) {
  auto netlink = NetlinkSocket::subscribe(
      NETLINK_ROUTE, kGroups,
      receive_buffer_bytes > 0 ? receive_buffer_bytes : kReceiveBufferBytes);
  if (!netlink) return netlink.error();
  return NetworkWatch(std::make_unique<Impl>(*std::move(netlink)));
}

int NetworkWatch::fd() const { return impl_->fd(); }
base::Result<model::NetworkChanges> NetworkWatch::read() { return impl_->read(); }
std::uint64_t NetworkWatch::overruns() const { return impl_->overruns(); }

}  // namespace netwatch::collect
