#pragma once

#include <span>
#include <string>

#include "model/snapshot.h"
#include "tui/canvas.h"
#include "tui/theme.h"

namespace netwatch::tui {

// The smallest 1, 2 or 5 times a power of ten that is not below `value`, at least 1000.
double nice_ceiling(double value);

// Throughput against time, newest at the right, two samples a column in braille: down grows up
// from a line in the middle, up grows down from it, each with a ceiling of its own. Labels at the
// left give the ceilings, the line marks the minutes.
void draw_throughput(Canvas& canvas, Rect area, std::span<const model::RatePoint> samples,
                     const Theme& theme);

// A row of ▁..█, newest at the right, scaled to its own highest sample; a column shows the
// highest of the samples it stands for. Samples of zero are blank.
std::string sparkline(std::span<const float> samples, int columns);

}  // namespace netwatch::tui
