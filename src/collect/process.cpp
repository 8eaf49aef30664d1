#include "collect/process.h"

#include <algorithm>
#include <array>
#include <utility>

#include "collect/cgroup.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxStatBytes = 4096;
constexpr std::size_t kMaxStatusBytes = 16384;
constexpr std::size_t kMaxCgroupBytes = 16384;
constexpr std::size_t kMaxCmdlineBytes = 512;
constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kCut = "…";

}  // namespace

std::string read_program_link(const std::string& path) {
  std::string exe = read_link(path);
  if (exe.ends_with(kDeleted)) exe.resize(exe.size() - kDeleted.size());
  return exe;
}

std::optional<ProcessStat> parse_proc_stat(std::string_view text) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  std::string_view rest = text.substr(close + 1);
  rest = rest.substr(0, rest.find('\n'));
  // Fields 3 to 24 of proc(5).
  constexpr std::size_t kFirst = 3;
  std::array<std::string_view, 22> fields;
  for (std::string_view& field : fields) field = next_word(rest);
  const auto number = [&](std::size_t field) {
    return to_number<std::uint64_t>(fields[field - kFirst]);
  };
  const auto parent = to_number<std::uint32_t>(fields[4 - kFirst]);
  const auto user = number(14);
  const auto system = number(15);
  const auto threads = to_number<std::uint32_t>(fields[20 - kFirst]);
  const auto start = number(22);
  const auto minor_faults = number(11);
  const auto major_faults = number(13);
  const auto children_user = number(16);
  const auto children_system = number(17);
  const auto virtual_bytes = number(23);
  const auto rss_pages = number(24);
  if (!parent || !user || !system || !threads || !start || !virtual_bytes || !rss_pages) {
    return std::nullopt;
  }
  if (!minor_faults || !major_faults || !children_user || !children_system) return std::nullopt;
  ProcessStat stat;
  stat.comm = text.substr(open + 1, close - open - 1);
  stat.state = fields[0].front();
  stat.parent_pid = *parent;
  stat.threads = *threads;
  stat.start_ticks = *start;
  stat.cpu_ticks = *user + *system;
  stat.virtual_bytes = *virtual_bytes;
  stat.rss_pages = *rss_pages;
  stat.children = {.minor_faults = *minor_faults,
                   .major_faults = *major_faults,
                   .cpu_ticks = *children_user + *children_system};
  return stat;
}

std::optional<std::uint32_t> parse_proc_status_uid(std::string_view text) {
  while (auto line = next_line(text)) {
    if (next_word(*line) != "Uid:") continue;
    next_word(*line);  // real
    return to_number<std::uint32_t>(next_word(*line));
  }
  return std::nullopt;
}

std::optional<base::TimeNs> parse_proc_stat_boot_time(std::string_view text) {
  while (auto line = next_line(text)) {
    if (next_word(*line) != "btime") continue;
    const auto seconds = to_number<std::int64_t>(next_word(*line));
    if (!seconds || *seconds < 0 || *seconds > INT64_MAX / base::kNsPerSecond) return std::nullopt;
    return *seconds * base::kNsPerSecond;
  }
  return std::nullopt;
}

std::unordered_map<std::uint32_t, std::string> parse_passwd(std::string_view text) {
  std::unordered_map<std::uint32_t, std::string> users;
  while (auto line = next_line(text)) {
    const std::size_t name_end = line->find(':');
    if (name_end == std::string_view::npos || name_end == 0) continue;
    const std::size_t uid_begin = line->find(':', name_end + 1);
    if (uid_begin == std::string_view::npos) continue;
    const std::size_t uid_end = line->find(':', uid_begin + 1);
    if (uid_end == std::string_view::npos) continue;
    const auto uid = to_number<std::uint32_t>(line->substr(uid_begin + 1, uid_end - uid_begin - 1));
    if (uid) users.try_emplace(*uid, line->substr(0, name_end));
  }
  return users;
}

