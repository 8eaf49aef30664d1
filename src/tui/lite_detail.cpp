// The selected row in full.
#include "tui/format.h"
#include "tui/frame_lines.h"
#include "tui/lite_parts.h"
#include "tui/words.h"

namespace netwatch::tui {

namespace {

Spans connection_detail(const model::Snapshot& snapshot, const model::ConnectionRow& row,
                        int width) {
  Spans out{{std::string(model::ip_proto_name(row.proto)) + " ", Role::kDim}};
  std::string ends = endpoint_text(row.local, row.proto);
  if (is_connected(row)) {
    ends += " " + std::string(arrow_of(row)) + endpoint_text(row.remote, row.proto);
  }
  out.push_back({ends + "  ", Role::kStrong});
  if (row.netns != 0) out.push_back({place_of(snapshot, row) + "  ", Role::kText});
  const RowBytes bytes = bytes_of(row);
  const bool wide = width >= 110;
  const bool two_owners = row.owners[1].quality != model::Quality::kUnknown;
  if (two_owners && !wide) {
    const auto name = [](const model::RowOwner& owner) {
      return owner.quality == model::Quality::kUnknown ? std::string("?") : clean(owner.name);
    };
    out.push_back(
        {name(row.owners[0]) + " " + std::string(arrow_of(row)) + name(row.owners[1]) + "  ",
         Role::kText});
  }
  append(out, byte_spans(bytes.down, bytes.up, bytes.in));
  if (!row.name.empty()) {
    out.push_back({clean(row.name), Role::kText});
    out.push_back({" (" + std::string(model::name_source_name(row.name_from)) + ")  ", Role::kDim});
  }
  if (const std::string apps = apps_of(row); !apps.empty()) {
    out.push_back({apps + "  ", Role::kText});
  }
  const std::uint64_t again = row.up.retransmitted + row.down.retransmitted;
  if (again > 0) out.push_back({format_count(again) + " retransmitted  ", Role::kWarn});
  if (wide) out.push_back({owner_words(row.owners[0]), Role::kDim});
  if (wide && two_owners) {
    out.push_back({" " + std::string(arrow_of(row)), Role::kBorder});
    out.push_back({owner_words(row.owners[1]), Role::kDim});
  }
  return out;
}

// The program at the other end, where that is of this host, too, and the same for all connections.
std::string peer_of(const model::Snapshot& snapshot, const ShownTalker& shown) {
  std::string_view name;
  for (const std::uint32_t number : shown.row_numbers()) {
    const auto* row = snapshot.row(number);
    if (row == nullptr || row->owners[1].name.empty()) return {};
    if (!name.empty() && name != row->owners[1].name) return {};
    name = row->owners[1].name;
  }
  return clean(name);
}

Spans talker_detail(const LiteFrame& frame, const ShownTalker& shown) {
  const model::Talker& talker = *shown.talker;
  Spans out;
  const auto* row =
      shown.row_numbers().empty() ? nullptr : frame.snapshot.row(shown.row_numbers()[0]);
  if (talker.quality == model::Quality::kUnknown) {
    out.push_back({"owner unknown", Role::kUnknown});
  } else {
    out.push_back({clean(talker.process), Role::kStrong});
    std::string words = pid_words(shown.pid, shown.processes) + " " +
                        std::string(model::quality_name(talker.quality));
    if (row != nullptr && row->owners[0].pid == shown.pid &&
        row->owners[0].via != model::OwnerVia::kNone) {
      words += " by " + std::string(model::owner_via_name(row->owners[0].via));
    }
    out.push_back({words, Role::kDim});
  }
  out.push_back({" ↔ ", Role::kBorder});
  out.push_back({clean(talker.host), Role::kStrong});
  if (talker.host_from != model::NameSource::kNone) {
    out.push_back(
        {" (" + std::string(model::name_source_name(talker.host_from)) + ")", Role::kDim});
  }
  if (const std::string peer = peer_of(frame.snapshot, shown); !peer.empty()) {
    out.push_back({" " + peer, Role::kStrong});
  }
  out.push_back({"  ", Role::kText});
  append(out, byte_spans(shown.down_bytes, shown.up_bytes, shown.bytes_in));
  // In which measure, where it can be said in full.
  if (!out.empty() && columns_of(out) > frame.layout.detail.width) out.pop_back();
  return out;
}

}  // namespace

void draw_detail(const LiteFrame& frame) {
  const Rect area = frame.layout.detail;
  if (!frame.snapshot.notice.empty()) {
    draw_notice(frame.pen, area, frame.snapshot);
    return;
  }
  const auto& lines = frame.list.lines;
  const auto place = static_cast<std::size_t>(frame.view.selected_line);
  if (place >= lines.size()) return;
  const Line& line = lines[place];
  Spans spans;
  if (line.is_talker()) {
    spans = talker_detail(frame, frame.list.talkers[line.talker]);
  } else if (const auto* row = frame.snapshot.row(line.row)) {
    spans = connection_detail(frame.snapshot, *row, area.width);
  }
  frame.pen.say(area.x + 1, area.y, area.right() - 1, spans);
}

}  // namespace netwatch::tui
