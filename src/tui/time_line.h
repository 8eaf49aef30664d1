#pragma once

#include <functional>
#include <optional>

#include "model/playback.h"
#include "tui/bindings.h"
#include "tui/view.h"

// The time line of capture files: the last row of the screen, below whatever view is shown. A live
// screen has none.
namespace netwatch::tui {

// What is left for the view.
Rect view_area(Rect screen, const model::Snapshot& snapshot);
void draw_time_line(const Pen& pen, Rect screen, const Frame& frame);

// What a key of the time line asks for; nothing if it is no such key.
std::optional<model::PlaybackCommand> playback_command(Action action,
                                                       const model::Playback& playback);
// What a press there asks for; nothing if it is elsewhere.
std::optional<model::PlaybackCommand> press_time_line(int x, int y, Rect screen,
                                                      const model::Snapshot& snapshot);

// How long since the first packet, as the line shows it: "01:02.345", or with hours "1:01:02.345".
std::string format_position(base::TimeNs since_ns);

}  // namespace netwatch::tui
