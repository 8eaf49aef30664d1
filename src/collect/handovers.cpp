#include "collect/handovers.h"

#include <string>
#include <utility>

#include "collect/host.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxStatBytes = 4096;
constexpr std::size_t kMaxStatusBytes = 16384;
constexpr std::size_t kMaxHostStatBytes = 4U << 20;  // the line of interrupts is long
constexpr unsigned kSigChld = 17;                    // as in asm-generic/signal.h; bit 16 of masks

// The same process and, as far as may be known, the same program.
bool is_same_program(const model::Process& one, const model::Process& two) {
  return one.pid == two.pid && one.start_ticks == two.start_ticks && one.comm == two.comm &&
         one.exe == two.exe;
}

}  // namespace

std::optional<std::uint64_t> parse_proc_stat_forks(std::string_view text) {
  while (auto line = next_line(text)) {
    if (next_word(*line) == "processes") return to_number<std::uint64_t>(next_word(*line));
  }
  return std::nullopt;
}

std::optional<bool> parse_proc_status_ignores_children(std::string_view text) {
  while (auto line = next_line(text)) {
    if (next_word(*line) != "SigIgn:") continue;
    const auto mask = to_number<std::uint64_t>(next_word(*line), 16);
    if (!mask) return std::nullopt;
    return (*mask >> (kSigChld - 1) & 1U) != 0;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Handovers::read_forks() const {
  const auto text = read_text_file(root_.join("proc/stat"), kMaxHostStatBytes);
  return text ? parse_proc_stat_forks(*text) : std::nullopt;
}

bool Handovers::ignores_children(std::uint32_t pid) const {
  const auto text =
      read_text_file(root_.join("proc/" + std::to_string(pid) + "/status"), kMaxStatusBytes);
  return !text || parse_proc_status_ignores_children(*text).value_or(true);
}

void Handovers::begin_look() {
  ++looks_;
  holders_before_ = std::exchange(holders_, {});
  forks_before_ = std::exchange(forks_, read_forks());
}

void Handovers::take_processes() {
  std::unordered_map<std::uint32_t, Listed> listed;
  bool any_new = false;
  parents_.clear();
  new_parents_.clear();
  for (const std::string& name : LocalHost(root_).list("proc")) {
    const auto pid = to_number<std::uint32_t>(name);
    if (!pid) continue;
    const auto known = listed_.find(*pid);
    Listed one{.parent = known != listed_.end() ? known->second.parent : 0, .is_new = false};
    if (known == listed_.end()) {
      const auto text = read_text_file(root_.join("proc/" + name + "/stat"), kMaxStatBytes);
      const auto stat = text ? parse_proc_stat(*text) : std::nullopt;
      one = {.parent = stat ? stat->parent_pid : 0, .is_new = true};
      any_new = true;
    }
    parents_.insert(one.parent);
    if (one.is_new) new_parents_.insert(one.parent);
    listed.emplace(*pid, one);
  }
  listed_ = std::move(listed);
  // In some sandboxes that counter never counts: it is believed once it has.
  const auto forks = read_forks();
  counts_forks_ = counts_forks_ || (forks && forks_before_ && *forks > *forks_before_);
  no_forks_ =
      counts_forks_ && looks_ > 1 && !any_new && forks && forks_before_ && *forks == *forks_before_;
}

const Handovers::Holder& Handovers::judge(ProcessCache& cache, std::uint32_t pid,
                                          const std::shared_ptr<const model::Process>& process) {
  const auto [place, added] = holders_.try_emplace(pid);
  Holder& holder = place->second;
  if (!added) return holder;
  holder.process = process;
  holder.children = cache.stat_of(pid)->children;
  const auto before = holders_before_.find(pid);
  const auto listed = listed_.find(pid);
  const bool was_there = looks_ > 1 && listed != listed_.end() && !listed->second.is_new;
  if (before != holders_before_.end()) {
    const Holder& known = before->second;
    // Where /proc may not be listed nobody sees a child. The dearest question comes last.
    holder.quiet =
        holder.children == known.children && is_same_program(*known.process, *process) &&
        (no_forks_ || (!listed_.empty() && !new_parents_.contains(pid) && !ignores_children(pid)));
    holder.sure = holder.quiet && known.quiet;
  } else {
    // Of one that held nothing it is only known whether it ever had a child. One that is new may
    // have its sockets from its parent, who may have used them.
    holder.quiet = !listed_.empty() && holder.children == ChildrenUse{} &&
                   !parents_.contains(pid) && !ignores_children(pid);
    holder.sure = holder.quiet && was_there;
  }
  return holder;
}

bool Handovers::keeps_its_own(ProcessCache& cache, std::uint32_t pid) {
  const auto process = cache.find(pid);
  return process && judge(cache, pid, process).sure;
}

std::vector<model::HolderDoubt> Handovers::doubts(ProcessCache& cache) {
  std::vector<model::HolderDoubt> found;
  for (const auto& [pid, before] : holders_before_) {
    const auto process = cache.find(pid);
    const bool lives = process && process->start_ticks == before.process->start_ticks;
    // Of one that is gone nothing tells whether it has executed something first.
    bool sure = false;
    if (lives) {
      const bool asked = holders_.contains(pid);
      sure = judge(cache, pid, process).sure;
      if (!asked) holders_.erase(pid);
    }
    if (!sure) found.push_back({.process = before.process, .is_gone = !lives});
  }
  return found;
}

void SocketProofs::begin_look() { known_before_ = std::exchange(known_, {}); }

bool SocketProofs::is_proven(const model::Socket& socket, std::uint64_t holders, bool sure,
                             bool in_own) {
  // /proc/net tells no cookie: an inode, which may come again, is all there is.
  const Key key{.number = socket.cookie != 0 ? socket.cookie : socket.inode, .netns = socket.netns};
  const bool is_counted = socket.bytes_sent >= 0 && socket.bytes_received >= 0;
  const std::int64_t moved = is_counted ? socket.bytes_sent + socket.bytes_received : -1;
  Known& known = known_[key];
  const auto before = known_before_.find(key);
  if (before != known_before_.end()) {
    known = before->second;
    const bool same = known.holders == holders;
    known.sure = known.sure && sure && same;
    known.proven = known.proven && same;
  } else {
    // Others are looked at less often: they may be older than the look before.
    known.sure = sure && in_own;
  }
  known.holders = holders;
  if (socket.kept) return known.proven;
  if (moved < 0 || moved > known.moved) known.proven = known.sure;
  known.moved = moved;
  known.sure = true;
  return known.proven;
}

}  // namespace netwatch::collect
