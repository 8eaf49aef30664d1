#include "tui/frame_lines.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "tui/format.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

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

// Those that there is room for, with the one in the text in brackets and in sight.
void draw_proposals(const Pen& pen, Rect line, const FilterState& filter) {
  const auto& words = filter.proposals.words;
  const int right = line.right() - 1;
  const auto needs = [&](std::size_t i) { return text_columns(words[i]) + 3; };
  std::size_t first = 0;
  if (filter.proposed < words.size()) {
    int used = 0;
    for (std::size_t i = 0; i <= filter.proposed; ++i) used += needs(i);
    for (; first < filter.proposed && used > line.width - 4; ++first) used -= needs(first);
  }
  pen.canvas.fill(line, pen.theme[Role::kText]);
  int x = line.x + 1;
  if (first > 0) x = pen.say(x, line.y, right, "… ", Role::kDim);
  for (std::size_t i = first; i < words.size(); ++i) {
    if (x + needs(i) + 2 > right) {
      pen.say(x, line.y, right, "…", Role::kDim);
      return;
    }
    const bool here = i == filter.proposed;
    const std::string word = here ? "[" + words[i] + "]" : " " + words[i] + " ";
    x = pen.say(x, line.y, right, word, here ? Role::kKey : Role::kText) + 1;
  }
}

}  // namespace

void draw_header(const Pen& pen, Rect line, const Frame& frame) {
  const auto& snapshot = frame.snapshot;
  pen.canvas.fill(line, pen.theme[Role::kBar]);
  std::string right;
  if (snapshot.time_ns > 0) {
    if (snapshot.started_ns > 0) {
      right = "for " + format_age(snapshot.time_ns - snapshot.started_ns) + "   ";
    }
    right += format_clock(snapshot.time_ns, frame.state.utc_offset_s) + " ";
  }
  const int end = line.right() - text_columns(right);
  pen.canvas.put(end, line.y, right, pen.theme[Role::kBar]);
  int x = pen.say(1, line.y, end, "NetWatch", Role::kBarStrong);
  const auto item = [&](std::string_view text, Role role) {
    x = pen.say(x, line.y, end, "  ", Role::kBar);
    x = pen.say(x, line.y, end, text, role);
  };
  if (frame.state.paused) item("▌▌ PAUSED", Role::kBarStrong);
  if (!frame.state.host.empty()) item(clean(frame.state.host), Role::kBar);
  if (!snapshot.source.empty()) item(clean(snapshot.source), Role::kBarStrong);
  if (snapshot.playback) {
    item("○ capture file", Role::kBar);
  } else {
    item(snapshot.capturing ? "● capturing" : "○ no packet capture", Role::kBar);
  }
}

void draw_status(const Pen& pen, Rect line, const Frame& frame) {
  const int right = line.right() - 1;
  const bool wide = line.width >= 110;
  int x = pen.say(line.x + 1, line.y, right, share_spans(frame.snapshot, wide));
  const auto* missing = first_missing(frame.snapshot);
  const int kept = missing == nullptr ? 0 : text_columns(missing->name) + 8;
  const auto bar = [&] { x = pen.say(x, line.y, right, "│ ", Role::kBorder); };
  const Spans lost = loss_spans(frame.snapshot, right - x - kept);
  if (!lost.empty()) {
    bar();
    x = pen.say(x, line.y, right, lost);
  }
  if (frame.snapshot.playback && !frame.snapshot.playback->problem.empty()) {
    bar();
    pen.say(x, line.y, right, "! " + clean(frame.snapshot.playback->problem), Role::kWarn);
    return;
  }
  if (missing == nullptr) return;
  bar();
  std::string text = "! " + clean(missing->name) + " off";
  if (!missing->fix.empty() && wide) {
    text += ": " + clean(missing->fix);
  } else if (!missing->why.empty() && wide) {
    text += ": " + clean(missing->why);
  }
  pen.say(x, line.y, right, text, Role::kWarn);
}

void draw_notice(const Pen& pen, Rect line, const model::Snapshot& snapshot) {
  if (snapshot.notice.empty()) return;
  pen.canvas.fill(line, pen.theme[Role::kText]);
  pen.say(line.x + 1, line.y, line.right() - 1, "! " + clean(snapshot.notice), Role::kWarn);
}

