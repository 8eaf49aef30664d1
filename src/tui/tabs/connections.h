#pragma once

#include <memory>

#include "tui/tabs.h"
#include "tui/tabs/connection_list.h"

namespace netwatch::tui {

// The tab of connections, for a view of its own.
std::unique_ptr<Tab> make_connections_tab(Grouping at_first);

}  // namespace netwatch::tui
