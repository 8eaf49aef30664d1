#include "pipeline/abilities.h"

#include <algorithm>
#include <utility>

namespace netwatch::pipeline {

void set_ability(std::vector<model::Ability>& abilities, model::Ability ability) {
  const auto same = std::find_if(abilities.begin(), abilities.end(),
                                 [&](const auto& known) { return known.name == ability.name; });
  if (same == abilities.end()) {
    abilities.push_back(std::move(ability));
  } else {
    *same = std::move(ability);
  }
}

void add_tracker_abilities(std::vector<model::Ability>& abilities,
                           const ebpf::OpenedTracker& opened) {
  for (const model::Ability& ability : opened.abilities) set_ability(abilities, ability);
  if (!opened.tracker) return;
  set_ability(abilities, {.name = "owners of all sockets", .on = true, .why = {}, .fix = {}});
}

}  // namespace netwatch::pipeline
