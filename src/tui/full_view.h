#pragma once

#include <memory>
#include <vector>

#include "tui/tabs.h"
#include "tui/view.h"

namespace netwatch::tui {

// Tabs, of which one is shown, between the lines that every view has.
class FullView final : public View {
 public:
  FullView();
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
  [[nodiscard]] const Table* table(const ViewState& state) const override;

 private:
  // Where the title of a tab stands in the bar.
  struct Place {
    int x = 0;
    int width = 0;
    std::string_view title;
  };
  [[nodiscard]] std::vector<Place> places() const;
  [[nodiscard]] Tab& shown(const ViewState& state) const;
  void draw_bar(const Pen& pen, const ViewState& state) const;

  std::vector<std::unique_ptr<Tab>> tabs_;  // as tabs()
  Rect screen_;
  Rect bar_;
  Rect area_;
};

}  // namespace netwatch::tui
