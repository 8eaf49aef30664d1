#include "tui/time_line.h"

#include <algorithm>
#include <string>
#include <vector>

#include "tui/graph.h"

namespace netwatch::tui {
namespace {

using model::Playback;
using model::PlaybackCommand;
using Phase = model::Playback::Phase;

constexpr int kStateColumns = 12;
constexpr int kSpeedColumns = 4;
constexpr base::TimeNs kJumpNs = 10 * base::kNsPerSecond;

Rect line_of(Rect screen) { return {screen.x, screen.bottom() - 1, screen.width, 1}; }

std::string digits(std::int64_t number, std::size_t least) {
  std::string out = std::to_string(number);
  if (out.size() < least) out.insert(0, least - out.size(), '0');
  return out;
}

base::TimeNs span_of(const Playback& playback) { return playback.last_ns - playback.first_ns; }
bool measured(const Playback& playback) { return playback.phase != Phase::kMeasuring; }

// The part of the line that stands for the time of the files. What is left of it never changes its
// width within a file.
Rect bar_of(Rect line, const Playback& playback) {
  const int times = 2 * text_columns(format_position(span_of(playback))) + 3;
  const int x = line.x + 1 + kStateColumns + 1 + kSpeedColumns + 2 + times + 2;
  return {x, line.y, std::max(0, line.right() - 1 - x), 1};
}

int column_of(base::TimeNs ns, Rect bar, const Playback& playback) {
  const auto span = static_cast<double>(span_of(playback));
  if (span <= 0) return bar.right() - 1;
  const double share = static_cast<double>(ns - playback.first_ns) / span;
  return bar.x + std::clamp(static_cast<int>(share * (bar.width - 1)), 0, bar.width - 1);
}

Span state_of(const Playback& playback) {
  const auto part = [&](std::string words) {
    if (playback.total > 0) {
      const auto share = std::min<std::uint64_t>(100, playback.done * 100 / playback.total);
      words += " " + std::to_string(share) + "%";
    }
    return words;
  };
  switch (playback.phase) {
    case Phase::kMeasuring:
      return {part("reading"), Role::kWarn};
    case Phase::kSeeking:
      return {part("seeking"), Role::kWarn};
    case Phase::kPaused:
      return {"paused", Role::kStrong};
    case Phase::kPlaying:
      return {"▸ playing", Role::kGood};
    case Phase::kAtEnd:
      return {"at the end", Role::kStrong};
  }
  return {};
}

// How much there is when: the busiest part of the files in each column.
std::vector<float> load_of(const Playback& playback, std::size_t columns) {
  std::vector<float> out(columns);
  if (playback.load == nullptr || playback.load_part_ns <= 0) return out;
  const std::vector<float>& load = *playback.load;
  const auto span = static_cast<double>(span_of(playback));
  const auto part_at = [&](std::size_t column) {
    const double ns = span * static_cast<double>(column) / static_cast<double>(columns);
    const double part = ns / static_cast<double>(playback.load_part_ns);
    return static_cast<std::size_t>(std::min(part, static_cast<double>(load.size())));
  };
  for (std::size_t column = 0; column < columns; ++column) {
    const std::size_t to = column + 1 == columns ? load.size() : part_at(column + 1);
    for (std::size_t i = part_at(column); i < std::max(to, part_at(column) + 1); ++i) {
      if (i < load.size()) out[column] = std::max(out[column], load[i]);
    }
  }
  return out;
}

void draw_bar(const Pen& pen, Rect bar, const Playback& playback) {
  if (bar.width <= 0) return;
  const int position = column_of(playback.position_ns, bar, playback);
  // Those of no packet, and how far it has come.
  pen.canvas.horizontal(bar.x, bar.y, bar.width, pen.theme[Role::kBorder], "·");
  const auto load = load_of(playback, static_cast<std::size_t>(bar.width));
  const std::string blocks = sparkline(load, bar.width);
  std::string_view rest = blocks;
  for (int x = bar.x; x < bar.right() && !rest.empty(); ++x) {
    const std::string_view block = prefix_within(rest, 1);
    rest.remove_prefix(block.size());
    if (block == " ") continue;
    pen.canvas.put(x, bar.y, block, pen.theme[x <= position ? Role::kDown : Role::kDim]);
  }
  if (playback.phase == Phase::kSeeking) {
    const int wanted = column_of(playback.wanted_ns, bar, playback);
    pen.canvas.put(wanted, bar.y, "▼", pen.theme[Role::kWarn]);
    if (playback.position_ns == 0) return;  // it was nowhere before
  }
  pen.canvas.put(position, bar.y, "┃", pen.theme[Role::kKey]);
}

}  // namespace

std::string format_position(base::TimeNs since_ns) {
  const std::int64_t ms = std::max<std::int64_t>(0, since_ns) / base::kNsPerMs;
  const std::int64_t hours = ms / 3'600'000;
  const std::string minutes = digits(ms / 60'000 % 60, 2);
  const std::string seconds = digits(ms / 1000 % 60, 2) + "." + digits(ms % 1000, 3);
  return (hours > 0 ? std::to_string(hours) + ":" : "") + minutes + ":" + seconds;
}

Rect view_area(Rect screen, const model::Snapshot& snapshot) {
  if (snapshot.playback) --screen.height;
  return screen;
}

void draw_time_line(const Pen& pen, Rect screen, const Frame& frame) {
  if (!frame.snapshot.playback) return;
  const Playback& playback = *frame.snapshot.playback;
  const Rect line = line_of(screen);
  pen.canvas.fill(line, pen.theme[Role::kText]);
  int x = line.x + 1;
  const Span state = state_of(playback);
  pen.canvas.put_field(x, line.y, kStateColumns, state.text, pen.theme[state.role]);
  x += kStateColumns + 1;
  const std::string speed = playback.speed == 0 ? "max" : std::to_string(playback.speed) + "x";
  pen.canvas.put_field(x, line.y, kSpeedColumns, speed, pen.theme[Role::kDim], Align::kRight);
  x += kSpeedColumns + 2;
  if (!measured(playback)) return;
  const std::string whole = format_position(span_of(playback));
  const int columns = text_columns(whole);
  if (playback.position_ns > 0) {
    pen.canvas.put_field(x, line.y, columns,
                         format_position(playback.position_ns - playback.first_ns),
                         pen.theme[Role::kStrong], Align::kRight);
  } else {
    pen.canvas.put_field(x, line.y, columns, "–", pen.theme[Role::kDim], Align::kRight);
  }
  pen.say(x + columns, line.y, line.right(), " / " + whole, Role::kDim);
  if (playback.packets > 0) draw_bar(pen, bar_of(line, playback), playback);
}

std::optional<PlaybackCommand> playback_command(Action action, const Playback& playback) {
  using Kind = PlaybackCommand::Kind;
  switch (action) {
    case Action::kPlay:
      return PlaybackCommand{Kind::kPlayOrPause};
    case Action::kFaster:
      return PlaybackCommand{Kind::kFaster};
    case Action::kSlower:
      return PlaybackCommand{Kind::kSlower};
    case Action::kNextPacket:
      return PlaybackCommand{Kind::kNextPacket};
    case Action::kNextSecond:
      return PlaybackCommand{Kind::kNextSecond};
    case Action::kPreviousSecond:
      return PlaybackCommand{Kind::kPreviousSecond};
    case Action::kForward:
      return PlaybackCommand{Kind::kSeekBy, kJumpNs};
    case Action::kBack:
      return PlaybackCommand{Kind::kSeekBy, -kJumpNs};
    case Action::kToStart:
      return PlaybackCommand{Kind::kSeekTo, playback.first_ns};
    case Action::kToEnd:
      return PlaybackCommand{Kind::kSeekTo, playback.last_ns};
    default:
      return std::nullopt;
  }
}

std::optional<PlaybackCommand> press_time_line(int x, int y, Rect screen,
                                               const model::Snapshot& snapshot) {
  const Rect line = line_of(screen);
  if (!snapshot.playback || !line.contains(x, y)) return std::nullopt;
  const Playback& playback = *snapshot.playback;
  const Rect bar = bar_of(line, playback);
  if (!measured(playback) || x < bar.x) return PlaybackCommand{};
  const double share =
      bar.width < 2 ? 1.0 : static_cast<double>(x - bar.x) / static_cast<double>(bar.width - 1);
  const auto since = static_cast<base::TimeNs>(static_cast<double>(span_of(playback)) * share);
  return PlaybackCommand{PlaybackCommand::Kind::kSeekTo, playback.first_ns + since};
}

}  // namespace netwatch::tui
