#include <algorithm>
#include <cmath>
#include <map>

#include "tui/format.h"
#include "tui/graph.h"
#include "tui/lite_parts.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

// Default route first, then the busiest; loopback and what is down last.
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

std::string padded(const std::string& text, int columns) {
  return std::string(static_cast<std::size_t>(std::max(0, columns - text_columns(text))), ' ') +
         text;
}

Spans rate_spans(float down, float up) {
  return {{"▼", Role::kDown},
          {padded(format_rate(static_cast<double>(down)), kRateColumns), Role::kText},
          {" ▲", Role::kUp},
          {padded(format_rate(static_cast<double>(up)), kRateColumns), Role::kText}};
}

// Instead of interfaces, of which a capture file has no counters.
std::string packets_read(const model::Snapshot& snapshot, const model::Playback& playback) {
  return format_count(snapshot.packets) + " of " + format_count(playback.packets) + " packets";
}
std::string bytes_read(const model::Snapshot& snapshot) {
  return format_bytes(static_cast<double>(snapshot.wire_bytes)) + " on wire";
}

void interface_line(const LiteFrame& frame) {
  const Rect area = frame.layout.interfaces;
  const Pen& pen = frame.pen;
  int x = area.x + 1;
  const int right = area.right() - 1;
  const auto rows = ordered_interfaces(frame.snapshot);
  if (const auto& playback = frame.snapshot.playback) {
    x = pen.say(x, area.y, right, packets_read(frame.snapshot, *playback), Role::kDim);
    pen.say(x + 2, area.y, right, bytes_read(frame.snapshot), Role::kDim);
    return;
  }
  if (rows.empty()) pen.say(x, area.y, right, "no interface is known yet", Role::kDim);
  std::size_t shown = 0;
  for (const auto* row : rows) {
    const std::string name = clean(row->interface.name);
    Spans spans{{name + " ", Role::kStrong}};
    if (row->interface.up) {
      for (Span& span : rate_spans(row->rx_rate, row->tx_rate)) spans.push_back(std::move(span));
    } else {
      spans.push_back({"down", Role::kDim});
    }
    if (x + columns_of(spans) > right - 3) break;
    x = pen.say(x, area.y, right, spans) + 3;
    ++shown;
  }
  if (shown < rows.size()) {
    pen.say(x, area.y, right, "+" + std::to_string(rows.size() - shown), Role::kDim);
  }
}

// What else is known of an interface: speed, addresses, losses.
Spans interface_facts(const model::Interface& interface) {
  Spans out;
  if (!interface.up) return out;
  if (interface.is_default) out.push_back({"default  ", Role::kGood});
  if (interface.speed_bits_per_s > 0) {
    const auto mbit = interface.speed_bits_per_s / 1'000'000;
    out.push_back({mbit >= 1000 && mbit % 1000 == 0 ? std::to_string(mbit / 1000) + " Gbit/s  "
                                                    : std::to_string(mbit) + " Mbit/s  ",
                   Role::kDim});
  }
  const std::uint64_t dropped = interface.rx_dropped + interface.tx_dropped;
  const std::uint64_t errors = interface.rx_errors + interface.tx_errors;
  if (dropped > 0) out.push_back({"dropped " + format_count(dropped) + "  ", Role::kWarn});
  if (errors > 0) out.push_back({"errors " + format_count(errors) + "  ", Role::kBad});
  for (const auto& address : interface.addresses) {
    out.push_back({address.to_string() + " ", Role::kDim});
  }
  return out;
}

void interface_panel(const LiteFrame& frame) {
  const Pen& pen = frame.pen;
  const auto& playback = frame.snapshot.playback;
  const auto rows = ordered_interfaces(frame.snapshot);
  const Rect inside = pen.panel(frame.layout.interfaces, true,
                                {{playback ? "Capture file" : "Interfaces", Role::kTitle}});
  const int right = inside.right() - 1;
  int y = inside.y;
  if (playback) {
    pen.say(inside.x + 1, y++, right, packets_read(frame.snapshot, *playback), Role::kText);
    pen.say(inside.x + 1, y, right, bytes_read(frame.snapshot), Role::kText);
    return;
  }
  if (rows.empty()) pen.say(inside.x + 1, y, right, "none is known yet", Role::kDim);
  // A second line each, where all fit.
  const bool two_lines = static_cast<int>(rows.size()) * 2 <= inside.height;
  std::size_t shown = 0;
  for (const auto* row : rows) {
    const bool last_line = y + 1 >= inside.bottom();
    if (y >= inside.bottom() || (last_line && shown + 1 < rows.size())) break;
    const auto& interface = row->interface;
    const Spans mark{interface.up ? Span{"● ", Role::kGood} : Span{"○ ", Role::kDim}};
    const int x = pen.say(inside.x + 1, y, right, mark);
    const int rates = inside.right() - 2 * kRateColumns - 4;
    pen.say(x, y, rates - 1, clean(interface.name), interface.up ? Role::kStrong : Role::kDim);
    if (interface.up) {
      pen.say(rates, y, inside.right(), rate_spans(row->rx_rate, row->tx_rate));
    } else {
      pen.say(inside.right() - 5, y, right, "down", Role::kDim);
    }
    ++y;
    ++shown;
    if (two_lines) pen.say(inside.x + 3, y++, right, interface_facts(interface));
  }
  if (shown < rows.size()) {
    pen.say(inside.x + 1, y, right, "+" + std::to_string(rows.size() - shown) + " more",
            Role::kDim);
  }
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
  const int full = part == 0 ? 0 : std::max(1, static_cast<int>(std::lround(share * bar_columns)));
  pen.canvas.horizontal(bar_x, line.y, bar_columns, pen.theme[Role::kBorder], "─");
  pen.canvas.horizontal(bar_x, line.y, full, pen.theme[label.role], "━");
  pen.canvas.put_field(right - 13, line.y, 5, format_share(part, whole), pen.theme[Role::kText],
                       Align::kRight);
  pen.canvas.put_field(right - 7, line.y, 7, format_bytes(static_cast<double>(part)),
                       pen.theme[Role::kDim], Align::kRight);
}

