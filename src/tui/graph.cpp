// Braille patterns: U+2800 plus bits 0..7; left column 0 1 2 6 and right column 3 4 5 7 from top
// to bottom (Unicode chapter 21.1).
#include "tui/graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "tui/format.h"

namespace netwatch::tui {
namespace {

constexpr int kDotsPerRow = 4;
constexpr int kLabelColumns = 8;
constexpr int kSamplesPerTick = 60;
constexpr std::array<std::array<unsigned, 4>, 2> kDots{
    {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}};

std::string braille(unsigned bits) {
  return {static_cast<char>(0xE2), static_cast<char>(0xA0 | (bits >> 6)),
          static_cast<char>(0x80 | (bits & 0x3F))};
}

// How many dots a value is high. What is not nothing shows at least one.
int dots_of(double value, double ceiling, int rows) {
  if (!(value > 0)) return 0;
  const int most = rows * kDotsPerRow;
  return std::clamp(static_cast<int>(std::lround(value / ceiling * most)), 1, most);
}

// The half of the graph that grows up from its last row, or, mirrored, down from its first.
struct Half {
  Rect area;
  bool mirrored = false;
  Style style;
  double ceiling = 1;
};

void draw_half(Canvas& canvas, const Half& half, std::span<const model::RatePoint> samples,
               float model::RatePoint::* value) {
  const auto heights = [&](int column, int side) {
    const int back = (half.area.width - column) * 2 - side;  // 1 is the newest
    if (back > static_cast<int>(samples.size())) return 0;
    const auto& point = samples[samples.size() - static_cast<std::size_t>(back)];
    return dots_of(static_cast<double>(point.*value), half.ceiling, half.area.height);
  };
  for (int column = 0; column < half.area.width; ++column) {
    const std::array<int, 2> high{heights(column, 0), heights(column, 1)};
    for (int row = 0; row < half.area.height; ++row) {
      const int away = half.mirrored ? row : half.area.height - 1 - row;
      unsigned bits = 0;
      for (std::size_t side = 0; side < 2; ++side) {
        const int lit = std::clamp(high[side] - away * kDotsPerRow, 0, kDotsPerRow);
        for (int dot = 0; dot < lit; ++dot) {
          const int place = half.mirrored ? dot : kDotsPerRow - 1 - dot;
          bits |= kDots[side][static_cast<std::size_t>(place)];
        }
      }
      if (bits != 0) {
        canvas.put(half.area.x + column, half.area.y + row, braille(bits), half.style);
      }
    }
  }
}

float highest(std::span<const model::RatePoint> samples, float model::RatePoint::* value) {
  float most = 0;
  for (const auto& point : samples) most = std::max(most, point.*value);
  return most;
}

// The line between the halves, with a mark and its age each minute.
void draw_time_line(Canvas& canvas, int x, int y, int width, const Theme& theme) {
  canvas.horizontal(x, y, width, theme[Role::kBorder]);
  canvas.put_field(x - kLabelColumns, y, kLabelColumns - 1, "0", theme[Role::kDim], Align::kRight);
  const int step_minutes = width > 160 ? 2 : 1;
  for (int minutes = step_minutes;; minutes += step_minutes) {
    const int column = width - 1 - minutes * kSamplesPerTick / 2;
    const std::string label = "-" + std::to_string(minutes) + "m";
    if (column - 1 < 0) break;
    canvas.put(x + column - 1, y, label, theme[Role::kDim], width - column + 1);
  }
}

}  // namespace

double nice_ceiling(double value) {
  double power = 1000;
  if (!std::isfinite(value)) return power;
  for (;;) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (factor * power >= value) return factor * power;
    }
    power *= 10;
  }
}

void draw_throughput(Canvas& canvas, Rect area, std::span<const model::RatePoint> samples,
                     const Theme& theme) {
  const int width = area.width - kLabelColumns;
  if (width < 4 || area.height < 3) return;
  const std::size_t shown = std::min(samples.size(), static_cast<std::size_t>(width) * 2);
  samples = samples.last(shown);
  const int x = area.x + kLabelColumns;
  const int above = area.height / 2;
  const int middle = area.y + above;
  Half down{{x, area.y, width, above}, false, theme[Role::kDown], 0};
  Half up{{x, middle + 1, width, area.height - above - 1}, true, theme[Role::kUp], 0};
  down.ceiling = nice_ceiling(static_cast<double>(highest(samples, &model::RatePoint::down)));
  up.ceiling = nice_ceiling(static_cast<double>(highest(samples, &model::RatePoint::up)));
  draw_half(canvas, down, samples, &model::RatePoint::down);
  draw_half(canvas, up, samples, &model::RatePoint::up);
  draw_time_line(canvas, x, middle, width, theme);
  const auto label = [&](int y, double ceiling, Role role) {
    canvas.put_field(area.x, y, kLabelColumns - 1, format_bytes(ceiling), theme[role],
                     Align::kRight);
  };
  label(area.y, down.ceiling, Role::kDown);
  if (up.area.height > 0) label(area.bottom() - 1, up.ceiling, Role::kUp);
}

std::string sparkline(std::span<const float> samples, int columns) {
  static constexpr std::array<std::string_view, 9> kLevels{" ", "▁", "▂", "▃", "▄",
                                                           "▅", "▆", "▇", "█"};
  std::string out;
  if (columns <= 0 || samples.empty()) return out;
  const float most = *std::max_element(samples.begin(), samples.end());
  const auto count = samples.size();
  const auto wanted = static_cast<std::size_t>(columns);
  const std::size_t used = std::min(count, wanted);
  for (std::size_t column = 0; column < used; ++column) {
    const std::size_t from = column * count / used;
    const std::size_t to = std::max(from + 1, (column + 1) * count / used);
    float high = 0;
    for (std::size_t i = from; i < to; ++i) high = std::max(high, samples[i]);
    std::size_t level = 0;
    if (high > 0 && most > 0) {
      level = static_cast<std::size_t>(std::clamp(std::lround(high / most * 8), 1L, 8L));
    }
    out += kLevels[level];
  }
  return out;
}

}  // namespace netwatch::tui
