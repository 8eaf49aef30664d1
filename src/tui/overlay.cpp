#include "tui/overlay.h"

#include <algorithm>
#include <array>

#include "tui/format.h"
#include "tui/frame_lines.h"
#include "tui/settings_overlay.h"
#include "tui/time_line.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

using Lines = std::vector<Spans>;

constexpr int kKeyColumns = 16;

Spans two_columns(std::string left, Role role, std::string right) {
  const int gap = std::max(1, kKeyColumns - text_columns(left));
  left.append(static_cast<std::size_t>(gap), ' ');
  return {{std::move(left), role}, {std::move(right), Role::kText}};
}

void add_title(Lines& out, std::string_view title) {
  if (!out.empty()) out.emplace_back();
  out.push_back({{std::string(title), Role::kTitle}});
}

void add_keys(Lines& out, std::span<const std::string_view> keys, std::string_view help) {
  std::string all;
  for (const std::string_view key : keys) {
    if (!key.empty()) all += (all.empty() ? "" : "  ") + std::string(key);
  }
  out.push_back(two_columns(all, Role::kKey, std::string(help)));
}

Lines help_lines(const OverlayFrame& of, int columns) {
  Lines out;
  if (const auto own = of.view.own_keys(of.frame.state); !own.empty()) {
    add_title(out, of.view.title(of.frame.state));
    for (const OwnKey& key : own) add_keys(out, key.keys, key.help);
  }
  add_title(out, "Keys");
  for (const Binding& binding : bindings()) {
    if (!is_of_files(binding.action)) add_keys(out, binding.keys, binding.help);
  }
  if (of.frame.snapshot.playback) {
    add_title(out, "Time of the file");
    for (const Binding& binding : bindings()) {
      if (is_of_files(binding.action)) add_keys(out, binding.keys, binding.help);
    }
    add_keys(out, std::array<std::string_view, 1>{"click the line"}, "go there");
  }
  add_title(out, "Mouse");
  for (const MouseHelp& mouse : mouse_help()) {
    out.push_back(two_columns(std::string(mouse.gesture), Role::kKey, std::string(mouse.help)));
  }
  add_title(out, "Marks");
  const auto mark = [&out](Span what, std::string_view words) {
    out.push_back(two_columns(std::move(what.text), what.role, std::string(words)));
  };
  mark({"● exact", Role::kExact}, "the kernel itself named the owner of the bytes");
  mark({"○ inferred", Role::kInferred}, "matched by us, as the selected row says by what");
  mark({"? unknown", Role::kUnknown}, "nobody is known to own them");
  mark({"s h d p o", Role::kDim}, "the name is from TLS/QUIC (SNI), a Host header, a DNS answer");
  mark({"", Role::kDim}, "that was seen, reverse DNS (ptr), or elsewhere");
  mark({"–", Role::kDim}, "unknown; a blank rate is less than one byte a second");
  add_title(out, "Units");
  add_wrapped(out,
              "Rates are bytes per second over the last second, 1 kB = 1000 B. Totals count whole "
              "frames where packets are seen (on wire), else what the kernel says was carried "
              "(payload). The graph has one dot a second and a scale of its own each way.",
              Role::kText, columns, 0);
  return out;
}

// Those that are losses, or the others; whether there was one.
bool add_drops(Lines& out, const model::DropCounters& drops, bool losses) {
  bool any = false;
  for (std::size_t i = 0; i < drops.counts.size(); ++i) {
    const auto drop = static_cast<model::Drop>(i);
    if (drops.counts[i] == 0 || model::is_loss(drop) != losses) continue;
    if (!any && !losses) add_title(out, "Seen twice, or odd");
    any = true;
    out.push_back(two_columns(spaced(model::drop_name(drop)), losses ? Role::kBad : Role::kText,
                              std::to_string(drops.counts[i])));
  }
  return any;
}

void add_losses(Lines& out, const model::Snapshot& snapshot) {
  add_title(out, "Losses");
  if (!add_drops(out, snapshot.drops, true)) {
    out.push_back(
        {{snapshot.capturing ? "nothing has been lost" : "no packet has been seen", Role::kText}});
  }
  if (snapshot.unreadable_processes > 0) {
    out.push_back(two_columns(
        "processes", Role::kWarn,
        std::to_string(snapshot.unreadable_processes) + " whose sockets we may not list"));
  }
  if (snapshot.holdings_not_kept > 0) {
    out.push_back(
        two_columns("descriptors", Role::kWarn,
                    std::to_string(snapshot.holdings_not_kept) + " too many to find their owners"));
  }
  if (snapshot.namespaces_unread > 0) {
    out.push_back(
        two_columns("namespaces", Role::kWarn,
                    std::to_string(snapshot.namespaces_unread) + " whose sockets we may not read"));
  }
  if (snapshot.torn_tables > 0) {
    out.push_back(two_columns("sockets", Role::kWarn,
                              "the kernel's tables change faster than they can be read"));
  }
  (void)add_drops(out, snapshot.drops, false);
}

