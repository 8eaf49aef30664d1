#include "tui/socket_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "tui/format.h"
#include "tui/grapheme.h"

namespace netwatch::tui {
namespace {

enum Column : std::uint8_t {
  kTransport,
  kState,
  kLocal,
  kRemote,
  kProgram,
  kPid,
  kUser,
  kQuality,
  kVia,
  kSent,
  kReceived,
  kRtt,
  kRetransmits,
  kColumns,
};

struct ColumnDef {
  std::string_view head;
  bool right = false;
  int least = 0;  // columns that it may be cut to; 0: never cut
};
constexpr std::array<ColumnDef, kColumns> kDefs{{{"L4"},
                                                 {"STATE"},
                                                 {"LOCAL", false, 15},
                                                 {"REMOTE", false, 15},
                                                 {"PROGRAM", false, 8},
                                                 {"PID", true},
                                                 {"USER", false, 8},
                                                 {"OWNER"},
                                                 {"VIA"},
                                                 {"SENT", true},
                                                 {"RECEIVED", true},
                                                 {"RTT", true},
                                                 {"RETR", true}}};
// What goes first where a terminal is too narrow. The rest stays: who talks to whom, how surely.
constexpr std::array kLeftOut{kVia, kRetransmits, kUser, kRtt, kReceived, kSent};
constexpr std::array kCut{kRemote, kLocal, kProgram};
constexpr int kGap = 2;
constexpr int kIpv4EndColumns = 21;  // "255.255.255.255:65535"

int columns_of(std::string_view text) {
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return plain ? static_cast<int>(text.size()) : text_columns(text);
}

// All cells of a table, in one text.
class Cells {
 public:
  explicit Cells(std::size_t rows) { ends_.reserve(rows * kColumns); }
  std::string& text() { return text_; }
  // What was appended since the last call is the next cell.
  void end_cell() {
    const std::size_t begin = ends_.empty() ? 0 : ends_.back();
    const auto column = ends_.size() % kColumns;
    widths_[column] = std::max(widths_[column], columns_of(std::string_view(text_).substr(begin)));
    ends_.push_back(text_.size());
  }
  [[nodiscard]] std::string_view cell(std::size_t row, std::size_t column) const {
    const std::size_t place = row * kColumns + column;
    const std::size_t begin = place == 0 ? 0 : ends_[place - 1];
    return std::string_view(text_).substr(begin, ends_[place] - begin);
  }
  [[nodiscard]] std::size_t rows() const { return ends_.size() / kColumns; }
  [[nodiscard]] const std::array<int, kColumns>& widths() const { return widths_; }

 private:
  std::string text_;
  std::vector<std::size_t> ends_;
  std::array<int, kColumns> widths_{};
};

void append_end(std::string& out, const model::Endpoint& end) {
  if (!end.address.is_v4()) out += '[';
  end.address.append_to(out);
  if (!end.address.is_v4()) out += ']';
  out += ':';
  out += end.port == 0 ? "*" : std::to_string(end.port);
}

void append_bytes(std::string& out, std::int64_t bytes) {
  out += bytes < 0 ? std::string(kUnknownMark) : format_bytes(static_cast<double>(bytes));
}

void add_owner(Cells& cells, const model::Owner& owner) {
  std::string& out = cells.text();
  const model::Process* process = owner.process.get();
  const auto text = [&](std::string_view value) {
    if (value.empty()) {
      out += kUnknownMark;
    } else {
      base::append_sanitised(out, value);
    }
    cells.end_cell();
  };
  text(process == nullptr ? std::string_view() : process->comm);
  text(process == nullptr || process->pid == 0 ? std::string() : std::to_string(process->pid));
  if (process != nullptr && process->user.empty()) {
    text(std::to_string(process->uid));
  } else {
    text(process == nullptr ? std::string_view() : process->user);
  }
  text(model::quality_name(owner.quality));
  text(model::owner_via_name(owner.via));
}

void add_row(Cells& cells, const model::Socket& socket) {
  std::string& out = cells.text();
  out += model::ip_proto_name(socket.proto);
  cells.end_cell();
  const auto state = model::tcp_state_name(socket.state);
  out += state.empty() ? std::string_view(kUnknownMark) : state;
  cells.end_cell();
  append_end(out, socket.local);
  cells.end_cell();
  if (model::is_connected(socket)) {
    append_end(out, socket.remote);
  } else {
    out += '*';
  }
  cells.end_cell();
  add_owner(cells, socket.owner);
  append_bytes(out, socket.bytes_sent);
  cells.end_cell();
  append_bytes(out, socket.bytes_received);
  cells.end_cell();
  out += format_rtt(socket.rtt_us);
  cells.end_cell();
  out += socket.retransmits < 0 ? std::string(kUnknownMark)
                                : format_count(static_cast<std::uint64_t>(socket.retransmits));
  cells.end_cell();
}

// The widths to draw with; 0: the column is left out.
class Layout {
 public:
  Layout(std::array<int, kColumns> widths, int columns) : widths_(widths) {
    if (columns == 0) return;
    // IPv6 ends are long: they give way before a column does.
    for (const Column column : {kRemote, kLocal}) shrink(column, kIpv4EndColumns, columns);
    for (const Column column : kLeftOut) {
      if (total() > columns) widths_[column] = 0;
    }
    for (const Column column : kCut) shrink(column, kDefs[column].least, columns);
  }
  [[nodiscard]] int width(std::size_t column) const { return widths_[column]; }

