#include "apps/netwatch/complaint.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/text.h"

namespace netwatch::app {

void complain(std::string_view message) {
  fmt::print(stderr, "netwatch: {}\n", base::sanitised(message));
}

void complain_of(const model::Ability& ability) {
  if (ability.on) return;
  complain(fmt::format("no {}: {}{}{}", ability.name, ability.why, ability.fix.empty() ? "" : "; ",
                       ability.fix));
}

}  // namespace netwatch::app
