#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "tui/table.h"
#include "tui/view.h"

namespace netwatch::tui {

// One page of the full view: a function of a snapshot and of its own state (what is selected,
// folded, sorted) to cells. refresh() settles what draw() shows.
class Tab {
 public:
  virtual ~Tab() = default;

  // The snapshot, the area or the state has changed. What points into the snapshot is used until
  // the next call only.
  virtual void refresh(const Frame& frame, Rect area) = 0;
  virtual void draw(const Pen& pen, const Frame& frame) const = 0;

  // The table that the common keys, the mouse and the sort picker work on; null: it has none.
  [[nodiscard]] virtual Table* table() { return nullptr; }
  // An action that its table has no use for (Enter, Esc); whether it had one.
  virtual bool act(Action action, const Frame& frame);
  // One of its own keys; whether there is something to draw anew.
  virtual bool own_key(int command, const Frame& frame);
  // Beside its table.
  virtual bool press(int x, int y, const Frame& frame);
};

// The choice after this one, of those that a key goes through; its last one is kCount.
template <typename T>
void turn(T& value) {
  value = static_cast<T>((static_cast<int>(value) + 1) % static_cast<int>(T::kCount));
}

struct TabDef {
  std::string_view name;         // never changes: --tab, settings
  std::string_view title;        // in the bar
  std::string_view short_title;  // there, where titles have no room
  std::span<const OwnKey> keys;
  std::unique_ptr<Tab> (*make)();
};

// All tabs, in the order of their numbers.
std::span<const TabDef* const> tabs();
// Its place there.
std::optional<std::size_t> find_tab(std::string_view name);

}  // namespace netwatch::tui
