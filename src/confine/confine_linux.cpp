#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "confine/confine.h"
#include "confine/measures_linux.h"

namespace netwatch::confine {
namespace {

struct ModeName {
  std::string_view name;
  Mode mode;
};
constexpr std::array kModes{ModeName{"best-effort", Mode::kBestEffort},
                            ModeName{"strict", Mode::kStrict}, ModeName{"off", Mode::kOff}};

// All measures but the user and the capabilities belong to a thread, not to the process: threads
// that exist already would keep their rights.
base::Status check_single_thread() {
  DIR* const folder = ::opendir("/proc/self/task");
  if (folder == nullptr) return base::ok_status();  // without /proc the caller is believed
  int threads = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread is what is found here
  while (const dirent* const entry = ::readdir(folder)) threads += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(folder);
  if (threads <= 1) return base::ok_status();
  return base::Error{base::ErrorCode::kInvalid, "confinement comes too late: threads are running"};
}

void add(Confinement& out, std::string name, const base::Status& status) {
  out.measures.push_back({.name = std::move(name),
                          .on = status.ok(),
                          .why = status.ok() ? std::string() : status.error().message,
                          .fix = {}});
}

}  // namespace

std::optional<Mode> mode_of(std::string_view name) {
  for (const ModeName& one : kModes) {
    if (one.name == name) return one.mode;
  }
  return std::nullopt;
}

bool Confinement::complete() const {
  return mode != Mode::kOff &&
         std::ranges::all_of(measures, [](const model::Ability& one) { return one.on; });
}

std::string Confinement::missing() const {
  std::string out;
  for (const model::Ability& one : measures) {
    if (!one.on) out += (out.empty() ? "" : "; ") + one.name + ": " + one.why;
  }
  return out;
}

model::Ability Confinement::ability() const {
  model::Ability out{.name = "confinement", .on = complete(), .why = missing(), .fix = {}};
  if (mode == Mode::kOff) {
    out.why = "turned off with --confine off";
    out.fix = "start without --confine off";
  }
  return out;
}

base::Result<Confinement> confine(const Plan& plan) {
  Confinement out;
  out.mode = plan.mode;
  if (plan.mode == Mode::kOff) return out;
  if (auto alone = check_single_thread(); !alone.ok()) return alone.error();
  auto files = FileRules::make(plan);  // while folders may still be looked up
  empty_bounding_set();
  base::Status became = base::ok_status();
  if (const auto user = less_privileged_user()) {
    became = become(*user, plan.outputs);
    if (became.ok()) out.user = user;
  }
  add(out, "unprivileged user", became);
  add(out, "no capabilities", drop_capabilities());
  add(out, "no new privileges", forbid_new_privileges());
  add(out, "memory of its own", hide_memory());
  add(out, "Landlock", files.ok() ? files->enforce() : base::Status(files.error()));
  add(out, "seccomp", restrict_system_calls(plan));
  if (plan.mode == Mode::kStrict && !out.complete()) {
    return base::Error{base::ErrorCode::kDenied,
                       "--confine strict is not possible here: " + out.missing()};
  }
  return out;
}

}  // namespace netwatch::confine