std::string join_cmdline(std::string_view nul_separated, std::size_t max_bytes) {
  while (nul_separated.ends_with('\0')) nul_separated.remove_suffix(1);
  std::string joined(nul_separated.substr(0, max_bytes));
  std::replace(joined.begin(), joined.end(), '\0', ' ');
  if (nul_separated.size() > max_bytes) {
    // Do not cut within a UTF-8 sequence: drop continuation bytes and their lead.
    while (!joined.empty() && (static_cast<unsigned char>(joined.back()) & 0xC0U) == 0x80U) {
      joined.pop_back();
    }
    if (!joined.empty() && static_cast<unsigned char>(joined.back()) >= 0xC0U) joined.pop_back();
    joined += kCut;
  }
  return joined;
}

ProcessCache::ProcessCache(Root root) : root_(std::move(root)), facts_(root_) {}

void ProcessCache::begin_round() {
  std::erase_if(entries_, [this](const auto& entry) { return entry.second.round != round_; });
  ++round_;
  facts_.begin_round();
}

std::string ProcessCache::path_of(std::uint32_t pid, std::string_view file) const {
  std::string path = root_.join("proc/");
  path += std::to_string(pid);
  path += '/';
  path += file;
  return path;
}

std::optional<ProcessStat> ProcessCache::read_stat(std::uint32_t pid) const {
  const auto text = read_text_file(path_of(pid, "stat"), kMaxStatBytes);
  return text ? parse_proc_stat(*text) : std::nullopt;
}

std::shared_ptr<const model::Process> ProcessCache::find(std::uint32_t pid) {
  const auto [place, added] = entries_.try_emplace(pid);
  Entry& entry = place->second;
  if (added || entry.round != round_) {
    entry.round = round_;
    refresh(pid, entry);
  }
  return entry.process;
}

const ProcessStat* ProcessCache::stat_of(std::uint32_t pid) {
  if (!find(pid)) return nullptr;
  return &entries_.find(pid)->second.stat;
}

void ProcessCache::refresh(std::uint32_t pid, Entry& entry) {
  auto stat = read_stat(pid);
  if (!stat) {
    entry.process = nullptr;
    return;
  }
  entry.stat = *stat;
  std::string exe = read_program_link(path_of(pid, "exe"));
  // A reused pid has another start; execve keeps the start but changes name and program.
  if (!entry.process || entry.process->start_ticks != stat->start_ticks ||
      entry.process->comm != stat->comm || entry.process->exe != exe ||
      entry.process->parent_pid != stat->parent_pid) {
    entry.process =
        std::make_shared<const model::Process>(read(pid, *std::move(stat), std::move(exe)));
  }
}

model::Process ProcessCache::read(std::uint32_t pid, ProcessStat stat, std::string exe) {
  model::Process process;
  process.pid = pid;
  process.in_proc = true;
  process.parent_pid = stat.parent_pid;
  process.start_ticks = stat.start_ticks;
  process.comm = std::move(stat.comm);
  process.exe = std::move(exe);
  if (const auto text = read_text_file(path_of(pid, "status"), kMaxStatusBytes)) {
    if (const auto uid = parse_proc_status_uid(*text)) {
      process.uid = *uid;
      process.user = facts_.user_of(*uid);
    }
  }
  if (const auto text = read_text_file(path_of(pid, "cmdline"), 2 * kMaxCmdlineBytes)) {
    process.cmdline = join_cmdline(*text, kMaxCmdlineBytes);
  }
  if (const auto text = read_text_file(path_of(pid, "cgroup"), kMaxCgroupBytes)) {
    CgroupMembership membership = parse_proc_cgroup(*text);
    process.container = std::move(membership.container);
    process.runtime = std::move(membership.runtime);
    process.pod = std::move(membership.pod);
    process.unit = std::move(membership.unit);
  }
  process.started_ns = facts_.started_ns(process.start_ticks);
  if (process.parent_pid != 0) {
    if (auto parent = read_stat(process.parent_pid)) process.parent = std::move(parent->comm);
  }
  return process;
}

}  // namespace netwatch::collect
