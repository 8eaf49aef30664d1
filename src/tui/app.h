#pragma once

#include <functional>
#include <string>

#include "model/snapshot.h"
#include "tui/lines.h"
#include "tui/lite_screen.h"
#include "tui/renderer.h"
#include "tui/terminal.h"
#include "tui/view_state.h"

namespace netwatch::tui {

struct LiteOptions {
  std::string host;               // this host's name; empty: not shown
  std::int32_t utc_offset_s = 0;  // of the clock in the header
  std::string theme = "dark";     // a name of themes(); unknown: the first
  std::string filter;             // in force from the start; must compile
  FilterCompiler compile;
  InterfaceSwitch switch_interface;
  TerminalTraits traits;
};

// The loop of the one screen: waits for keys, signals and, four times a second, for a newer
// snapshot. Never waits for a collector, never makes a key wait for a tick, and writes only when
// something has changed.
class LiteApp {
 public:
  static constexpr int kTickMs = 250;

  // `latest` returns the newest snapshot at once; null: there is none yet.
  LiteApp(std::function<model::SnapshotPtr()> latest, LiteOptions options);
  // Until the person quits (0), the terminal is gone (1) or a signal asks to (128 + its number).
  int run(Terminal& terminal);

 private:
  void take_latest();
  void refresh(TerminalSize size);
  bool handle(const std::vector<Event>& events, Terminal& terminal);
  int wait_ms(const InputParser& parser, base::TimeNs next_tick_ns) const;

  std::function<model::SnapshotPtr()> latest_;
  LiteOptions options_;
  Renderer renderer_;
  ViewState view_;
  RowVerdicts verdicts_;
  model::SnapshotPtr snapshot_;  // what is shown; pinned while paused
  LineList list_;                // points into snapshot_
  LiteLayout layout_;
  bool changed_ = true;  // there is something to draw
  bool stale_ = true;    // list_ and layout_ are of another snapshot or size
};

}  // namespace netwatch::tui
