#include <algorithm>

#include "tui/lite_screen.h"

namespace netwatch::tui {
namespace {

constexpr int kBoxedHeight = 30;
constexpr int kSideWidth = 44;
constexpr int kSideFrom = 190;  // columns of the screen

void place_plain(LiteLayout& out, int width, int height) {
  const int graph = std::clamp(height / 3, 8, 12);
  out.throughput = {0, 1, width, graph};
  out.interfaces = {0, out.throughput.bottom(), width, 1};
  const int top = out.interfaces.bottom();
  out.table = {0, top, width, height - 3 - top};
  out.heading = {0, top + 1, width, 1};
  out.rows = {0, top + 2, width, out.table.height - 2};
}

void place_boxed(LiteLayout& out, int width, int height) {
  const bool side = width >= kSideFrom;
  const int right = side ? kSideWidth : std::clamp(width / 3, 38, 48);
  const int graph = std::clamp(height * 3 / 10, 11, 19) | 1;  // an odd inside has a middle
  out.throughput = {0, 1, width - right, graph};
  out.interfaces = {width - right, 1, right, graph};
  const int top = out.throughput.bottom();
  const int bottom = height - 3;
  out.table = {0, top, side ? width - right : width, bottom - top};
  if (side) out.side = {width - right, top, right, bottom - top};
  const Rect inside = out.table.inset(1);
  out.heading = {inside.x, inside.y, inside.width, 1};
  out.rows = {inside.x, inside.y + 1, inside.width, inside.height - 1};
}

}  // namespace

LiteLayout lite_layout(int width, int height) {
  LiteLayout out;
  out.screen = {0, 0, width, height};
  // A time line has its row beside what is given to us.
  out.too_small = too_small({0, 0, width, height + 1});
  if (out.too_small) return out;
  out.boxed = width >= kBoxedWidth && height >= kBoxedHeight;
  out.header = {0, 0, width, 1};
  out.detail = {0, height - 3, width, 1};
  out.status = {0, height - 2, width, 1};
  out.keys = {0, height - 1, width, 1};
  if (out.boxed) {
    place_boxed(out, width, height);
  } else {
    place_plain(out, width, height);
  }
  // The first four columns hold selection, fold and owner marks.
  out.columns = place_columns(out.rows.x + 4, out.rows.width - 4);
  return out;
}

}  // namespace netwatch::tui