// Apart from what processes move: by packets, and never added to their bytes.
void add_unowned(Lines& out, const model::Snapshot& snapshot) {
  using Kind = model::UnownedTraffic::Kind;
  struct Word {
    Kind kind;
    std::string_view label;
  };
  static constexpr std::array<Word, 4> kWords{{{Kind::kForwarded, "forwarded"},
                                               {Kind::kKernel, "the kernel's"},
                                               {Kind::kNoPort, "without ports"},
                                               {Kind::kUnknown, "unknown"}}};
  add_title(out, "What no process owns");
  if (snapshot.owners == nullptr || !snapshot.owners->unowned) {
    out.push_back({{snapshot.capturing ? "not measured yet" : "not measured: no packet is captured",
                    Role::kText}});
    return;
  }
  for (const Word& word : kWords) {
    const auto& part = (*snapshot.owners->unowned)[word.kind];
    out.push_back(two_columns(std::string(word.label), Role::kStrong,
                              format_bytes(static_cast<double>(part.ip_bytes)) + " of IP in " +
                                  format_count(part.packets) + " packets"));
  }
}

Lines missing_lines(const model::Snapshot& snapshot, int columns) {
  Lines out;
  add_title(out, "What is missing");
  if (snapshot.playback && !snapshot.playback->problem.empty()) {
    out.push_back({{"✗ ", Role::kBad}, {"the rest of a file", Role::kStrong}});
    add_wrapped(out, clean(snapshot.playback->problem), Role::kText, columns, 2);
  }
  for (const bool on : {false, true}) {
    if (on) add_title(out, "What works");
    bool any = !on && snapshot.playback && !snapshot.playback->problem.empty();
    for (const model::Ability& ability : snapshot.abilities) {
      if (ability.on != on) continue;
      any = true;
      const std::string name = clean(ability.name);
      out.push_back({{on ? "✓ " : "✗ ", on ? Role::kGood : Role::kBad}, {name, Role::kStrong}});
      if (!on) add_wrapped(out, clean(ability.why), Role::kText, columns, 2);
      if (!on && !ability.fix.empty()) add_wrapped(out, clean(ability.fix), Role::kKey, columns, 2);
    }
    if (!any) out.push_back({{"nothing", Role::kText}});
  }
  add_losses(out, snapshot);
  // A file does not tell which addresses were its host's.
  if (!snapshot.playback) add_unowned(out, snapshot);
  return out;
}

Lines sort_lines(const OverlayFrame& of) {
  Lines out;
  const SortChoices choices = of.view.sort_choices(of.frame.state);
  for (std::size_t i = 0; i < choices.titles.size(); ++i) {
    const bool chosen = static_cast<int>(i) == of.frame.state.overlay_scroll;
    std::string text = std::string(chosen ? "▸ " : "  ") + std::string(choices.titles[i]);
    if (i == choices.current) text += choices.descending ? " ↓" : " ↑";
    out.push_back({{text, chosen ? Role::kKey : Role::kText}});
  }
  return out;
}

Lines overlay_lines(const OverlayFrame& of, int columns) {
  switch (of.frame.state.overlay) {
    case Overlay::kHelp:
      return help_lines(of, columns);
    case Overlay::kMissing:
      return missing_lines(of.frame.snapshot, columns);
    case Overlay::kSort:
      return sort_lines(of);
    case Overlay::kInterface:
      return interface_lines(of.frame.snapshot, of.frame.state);
    case Overlay::kSettings:
      return settings_lines(of, columns);
    case Overlay::kColumns:
      return column_lines(of, columns);
    case Overlay::kNone:
      break;
  }
  return {};
}

