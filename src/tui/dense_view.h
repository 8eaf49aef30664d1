#pragma once

#include <memory>

#include "tui/tabs.h"
#include "tui/view.h"

namespace netwatch::tui {

// Where its four boxes are, by the screen's size and by how many rows there are to be shown.
struct DenseLayout {
  Rect traffic;
  Rect health;
  Rect interfaces;
  Rect connections;
};

// Traffic, health, interfaces and connections at once, without frames: what is left over goes to
// the graph and the table.
class DenseView final : public View {
 public:
  DenseView();
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

 private:
  std::unique_ptr<Tab> connections_;
  Rect screen_;
  DenseLayout layout_;
};

}  // namespace netwatch::tui
