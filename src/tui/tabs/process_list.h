#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tui/table.h"
#include "tui/view.h"

namespace netwatch::tui {

// The columns of the tab of processes, and what it is sorted by.
enum ProcessColumn : std::size_t {
  kProcName,
  kProcPid,
  kProcUser,
  kProcWhere,
  kProcParent,
  kProcDown,
  kProcUp,
  kProcDownTotal,
  kProcUpTotal,
  kProcSockets,
  kProcConnections,
  kProcHosts,
  kProcCpu,
  kProcRss,
  kProcOwner,
};

enum class ProcessGrouping : std::uint8_t { kProgram, kProcess, kContainer, kCount };
enum class WhichProcesses : std::uint8_t { kAll, kOpen, kMoving, kCount };

// The container, shortened, else the systemd unit; empty if it is in neither.
std::string where_of(const model::Process& process);
// Whether anybody counts what it has moved; with `some_not` a part is not counted.
struct Counted {
  bool bytes = true;
  bool rates = true;
  bool some_not = false;
};
Counted counted(const model::PayloadTotals& totals);

// A process, a row that stands for several, or a group of these, as it is sorted and shown.
struct ProcessItem {
  const model::ProcessRow* row = nullptr;          // null: a group
  const model::ContainerRow* container = nullptr;  // of a group that is one
  RowKey key = 0;
  std::string label;                                  // of what is no process
  std::vector<std::size_t> parts;                     // of a group, into items(), sorted
  std::uint64_t processes = 1;                        // that were seen
  model::Quality quality = model::Quality::kUnknown;  // of a group the least
  model::PayloadTotals totals;
  double cpu = -1;              // of a group what is known, together
  std::uint64_t rss_bytes = 0;  // likewise
  std::uint32_t connections = 0;
  std::uint32_t hosts = 0;  // different other ends of these

  [[nodiscard]] bool is_group() const { return row == nullptr; }
  [[nodiscard]] const model::Process* process() const {
    return row == nullptr ? nullptr : row->process.get();
  }
};

struct ProcessOrder {
  ProcessGrouping grouping = ProcessGrouping::kProgram;
  WhichProcesses which = WhichProcesses::kAll;
  std::size_t sort = kProcDown;
  bool descending = true;
};

// Everybody who has moved something or has a socket, grouped and sorted.
class ProcessList {
 public:
  void refresh(const Frame& frame, const ProcessOrder& order);

  // Processes first, then groups.
  [[nodiscard]] const std::vector<ProcessItem>& items() const { return items_; }
  // In their order: groups, and what stands alone.
  [[nodiscard]] const std::vector<std::size_t>& roots() const { return roots_; }
  [[nodiscard]] std::size_t processes() const { return processes_; }  // that are shown
  [[nodiscard]] std::size_t hidden() const { return hidden_; }
  // The pids of an item: by these its connections are found.
  [[nodiscard]] std::vector<std::uint32_t> pids_of(const ProcessItem& item) const;

 private:
  void take_rows(const Frame& frame);
  void count_connections(const Frame& frame);
  void make_groups(const Frame& frame);
  // What tells its group from others, and what it is called.
  [[nodiscard]] std::string group_of(const ProcessItem& item) const;
  [[nodiscard]] std::string label_of(const model::Process& process) const;
  void fill_group(ProcessItem& group) const;
  void count_hosts();
  void sort(std::vector<std::size_t>& items) const;

  ProcessOrder order_;
  std::vector<ProcessItem> items_;
  std::vector<std::size_t> roots_;
  std::size_t processes_ = 0;
  std::size_t hidden_ = 0;
  std::unordered_map<std::uint32_t, std::size_t> by_pid_;  // into items_
  // Item and other end of each connection; by item.
  std::vector<std::pair<std::size_t, std::uint64_t>> ends_;
};

}  // namespace netwatch::tui
