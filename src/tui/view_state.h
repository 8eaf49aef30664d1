#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "model/snapshot.h"
#include "tui/columns.h"
#include "tui/line_editor.h"

namespace netwatch::tui {

// A filter over connection rows, made once per text.
using RowPredicate = std::function<bool(const model::ConnectionRow&)>;

struct FilterProblem {
  std::size_t column = 0;  // 0-based, in bytes of the text
  std::string message;
  std::string suggestion;  // may be empty
};
struct CompiledFilter {
  RowPredicate accepts;  // empty if there is a problem
  std::optional<FilterProblem> problem;
};
// Text -> predicate; see row_filter.h for the one over the filter language.
using FilterCompiler = std::function<CompiledFilter(std::string_view text)>;

// A command to capture on another interface; returns at once.
using InterfaceSwitch = std::function<void(const std::string& interface)>;
// A command to what plays capture files; returns at once.
using PlaybackControl = std::function<void(const model::PlaybackCommand&)>;

// What a row is, over the life of many snapshots.
struct TalkerKey {
  std::string process;
  std::uint32_t pid = 0;
  std::string host;
  friend auto operator<=>(const TalkerKey&, const TalkerKey&) = default;
};
struct ConnectionKey {
  model::Endpoint local;
  model::Endpoint remote;
  std::uint8_t proto = 0;
  friend auto operator<=>(const ConnectionKey&, const ConnectionKey&) = default;
};
struct LineKey {
  TalkerKey talker;
  std::optional<ConnectionKey> connection;
  friend auto operator<=>(const LineKey&, const LineKey&) = default;
};

TalkerKey key_of(const model::Talker& talker);
ConnectionKey key_of(const model::ConnectionRow& row);

enum class ViewKind : std::uint8_t { kFull, kLite, kDense };
std::span<const ViewKind> view_kinds();     // in the order of `V`
std::string_view view_name(ViewKind kind);  // "full"
std::optional<ViewKind> find_view(std::string_view name);

enum class Overlay : std::uint8_t { kNone, kHelp, kMissing, kSort, kInterface };
// Whether a row of it is picked; else it is scrolled.
inline bool is_picker(Overlay overlay) {
  return overlay == Overlay::kSort || overlay == Overlay::kInterface;
}

struct FilterState {
  bool open = false;  // being written
  LineEditor editor;
  std::string text;  // in force; empty: none
  RowPredicate accepts;
  std::optional<FilterProblem> problem;  // of what is being written
  std::uint64_t version = 0;             // counts changes of `accepts`
};

// Everything that decides how a Snapshot is drawn and is not the Snapshot.
struct ViewState {
  std::string host;               // this host's name
  std::int32_t utc_offset_s = 0;  // of the clock that is shown
  bool paused = false;
  std::size_t theme = 0;  // into themes()
  ViewKind view = ViewKind::kLite;
  std::size_t tab = 0;  // of the full view, into tabs()
  Overlay overlay = Overlay::kNone;
  int overlay_scroll = 0;  // first line, or the picker's chosen row
  std::string interface;   // chosen in its picker: rows may come and go meanwhile
  FilterState filter;
  // Of the lite view's table.
  Column sort = Column::kBusiest;
  bool descending = true;
  std::optional<LineKey> selected;  // nothing: the first row, whatever it is
  int selected_line = 0;            // where it was last seen
  int scroll = 0;                   // first line that is shown
  std::set<TalkerKey> expanded;
};

}  // namespace netwatch::tui
