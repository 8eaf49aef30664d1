#include <algorithm>

#include "tui/format.h"
#include "tui/lite_parts.h"
#include "tui/panels.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

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
  if (const std::string speed = speed_text(interface); !speed.empty()) {
    out.push_back({speed + "  ", Role::kDim});
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

}  // namespace

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
  draw_owner_shares(frame.pen, area, frame.snapshot);
  area.y = area.bottom();
  const int left = frame.layout.side.bottom() - area.y;
  area.height = std::clamp(left / 2, 5, 14);
  draw_app_shares(frame.pen, area, frame.list.talkers);
  area.y = area.bottom();
  area.height = frame.layout.side.bottom() - area.y;
  draw_seen_and_missed(frame.pen, area, frame.snapshot);
}

}  // namespace netwatch::tui
