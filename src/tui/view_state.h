#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/result.h"
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

// Words that fit where the cursor of a filter is, best first; each replaces the bytes from `start`
// to the cursor.
struct Completion {
  std::size_t start = 0;
  std::vector<std::string> words;
};
using FilterCompleter = std::function<Completion(std::string_view text, std::size_t cursor)>;

// A command to write settings to config.toml; returns at once. An error says why that cannot be.
using SettingsSaver = std::function<base::Status(const std::vector<base::ConfigChange>& changes)>;
// What became of it, never waiting: nothing yet, or where they were written, or why not.
using SettingsSaved = std::function<std::optional<base::Result<std::string>>()>;

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

enum class Overlay : std::uint8_t {
  kNone,
  kHelp,
  kMissing,
  kSort,
  kInterface,
  kSettings,
  kColumns,
};
// Whether a row of it is picked; else it is scrolled.
inline bool is_picker(Overlay overlay) {
  return overlay == Overlay::kSort || overlay == Overlay::kInterface;
}
// Whether what is chosen in it can be saved.
inline bool has_settings(Overlay overlay) {
  return overlay == Overlay::kSettings || overlay == Overlay::kColumns;
}

struct FilterState {
  bool open = false;  // being written
  LineEditor editor;
  std::string text;  // in force; empty: none
  RowPredicate accepts;
  std::optional<FilterProblem> problem;  // of what is being written
  std::uint64_t version = 0;             // counts changes of `accepts`
  Completion proposals;                  // for the word at the cursor, as Tab asked for them
  std::size_t proposed = 0;              // which of them stands in the text; their number: none
};

// Settings that nothing else in the state is (tui/settings.h): of the next start, but for the
// refresh and the columns.
struct Preferences {
  ViewKind view = ViewKind::kLite;
  std::size_t tab = 0;
  std::string filter;
  std::string interface = "any";
  bool capture = true;
  bool probes = true;
  std::string confine = "best-effort";
  std::int64_t refresh_ms = 250;
  std::map<std::string, std::vector<std::string>, std::less<>> columns;  // by tab; not there: usual
};

// Of settings that were changed on the screen.
struct SavingState {
  std::set<std::string, std::less<>> touched;  // names, not saved yet
  std::set<std::string, std::less<>> asked;    // being written
  std::string said;                            // what became of it
  bool failed = false;
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
  Preferences preferences;
  SavingState saving;
  // Of the lite view's table.
  Column sort = Column::kBusiest;
  bool descending = true;
  std::optional<LineKey> selected;  // nothing: the first row, whatever it is
  int selected_line = 0;            // where it was last seen
  int scroll = 0;                   // first line that is shown
  std::set<TalkerKey> expanded;
};

}  // namespace netwatch::tui
