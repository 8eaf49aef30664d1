// Lines of processes and containers, and of what no process owns.
#include <array>

#include "export/ndjson.h"
#include "export/ndjson_parts.h"

namespace netwatch::exporting {
namespace {

using base::JsonWriter;
using model::ProcessRow;
using model::UnownedTraffic;

JsonWriter begin_timed_line(std::string& out, std::string_view type, base::TimeNs now_ns) {
  JsonWriter json = begin_line(out, type);
  json.key("ts");
  write_time(json, now_ns);
  return json;
}

void write_payload(JsonWriter& json, const model::PayloadTotals& totals) {
  json.key("sent");
  json.begin_object();
  write_uint(json, "payload_bytes", totals.sent_bytes);
  json.end_object();
  json.key("received");
  json.begin_object();
  write_uint(json, "payload_bytes", totals.received_bytes);
  json.end_object();
  const auto of = [&](model::Quality quality) {
    return totals.bytes[static_cast<std::size_t>(quality)];
  };
  write_uint(json, "exact_bytes", of(model::Quality::kExact));
  write_uint(json, "inferred_bytes", of(model::Quality::kInferred));
  write_uint(json, "unknown_bytes", of(model::Quality::kUnknown));
  write_uint(json, "open_sockets", totals.open_sockets);
  write_uint(json, "connections", totals.connections);
  write_uint(json, "uncounted_sockets", totals.uncounted_sockets);
}

void append_process(std::string& out, base::TimeNs now_ns, const ProcessRow& row) {
  JsonWriter json = begin_timed_line(out, "process", now_ns);
  write_text_if(json, "kind", model::process_row_kind_name(row.kind));
  if (row.process != nullptr) {
    write_owner(json,
                {.quality = row.quality, .via = row.via, .holders = 1, .process = row.process});
    write_text_if(json, "pod", row.process->pod);
    if (row.process->start_ticks != 0) write_uint(json, "start_ticks", row.process->start_ticks);
    if (row.process->started_ns != 0) {
      json.key("ts_started");
      write_time(json, row.process->started_ns);
    }
    if (row.ended_ns != 0) {
      json.key("ts_ended");
      write_time(json, row.ended_ns);
    }
  }
  if (row.kind == ProcessRow::Kind::kEarlier) write_uint(json, "processes", row.processes);
  write_payload(json, row.totals);
  end_line(out, json);
}

void append_container(std::string& out, base::TimeNs now_ns, const model::ContainerRow& row) {
  JsonWriter json = begin_timed_line(out, "container", now_ns);
  write_text_if(json, "kind",
                row.earlier             ? "earlier"
                : row.container.empty() ? "unit"
                                        : "container");
  write_text_if(json, "container", row.container);
  write_text_if(json, "runtime", row.runtime);
  write_text_if(json, "pod", row.pod);
  write_text_if(json, "unit", row.unit);
  write_uint(json, "processes", row.processes);
  write_payload(json, row.totals);
  end_line(out, json);
}

void write_part(JsonWriter& json, const UnownedTraffic::Part& part) {
  write_uint(json, "packets", part.packets);
  write_uint(json, "ip_bytes", part.ip_bytes);
  write_uint(json, "payload_bytes", part.payload_bytes);
}

void append_unowned(std::string& out, base::TimeNs now_ns, const UnownedTraffic& traffic) {
  JsonWriter json = begin_timed_line(out, "process", now_ns);
  write_text_if(json, "kind", "unowned");
  write_part(json, traffic.sum());
  for (std::size_t i = 0; i < traffic.parts.size(); ++i) {
    json.key(model::unowned_kind_name(static_cast<UnownedTraffic::Kind>(i)));
    json.begin_object();
    write_part(json, traffic.parts[i]);
    json.end_object();
  }
  write_uint(json, "non_ip_packets", traffic.non_ip_packets);
  end_line(out, json);
}

}  // namespace

void append_totals(std::string& out, base::TimeNs now_ns, const model::OwnerTotals& totals) {
  for (const ProcessRow& row : totals.processes) append_process(out, now_ns, row);
  for (const model::ContainerRow& row : totals.containers) append_container(out, now_ns, row);
  if (totals.unowned) append_unowned(out, now_ns, *totals.unowned);
}

}  // namespace netwatch::exporting
