#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "model/snapshot.h"
#include "tui/renderer.h"
#include "tui/terminal.h"
#include "tui/view.h"
#include "tui/view_input.h"

namespace netwatch::tui {

struct AppOptions {
  std::string host;               // this host's name; empty: not shown
  std::int32_t utc_offset_s = 0;  // of the clock in the header
  std::string theme = "dark";     // a name of themes(); unknown: the first
  ViewKind view = ViewKind::kLite;
  std::size_t tab = 0;  // into tabs(), of the full view
  std::string filter;   // in force from the start; must compile
  FilterCompiler compile;
  FilterCompleter complete;
  InterfaceSwitch switch_interface;
  PlaybackControl control;  // with capture files
  base::Config config;      // of config.toml, and what the command line says against it
  SettingsSaver save;
  SettingsSaved saved;
  TerminalTraits traits;
};

// The loop of the screen: waits for keys, signals and, as often as the settings say, for a newer
// snapshot.
// Never waits for a collector, never makes a key wait for a tick, and writes only when something
// has changed.
class App {
 public:
  // `latest` returns the newest snapshot at once; null: there is none yet.
  App(std::function<model::SnapshotPtr()> latest, AppOptions options);
  // Until the person quits (0), the terminal is gone (1) or a signal asks to (128 + its number).
  int run(Terminal& terminal);

 private:
  void take_latest();
  [[nodiscard]] int refresh_ms() const { return static_cast<int>(state_.preferences.refresh_ms); }
  void refresh(TerminalSize size);
  bool draw(Terminal& terminal);
  bool handle(const std::vector<Event>& events, Terminal& terminal);
  int wait_ms(const InputParser& parser, base::TimeNs next_tick_ns) const;
  [[nodiscard]] Frame frame() const { return {*snapshot_, state_, verdicts_}; }
  [[nodiscard]] View& view() const { return *views_[static_cast<std::size_t>(state_.view)]; }

  std::function<model::SnapshotPtr()> latest_;
  AppOptions options_;
  Renderer renderer_;
  ViewState state_;
  RowVerdicts verdicts_;
  model::SnapshotPtr snapshot_;                 // what is shown; pinned while paused
  std::array<std::unique_ptr<View>, 3> views_;  // by ViewKind; they point into snapshot_
  Rect screen_;
  bool changed_ = true;  // there is something to draw
  int soon_ = 0;         // so many looks for what a command has done, sooner than a tick
  bool stale_ = true;    // the view is of another snapshot or size
};

}  // namespace netwatch::tui
