#include "apps/netwatch/complaint.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"

namespace netwatch::app {

void say(std::string_view text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

void complain(std::string_view message) {
  say(fmt::format("netwatch: {}\n", base::sanitised(message)));
}

void complain_of(const model::Ability& ability) {
  if (ability.on) return;
  complain(fmt::format("missing: {}: {}{}{}", ability.name, ability.why,
                       ability.fix.empty() ? "" : "; ", ability.fix));
}

}  // namespace netwatch::app
