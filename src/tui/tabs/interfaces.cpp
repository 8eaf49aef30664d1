// Every interface of this host: what it is, and all that the kernel counts of it.
#include <algorithm>
#include <array>
#include <compare>
#include <string>
#include <vector>

#include "tui/format.h"
#include "tui/order.h"
#include "tui/tabs.h"
#include "tui/tabs/interface_detail.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

enum Column : std::size_t {
  kName,
  kState,
  kRoute,
  kRole,
  kAddress,
  kDown,
  kUp,
  kDownTotal,
  kUpTotal,
  kPackets,
  kErrors,
  kDropped,
  kSpeed,
};
constexpr std::array<TableColumn, 13> kColumns{{
    {"interface", "INTERFACE", "name", Align::kLeft, 15, 1, 0},
    {"state", "STATE", "state", Align::kLeft, 6, 0, 0},
    {"route", "ROUTE", "", Align::kLeft, 7, 0, 3},
    {"role", "ROLE", "role", Align::kLeft, 9, 0, 2},
    {"address", "ADDRESS", "", Align::kLeft, 15, 2, 4},
    {"down", "DOWN/s", "down", Align::kRight, kBytesColumns, 0, 0, true},
    {"up", "UP/s", "up", Align::kRight, kBytesColumns, 0, 0, true},
    {"down_total", "DOWN", "bytes down", Align::kRight, kBytesColumns, 0, 1, true},
    {"up_total", "UP", "bytes up", Align::kRight, kBytesColumns, 0, 1, true},
    {"packets", "PACKETS", "packets", Align::kRight, 7, 0, 7, true},
    {"errors", "ERRORS", "errors", Align::kRight, 6, 0, 6, true},
    {"dropped", "DROPPED", "dropped", Align::kRight, 7, 0, 6, true},
    {"speed", "SPEED", "speed", Align::kRight, 11, 0, 5, true},
}};

enum class WhichInterfaces : std::uint8_t { kAll, kUp, kPhysical, kVirtual, kCount };

std::string_view which_name(WhichInterfaces which) {
  static constexpr std::array<std::string_view, 4> kNames{"all", "up", "physical", "virtual"};
  return kNames[static_cast<std::size_t>(which)];
}

enum Command : int { kWhichKey };
constexpr std::array<OwnKey, 1> kKeys{{
    {kWhichKey, {"f"}, "show all interfaces, those that are up, physical or virtual ones", "which"},
}};

bool is_physical(model::InterfaceRole role) {
  return role == model::InterfaceRole::kPhysical || role == model::InterfaceRole::kWireless;
}

// What nobody could tell the role of is neither physical nor virtual.
bool is_shown(const model::Interface& interface, WhichInterfaces which) {
  switch (which) {
    case WhichInterfaces::kUp:
      return interface.up;
    case WhichInterfaces::kPhysical:
      return is_physical(interface.role);
    case WhichInterfaces::kVirtual:
      return interface.role != model::InterfaceRole::kUnknown && !is_physical(interface.role);
    default:
      return true;
  }
}

// The default route's first, then what is up, loopback after the others.
int rank_of(const model::Interface& interface) {
  if (interface.is_default) return 0;
  if (!interface.up) return 3;
  return interface.loopback ? 2 : 1;
}

std::weak_ordering compare(const model::InterfaceRow& a, const model::InterfaceRow& b,
                           std::size_t by) {
  const model::Interface& one = a.interface;
  const model::Interface& two = b.interface;
  switch (by) {
    case kName:
      return order(one.name, two.name);
    case kRole:
      return order(model::interface_role_name(one.role), model::interface_role_name(two.role));
    case kDown:
      return order(a.rx_rate, b.rx_rate);
    case kUp:
      return order(a.tx_rate, b.tx_rate);
    case kDownTotal:
      return order(one.rx_bytes, two.rx_bytes);
    case kUpTotal:
      return order(one.tx_bytes, two.tx_bytes);
    case kPackets:
      return order(one.rx_packets + one.tx_packets, two.rx_packets + two.tx_packets);
    case kErrors:
      return order(one.rx_errors + one.tx_errors, two.rx_errors + two.tx_errors);
    case kDropped:
      return order(one.rx_dropped + one.tx_dropped, two.rx_dropped + two.tx_dropped);
    case kSpeed:
      return order(one.speed_bits_per_s, two.speed_bits_per_s);
    default:
      return order(rank_of(one), rank_of(two));
  }
}

class InterfacesTab final : public Tab {
 public:
  void refresh(const Frame& frame, Rect area) override;
  void draw(const Pen& pen, const Frame& frame) const override;
  Table* table() override { return &table_; }
  bool own_key(int command, const Frame& frame) override;

 private:
  void take_rows(const model::Snapshot& snapshot);
  void place(Rect area);
  void draw_empty(const Pen& pen, const Frame& frame) const;

  Table table_{kColumns, kState};
  WhichInterfaces which_ = WhichInterfaces::kAll;
  bool boxed_ = false;
  Rect list_area_;
  Rect detail_area_;
  std::vector<const model::InterfaceRow*> shown_;  // of the last snapshot, in their order
  std::size_t hidden_ = 0;
};

// --- from a snapshot to lines --------------------------------------------------------------------

void InterfacesTab::take_rows(const model::Snapshot& snapshot) {
  shown_.clear();
  for (const model::InterfaceRow& row : snapshot.interfaces) {
    if (is_shown(row.interface, which_)) shown_.push_back(&row);
  }
  hidden_ = snapshot.interfaces.size() - shown_.size();
  std::sort(shown_.begin(), shown_.end(),
            [this](const model::InterfaceRow* a, const model::InterfaceRow* b) {
              const auto wanted = compare(*a, *b, table_.sort());
              if (wanted != 0) return table_.descending() ? wanted > 0 : wanted < 0;
              return a->interface.name < b->interface.name;
            });
}

