#include "tui/panels.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "tui/format.h"
#include "tui/graph.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

std::string padded(const std::string& text, int columns) {
  return std::string(static_cast<std::size_t>(std::max(0, columns - text_columns(text))), ' ') +
         text;
}

// One line with a bar: what, its share of the whole, its bytes.
void bar_line(const Pen& pen, Rect line, const Span& label, std::uint64_t part,
              std::uint64_t whole) {
  const int label_columns = 12;
  const int right = line.right() - 1;
  pen.say(line.x + 1, line.y, line.x + 1 + label_columns, label.text, label.role);
  const int bar_x = line.x + 2 + label_columns;
  const int bar_columns = right - bar_x - 14;
  const double share = whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  draw_bar(pen, {bar_x, line.y, bar_columns, 1}, share, label.role);
  pen.canvas.put_field(right - 13, line.y, 5, format_share(part, whole), pen.theme[Role::kText],
                       Align::kRight);
  pen.canvas.put_field(right - 7, line.y, 7, format_bytes(static_cast<double>(part)),
                       pen.theme[Role::kDim], Align::kRight);
}

float highest(const std::vector<model::RatePoint>& points, float model::RatePoint::* value) {
  float most = 0;
  for (const auto& point : points) most = std::max(most, point.*value);
  return most;
}

// The rates of now, with the peaks or without.
Spans traffic_notes(const std::vector<model::RatePoint>& points, bool narrow, bool peaks) {
  const auto rate = [](float value) { return format_rate(static_cast<double>(value)); };
  const auto peak = [&](float model::RatePoint::* value) {
    return peaks ? " peak " + rate(highest(points, value)) : std::string();
  };
  return {{narrow ? "▼ " : "▼ down ", Role::kDown},    {rate(points.back().down), Role::kStrong},
          {peak(&model::RatePoint::down), Role::kDim}, {"   ", Role::kDim},
          {narrow ? "▲ " : "▲ up ", Role::kUp},        {rate(points.back().up), Role::kStrong},
          {peak(&model::RatePoint::up), Role::kDim}};
}

}  // namespace

void draw_bar(const Pen& pen, Rect line, double share, Role role) {
  const double within = std::clamp(share, 0.0, 1.0);
  const int full = within > 0 ? std::max(1, static_cast<int>(std::lround(within * line.width))) : 0;
  pen.canvas.horizontal(line.x, line.y, line.width, pen.theme[Role::kBorder], "─");
  pen.canvas.horizontal(line.x, line.y, full, pen.theme[role], "━");
}

std::vector<const model::InterfaceRow*> ordered_interfaces(const model::Snapshot& snapshot) {
  std::vector<const model::InterfaceRow*> out;
  out.reserve(snapshot.interfaces.size());
  for (const auto& row : snapshot.interfaces) out.push_back(&row);
  const auto rank = [](const model::InterfaceRow& row) {
    if (!row.interface.up) return 3;
    if (row.interface.loopback) return 2;
    return row.interface.is_default ? 0 : 1;
  };
  std::sort(out.begin(), out.end(), [&](const auto* a, const auto* b) {
    if (rank(*a) != rank(*b)) return rank(*a) < rank(*b);
    const float a_rate = a->rx_rate + a->tx_rate;
    const float b_rate = b->rx_rate + b->tx_rate;
    if (a_rate > b_rate || b_rate > a_rate) return a_rate > b_rate;
    return a->interface.ifindex < b->interface.ifindex;
  });
  return out;
}

Spans rate_spans(float down, float up) {
  return {{"▼", Role::kDown},
          {padded(format_rate(static_cast<double>(down)), kRateColumns), Role::kText},
          {" ▲", Role::kUp},
          {padded(format_rate(static_cast<double>(up)), kRateColumns), Role::kText}};
}

std::string speed_text(const model::Interface& interface) {
  if (interface.speed_bits_per_s <= 0) return {};
  const auto mbit = interface.speed_bits_per_s / 1'000'000;
  if (mbit >= 1000 && mbit % 1000 == 0) return std::to_string(mbit / 1000) + " Gbit/s";
  return std::to_string(mbit) + " Mbit/s";
}