std::string_view overlay_title(Overlay overlay) {
  switch (overlay) {
    case Overlay::kHelp:
      return "Help";
    case Overlay::kMissing:
      return "Missing and lost";
    case Overlay::kSort:
      return "Sort by";
    case Overlay::kInterface:
      return "Capture on";
    case Overlay::kSettings:
      return "Settings";
    case Overlay::kColumns:
      return "Columns";
    case Overlay::kNone:
      break;
  }
  return "";
}

}  // namespace

void add_wrapped(std::vector<Spans>& out, std::string_view text, Role role, int columns,
                 int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  const int room = std::max(8, columns - indent);
  while (!text.empty()) {
    std::string_view line = prefix_within(text, room);
    if (line.empty()) return;
    if (line.size() < text.size()) {
      const std::size_t space = line.rfind(' ');
      if (space != std::string_view::npos && space > 0) line = line.substr(0, space);
    }
    out.push_back({{margin + std::string(line), role}});
    text.remove_prefix(line.size());
    while (text.starts_with(' ')) text.remove_prefix(1);
  }
}

Rect overlay_area(const OverlayFrame& of) {
  constexpr int kInterfaces = 14;  // of many, those around the chosen one
  int wide = 76;
  int high = of.screen.height - 4;
  if (of.frame.state.overlay == Overlay::kSort) {
    wide = 34;
    high = static_cast<int>(of.view.sort_choices(of.frame.state).titles.size()) + 2;
  } else if (of.frame.state.overlay == Overlay::kInterface) {
    high = kInterfaces;
  } else if (of.frame.state.overlay == Overlay::kColumns) {
    wide = 48;
  }
  const int width = std::min(wide, of.screen.width - 4);
  if (has_settings(of.frame.state.overlay)) {
    high = static_cast<int>(overlay_lines(of, width - 4).size()) + 2;
  }
  const int height = std::min({high, of.screen.height - 2, 40});
  return {(of.screen.width - width) / 2, (of.screen.height - height) / 2, width, height};
}

int overlay_line_count(const OverlayFrame& of) {
  return static_cast<int>(overlay_lines(of, overlay_area(of).width - 4).size());
}

int overlay_first_line(const OverlayFrame& of) {
  const ViewState& state = of.frame.state;
  const int room = overlay_area(of).height - 2;
  const int most = std::max(0, overlay_line_count(of) - room);
  int chosen = state.overlay_scroll;
  if (has_settings(state.overlay)) {
    chosen += overlay_line_count(of) - settings_choices(of);  // what is below is seen, too
  } else if (state.overlay == Overlay::kInterface) {
    chosen = interface_place(interface_choices(of.frame.snapshot), state);
  } else if (!is_picker(state.overlay)) {
    return std::clamp(state.overlay_scroll, 0, most);
  }
  return std::clamp(chosen - room + 1, 0, most);
}

void draw_overlay(const Pen& pen, const OverlayFrame& of) {
  const Overlay overlay = of.frame.state.overlay;
  if (overlay == Overlay::kNone) return;
  const Rect area = overlay_area(of);
  const Lines lines = overlay_lines(of, area.width - 4);
  pen.canvas.fill(area, pen.theme[Role::kText]);
  const bool picker = is_picker(overlay);
  const int most = std::max(0, static_cast<int>(lines.size()) - (area.height - 2));
  const int first = overlay_first_line(of);
  Spans notes{{picker ? "Enter picks" : "Esc closes", Role::kDim}};
  if (overlay == Overlay::kSettings)
    notes = {{"Left Right change  s saves  Esc closes", Role::kDim}};
  if (overlay == Overlay::kColumns) notes = {{"Space turns  s saves  Esc closes", Role::kDim}};
  if (most > 0 && !picker && !has_settings(overlay)) {
    notes = {{first < most ? "more: Down" : "end", Role::kDim}, {"  Esc closes", Role::kDim}};
  }
  const Rect inside =
      pen.panel(area, true, {{std::string(overlay_title(overlay)), Role::kTitle}}, notes);
  for (int i = first; i < first + inside.height && i < static_cast<int>(lines.size()); ++i) {
    pen.say(inside.x + 1, inside.y + i - first, inside.right() - 1,
            lines[static_cast<std::size_t>(i)]);
  }
}

void draw_screen(const Pen& pen, const Frame& frame, const View& view, Rect screen) {
  if (too_small(screen)) {
    draw_too_small(pen, screen);
    return;
  }
  view.draw(pen, frame);
  draw_time_line(pen, screen, frame);
  draw_overlay(pen, {frame, view, view_area(screen, frame.snapshot)});
}

}  // namespace netwatch::tui
