#include "collect/process_facts.h"

#include "collect/process.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxBootBytes = 4U << 20;  // the line of interrupts is long
constexpr std::size_t kMaxPasswdBytes = 4U << 20;
constexpr base::TimeNs kNsPerTick = base::kNsPerSecond / kTicksPerSecond;

}  // namespace

ProcessFacts::ProcessFacts(const Root& root)
    : stat_path_(root.join("proc/stat")), passwd_path_(root.join("etc/passwd")) {}

std::string ProcessFacts::user_of(std::uint32_t uid) {
  auto known = users_.find(uid);
  // A user may have been added meanwhile.
  if (known == users_.end() && users_round_ != round_) {
    users_round_ = round_;
    if (const auto text = read_text_file(passwd_path_, kMaxPasswdBytes)) {
      users_ = parse_passwd(*text);
    }
    known = users_.find(uid);
  }
  return known == users_.end() ? std::string() : known->second;
}

// The kernel's "btime" moves when the wall clock is set.
base::TimeNs ProcessFacts::started_ns(std::uint64_t start_ticks) {
  if (boot_round_ != round_) {
    boot_round_ = round_;
    const auto text = read_text_file(stat_path_, kMaxBootBytes);
    boot_ns_ = text ? parse_proc_stat_boot_time(*text) : std::nullopt;
  }
  if (!boot_ns_) return 0;
  return *boot_ns_ + (static_cast<base::TimeNs>(start_ticks) * kNsPerTick);
}

}  // namespace netwatch::collect
