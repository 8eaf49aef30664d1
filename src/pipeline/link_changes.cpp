#include "pipeline/link_changes.h"

#include <algorithm>

namespace netwatch::pipeline {

using Kind = model::LinkEvent::Kind;

void LinkChanges::take_interfaces(const model::InterfaceTable& table) {
  std::map<std::uint32_t, model::Interface> now;
  for (const model::Interface& interface : table.interfaces) now[interface.ifindex] = interface;
  if (!first_) {
    for (const auto& [ifindex, interface] : known_) {
      if (!now.contains(ifindex)) tell(Kind::kRemoved, interface, table.taken_ns);
    }
    for (const auto& [ifindex, interface] : now) {
      const auto before = known_.find(ifindex);
      if (before == known_.end()) {
        tell(Kind::kAppeared, interface, table.taken_ns);
      } else {
        compare(before->second, interface, table.taken_ns);
      }
    }
  }
  first_ = false;
  known_ = std::move(now);
}

void LinkChanges::compare(const model::Interface& before, const model::Interface& now,
                          base::TimeNs time_ns) {
  if (before.up != now.up) tell(now.up ? Kind::kUp : Kind::kDown, now, time_ns);
  const bool same = std::is_permutation(before.addresses.begin(), before.addresses.end(),
                                        now.addresses.begin(), now.addresses.end());
  if (!same) tell(Kind::kAddresses, now, time_ns);
  if (before.is_default != now.is_default) tell(Kind::kDefault, now, time_ns);
}

// One that comes and goes between two looks is known by its messages alone.
void LinkChanges::take_messages(const model::NetworkChanges& changes, base::TimeNs now_ns) {
  if (first_) return;
  for (const model::NetworkChanges::Link& link : changes.links) {
    auto known = known_.find(link.ifindex);
    if (link.removed) {
      if (known == known_.end()) continue;
      tell(Kind::kRemoved, known->second, now_ns);
      known_.erase(known);
      continue;
    }
    if (known == known_.end()) {
      known = known_.try_emplace(link.ifindex).first;
      known->second.name = link.name;
      known->second.ifindex = link.ifindex;
      known->second.up = link.up;
      tell(Kind::kAppeared, known->second, now_ns);
    } else if (link.up != known->second.up) {
      known->second.up = link.up;
      tell(link.up ? Kind::kUp : Kind::kDown, known->second, now_ns);
    }
  }
  if (changes.lost) tell(Kind::kLost, {}, now_ns);
}

}  // namespace netwatch::pipeline
