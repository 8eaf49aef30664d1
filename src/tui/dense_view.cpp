#include "tui/dense_view.h"

#include <algorithm>
#include <string>

#include "tui/format.h"
#include "tui/frame_lines.h"
#include "tui/health.h"
#include "tui/host_load.h"
#include "tui/panels.h"
#include "tui/tab_control.h"
#include "tui/tabs/connections.h"

namespace netwatch::tui {
namespace {

constexpr int kBesideFrom = 140;  // columns: health and interfaces have room beside the traffic
constexpr double kNearlyFull = 0.85;

DenseLayout dense_layout(Rect screen, int targets, int interfaces) {
  DenseLayout out;
  const Rect body{0, 1, screen.width, std::max(0, screen.height - 3)};
  if (screen.width >= kBesideFrom) {
    const int top = std::clamp(body.height * 2 / 5, 9, 30);
    const int left = screen.width * 11 / 20;
    const int right = screen.width - left - 1;
    const int health = 1 + std::clamp(targets, 1, top / 2 - 1);
    out.traffic = {0, body.y, left, top};
    out.health = {left + 1, body.y, right, health};
    out.interfaces = {left + 1, out.health.bottom(), right, top - health};
    out.connections = {0, body.y + top, screen.width, body.height - top};
    return out;
  }
  const int least = 2;
  const int most = std::max(4, body.height / 6);
  const int middle = 1 + std::clamp(std::max(targets, interfaces), least, most);
  const int left = screen.width * 22 / 40;
  out.traffic = {0, body.y, screen.width, std::clamp(body.height / 3, 7, 24)};
  out.health = {0, out.traffic.bottom(), left, middle};
  out.interfaces = {left + 1, out.health.y, screen.width - left - 1, middle};
  out.connections = {0, out.health.bottom(), screen.width, body.bottom() - out.health.bottom()};
  return out;
}

double used_share(const model::InterfaceRow& row) {
  const auto speed = static_cast<double>(row.interface.speed_bits_per_s);
  constexpr double kBitsPerByte = 8;
  return speed > 0 ? static_cast<double>(std::max(row.rx_rate, row.tx_rate)) * kBitsPerByte / speed
                   : 0;
}

// The busier direction against what the link can carry each way; nothing where nobody says how
// much that is.
Span used_words(const model::InterfaceRow& row) {
  if (row.interface.speed_bits_per_s <= 0) return {kUnknownMark, Role::kDim};
  const double share = used_share(row);
  if (!(share > 0)) return {"0%", Role::kDim};
  if (share < 0.01) return {"<1%", Role::kText};
  const auto percent = static_cast<int>(std::min(share, 9.99) * 100);
  return {std::to_string(percent) + "%", share > kNearlyFull ? Role::kWarn : Role::kText};
}

void draw_interface(const Pen& pen, Rect line, const model::InterfaceRow& row) {
  constexpr int kUsedColumns = 5;
  constexpr int kSpeedColumns = 14;  // " of 2500 Mbit/s"
  constexpr int kLeastBar = 6;
  const auto& interface = row.interface;
  const int right = line.right() - 1;
  const bool with_speed = line.width >= 60;
  const int rest = line.width - kRateSpansColumns - kUsedColumns - 5;
  const int name_columns = std::clamp(std::min(line.width / 5, rest), 4, 16);
  const bool up = interface.up;
  int x = pen.say(line.x + 1, line.y, right, up ? "● " : "○ ", up ? Role::kGood : Role::kDim);
  const std::string name = clean(interface.name);
  if (!up) {
    x = std::max(x + name_columns, pen.say(x, line.y, right, name, Role::kDim)) + 1;
    pen.say(x, line.y, right, "down", Role::kDim);
    return;
  }
  pen.canvas.put_field(x, line.y, name_columns, name, pen.theme[Role::kStrong]);
  x += name_columns + 1;
  if (x + kRateSpansColumns > right) return;
  x = pen.say(x, line.y, right, rate_spans(row.rx_rate, row.tx_rate));
  const int used_end = with_speed ? right - kSpeedColumns - 1 : right;
  if (x + kUsedColumns > used_end) return;
  const Span used = used_words(row);
  const int bar = used_end - kUsedColumns - x - 1;
  if (bar >= kLeastBar && interface.speed_bits_per_s > 0) {
    const Role role = used.role == Role::kWarn ? Role::kWarn : Role::kDown;
    draw_bar(pen, {x + 1, line.y, bar, 1}, used_share(row), role);
  }
  pen.canvas.put_field(used_end - kUsedColumns, line.y, kUsedColumns, used.text,
                       pen.theme[used.role], Align::kRight);
  if (!with_speed) return;
  const std::string speed = speed_text(interface);
  pen.say(used_end + 1, line.y, right, speed.empty() ? "speed unknown" : "of " + speed, Role::kDim);
}

void draw_interface_box(const Pen& pen, Rect area, const model::Snapshot& snapshot) {
  const Rect inside = pen.panel(area, false, {{"Interfaces", Role::kTitle}});
  const auto rows = ordered_interfaces(snapshot);
  if (rows.empty()) {
    pen.say(inside.x + 1, inside.y, inside.right(),
            snapshot.playback ? "a capture file does not tell" : "no interface is known yet",
            Role::kDim);
  }
  int y = inside.y;
  for (std::size_t i = 0; i < rows.size() && y < inside.bottom(); ++i, ++y) {
    if (y == inside.bottom() - 1 && i + 1 < rows.size()) {
      pen.say(inside.x + 1, y, inside.right(), "+" + std::to_string(rows.size() - i) + " more",
              Role::kDim);
      return;
    }
    draw_interface(pen, {inside.x, y, inside.width, 1}, *rows[i]);
  }
}

}  // namespace

DenseView::DenseView() : connections_(make_connections_tab(Grouping::kNone)) {}

void DenseView::refresh(const Frame& frame, Rect screen, ViewState& /*state*/) {
  screen_ = screen;
  layout_ = dense_layout(screen, health_budget_rows(frame.snapshot),
                         static_cast<int>(frame.snapshot.interfaces.size()));
  connections_->refresh(frame, layout_.connections);
}

void DenseView::draw(const Pen& pen, const Frame& frame) const {
  draw_header(pen, {0, 0, screen_.width, 1}, frame);
  draw_traffic_panel(pen, layout_.traffic, false, frame.snapshot);
  const bool roomy = layout_.health.width >= 50;
  const Rect health = pen.panel(layout_.health, false, {{"Health", Role::kTitle}},
                                roomy ? load_words(host_load(frame.snapshot)) : Spans{});
  draw_health_budgets(pen, health, frame.snapshot);
  draw_interface_box(pen, layout_.interfaces, frame.snapshot);
  connections_->draw(pen, frame);
  if (frame.state.filter.open) {
    const Rect edge = layout_.connections;
    draw_filter_line(pen, {edge.x + 1, edge.y, edge.width - 2, 1}, frame.state.filter);
  }
  draw_status(pen, {0, screen_.height - 2, screen_.width, 1}, frame);
  draw_notice(pen, {0, screen_.height - 2, screen_.width, 1}, frame.snapshot);
  draw_keys(pen, {0, screen_.height - 1, screen_.width, 1}, frame, own_keys(frame.state));
}

bool DenseView::act(Action action, const Frame& frame, ViewState& /*state*/) {
  return act_on(*connections_, action, frame);
}

bool DenseView::own_key(int command, const Frame& frame, ViewState& /*state*/) {
  return connections_->own_key(command, frame);
}

bool DenseView::press(int x, int y, const Frame& frame, ViewState& /*state*/) {
  return press_on(*connections_, x, y, frame);
}

bool DenseView::wheel(int rows, const Frame& frame, ViewState& /*state*/) {
  return wheel_on(*connections_, rows, frame);
}

SortChoices DenseView::sort_choices(const ViewState& /*state*/) const {
  return sort_choices_of(*connections_);
}

void DenseView::sort_by(std::size_t choice, ViewState& /*state*/) {
  sort_tab_by(*connections_, choice);
}

void DenseView::reverse_sort(ViewState& /*state*/) { reverse_sort_of(*connections_); }

std::span<const OwnKey> DenseView::own_keys(const ViewState& /*state*/) const {
  const auto place = find_tab("connections");
  return place ? tabs()[*place]->keys : std::span<const OwnKey>{};
}

std::string_view DenseView::title(const ViewState& /*state*/) const { return "Dense"; }

}  // namespace netwatch::tui
