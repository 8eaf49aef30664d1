#include "tui/view_state.h"

#include <array>

namespace netwatch::tui {
namespace {

constexpr std::array<ViewKind, 3> kKinds{ViewKind::kFull, ViewKind::kLite, ViewKind::kDense};
constexpr std::array<std::string_view, 3> kNames{"full", "lite", "dense"};  // by ViewKind

}  // namespace

std::span<const ViewKind> view_kinds() { return kKinds; }

std::string_view view_name(ViewKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<ViewKind> find_view(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<ViewKind>(i);
  }
  return std::nullopt;
}

}  // namespace netwatch::tui
