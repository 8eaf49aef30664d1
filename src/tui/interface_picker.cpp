// The overlay that says where to capture. In the kernel's order: rows must not move under the
// choice.
#include <algorithm>

#include "tui/overlay.h"

namespace netwatch::tui {
namespace {

constexpr int kNameColumns = 17;   // IFNAMSIZ and a space
constexpr int kStateColumns = 16;  // "lowerlayerdown"

std::string field(std::string text, int columns) {
  const int gap = std::max(1, columns - text_columns(text));
  return std::move(text) + std::string(static_cast<std::size_t>(gap), ' ');
}

std::string addresses_of(const model::Interface& interface) {
  std::string out;
  for (const auto& address : interface.addresses) {
    out += (out.empty() ? "" : " ") + address.to_string();
  }
  return out;
}

// "●" marks where packets come from now.
Spans line_of(const std::string& name, bool current, bool chosen, Span state, std::string more) {
  return {{chosen ? "▸ " : "  ", Role::kKey},
          {current ? "● " : "  ", Role::kGood},
          {field(clean(name), kNameColumns), chosen ? Role::kKey : Role::kText},
          {field(std::move(state.text), kStateColumns), state.role},
          {std::move(more), Role::kDim}};
}

}  // namespace

std::vector<std::string> interface_choices(const model::Snapshot& snapshot) {
  std::vector<std::string> out{"any"};
  for (const auto& row : snapshot.interfaces) out.push_back(row.interface.name);
  return out;
}

int interface_place(const std::vector<std::string>& choices, const ViewState& state) {
  const auto found = std::find(choices.begin(), choices.end(), state.interface);
  // One that has gone meanwhile leaves its place to who follows it.
  if (found == choices.end()) {
    return std::clamp(state.overlay_scroll, 0, static_cast<int>(choices.size()) - 1);
  }
  return static_cast<int>(found - choices.begin());
}

std::vector<Spans> interface_lines(const model::Snapshot& snapshot, const ViewState& state) {
  const auto choices = interface_choices(snapshot);
  const auto place = static_cast<std::size_t>(interface_place(choices, state));
  const auto current = [&](const std::string& name) {
    return snapshot.capturing && snapshot.source == name;
  };
  std::vector<Spans> out;
  out.push_back(line_of(choices[0], current(choices[0]), place == 0, {"", Role::kText},
                        "all of them, also those to come"));
  for (const auto& row : snapshot.interfaces) {
    const model::Interface& interface = row.interface;
    const Span link = interface.up
                          ? Span{"up", Role::kGood}
                          : Span{interface.state == model::LinkState::kUnknown
                                     ? "down"
                                     : std::string(model::link_state_name(interface.state)),
                                 Role::kDim};
    out.push_back(line_of(interface.name, current(interface.name), place == out.size(), link,
                          addresses_of(interface)));
  }
  return out;
}

}  // namespace netwatch::tui
