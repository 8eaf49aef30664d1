#pragma once

#include "apps/netwatch/config_file.h"
#include "apps/netwatch/live_command.h"
#include "tui/app.h"

namespace netwatch::app {

// `netwatch -r FILE...`: the views of the screen on capture files. Returns the exit status.
int show_files(const LiveOptions& options, tui::AppOptions screen, const ConfigFile& file);

}  // namespace netwatch::app