int owners_panel(const LiteFrame& frame, Rect area) {
  const Rect inside = frame.pen.panel(area, true, {{"Owners of bytes", Role::kTitle}});
  const auto& bytes = frame.snapshot.attribution.bytes;
  const std::uint64_t whole = bytes[0] + bytes[1] + bytes[2];
  for (int i = 0; i < 3; ++i) {
    const auto quality = static_cast<model::Quality>(2 - i);
    Span label = quality_mark(quality);
    label.text += " " + std::string(model::quality_name(quality));
    bar_line(frame.pen, {inside.x, inside.y + i, inside.width, 1}, label,
             bytes[static_cast<std::size_t>(quality)], whole);
  }
  return area.bottom();
}

int apps_panel(const LiteFrame& frame, Rect area) {
  const Rect inside =
      frame.pen.panel(area, true, {{"Applications", Role::kTitle}}, {{"by bytes", Role::kDim}});
  std::map<std::string_view, std::uint64_t> by_app;
  std::uint64_t whole = 0;
  // In one measure: of what was on the wire, where packets have been seen.
  const auto& talkers = frame.list.talkers;
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
  if (sorted.empty()) frame.pen.say(inside.x + 1, y, inside.right(), "none yet", Role::kDim);
  for (const auto& [app, bytes] : sorted) {
    if (y >= inside.bottom()) break;
    const Span label{app.empty() ? "unknown" : clean(app), app.empty() ? Role::kDim : Role::kDown};
    bar_line(frame.pen, {inside.x, y++, inside.width, 1}, label, bytes, whole);
  }
  return area.bottom();
}

void engine_panel(const LiteFrame& frame, Rect area) {
  const Pen& pen = frame.pen;
  const auto& snapshot = frame.snapshot;
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

float highest(const std::vector<model::RatePoint>& points, float model::RatePoint::* value) {
  float most = 0;
  for (const auto& point : points) most = std::max(most, point.*value);
  return most;
}

}  // namespace

void draw_throughput_panel(const LiteFrame& frame) {
  const Pen& pen = frame.pen;
  const auto& points = frame.snapshot.throughput;
  Spans notes;
  if (!points.empty()) {
    const auto rate = [](float value) { return format_rate(static_cast<double>(value)); };
    const bool narrow = frame.layout.throughput.width < 90;
    notes = {{narrow ? "▼ " : "▼ down ", Role::kDown},
             {rate(points.back().down), Role::kStrong},
             {" peak " + rate(highest(points, &model::RatePoint::down)), Role::kDim},
             {"   ", Role::kDim},
             {narrow ? "▲ " : "▲ up ", Role::kUp},
             {rate(points.back().up), Role::kStrong},
             {" peak " + rate(highest(points, &model::RatePoint::up)), Role::kDim}};
  }
  Spans title{{"Traffic", Role::kTitle}};
  // Joined by '+' where there are several; too many for this place are counted.
  constexpr int kLongestLinks = 16;
  std::string of = frame.snapshot.throughput_of;
  if (text_columns(of) > kLongestLinks) {
    of = std::to_string(1 + std::count(of.begin(), of.end(), '+')) + " links";
  }
  if (!of.empty()) title.push_back({" " + of, Role::kDim});
  const Rect inside = pen.panel(frame.layout.throughput, frame.layout.boxed, title, notes);
  if (points.empty()) {
    pen.canvas.put_field(inside.x, inside.y + inside.height / 2, inside.width,
                         frame.snapshot.playback ? "the first second has not ended here"
                                                 : "no measurement yet: the first takes a second",
                         pen.theme[Role::kDim], Align::kCentre);
    return;
  }
  draw_throughput(pen.canvas, {inside.x, inside.y, inside.width - 1, inside.height}, points,
                  pen.theme);
}

void draw_interfaces(const LiteFrame& frame) {
  if (frame.layout.boxed) {
    interface_panel(frame);
  } else {
    interface_line(frame);
  }
}

void draw_side(const LiteFrame& frame) {
  Rect area = frame.layout.side;
  if (area.height < 12) return;
  area.height = 5;
  area.y = owners_panel(frame, area);
  const int left = frame.layout.side.bottom() - area.y;
  area.height = std::clamp(left / 2, 5, 14);
  area.y = apps_panel(frame, area);
  area.height = frame.layout.side.bottom() - area.y;
  engine_panel(frame, area);
}

}  // namespace netwatch::tui
