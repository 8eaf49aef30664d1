#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "tui/pen.h"

namespace netwatch::tui {

// Lines with a label, one below the other, as far as there is room.
class DetailLines {
 public:
  static constexpr int kLabelColumns = 12;

  DetailLines(const Pen& pen, Rect area) : pen_(pen), area_(area), y_(area.y) {}

  void add(std::string_view label, const Spans& value) {
    if (y_ >= area_.bottom()) return;
    pen_.say(area_.x + 1, y_, area_.x + 1 + kLabelColumns, label, Role::kDim);
    pen_.say(area_.x + 1 + kLabelColumns, y_, area_.right() - 1, value);
    ++y_;
  }
  void add(std::string_view label, std::string value, Role role = Role::kText) {
    add(label, Spans{{std::move(value), role}});
  }
  // The line after the last one that was added.
  [[nodiscard]] int next() const { return y_; }

 private:
  const Pen& pen_;
  Rect area_;
  int y_;
};

}  // namespace netwatch::tui
