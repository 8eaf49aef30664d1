#pragma once

#include <vector>

#include "ebpf/tracker.h"
#include "model/sample.h"

namespace netwatch::pipeline {

// Takes the place of the ability of the same name, or joins at the end.
void set_ability(std::vector<model::Ability>& abilities, model::Ability ability);

// What the programs in the kernel add to what collect found: their own parts, and their iterator
// sees what /proc hides.
void add_tracker_abilities(std::vector<model::Ability>& abilities,
                           const ebpf::OpenedTracker& opened);

}  // namespace netwatch::pipeline
