#include "tui/tabs/interface_detail.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "tui/detail_lines.h"
#include "tui/format.h"
#include "tui/graph.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

constexpr int kFactColumns = 58;
constexpr int kCounterRows = 3;

// By its name where it is here; a veth's peer may be in another network namespace.
std::string name_of(const model::Snapshot& snapshot, std::uint32_t ifindex) {
  for (const model::InterfaceRow& row : snapshot.interfaces) {
    if (row.interface.ifindex == ifindex) return clean(row.interface.name);
  }
  return "index " + std::to_string(ifindex) + " elsewhere";
}

std::string_view lower_words(model::InterfaceRole role) {
  return role == model::InterfaceRole::kVeth ? "peer" : "on";
}

void add_addresses(DetailLines& lines, const model::Interface& interface, Rect area, int last) {
  if (interface.addresses.empty()) {
    lines.add("addresses", kUnknownMark, Role::kDim);
    return;
  }
  constexpr int kMore = 6;  // "  +999"
  const int room = area.width - DetailLines::kLabelColumns - 2;
  std::string_view label = "addresses";
  std::string line;
  std::size_t told = 0;
  for (const base::IpAddress& address : interface.addresses) {
    const std::string text = address.to_string();
    const bool is_last = lines.next() + 1 >= last;
    const int here = is_last ? room - kMore : room;
    const bool full = !line.empty() && static_cast<int>(line.size() + 2 + text.size()) > here;
    if (full) {
      if (is_last) {
        const std::string more = "  +" + std::to_string(interface.addresses.size() - told);
        lines.add(label, Spans{{line, Role::kText}, {more, Role::kDim}});
        return;
      }
      lines.add(label, std::exchange(line, {}));
      label = "";
    }
    line += (line.empty() ? "" : "  ") + text;
    ++told;
  }
  lines.add(label, line);
}

void add_facts(DetailLines& lines, const model::Snapshot& snapshot,
               const model::Interface& interface, Rect area, int last) {
  Spans state{{std::string(interface_state(interface)), interface.up ? Role::kGood : Role::kWarn},
              {"  link " + std::string(model::link_state_name(interface.state)), Role::kDim}};
  if (interface.is_default) state.push_back({"  default route", Role::kStrong});
  lines.add("state", state);
  const bool told = interface.role != model::InterfaceRole::kUnknown;
  Spans what{{told ? std::string(model::interface_role_name(interface.role)) : kUnknownMark,
              told ? Role::kText : Role::kDim}};
  if (!interface.kind.empty()) what.push_back({"  driver " + clean(interface.kind), Role::kDim});
  if (interface.ifindex != 0) {
    what.push_back({"  index " + std::to_string(interface.ifindex), Role::kDim});
  }
  lines.add("what", what);
  std::string stands;
  if (interface.master != 0) stands = "port of " + name_of(snapshot, interface.master);
  if (interface.lower != 0) {
    if (!stands.empty()) stands += "  ";
    stands += std::string(lower_words(interface.role)) + " " + name_of(snapshot, interface.lower);
  }
  if (!stands.empty()) lines.add("linked", stands);
  const Span speed = speed_cell(interface.speed_bits_per_s);
  lines.add("speed", Spans{speed,
                           {"  MTU ", Role::kDim},
                           {interface.mtu == 0 ? kUnknownMark : std::to_string(interface.mtu),
                            Role::kText}});
  lines.add("MAC", interface.mac.empty() ? std::string(kUnknownMark) : clean(interface.mac));
  add_addresses(lines, interface, area, last);
}

