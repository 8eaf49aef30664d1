#include "tui/tabs/connection_detail.h"

#include <string>

#include "tui/detail_lines.h"
#include "tui/format.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

const model::Process* process_of(const model::Snapshot& snapshot, std::uint32_t pid) {
  if (pid == 0 || snapshot.owners == nullptr) return nullptr;
  for (const auto& row : snapshot.owners->processes) {
    if (row.process != nullptr && row.process->pid == pid) return row.process.get();
  }
  return nullptr;
}

void add_process(DetailLines& lines, const model::Snapshot& snapshot, const model::RowOwner& owner,
                 std::string_view label) {
  Span mark = quality_mark(owner.quality);
  mark.text += " ";
  lines.add(label, Spans{mark, {owner_words(owner), Role::kStrong}});
  const model::Process* process = process_of(snapshot, owner.pid);
  if (process == nullptr) return;
  if (!process->exe.empty()) lines.add("", clean(process->exe));
  if (!process->parent.empty()) {
    lines.add("",
              "child of " + clean(process->parent) + " pid " + std::to_string(process->parent_pid));
  }
  std::string where;
  if (!process->user.empty()) where = "as " + clean(process->user);
  if (!process->container.empty())
    where += "  container " + clean(process->container.substr(0, 12));
  if (!process->unit.empty()) where += "  unit " + clean(process->unit);
  if (!where.empty()) lines.add("", where);
}

void add_direction(DetailLines& lines, std::string_view label,
                   const model::DirectionCounters& moved, Role role) {
  Spans out{{format_bytes(static_cast<double>(moved.wire_bytes)), role},
            {" on wire, ", Role::kDim},
            {format_bytes(static_cast<double>(moved.payload_bytes)), Role::kText},
            {" payload, ", Role::kDim},
            {format_count(moved.packets), Role::kText},
            {" packets", Role::kDim}};
  if (moved.retransmitted > 0) {
    out.push_back({", " + format_count(moved.retransmitted) + " sent again", Role::kWarn});
  }
  if (moved.lost_bytes > 0) {
    out.push_back(
        {", " + format_bytes(static_cast<double>(moved.lost_bytes)) + " not seen", Role::kBad});
  }
  lines.add(label, out);
}

}  // namespace

void draw_connection_detail(const Pen& pen, Rect area, bool boxed, const model::Snapshot& snapshot,
                            const model::ConnectionRow& row) {
  const Rect inside =
      pen.panel(area, boxed, {{"Connection", Role::kTitle}}, {{"Esc closes", Role::kDim}});
  DetailLines lines(pen, inside);
  lines.add("ends",
            Spans{{std::string(model::ip_proto_name(row.proto)) + " ", Role::kDim},
                  {endpoint_text(row.local, row.proto), Role::kStrong},
                  {is_connected(row) ? " " + std::string(arrow_of(row)) : "", Role::kDim},
                  {is_connected(row) ? endpoint_text(row.remote, row.proto) : "", Role::kStrong}});
  if (row.netns != 0) lines.add("where", place_of(snapshot, row));
  if (!row.name.empty()) {
    lines.add("host",
              Spans{{clean(row.name), Role::kText},
                    {" by " + std::string(model::name_source_name(row.name_from)), Role::kDim}});
  }
  if (const std::string apps = apps_of(row); !apps.empty()) lines.add("application", apps);
  std::string state(state_of(row));
  if (row.first_ns > 0) state += "  for " + format_age(snapshot.time_ns - row.first_ns);
  lines.add("state", state);
  if (row.rtt_us >= 0) lines.add("round trip", format_rtt(row.rtt_us));
  if (row.flow != model::kNoFlow) {
    add_direction(lines, "down", row.down, Role::kDown);
    add_direction(lines, "up", row.up, Role::kUp);
  }
  if (row.has_socket_bytes) {
    lines.add("by kernel",
              Spans{{"▼ ", Role::kDown},
                    {format_bytes(static_cast<double>(row.kernel_down_bytes)), Role::kText},
                    {" ▲ ", Role::kUp},
                    {format_bytes(static_cast<double>(row.kernel_up_bytes)), Role::kText},
                    {" payload", Role::kDim}});
  }
  add_process(lines, snapshot, row.owners[0], "program");
  if (row.owners[1].quality != model::Quality::kUnknown) {
    add_process(lines, snapshot, row.owners[1], "other end");
  }
}

}  // namespace netwatch::tui