void draw_keys(const Pen& pen, Rect line, const Frame& frame, std::span<const OwnKey> own_keys) {
  pen.canvas.fill(line, pen.theme[Role::kBar]);
  int x = line.x + 1;
  if (frame.state.filter.open) {
    const Spans hints{{"Enter", Role::kBarStrong}, {" keep   ", Role::kBar},
                      {"Esc", Role::kBarStrong},   {" clear   ", Role::kBar},
                      {"Tab", Role::kBarStrong},   {" complete   ", Role::kBar},
                      {"Up", Role::kBarStrong},    {" earlier filters", Role::kBar}};
    pen.say(x, line.y, line.right(), hints);
    return;
  }
  const auto hint = [&](std::string_view key, std::string_view word) {
    if (word.empty()) return;
    const int needs = text_columns(key) + text_columns(word) + 3;
    if (x + needs > line.right()) return;
    x += pen.canvas.put(x, line.y, key, pen.theme[Role::kBarStrong]);
    x = pen.say(x + 1, line.y, line.right(), word, Role::kBar) + 2;
  };
  for (const OwnKey& own : own_keys) hint(own.keys[0], own.hint);
  const bool file = frame.snapshot.playback.has_value();
  for (const Binding& binding : bindings()) {
    const bool works = file ? binding.action != Action::kInterface : !is_of_files(binding.action);
    if (works) hint(binding.keys[0], binding.hint);
  }
}

bool draw_filter_line(const Pen& pen, Rect line, const FilterState& filter) {
  const int right = line.right() - 1;
  pen.canvas.fill(line, pen.theme[Role::kText]);
  const int start = pen.say(line.x + 1, line.y, right, "filter / ", Role::kKey);
  const std::string& text = filter.editor.text();
  const int room = right - start - 1;
  const int cursor = text_columns(std::string_view(text).substr(0, filter.editor.cursor()));
  // A long text is shifted so that its cursor stays in sight.
  const int shift = std::max(0, cursor - room);
  const std::string_view hidden = prefix_within(text, shift);
  const int hidden_columns = text_columns(hidden);
  pen.canvas.put(start, line.y, std::string_view(text).substr(hidden.size()),
                 pen.theme[Role::kStrong], room);
  pen.canvas.set_cursor(start + cursor - hidden_columns, line.y);
  if (text.empty()) {
    pen.say(start + 1, line.y, right, "app == tls and not port == 53, process:curl, 10.0.0.0/8",
            Role::kDim);
  }
  if (!filter.proposals.words.empty()) {
    draw_proposals(pen, {line.x, line.y + 1, line.width, 1}, filter);
    return true;
  }
  if (!filter.problem) return false;
  const auto& problem = *filter.problem;
  const std::size_t column = std::min(problem.column, text.size());
  const int caret =
      std::clamp(start + text_columns(std::string_view(text).substr(0, column)) - hidden_columns,
                 start, right - 1);
  std::string message = problem.message;
  if (!problem.suggestion.empty()) message += " — try " + problem.suggestion;
  const int y = line.y + 1;
  pen.canvas.fill({line.x, y, line.width, 1}, pen.theme[Role::kText]);
  pen.canvas.put(caret, y, "^", pen.theme[Role::kBad]);
  message = clean(message);
  const int needs = text_columns(message);
  if (caret + 2 + needs <= right || right - caret >= caret - line.x - 1) {
    pen.say(caret + 2, y, right, message, Role::kBad);
  } else {
    const std::string shown = truncated(message, caret - 2 - line.x);
    pen.canvas.put(caret - 1 - text_columns(shown), y, shown, pen.theme[Role::kBad]);
  }
  return true;
}

void draw_too_small(const Pen& pen, Rect screen) {
  const std::string needs = "NetWatch needs " + std::to_string(kLeastWidth) + "x" +
                            std::to_string(kLeastHeight) + " characters";
  const std::string has =
      "this terminal has " + std::to_string(screen.width) + "x" + std::to_string(screen.height);
  const int y = screen.height / 2 - 1;
  const auto centred = [&](int row, const std::string& text, Role role) {
    pen.canvas.put_field(0, row, screen.width, text, pen.theme[role], Align::kCentre);
  };
  centred(y, needs, Role::kStrong);
  centred(y + 1, has, Role::kText);
  centred(y + 2, "make it larger, or q quits", Role::kDim);
}

}  // namespace netwatch::tui
