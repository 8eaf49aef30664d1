#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "model/snapshot.h"
#include "tui/pen.h"

namespace netwatch::tui {

// How busy this host is, as far as its collectors tell. What nobody tells is not there.
struct HostLoad {
  std::optional<double> cpu;  // share of all CPUs
  std::optional<double> cores;
  std::optional<double> memory_used;  // bytes
  std::optional<double> memory_total;
  std::optional<double> swap_used;
  std::optional<double> swap_total;
  std::array<std::optional<double>, 3> load;  // over 1, 5 and 15 minutes
  std::optional<double> uptime_s;
};
HostLoad host_load(const model::Snapshot& snapshot);

// "cpu 12%  memory 41%  load 0.52", what is known of it.
Spans load_words(const HostLoad& load);
inline constexpr int kLoadRows = 3;
// A row each, as far as there is room: CPU and memory with bars, then load, swap and uptime.
void draw_load(const Pen& pen, Rect inside, const HostLoad& load);

}  // namespace netwatch::tui
