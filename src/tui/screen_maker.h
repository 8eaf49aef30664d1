#pragma once

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tui/lite_input.h"
#include "tui/lite_screen.h"
#include "tui/snapshot_maker.h"

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
  LiteLayout layout{};
  LineList list{};
  RowVerdicts verdicts{};
  FilterCompiler compile = test_compile;
  InterfaceSwitch switch_interface{};

  Screen(const model::Snapshot& shown, int width, int height) : snapshot(&shown) {
    view.host = "laptop";
    layout = lite_layout(width, height);
    settle();
  }
  void settle() {
    list = make_lines(*snapshot, view, verdicts);
    settle_selection(*snapshot, list, layout.rows.height, view);
  }
  void type(std::string_view bytes) {
    InputParser parser;
    std::vector<Event> events;
    parser.feed(base::as_bytes(bytes), events);
    parser.flush(events);
    for (const Event& event : events) send(event);
  }
  LiteOutcome send(const Event& event) {
    const LiteContext context{snapshot, list, layout, compile, switch_interface};
    const LiteOutcome outcome = apply_event(event, context, view);
    settle();
    return outcome;
  }
  [[nodiscard]] Canvas draw() const { return draw_lite(snapshot, list, view, layout); }
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
