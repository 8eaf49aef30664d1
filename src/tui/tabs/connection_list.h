#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "tui/table.h"
#include "tui/view.h"

namespace netwatch::tui {

// The columns of the tab of connections, and what it is sorted by.
enum ConnectionColumn : std::size_t {
  kProgram,
  kPid,
  kProto,
  kRemote,
  kHost,
  kApp,
  kState,
  kDown,
  kUp,
  kRtt,
  kAgain,
  kAge,
  kDownTotal,
  kUpTotal,
  kOwner,
};

enum class Grouping : std::uint8_t { kProgram, kHost, kContainer, kNone, kCount };
// Connections in which states.
enum class Which : std::uint8_t { kAll, kOpen, kEstablished, kListening, kClosed, kCount };

// It is over, and shown for a while.
bool is_over(const model::ConnectionRow& row);
// Name of the other end, else its address.
std::string host_of(const model::ConnectionRow& row);

// One connection or a group of them, as it is sorted and shown.
struct ConnectionItem {
  const model::ConnectionRow* row = nullptr;  // null: a group
  RowKey key = 0;
  std::string label;                                  // of a group
  std::uint32_t pid = 0;                              // 0: none or several
  model::Quality quality = model::Quality::kUnknown;  // of a group the least
  std::vector<std::size_t> parts;  // of a group, into ConnectionList::items(), sorted
  model::Measure bytes_in = model::Measure::kUnknown;
  model::Measure rates_in = model::Measure::kUnknown;
  std::uint64_t up_bytes = 0;
  std::uint64_t down_bytes = 0;
  float up_rate = 0;
  float down_rate = 0;
  std::int32_t rtt_us = -1;
  std::uint64_t again = 0;
  base::TimeNs first_ns = 0;
};

struct ConnectionOrder {
  Grouping grouping = Grouping::kProgram;
  Which which = Which::kAll;
  std::size_t sort = kDown;
  bool descending = true;
};

// The connections of a snapshot that are wanted, grouped and sorted.
class ConnectionList {
 public:
  void refresh(const Frame& frame, const ConnectionOrder& order);

  // Connections first, then groups.
  [[nodiscard]] const std::vector<ConnectionItem>& items() const { return items_; }
  // Groups, or where nothing is grouped all connections, in their order.
  [[nodiscard]] const std::vector<std::size_t>& roots() const { return roots_; }
  // Connections left out by the filter or the choice of states.
  [[nodiscard]] std::size_t hidden() const { return hidden_; }

 private:
  void take_rows(const Frame& frame);
  void make_groups(const Frame& frame);
  [[nodiscard]] std::string group_of(const model::ConnectionRow& row, const Frame& frame) const;
  void fill_group(ConnectionItem& group, const Frame& frame) const;
  void sort(std::vector<std::size_t>& items) const;

  ConnectionOrder order_;
  std::vector<ConnectionItem> items_;
  std::vector<std::size_t> roots_;
  std::size_t hidden_ = 0;
  std::unordered_map<std::uint32_t, const model::Process*> processes_;  // by pid
};

}  // namespace netwatch::tui
