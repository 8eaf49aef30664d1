#include "apps/netwatch/live_printers.h"

#include <fmt/format.h>

#include "apps/netwatch/complaint.h"

namespace netwatch::app {

void LiveTextPrinter::on_ability(base::TimeNs /*now_ns*/, const model::Ability& ability) {
  if (ability.on) {
    complain(ability.name + ": on again");
  } else {
    complain_of(ability);
  }
}

void LiveTextPrinter::on_drop(base::TimeNs /*now_ns*/, model::Drop drop, std::uint64_t count,
                              std::uint64_t total) {
  complain(fmt::format("lost: {} {} more, {} in all", model::drop_name(drop), count, total));
}

}  // namespace netwatch::app
