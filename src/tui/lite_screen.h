#pragma once

#include <vector>

#include "model/snapshot.h"
#include "tui/canvas.h"
#include "tui/columns.h"
#include "tui/lines.h"
#include "tui/view.h"
#include "tui/view_state.h"

namespace netwatch::tui {

// Where the parts of the screen are, by its size alone. Input uses it too, to know what was
// clicked. A part without room has no height.
struct LiteLayout {
  bool too_small = false;
  bool boxed = false;  // panels have frames, not only a rule above
  Rect screen;
  Rect header;
  Rect throughput;
  Rect interfaces;  // one line, or a panel when boxed
  Rect table;       // with its frame
  Rect heading;     // one row
  Rect rows;
  Rect side;    // further panels at the right
  Rect detail;  // the selected row in full
  Rect status;  // always in sight
  Rect keys;
  std::vector<PlacedColumn> columns;
};
LiteLayout lite_layout(int width, int height);

// Everything on one screen, from 80x24 on.
class LiteView final : public View {
 public:
  void refresh(const Frame& frame, Rect screen, ViewState& state) override;
  void draw(const Pen& pen, const Frame& frame) const override;
  bool act(Action action, const Frame& frame, ViewState& state) override;
  bool own_key(int command, const Frame& frame, ViewState& state) override;
  bool press(int x, int y, const Frame& frame, ViewState& state) override;
  bool wheel(int rows, const Frame& frame, ViewState& state) override;
  [[nodiscard]] SortChoices sort_choices(const ViewState& state) const override;
  void sort_by(std::size_t choice, ViewState& state) override;
  void reverse_sort(ViewState& state) override;
  [[nodiscard]] std::span<const OwnKey> own_keys(const ViewState& state) const override;
  [[nodiscard]] std::string_view title(const ViewState& state) const override;

  // As settled last.
  [[nodiscard]] const LiteLayout& layout() const { return layout_; }
  [[nodiscard]] const LineList& list() const { return list_; }

 private:
  void select_line(int place, const Frame& frame, ViewState& state) const;
  [[nodiscard]] const ShownTalker* selected_talker(const ViewState& state) const;
  void unfold(ViewState& state, bool open) const;
  void toggle(const Frame& frame, ViewState& state) const;
  bool move(Action action, const Frame& frame, ViewState& state) const;

  LiteLayout layout_;
  LineList list_;  // points into the snapshot of the last refresh
};

}  // namespace netwatch::tui
