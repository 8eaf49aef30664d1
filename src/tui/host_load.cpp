#include "tui/host_load.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>

#include "tui/format.h"
#include "tui/panels.h"

namespace netwatch::tui {
namespace {

// What a figure is called, and by which label where it has one.
struct Wanted {
  std::string_view name;
  std::string_view label;
  std::optional<double>* into;
};

std::string percent_text(double share) { return fmt::format("{:.0f}%", share * 100); }

std::optional<double> share_of(std::optional<double> part, std::optional<double> whole) {
  if (!part || !whole || !(*whole > 0)) return std::nullopt;
  return *part / *whole;
}

std::string of_words(std::optional<double> part, std::optional<double> whole) {
  if (!part || !whole) return {};
  return format_bytes(*part) + " of " + format_bytes(*whole);
}

std::string averages(const HostLoad& load) {
  std::string out;
  for (const auto& average : load.load) {
    if (average) out += (out.empty() ? "" : " ") + fmt::format("{:.2f}", *average);
  }
  return out;
}

void draw_share(const Pen& pen, Rect line, std::string_view label, std::optional<double> share,
                const std::string& words) {
  constexpr int kLabelColumns = 7;
  constexpr int kWordColumns = 18;  // "1.23 GB of 4.56 GB"
  const int right = line.right() - 1;
  const int x = line.x + 1 + kLabelColumns;
  pen.say(line.x + 1, line.y, x, label, Role::kDim);
  if (!share) {
    pen.say(x, line.y, right, kUnknownMark, Role::kDim);
    return;
  }
  pen.canvas.put_field(x, line.y, 4, percent_text(*share), pen.theme[Role::kStrong], Align::kRight);
  const int bar = right - x - 5 - kWordColumns - 1;
  draw_bar(pen, {x + 5, line.y, bar, 1}, *share, Role::kDown);
  pen.canvas.put_field(x + 6 + bar, line.y, kWordColumns, words, pen.theme[Role::kDim],
                       Align::kRight);
}

}  // namespace

HostLoad host_load(const model::Snapshot& snapshot) {
  HostLoad out;
  if (snapshot.samples == nullptr) return out;
  const std::array<Wanted, 10> all{{
      {"cpu.used", "", &out.cpu},
      {"cpu.cores", "", &out.cores},
      {"memory.used_bytes", "", &out.memory_used},
      {"memory.total_bytes", "", &out.memory_total},
      {"swap.used_bytes", "", &out.swap_used},
      {"swap.total_bytes", "", &out.swap_total},
      {"load.average", "1m", out.load.data()},
      {"load.average", "5m", &out.load[1]},
      {"load.average", "15m", &out.load[2]},
      {"host.uptime", "", &out.uptime_s},
  }};
  for (const model::Sample& sample : snapshot.samples->samples) {
    if (sample.def == nullptr || !std::isfinite(sample.value)) continue;
    for (const Wanted& wanted : all) {
      if (wanted.name == sample.def->name && sample.labels[0] == wanted.label) {
        *wanted.into = sample.value;
      }
    }
  }
  return out;
}

Spans load_words(const HostLoad& load) {
  Spans out;
  const auto add = [&out](std::string_view label, const std::string& value) {
    out.push_back({(out.empty() ? "" : "  ") + std::string(label) + " ", Role::kDim});
    out.push_back({value, Role::kText});
  };
  if (load.cpu) add("cpu", percent_text(*load.cpu));
  const auto memory = share_of(load.memory_used, load.memory_total);
  if (memory) add("memory", percent_text(*memory));
  if (load.load[0]) add("load", fmt::format("{:.2f}", *load.load[0]));
  return out;
}

void draw_load(const Pen& pen, Rect inside, const HostLoad& load) {
  Rect line{inside.x, inside.y, inside.width, 1};
  const auto next = [&] { return line.y < inside.bottom(); };
  if (!next()) return;
  const std::string cores = load.cores ? fmt::format("of {:.0f} cores", *load.cores) : "";
  draw_share(pen, line, "cpu", load.cpu, cores);
  ++line.y;
  if (!next()) return;
  draw_share(pen, line, "memory", share_of(load.memory_used, load.memory_total),
             of_words(load.memory_used, load.memory_total));
  ++line.y;
  // No line for swap where there is none.
  if (load.swap_total.value_or(0) > 0 && line.y + 1 < inside.bottom()) {
    draw_share(pen, line, "swap", share_of(load.swap_used, load.swap_total),
               of_words(load.swap_used, load.swap_total));
    ++line.y;
  }
  if (!next()) return;
  const int right = line.right() - 1;
  const std::string words = averages(load);
  pen.say(line.x + 1, line.y, right, "load", Role::kDim);
  pen.say(line.x + 8, line.y, right, words.empty() ? std::string(kUnknownMark) : words,
          Role::kText);
  constexpr double kLongest = 1e10;  // seconds: what is more is no uptime
  if (!load.uptime_s || *load.uptime_s < 0 || *load.uptime_s >= kLongest) return;
  const auto up = static_cast<base::TimeNs>(*load.uptime_s) * base::kNsPerSecond;
  const std::string age = "up " + format_age(up);
  pen.say(right - text_columns(age), line.y, right, age, Role::kDim);
}

}  // namespace netwatch::tui
