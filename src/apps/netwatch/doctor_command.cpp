#include "apps/netwatch/doctor_command.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/netwatch/complaint.h"
#include "apps/netwatch/exit_code.h"
#include "apps/netwatch/output.h"
#include "base/text.h"
#include "collect/collect.h"
#include "confine/confine.h"
#include "ebpf/tracker.h"
#include "export/ndjson.h"
#include "pipeline/abilities.h"
#include "wire/decode.h"

namespace netwatch::app {
namespace {

// Tried out last of all, since what is given up is gone.
model::Ability confinement_ability() {
  confine::Plan plan;
  plan.written = {STDOUT_FILENO, STDERR_FILENO};
  const auto confined = confine::confine(plan);
  if (confined.ok()) return confined->ability();
  return {.name = "confinement", .on = false, .why = confined.error().message, .fix = {}};
}

// Each is tried out, by the parts that use it.
std::vector<model::Ability> all_abilities() {
  std::vector<model::Ability> all = collect::collect_abilities();
  pipeline::add_tracker_abilities(all, ebpf::Tracker::open());
  for (model::Ability& ability : collect::collect_host_abilities()) {
    pipeline::set_ability(all, std::move(ability));
  }
  pipeline::set_ability(all, confinement_ability());
  return all;
}

std::string kernel_name() {
  utsname kernel{};
  return ::uname(&kernel) == 0 ? fmt::format("{} {}", kernel.sysname, kernel.release) : "";
}

void append_text(std::string& out, std::string_view who, const std::vector<model::Ability>& all) {
  out += fmt::format("netwatch " NETWATCH_VERSION ", {}, {}\n\n", kernel_name(), who);
  for (const model::Ability& ability : all) {
    out += fmt::format("{}  {}\n", ability.on ? "on " : "off", base::sanitised(ability.name));
    if (!ability.why.empty()) out += fmt::format("       {}\n", base::sanitised(ability.why));
    if (!ability.fix.empty()) out += fmt::format("       => {}\n", base::sanitised(ability.fix));
  }
  const auto on = std::count_if(all.begin(), all.end(), [](const auto& one) { return one.on; });
  out += fmt::format("\n{} of {} are on\n", on, all.size());
}

}  // namespace

int run_doctor(const DoctorOptions& options) {
  const std::string who = ::geteuid() == 0 ? "as root" : fmt::format("as user {}", ::geteuid());
  const std::vector<model::Ability> all = all_abilities();
  Output out;
  if (options.json) {
    exporting::append_meta(out.buffer(),
                           {.program = "netwatch " NETWATCH_VERSION, .source = "doctor"},
                           &wire::linktype_name);
    for (const model::Ability& ability : all) exporting::append_ability(out.buffer(), ability);
  } else {
    append_text(out.buffer(), who, all);
  }
  out.flush();
  if (!out.failed()) return kExitOk;
  complain(out.error().message);
  return kExitNotPossible;
}

}  // namespace netwatch::app
