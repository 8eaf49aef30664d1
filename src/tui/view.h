#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/snapshot.h"
#include "tui/bindings.h"
#include "tui/lines.h"
#include "tui/pen.h"
#include "tui/table.h"
#include "tui/view_state.h"

namespace netwatch::tui {

inline constexpr int kLeastWidth = 80;
inline constexpr int kLeastHeight = 24;
inline constexpr int kBoxedWidth = 110;
inline bool too_small(Rect screen) {
  return screen.width < kLeastWidth || screen.height < kLeastHeight;
}

// What a frame is made of. `snapshot` outlives every use of a frame of it.
struct Frame {
  const model::Snapshot& snapshot;
  const ViewState& state;
  const RowVerdicts& verdicts;  // of the filter in force, over this snapshot
};

// Panels have frames where there is room, and in the dense view never.
inline bool boxed_panels(const ViewState& state, Rect area) {
  return area.width >= kBoxedWidth && state.view != ViewKind::kDense;
}

// What the rows can be sorted by, as the picker shows it.
struct SortChoices {
  std::vector<std::string_view> titles;
  std::size_t current = 0;  // into titles; another number: none of them
  bool descending = false;
};

// A way to fill the whole terminal: lite, full or dense. What lies above it (overlays, the filter
// being written) and the keys that all have in common are not its business.
class View {
 public:
  virtual ~View() = default;

  // The snapshot, the terminal's size or the state has changed: settles what will be drawn. What
  // points into the snapshot is used until the next call only.
  virtual void refresh(const Frame& frame, Rect screen, ViewState& state) = 0;
  virtual void draw(const Pen& pen, const Frame& frame) const = 0;

  // Each returns whether there is something to draw anew.
  virtual bool act(Action action, const Frame& frame, ViewState& state) = 0;
  virtual bool own_key(int command, const Frame& frame, ViewState& state) = 0;
  virtual bool press(int x, int y, const Frame& frame, ViewState& state) = 0;
  virtual bool wheel(int rows, const Frame& frame, ViewState& state) = 0;

  [[nodiscard]] virtual SortChoices sort_choices(const ViewState& state) const = 0;
  // The one that is in force already: the other way round.
  virtual void sort_by(std::size_t choice, ViewState& state) = 0;
  virtual void reverse_sort(ViewState& state) = 0;

  // Keys beyond those of all views, and the heading of their part of the help.
  [[nodiscard]] virtual std::span<const OwnKey> own_keys(const ViewState& state) const = 0;
  [[nodiscard]] virtual std::string_view title(const ViewState& state) const = 0;
  // Whose columns can be chosen; null: there is none.
  [[nodiscard]] virtual const Table* table(const ViewState& /*state*/) const { return nullptr; }
};

}  // namespace netwatch::tui