// The list is as long as it needs to be, and no longer than half of the room.
void InterfacesTab::place(Rect area) {
  boxed_ = area.width >= 110;
  const int frame = boxed_ ? 3 : 2;  // edges and heading
  const int needs = std::max(3, static_cast<int>(shown_.size() + hidden_)) + frame;
  list_area_ = area;
  list_area_.height = std::min(needs, std::max(frame + 3, area.height * 2 / 5));
  detail_area_ = {area.x, list_area_.bottom(), area.width, area.height - list_area_.height};
}

void InterfacesTab::refresh(const Frame& frame, Rect area) {
  take_rows(frame.snapshot);
  place(area);
  std::vector<TableRow> lines;
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    const model::Interface& interface = shown_[i]->interface;
    lines.push_back({.key = row_key(std::hash<std::string>{}(interface.name), interface.ifindex),
                     .item = i,
                     .faded = !interface.up});
  }
  table_.settle(std::move(lines), inside_panel(list_area_, boxed_));
}

// --- on the canvas -------------------------------------------------------------------------------

Span rate_of(const model::InterfaceRow& row, float rate, Role role) {
  if (!row.rated) return {kUnknownMark, Role::kDim};
  return {format_rate_cell(static_cast<double>(rate)), role};
}

// Nothing where all is well.
Span faults_of(std::uint64_t count) {
  return count == 0 ? Span{"0", Role::kDim} : Span{format_count(count), Role::kWarn};
}

Spans addresses_of(const model::Interface& interface) {
  if (interface.addresses.empty()) return {{kUnknownMark, Role::kDim}};
  Spans out{{interface.addresses[0].to_string(), Role::kText}};
  const std::size_t more = interface.addresses.size() - 1;
  if (more > 0) out.push_back({" +" + std::to_string(more), Role::kDim});
  return out;
}

Spans cell_of(const model::InterfaceRow& row, std::size_t column) {
  const model::Interface& of = row.interface;
  switch (column) {
    case kState:
      return {{std::string(interface_state(of)), of.up ? Role::kGood : Role::kWarn}};
    case kRoute:
      return {{of.is_default ? "default" : "", Role::kStrong}};
    case kRole:
      if (of.role == model::InterfaceRole::kUnknown) return {{kUnknownMark, Role::kDim}};
      return {{std::string(model::interface_role_name(of.role)), Role::kDim}};
    case kAddress:
      return addresses_of(of);
    case kDown:
      return {rate_of(row, row.rx_rate, Role::kDown)};
    case kUp:
      return {rate_of(row, row.tx_rate, Role::kUp)};
    case kDownTotal:
      return {{format_bytes(static_cast<double>(of.rx_bytes)), Role::kText}};
    case kUpTotal:
      return {{format_bytes(static_cast<double>(of.tx_bytes)), Role::kText}};
    case kPackets:
      return {{format_count(of.rx_packets + of.tx_packets), Role::kText}};
    case kErrors:
      return {faults_of(of.rx_errors + of.tx_errors)};
    case kDropped:
      return {faults_of(of.rx_dropped + of.tx_dropped)};
    case kSpeed:
      return {speed_cell(of.speed_bits_per_s)};
    default:
      return {{clean(of.name), Role::kStrong}};
  }
}

void InterfacesTab::draw_empty(const Pen& pen, const Frame& frame) const {
  Spans words{{frame.snapshot.playback ? "A capture file does not tell of interfaces"
                                       : "The kernel has told of no interface yet",
               Role::kStrong}};
  if (hidden_ > 0) {
    words = {{"None of " + format_count(hidden_) + " interfaces is ", Role::kText},
             {std::string(which_name(which_)), Role::kKey}};
  }
  pen.say_in_the_middle(list_area_, words);
}

void InterfacesTab::draw(const Pen& pen, const Frame& frame) const {
  Spans title{{"Interfaces ", Role::kTitle}, {format_count(shown_.size()), Role::kText}};
  if (hidden_ > 0) {
    title.push_back({" of " + format_count(shown_.size() + hidden_), Role::kDim});
    title.push_back({"  " + std::string(which_name(which_)), Role::kKey});
  }
  Spans notes;
  if (const std::string where = table_.place_words(); !where.empty()) {
    notes.push_back({where, Role::kDim});
  }
  pen.panel(list_area_, boxed_, title, notes);
  table_.draw(pen, [&](const TableRow& line, std::size_t column, int /*width*/) {
    return cell_of(*shown_[line.item], column);
  });
  const TableRow* line = table_.selected();
  if (line == nullptr) {
    draw_empty(pen, frame);
    return;
  }
  draw_interface_detail(pen, detail_area_, boxed_, frame.snapshot, *shown_[line->item]);
}

// --- input ---------------------------------------------------------------------------------------

bool InterfacesTab::own_key(int /*command*/, const Frame& /*frame*/) {
  which_ = static_cast<WhichInterfaces>((static_cast<int>(which_) + 1) %
                                        static_cast<int>(WhichInterfaces::kCount));
  return true;
}

}  // namespace

extern const TabDef kInterfacesTab;
constinit const TabDef kInterfacesTab{
    .name = "interfaces",
    .title = "Interfaces",
    .short_title = "Links",
    .keys = kKeys,
    .make = [] { return std::unique_ptr<Tab>(std::make_unique<InterfacesTab>()); },
};

}  // namespace netwatch::tui
