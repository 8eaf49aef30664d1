#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/drops.h"
#include "model/flow.h"
#include "model/network.h"
#include "model/process_row.h"
#include "model/record.h"
#include "model/sample.h"
#include "model/socket.h"

// The NDJSON contract, schema netwatch.v1 (docs/ndjson.md). Every function appends one line with
// its newline to `out`. All text is sanitised to valid, printable UTF-8 here.
// (The namespace is not the folder's name, which is a C++ keyword.)
namespace netwatch::exporting {

struct MetaLine {
  std::string_view program;  // "netwatch 0.1.0"
  std::string_view source;
  std::span<const std::uint16_t> linktypes{};
};
void append_meta(std::string& out, const MetaLine& meta,
                 std::string_view (*linktype_name)(std::uint16_t));
void append_record(std::string& out, const model::Record& record);
void append_flow(std::string& out, const model::Flow& flow);
void append_socket(std::string& out, const model::Socket& socket, base::TimeNs taken_ns);
// The same of a live source: with what happened to it, and its cookie, which tells one socket's
// lines from all others'.
void append_socket_event(std::string& out, const model::SocketEvent& event);
// `count` more of a kind were lost: `total` since the start.
void append_drop(std::string& out, base::TimeNs time_ns, model::Drop drop, std::uint64_t count,
                 std::uint64_t total);
// One line for each process and each container that moved something, and one for what no process
// owns.
void append_totals(std::string& out, base::TimeNs now_ns, const model::OwnerTotals& totals);
// `since_ns`: when it went off or on again; 0: it has been so from the start.
void append_ability(std::string& out, const model::Ability& ability, base::TimeNs since_ns = 0);
// One measurement of a look at `taken_ns`.
void append_sample(std::string& out, const model::Sample& sample, base::TimeNs taken_ns);
void append_link_event(std::string& out, const model::LinkEvent& event);

// What one look at the sockets came to, and what it could not see.
struct SocketTotals {
  std::uint64_t seen = 0;
  std::uint64_t written = 0;  // that matched the filter
  // Of those written, by model::Quality; those that no process holds any more are not counted.
  std::array<std::uint64_t, 3> owners{};
  std::uint64_t ended = 0;  // of those written: no process holds them any more
  std::uint64_t unreadable_processes = 0;
  std::uint64_t holdings_not_kept = 0;
  std::uint64_t torn_tables = 0;
  base::TimeNs taken_ns = 0;
};
// The `stats` line of a look at the sockets.
void append_socket_stats(std::string& out, const SocketTotals& totals);

struct Totals {
  std::uint64_t packets = 0;
  std::uint64_t wire_bytes = 0;
  std::uint64_t flows = 0;
  std::uint64_t records = 0;
  base::TimeNs first_ns = 0;
  base::TimeNs last_ns = 0;
  std::uint64_t clock_steps = 0;  // packets older than the one before them
  std::uint64_t non_ip = 0;
  model::DropCounters drops;
};
void append_stats(std::string& out, const Totals& totals);

}  // namespace netwatch::exporting
