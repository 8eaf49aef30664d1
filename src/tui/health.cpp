#include "tui/health.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "tui/format.h"
#include "tui/graph.h"
#include "tui/panels.h"

namespace netwatch::tui {
namespace {

constexpr int kOneRowWidth = 72;  // has room for everything of a target in one row
constexpr int kKindColumns = 9;   // "resolver "
constexpr int kLossColumns = 10;  // " 100% lost"
constexpr int kJitterColumns = 2 + kRttColumns;

enum class State : std::uint8_t { kWell, kWrong, kSilent, kCannot, kNotYet };

State state_of(const model::HealthRow& row) {
  if (!row.why.empty()) return State::kCannot;
  if (row.rtts_ns.empty()) return State::kNotYet;
  if (row.last_ns < 0) return State::kSilent;
  const bool late = row.last_ns > probe_budget_ns(row.target.kind);
  return late || row.loss > 0 || row.rcode > 0 ? State::kWrong : State::kWell;
}

std::string_view kind_word(model::ProbeKind kind) {
  return kind == model::ProbeKind::kIcmpEcho ? "gateway" : "resolver";
}

// With the interface of a link-local address, whose name alone makes it one host's.
std::string address_text(const model::HealthTarget& target, const model::Snapshot& snapshot) {
  std::string out = target.address.to_string();
  if (target.ifindex == 0) return out;
  for (const auto& row : snapshot.interfaces) {
    if (row.interface.ifindex == target.ifindex) return out + "%" + clean(row.interface.name);
  }
  return out + "%" + std::to_string(target.ifindex);
}

std::string right_aligned(const std::string& text, int columns) {
  const int gap = std::max(0, columns - text_columns(text));
  return std::string(static_cast<std::size_t>(gap), ' ') + text;
}

std::string time_text(base::TimeNs time_ns) {
  return format_rtt(time_ns < 0 ? -1 : time_ns / base::kNsPerUs);
}

// What a response code is called (RFC 1035 4.1.1).
std::string rcode_words(std::int32_t rcode) {
  static constexpr std::array<std::string_view, 6> kWords{
      "", "format error", "server failure", "no such name", "not implemented", "refused"};
  const auto place = static_cast<std::size_t>(rcode);
  return place < kWords.size() ? std::string(kWords[place]) : "rcode " + std::to_string(rcode);
}

// The round trip, or what there is instead of one.
Span now_words(const model::HealthRow& row) {
  switch (state_of(row)) {
    case State::kSilent:
      return {"no answer", Role::kBad};
    case State::kCannot:
      return {"not asked", Role::kDim};
    case State::kNotYet:
      return {"not yet", Role::kDim};
    case State::kWrong:
      if (row.rcode > 0) return {rcode_words(row.rcode), Role::kWarn};
      break;
    case State::kWell:
      break;
  }
  return {time_text(row.last_ns), Role::kStrong};
}

Span loss_words(const model::HealthRow& row) {
  if (row.loss < 0) return {"", Role::kDim};
  const auto whole = row.rtts_ns.size();
  const auto lost = std::lround(row.loss * static_cast<double>(whole));
  const std::string share = format_share(static_cast<std::uint64_t>(lost), whole);
  return {right_aligned(share + " lost", kLossColumns), lost > 0 ? Role::kWarn : Role::kDim};
}

Spans jitter_words(const model::HealthRow& row) {
  return {{right_aligned("±" + time_text(row.jitter_ns), kJitterColumns), Role::kDim}};
}

// Why nobody is asked; nothing while the first round is on its way.
const model::Ability* probes_missing(const model::Snapshot& snapshot) {
  for (const model::Ability& ability : snapshot.abilities) {
    if (!ability.on && ability.name == "health probes") return &ability;
  }
  return nullptr;
}

void draw_no_probes(const Pen& pen, Rect inside, const model::Snapshot& snapshot) {
  const int right = inside.right() - 1;
  const int x = inside.x + 1;
  if (const model::Ability* missing = probes_missing(snapshot); missing != nullptr) {
    pen.say(x, inside.y, right, "– not asked: " + clean(missing->why), Role::kDim);
    if (!missing->fix.empty() && inside.height > 1) {
      pen.say(x + 2, inside.y + 1, right, clean(missing->fix), Role::kKey);
    }
    return;
  }
  if (snapshot.playback) {
    pen.say(x, inside.y, right, "– a capture file does not tell", Role::kDim);
    return;
  }
  const bool asked = snapshot.health != nullptr;
  pen.say(x, inside.y, right,
          asked ? "– neither a gateway nor a resolver is known" : "– no probe yet", Role::kDim);
}

// Mark, kind and address; where the address's room ends is what follows.
void draw_who(const Pen& pen, int x, int y, int right, const model::HealthRow& row,
              const model::Snapshot& snapshot) {
  x = pen.say(x, y, right, {health_mark(row)}) + 1;
  pen.say(x, y, right, kind_word(row.target.kind), Role::kText);
  pen.say(x + kKindColumns, y, right, address_text(row.target, snapshot), Role::kStrong);
}

void draw_in_one_row(const Pen& pen, Rect line, const model::HealthRow& row,
                     const model::Snapshot& snapshot) {
  const int right = line.right() - 1;
  const int address = std::clamp(line.width / 3 - 8, 16, 40);
  int x = line.x + 3 + kKindColumns + address;
  draw_who(pen, line.x + 1, line.y, x, row, snapshot);
  ++x;
  if (!row.why.empty()) {
    pen.say(x, line.y, right, "not asked: " + clean(row.why), Role::kDim);
    return;
  }
  const Span now = now_words(row);
  const bool timed = row.last_ns >= 0 && now.role == Role::kStrong;
  if (timed) {
    const int after = pen.say(x, line.y, right, right_aligned(now.text, kRttColumns), now.role);
    pen.say(after, line.y, right, jitter_words(row));
  } else {
    pen.say(x, line.y, x + kRttColumns + kJitterColumns, now.text, now.role);
  }
  x += kRttColumns + kJitterColumns;
  const Span loss = loss_words(row);
  pen.say(x, line.y, right, loss.text, loss.role);
  x += kLossColumns + 2;
  pen.say(x, line.y, right, probe_spark(row, right - x));
}

void draw_short(const Pen& pen, Rect line, const model::HealthRow& row,
                const model::Snapshot& snapshot, bool with_loss) {
  const int right = line.right() - 1;
  Spans what{now_words(row)};
  if (with_loss && row.loss > 0 && row.last_ns >= 0) what.push_back(loss_words(row));
  const int start = right - columns_of(what);
  draw_who(pen, line.x + 1, line.y, start - 1, row, snapshot);
  pen.say(start, line.y, right, what);
}

void draw_below(const Pen& pen, Rect line, const model::HealthRow& row) {
  const int right = line.right() - 1;
  int x = line.x + 3;
  if (!row.why.empty()) {
    pen.say(x, line.y, right, clean(row.why), Role::kDim);
    return;
  }
  if (row.rtts_ns.empty()) return;
  const Span loss = loss_words(row);
  pen.say(x, line.y, right, jitter_words(row));
  pen.say(x + kJitterColumns, line.y, right, loss.text, loss.role);
  x += kJitterColumns + kLossColumns + 2;
  pen.say(x, line.y, right, probe_spark(row, right - x));
}

const std::vector<model::HealthRow>& rows_of(const model::Snapshot& snapshot) {
  static const std::vector<model::HealthRow> kNone;
  return snapshot.health == nullptr ? kNone : snapshot.health->rows;
}

// The commands that would have more asked, each once.
std::vector<std::string> fixes(const std::vector<model::HealthRow>& rows) {
  std::vector<std::string> out;
  for (const model::HealthRow& row : rows) {
    if (row.fix.empty() || std::find(out.begin(), out.end(), row.fix) != out.end()) continue;
    out.push_back(row.fix);
  }
  return out;
}

// In the last row: how many have no room, and how many of them ought to be looked at.
void draw_more(const Pen& pen, Rect inside, std::span<const model::HealthRow> hidden) {
  const auto wrong = std::count_if(hidden.begin(), hidden.end(), [](const model::HealthRow& row) {
    return state_of(row) == State::kSilent || state_of(row) == State::kWrong;
  });
  Spans words{{"+" + std::to_string(hidden.size()) + " more", Role::kDim}};
  if (wrong > 0) words.push_back({", ! " + std::to_string(wrong) + " not well", Role::kWarn});
  pen.say(inside.x + 1, inside.bottom() - 1, inside.right() - 1, words);
}

// From `line` on, as far as there is room.
void draw_fixes(const Pen& pen, Rect line, int bottom, const std::vector<model::HealthRow>& rows) {
  for (const std::string& fix : fixes(rows)) {
    if (line.y >= bottom) return;
    const bool fits = text_columns(fix) <= line.width - 4;
    pen.say(line.x + 3, line.y++, line.right() - 1, fits ? clean(fix) : "press ! for what helps",
            Role::kKey);
  }
}

// The bar is full where the budget is used up.
void draw_budget(const Pen& pen, Rect line, const model::HealthRow& row,
                 const model::Snapshot& snapshot) {
  constexpr int kBudgetColumns = 9;  // " of 20 ms"
  const bool with_budget = line.width >= 58;
  const bool with_loss = line.width >= 70;
  const int right = line.right() - 1;
  const int end = right - (with_budget ? kBudgetColumns : 0) - (with_loss ? kLossColumns : 0);
  const int room = end - line.x - 3 - kKindColumns - kRttColumns - 2;
  const int address = std::clamp(room / 2, std::min(15, room), 39);
  int x = line.x + 3 + kKindColumns + address;
  draw_who(pen, line.x + 1, line.y, x, row, snapshot);
  ++x;
  const Span now = now_words(row);
  if (now.role != Role::kStrong) {
    const bool why = !row.why.empty();
    pen.say(x, line.y, right, why ? now.text + ": " + clean(row.why) : now.text, now.role);
    return;
  }
  pen.say(x, line.y, end, right_aligned(now.text, kRttColumns), now.role);
  x += kRttColumns + 1;
  const base::TimeNs budget = probe_budget_ns(row.target.kind);
  const double share = static_cast<double>(row.last_ns) / static_cast<double>(budget);
  draw_bar(pen, {x, line.y, end - x, 1}, share, share > 1 ? Role::kWarn : Role::kGood);
  if (with_budget) pen.say(end, line.y, right, " of " + time_text(budget), Role::kDim);
  const Span loss = loss_words(row);
  if (with_loss) pen.say(right - kLossColumns, line.y, right, loss.text, loss.role);
}

}  // namespace

base::TimeNs probe_budget_ns(model::ProbeKind kind) {
  return (kind == model::ProbeKind::kIcmpEcho ? 20 : 50) * base::kNsPerMs;
}

Span health_mark(const model::HealthRow& row) {
  switch (state_of(row)) {
    case State::kWell:
      return {"●", Role::kGood};
    case State::kWrong:
      return {"!", Role::kWarn};
    case State::kSilent:
      return {"✗", Role::kBad};
    case State::kCannot:
    case State::kNotYet:
      break;
  }
  return {kUnknownMark, Role::kDim};
}

Spans probe_spark(const model::HealthRow& row, int columns) {
  Spans out;
  const auto count = row.rtts_ns.size();
  const auto used = std::min(count, static_cast<std::size_t>(std::max(columns, 0)));
  std::vector<float> slowest(used);
  std::vector<bool> lost(used);
  for (std::size_t i = 0; i < used; ++i) {
    for (std::size_t at = i * count / used; at < (i + 1) * count / used; ++at) {
      slowest[i] = std::max(slowest[i], static_cast<float>(row.rtts_ns[at]));
      lost[i] = lost[i] || row.rtts_ns[at] < 0;
    }
  }
  const std::string levels = sparkline(slowest, static_cast<int>(used));
  std::string_view left = levels;
  for (std::size_t i = 0; i < used; ++i) {
    const std::string_view level = prefix_within(left, 1);
    left.remove_prefix(level.size());
    const Role role = lost[i] ? Role::kBad : Role::kGood;
    if (out.empty() || out.back().role != role) out.push_back({"", role});
    out.back().text += lost[i] ? "✗" : level;
  }
  return out;
}

int health_rows(const model::Snapshot& snapshot, int width) {
  const auto& rows = rows_of(snapshot);
  if (rows.empty()) return probes_missing(snapshot) != nullptr ? 2 : 1;
  const int each = width >= kOneRowWidth ? 1 : 2;
  return each * static_cast<int>(rows.size()) + static_cast<int>(fixes(rows).size());
}

void draw_health(const Pen& pen, Rect inside, const model::Snapshot& snapshot) {
  const auto& rows = rows_of(snapshot);
  if (inside.height < 1) return;
  if (rows.empty()) {
    draw_no_probes(pen, inside, snapshot);
    return;
  }
  const bool one_row = inside.width >= kOneRowWidth;
  const bool two_rows = !one_row && health_rows(snapshot, inside.width) <= inside.height;
  Rect line{inside.x, inside.y, inside.width, 1};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (line.y == inside.bottom() - 1 && i + 1 < rows.size()) {
      draw_more(pen, inside, std::span(rows).subspan(i));
      return;
    }
    if (one_row) {
      draw_in_one_row(pen, line, rows[i], snapshot);
    } else {
      draw_short(pen, line, rows[i], snapshot, !two_rows);
    }
    ++line.y;
    if (two_rows) draw_below(pen, {line.x, line.y++, line.width, 1}, rows[i]);
  }
  draw_fixes(pen, line, inside.bottom(), rows);
}

int health_budget_rows(const model::Snapshot& snapshot) {
  const auto& rows = rows_of(snapshot);
  if (rows.empty()) return health_rows(snapshot, 0);
  return static_cast<int>(rows.size() + fixes(rows).size());
}

void draw_health_budgets(const Pen& pen, Rect inside, const model::Snapshot& snapshot) {
  const auto& rows = rows_of(snapshot);
  if (inside.height < 1) return;
  if (rows.empty()) {
    draw_no_probes(pen, inside, snapshot);
    return;
  }
  Rect line{inside.x, inside.y, inside.width, 1};
  for (std::size_t i = 0; i < rows.size(); ++i, ++line.y) {
    if (line.y == inside.bottom() - 1 && i + 1 < rows.size()) {
      draw_more(pen, inside, std::span(rows).subspan(i));
      return;
    }
    draw_budget(pen, line, rows[i], snapshot);
  }
  draw_fixes(pen, line, inside.bottom(), rows);
}

}  // namespace netwatch::tui
