#pragma once

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tui/dense_view.h"
#include "tui/full_view.h"
#include "tui/lite_screen.h"
#include "tui/overlay.h"
#include "tui/snapshot_maker.h"
#include "tui/theme.h"
#include "tui/time_line.h"
#include "tui/view_input.h"

// For tests only: a screen that is typed at and compared with its golden. NETWATCH_UPDATE_GOLDEN=1
// writes the files anew: look at every difference before keeping it.
namespace netwatch::tui {

inline RowPredicate by_app(std::string app) {
  return [app = std::move(app)](const model::ConnectionRow& row) { return row.apps[0] == app; };
}

// "app:NAME" filters; anything else is a mistake at column 4.
inline CompiledFilter test_compile(std::string_view text) {
  if (!text.starts_with("app:")) {
    return {nullptr, FilterProblem{4, "no field is called that", "tcp.port"}};
  }
  return {by_app(std::string(text.substr(4))), std::nullopt};
}

struct Screen {
  const model::Snapshot* snapshot;
  ViewState view{};
  Rect area;
  LiteView lite{};
  FullView full{};
  DenseView dense{};
  RowVerdicts verdicts{};
  FilterCompiler compile = test_compile;
  InterfaceSwitch switch_interface{};
  PlaybackControl control{};
  FilterCompleter complete{};
  SettingsSaver save{};
  const LiteLayout& layout = lite.layout();
  const LineList& list = lite.list();

  Screen(const model::Snapshot& shown, int width, int height)
      : snapshot(&shown), area{0, 0, width, height} {
    view.host = "laptop";
    settle();
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // The one that is shown.
  View& shown() {
    if (view.view == ViewKind::kFull) return full;
    return view.view == ViewKind::kDense ? static_cast<View&>(dense) : lite;
  }
  [[nodiscard]] Frame frame() const { return {*snapshot, view, verdicts}; }
  void settle() {
    verdicts.update(*snapshot, view.filter);
    if (!too_small(area)) shown().refresh(frame(), view_area(area, *snapshot), view);
  }
  void type(std::string_view bytes) {
    InputParser parser;
    std::vector<Event> events;
    parser.feed(base::as_bytes(bytes), events);
    parser.flush(events);
    for (const Event& event : events) send(event);
  }
  Outcome send(const Event& event) {
    const Frame now = frame();
    const InputContext context{now,     shown(),  area, compile, switch_interface,
                               control, complete, save};
    const Outcome outcome = apply_event(event, context, view);
    settle();
    return outcome;
  }
  [[nodiscard]] Canvas draw() {
    const Theme& theme = themes()[view.theme];
    Canvas canvas(area.width, area.height, theme[Role::kText]);
    draw_screen({canvas, theme}, frame(), shown(), area);
    return canvas;
  }
  [[nodiscard]] std::string text() { return draw().to_text(); }
  [[nodiscard]] std::string selected_host() const {
    return view.selected ? view.selected->talker.host : "";
  }
};

// Empty, or both as text where they differ.
inline std::string golden_difference(const Canvas& canvas, const std::string& name) {
  const std::filesystem::path path =
      std::filesystem::path(NETWATCH_SOURCE_DIR) / "testdata" / "screens" / (name + ".txt");
  const std::string drawn = canvas.to_text() + "--- styles\n" + canvas.to_styles();
  if (std::getenv("NETWATCH_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << drawn;
    return {};
  }
  std::ifstream file(path);
  std::stringstream kept;
  kept << file.rdbuf();
  if (drawn == kept.str()) return {};
  return path.string() + " (NETWATCH_UPDATE_GOLDEN=1 rewrites it)\n" + kept.str() + "drawn:\n" +
         drawn;
}

struct Size {
  int width;
  int height;
};
inline constexpr std::array<Size, 3> kSizes{{{80, 24}, {120, 35}, {200, 60}}};

// Of the first size that differs, after `keys`.
inline std::string golden_difference(const model::Snapshot& snapshot, const std::string& name,
                                     std::string_view keys = "") {
  for (const auto& [width, height] : kSizes) {
    Screen screen(snapshot, width, height);
    screen.type(keys);
    std::string difference = golden_difference(
        screen.draw(), name + "-" + std::to_string(width) + "x" + std::to_string(height));
    if (!difference.empty()) return difference;
  }
  return {};
}

}  // namespace netwatch::tui
