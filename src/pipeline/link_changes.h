#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "model/network.h"

namespace netwatch::pipeline {

// What happens to this host's interfaces, from looks at their table and from the kernel's messages
// in between: a link that goes and comes again between two looks is told. What was there at the
// first look is not.
class LinkChanges {
 public:
  explicit LinkChanges(std::function<void(model::LinkEvent)> tell) : tell_(std::move(tell)) {}

  void take_interfaces(const model::InterfaceTable& table);
  void take_messages(const model::NetworkChanges& changes, base::TimeNs now_ns);

 private:
  void compare(const model::Interface& before, const model::Interface& now, base::TimeNs time_ns);
  void tell(model::LinkEvent::Kind kind, const model::Interface& interface, base::TimeNs time_ns) {
    tell_({.kind = kind, .time_ns = time_ns, .interface = interface});
  }

  std::function<void(model::LinkEvent)> tell_;
  std::map<std::uint32_t, model::Interface> known_;  // by ifindex; bounded by the kernel's table
  bool first_ = true;
};

}  // namespace netwatch::pipeline