void draw_traffic_panel(const Pen& pen, Rect area, bool boxed, const model::Snapshot& snapshot) {
  const auto& points = snapshot.throughput;
  Spans title{{"Traffic", Role::kTitle}};
  // Joined by '+' where there are several; too many for this place are counted.
  constexpr int kLongestLinks = 16;
  std::string of = snapshot.throughput_of;
  if (text_columns(of) > kLongestLinks) {
    of = std::to_string(1 + std::count(of.begin(), of.end(), '+')) + " links";
  }
  if (!of.empty()) title.push_back({" " + of, Role::kDim});
  Spans notes;
  if (!points.empty()) {
    notes = traffic_notes(points, area.width < 90, true);
    const int room = area.width - columns_of(title) - 8;
    if (columns_of(notes) > room) notes = traffic_notes(points, true, false);
  }
  const Rect inside = pen.panel(area, boxed, title, notes);
  if (points.empty()) {
    const std::string_view words = snapshot.playback
                                       ? "the first second has not ended here"
                                       : "no measurement yet: the first takes a second";
    pen.canvas.put_field(inside.x, inside.y + inside.height / 2, inside.width, words,
                         pen.theme[Role::kDim], Align::kCentre);
    return;
  }
  draw_throughput(pen.canvas, {inside.x, inside.y, inside.width - 1, inside.height}, points,
                  pen.theme);
}

void draw_owner_shares(const Pen& pen, Rect area, const model::Snapshot& snapshot) {
  const Rect inside = pen.panel(area, true, {{"Owners of bytes", Role::kTitle}});
  const auto& bytes = snapshot.attribution.bytes;
  const std::uint64_t whole = bytes[0] + bytes[1] + bytes[2];
  for (int i = 0; i < 3; ++i) {
    const auto quality = static_cast<model::Quality>(2 - i);
    Span label = quality_mark(quality);
    label.text += " " + std::string(model::quality_name(quality));
    bar_line(pen, {inside.x, inside.y + i, inside.width, 1}, label,
             bytes[static_cast<std::size_t>(quality)], whole);
  }
}

void draw_app_shares(const Pen& pen, Rect area, std::span<const ShownTalker> talkers) {
  const Rect inside =
      pen.panel(area, true, {{"Applications", Role::kTitle}}, {{"by bytes", Role::kDim}});
  std::map<std::string_view, std::uint64_t> by_app;
  std::uint64_t whole = 0;
  // In one measure: of what was on the wire, where packets have been seen.
  const bool wire = std::any_of(talkers.begin(), talkers.end(), [](const ShownTalker& shown) {
    return shown.bytes_in == model::Measure::kWire || shown.bytes_in == model::Measure::kBoth;
  });
  for (const ShownTalker& shown : talkers) {
    const bool of_wire =
        shown.bytes_in == model::Measure::kWire || shown.bytes_in == model::Measure::kBoth;
    if (shown.bytes_in == model::Measure::kUnknown || of_wire != wire) continue;
    const std::uint64_t bytes = shown.up_bytes + shown.down_bytes;
    by_app[shown.talker->app] += bytes;
    whole += bytes;
  }
  std::vector<std::pair<std::string_view, std::uint64_t>> sorted(by_app.begin(), by_app.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  int y = inside.y;
  if (sorted.empty()) pen.say(inside.x + 1, y, inside.right(), "none yet", Role::kDim);
  for (const auto& [app, bytes] : sorted) {
    if (y >= inside.bottom()) break;
    const Span label{app.empty() ? "unknown" : clean(app), app.empty() ? Role::kDim : Role::kDown};
    bar_line(pen, {inside.x, y++, inside.width, 1}, label, bytes, whole);
  }
}

void draw_seen_and_missed(const Pen& pen, Rect area, const model::Snapshot& snapshot) {
  const Rect inside = pen.panel(area, true, {{"Seen and missed", Role::kTitle}});
  int y = inside.y;
  const auto line = [&](std::string_view label, const std::string& value, Role role) {
    if (y >= inside.bottom()) return;
    pen.say(inside.x + 1, y, inside.x + 20, label, Role::kDim);
    pen.say(inside.x + 20, y, inside.right() - 1, value, role);
    ++y;
  };
  if (snapshot.capturing || snapshot.packets > 0) {
    line("packets", format_count(snapshot.packets), Role::kText);
    line("on the wire", format_bytes(static_cast<double>(snapshot.wire_bytes)), Role::kText);
    line("flows", format_count(snapshot.flows), Role::kText);
    line("messages", format_count(snapshot.records), Role::kText);
  }
  if (snapshot.unreadable_processes > 0) {
    line("unreadable", format_count(snapshot.unreadable_processes) + " processes", Role::kWarn);
  }
  for (const std::string& loss : losses(snapshot.drops)) line("lost", loss, Role::kBad);
  for (const model::Ability& ability : snapshot.abilities) {
    const std::string state = ability.on ? "on" : "off: " + clean(ability.why);
    line(clean(ability.name), state, ability.on ? Role::kGood : Role::kWarn);
  }
}

}  // namespace netwatch::tui
