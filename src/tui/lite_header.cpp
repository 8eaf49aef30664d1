// The lines that are always in sight: who and what is watched, how far to trust it, what to press.
#include <algorithm>
#include <array>
#include <numeric>

#include "tui/bindings.h"
#include "tui/format.h"
#include "tui/lite_parts.h"

namespace netwatch::tui {
namespace {

std::string words(std::string_view snake) {
  std::string out(snake);
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

Spans share_spans(const model::Snapshot& snapshot, bool wide) {
  static constexpr std::array<model::Quality, 3> kBestFirst{
      model::Quality::kExact, model::Quality::kInferred, model::Quality::kUnknown};
  const auto& bytes = snapshot.attribution.bytes;
  const auto& rows = snapshot.attribution.rows;
  const auto sum = [](const auto& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  };
  const bool by_bytes = sum(bytes) > 0;
  const auto& counts = by_bytes ? bytes : rows;
  const std::uint64_t whole = sum(counts);
  Spans out;
  if (whole == 0) return {{"owners: nothing to judge yet  ", Role::kDim}};
  for (const model::Quality quality : kBestFirst) {
    const auto place = static_cast<std::size_t>(quality);
    Span mark = quality_mark(quality);
    mark.text += " " + std::string(model::quality_name(quality)) + " ";
    out.push_back(std::move(mark));
    out.push_back({format_share(counts[place], whole) + "  ", Role::kText});
  }
  if (wide || !by_bytes) out.push_back({by_bytes ? "of bytes  " : "of rows  ", Role::kDim});
  return out;
}

Spans loss_spans(const model::Snapshot& snapshot, int room) {
  const auto all = losses(snapshot.drops);
  if (all.empty()) {
    if (!snapshot.capturing) return {};
    return {{"no losses  ", Role::kDim}};
  }
  Spans out{{"lost ", Role::kBad}};
  int used = 5;
  std::size_t said = 0;
  for (const std::string& loss : all) {
    const std::string text = (said == 0 ? "" : ", ") + loss;
    if (said > 0 && used + text_columns(text) + 4 > room) break;
    used += text_columns(text);
    out.push_back({text, Role::kBad});
    ++said;
  }
  if (said < all.size()) out.push_back({" +" + std::to_string(all.size() - said), Role::kDim});
  out.push_back({"  ", Role::kText});
  return out;
}

}  // namespace

Span quality_mark(model::Quality quality) {
  switch (quality) {
    case model::Quality::kExact:
      return {"●", Role::kExact};
    case model::Quality::kInferred:
      return {"○", Role::kInferred};
    case model::Quality::kUnknown:
      break;
  }
  return {"?", Role::kUnknown};
}

const model::Ability* first_missing(const model::Snapshot& snapshot) {
  for (const model::Ability& ability : snapshot.abilities) {
    if (!ability.on) return &ability;
  }
  return nullptr;
}

std::vector<std::string> losses(const model::DropCounters& drops) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < drops.counts.size(); ++i) {
    const auto drop = static_cast<model::Drop>(i);
    if (drops.counts[i] == 0 || !model::is_loss(drop)) continue;
    out.push_back(words(model::drop_name(drop)) + " " + format_count(drops.counts[i]));
  }
  return out;
}

void draw_header(const LiteFrame& frame) {
  const Rect area = frame.layout.header;
  const auto& snapshot = frame.snapshot;
  const Pen& pen = frame.pen;
  pen.canvas.fill(area, pen.theme[Role::kBar]);
  std::string right;
  if (snapshot.time_ns > 0) {
    if (snapshot.started_ns > 0) {
      right = "for " + format_age(snapshot.time_ns - snapshot.started_ns) + "   ";
    }
    right += format_clock(snapshot.time_ns, frame.view.utc_offset_s) + " ";
  }
  const int end = area.right() - text_columns(right);
  pen.canvas.put(end, area.y, right, pen.theme[Role::kBar]);
  int x = pen.say(1, area.y, end, "NetWatch", Role::kBarStrong);
  const auto item = [&](std::string_view text, Role role) {
    x = pen.say(x, area.y, end, "  ", Role::kBar);
    x = pen.say(x, area.y, end, text, role);
  };
  if (frame.view.paused) item("▌▌ PAUSED", Role::kBarStrong);
  if (!frame.view.host.empty()) item(clean(frame.view.host), Role::kBar);
  if (!snapshot.source.empty()) item(clean(snapshot.source), Role::kBarStrong);
  item(snapshot.capturing ? "● capturing" : "○ no packet capture", Role::kBar);
}

void draw_status(const LiteFrame& frame) {
  const Rect area = frame.layout.status;
  const Pen& pen = frame.pen;
  const int right = area.right() - 1;
  const bool wide = area.width >= 110;
  int x = pen.say(area.x + 1, area.y, right, share_spans(frame.snapshot, wide));
  const auto* missing = first_missing(frame.snapshot);
  const int kept = missing == nullptr ? 0 : text_columns(missing->name) + 8;
  const auto bar = [&] { x = pen.say(x, area.y, right, "│ ", Role::kBorder); };
  const Spans lost = loss_spans(frame.snapshot, right - x - kept);
  if (!lost.empty()) {
    bar();
    x = pen.say(x, area.y, right, lost);
  }
  if (missing == nullptr) return;
  bar();
  std::string text = "! " + clean(missing->name) + " off";
  if (!missing->fix.empty() && wide) {
    text += ": " + clean(missing->fix);
  } else if (!missing->why.empty() && wide) {
    text += ": " + clean(missing->why);
  }
  pen.say(x, area.y, right, text, Role::kWarn);
}

void draw_keys(const LiteFrame& frame) {
  const Rect area = frame.layout.keys;
  const Pen& pen = frame.pen;
  pen.canvas.fill(area, pen.theme[Role::kBar]);
  const Style key = pen.theme[Role::kBarStrong];
  int x = area.x + 1;
  if (frame.view.filter.open) {
    const Spans hints{{"Enter", Role::kBarStrong}, {" keep   ", Role::kBar},
                      {"Esc", Role::kBarStrong},   {" clear   ", Role::kBar},
                      {"Up", Role::kBarStrong},    {" earlier filters", Role::kBar}};
    pen.say(x, area.y, area.right(), hints);
    return;
  }
  for (const Binding& binding : bindings()) {
    if (binding.hint.empty()) continue;
    const int needs = text_columns(binding.keys[0]) + text_columns(binding.hint) + 3;
    if (x + needs > area.right()) break;
    x += pen.canvas.put(x, area.y, binding.keys[0], key);
    x = pen.say(x + 1, area.y, area.right(), binding.hint, Role::kBar) + 2;
  }
}

}  // namespace netwatch::tui