void draw_counters(const Pen& pen, Rect area, const model::InterfaceRow& row) {
  const model::Interface& of = row.interface;
  struct Way {
    Span name;
    float rate;
    std::uint64_t bytes, packets, errors, dropped;
  };
  const std::array<Way, 2> ways{{
      {{"▼ received", Role::kDown},
       row.rx_rate,
       of.rx_bytes,
       of.rx_packets,
       of.rx_errors,
       of.rx_dropped},
      {{"▲ sent", Role::kUp}, row.tx_rate, of.tx_bytes, of.tx_packets, of.tx_errors, of.tx_dropped},
  }};
  constexpr std::array<std::string_view, 5> kHeadings{"rate", "bytes", "packets", "errors",
                                                      "dropped"};
  constexpr std::array<int, 5> kWidths{10, 9, 9, 8, 8};
  const auto line = [&](int y, const std::array<Span, 5>& cells) {
    int x = area.x + 1 + DetailLines::kLabelColumns - 2;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      pen.canvas.put_field(x, y, kWidths[i], cells[i].text, pen.theme[cells[i].role],
                           Align::kRight);
      x += kWidths[i];
    }
  };
  if (area.height < kCounterRows) return;
  std::array<Span, 5> headings;
  for (std::size_t i = 0; i < headings.size(); ++i) {
    headings[i] = {std::string(kHeadings[i]), Role::kDim};
  }
  line(area.y, headings);
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const Way& way = ways[i];
    const int y = area.y + 1 + static_cast<int>(i);
    const auto faults = [](std::uint64_t count) -> Span {
      return {format_count(count), count > 0 ? Role::kWarn : Role::kDim};
    };
    pen.say(area.x + 1, y, area.x + 12, Spans{way.name});
    line(y,
         {Span{row.rated ? format_rate(static_cast<double>(way.rate)) : kUnknownMark,
               row.rated ? Role::kText : Role::kDim},
          Span{format_bytes(static_cast<double>(way.bytes)), Role::kText},
          Span{format_count(way.packets), Role::kText}, faults(way.errors), faults(way.dropped)});
  }
}

void draw_chart(const Pen& pen, Rect area, const model::InterfaceRow& row) {
  if (area.height < 3 || area.width < 20) return;
  if (row.history == nullptr) {
    pen.say(area.x + 1, area.y, area.right(),
            row.rated ? "no history: it is kept of 64 interfaces" : "a history begins in a second",
            Role::kDim);
    return;
  }
  draw_throughput(pen.canvas, {area.x + 1, area.y, area.width - 2, area.height}, *row.history,
                  pen.theme);
}

}  // namespace

std::string_view interface_state(const model::Interface& interface) {
  if (interface.up) return "up";
  const bool says_more =
      interface.state != model::LinkState::kUnknown && interface.state != model::LinkState::kUp;
  return says_more ? model::link_state_name(interface.state) : "down";
}

Span speed_cell(std::int64_t bits_per_second) {
  if (bits_per_second < 0) return {kUnknownMark, Role::kDim};
  const auto mega = static_cast<double>(bits_per_second) / 1e6;
  if (mega < 1000) return {fmt::format("{:.4g} Mbit/s", mega), Role::kText};
  return {fmt::format("{:.4g} Gbit/s", mega / 1000), Role::kText};
}

void draw_interface_detail(const Pen& pen, Rect area, bool boxed, const model::Snapshot& snapshot,
                           const model::InterfaceRow& row) {
  const Rect inside = pen.panel(area, boxed, {{clean(row.interface.name), Role::kTitle}},
                                {{"by the kernel's counters", Role::kDim}});
  Rect facts = inside;
  Rect chart = inside;
  const bool beside = inside.width >= kFactColumns + 50;
  if (beside) {
    facts.width = kFactColumns;
    chart.x = facts.right();
    chart.width = inside.right() - chart.x;
  }
  DetailLines lines(pen, facts);
  const int spared = kCounterRows + (beside ? 0 : 4);
  add_facts(lines, snapshot, row.interface, facts, facts.bottom() - spared);
  Rect counters = facts;
  counters.y = lines.next();
  if (beside && facts.bottom() - counters.y > kCounterRows) ++counters.y;
  counters.height = std::max(0, std::min(kCounterRows, facts.bottom() - counters.y));
  draw_counters(pen, counters, row);
  if (!beside) {
    chart.y = counters.bottom();
    chart.height = std::max(0, inside.bottom() - chart.y);
  }
  draw_chart(pen, chart, row);
}

}  // namespace netwatch::tui
