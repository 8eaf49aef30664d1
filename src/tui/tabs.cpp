#include "tui/tabs.h"

#include <array>

namespace netwatch::tui {

// One row per tab: declare it, then list it.
extern const TabDef kDashboardTab;
extern const TabDef kConnectionsTab;
extern const TabDef kProcessesTab;
extern const TabDef kInterfacesTab;

namespace {

constexpr std::array<const TabDef*, 4> kTable{
    &kDashboardTab,
    &kConnectionsTab,
    &kProcessesTab,
    &kInterfacesTab,
};

}  // namespace

bool Tab::act(Action /*action*/, const Frame& /*frame*/) { return false; }
bool Tab::own_key(int /*command*/, const Frame& /*frame*/) { return false; }
bool Tab::press(int /*x*/, int /*y*/, const Frame& /*frame*/) { return false; }

std::span<const TabDef* const> tabs() { return kTable; }

std::optional<std::size_t> find_tab(std::string_view name) {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i]->name == name) return i;
  }
  return std::nullopt;
}

}  // namespace netwatch::tui