 private:
  [[nodiscard]] int total() const {
    int sum = -kGap;
    for (const int width : widths_) sum += width == 0 ? 0 : width + kGap;
    return sum;
  }
  void shrink(Column column, int least, int columns) {
    const int over = total() - columns;
    if (over > 0)
      widths_[column] = std::max(std::min(least, widths_[column]), widths_[column] - over);
  }

  std::array<int, kColumns> widths_;
};

// An end is cut before its port.
void append_cut(std::string& out, std::string_view cell, std::size_t column, int width) {
  const std::size_t colon = cell.rfind(':');
  if ((column != kLocal && column != kRemote) || colon == std::string_view::npos) {
    out += truncated(cell, width);
    return;
  }
  const std::string_view port = cell.substr(colon);
  out += truncated(cell.substr(0, colon), width - static_cast<int>(port.size()));
  out += port;
}

void append_cell(std::string& out, std::string_view cell, std::size_t column, int width) {
  const int used = columns_of(cell);
  const auto blanks = static_cast<std::size_t>(std::max(0, width - used));
  if (kDefs[column].right) out.append(blanks, ' ');
  if (used > width) {
    append_cut(out, cell, column, width);
  } else {
    out += cell;
  }
  if (!kDefs[column].right) out.append(blanks, ' ');
}

template <typename CellOf>
void append_line(std::string& out, const Layout& layout, int columns, CellOf cell_of) {
  const std::size_t begin = out.size();
  for (std::size_t column = 0; column < kColumns; ++column) {
    const int width = layout.width(column);
    if (width == 0) continue;
    if (out.size() > begin) out.append(kGap, ' ');
    append_cell(out, cell_of(column), column, width);
  }
  while (out.size() > begin && out.back() == ' ') out.pop_back();
  if (columns > 0) {  // narrower than all that has to be there
    const std::string_view line = std::string_view(out).substr(begin);
    if (columns_of(line) > columns) out.resize(begin + prefix_within(line, columns).size());
  }
  out += '\n';
}

}  // namespace

std::string socket_lines(std::span<const model::Socket* const> sockets, int columns) {
  Cells cells(sockets.size() + 1);
  for (const ColumnDef& def : kDefs) {
    cells.text() += def.head;
    cells.end_cell();
  }
  for (const model::Socket* socket : sockets) add_row(cells, *socket);
  const Layout layout(cells.widths(), columns);
  std::string out;
  for (std::size_t row = 0; row < cells.rows(); ++row) {
    append_line(out, layout, columns, [&](std::size_t column) { return cells.cell(row, column); });
  }
  return out;
}

}  // namespace netwatch::tui
