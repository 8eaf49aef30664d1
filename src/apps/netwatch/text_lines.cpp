#include "apps/netwatch/text_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/text.h"
#include "base/time.h"
#include "tui/format.h"

namespace netwatch::app {
namespace {

// UTC to the microsecond: 2026-01-31 12:00:00.000000. A capture may span days.
void append_time(std::string& out, base::TimeNs time_ns) {
  constexpr std::size_t kDateLength = 10;
  constexpr std::size_t kClockLength = 15;
  const std::string text = base::to_rfc3339(time_ns);
  out.append(text, 0, kDateLength);
  out += ' ';
  out.append(text, kDateLength + 1, kClockLength);
}

void append_value(std::string& out, const model::FieldValue& value) {
  switch (value.def->type) {
    case model::FieldType::kBool:
      out += value.boolean() ? "true" : "false";
      break;
    case model::FieldType::kUint:
      out += std::to_string(value.uint());
      break;
    case model::FieldType::kInt:
      out += std::to_string(value.sint());
      break;
    case model::FieldType::kReal:
      out += fmt::format("{}", value.real());
      break;
    case model::FieldType::kText:
      base::append_sanitised(out, value.text());
      break;
    case model::FieldType::kBytes:
      out += base::to_hex(value.raw);
      break;
    case model::FieldType::kAddress:
      value.address().append_to(out);
      break;
    case model::FieldType::kTime:
      base::append_rfc3339(out, value.sint());
      break;
    case model::FieldType::kDuration:
      out += tui::format_rtt(value.sint() / base::kNsPerUs);
      break;
  }
}

void append_owner(std::string& out, std::string_view word, const model::Owner& owner) {
  if (owner.process == nullptr) return;
  if (out.back() != ' ') out += "  ";
  out += word;
  out += ' ';
  base::append_sanitised(out, owner.process->comm);
  out += fmt::format(" ({}{})", owner.process->pid,
                     owner.quality == model::Quality::kExact ? "" : ", inferred");
}

}  // namespace

std::string endpoint_text(const model::Endpoint& endpoint, std::uint8_t proto) {
  if (!model::ip_proto::has_ports(proto)) return endpoint.address.to_string();
  return fmt::format(fmt::runtime(endpoint.address.is_v4() ? "{}:{}" : "[{}]:{}"),
                     endpoint.address.to_string(), endpoint.port);
}

std::string apps_text(const model::Flow& flow) {
  std::string out;
  for (const std::string_view app : flow.apps) {
    if (app.empty()) continue;
    if (!out.empty()) out += '/';
    out += app;
  }
  return out.empty() ? std::string(model::ip_proto_name(flow.proto)) : out;
}

std::string flow_line_head() {
  return fmt::format("{:<26}  {:<9}  {:>28}  {:<28}  {:>8} {:>8}  {:>7}  {}\n", "START", "PROTOCOL",
                     "ORIGINATOR", "RESPONDER", "SENT", "RECEIVED", "RTT", "NAME");
}

void append_flow_line(std::string& out, const model::Flow& flow) {
  append_time(out, flow.first_ns);
  const auto& sent = flow.counters(model::Side::kOriginator);
  const auto& received = flow.counters(model::Side::kResponder);
  const std::string rtt = flow.handshake_rtt_us < 0 ? "" : tui::format_rtt(flow.handshake_rtt_us);
  out += fmt::format("  {:<9}  {:>28}  {:<28}  {:>8} {:>8}  {:>7}  ", apps_text(flow),
                     endpoint_text(flow.orig, flow.proto), endpoint_text(flow.resp, flow.proto),
                     tui::format_bytes(static_cast<double>(sent.wire_bytes)),
                     tui::format_bytes(static_cast<double>(received.wire_bytes)), rtt);
  base::append_sanitised(out, flow.name);
  if (flow.name_from == model::NameSource::kDns) out += " (by DNS)";
  if (flow.name_from == model::NameSource::kFile) out += " (by the file)";
  append_owner(out, "from", flow.owners[model::index(model::Side::kOriginator)]);
  append_owner(out, "to", flow.owners[model::index(model::Side::kResponder)]);
  while (out.back() == ' ') out.pop_back();
  out += '\n';
}

void append_record_line(std::string& out, const model::Record& record) {
  append_time(out, record.time_ns);
  out +=
      fmt::format("  #{:<6} {:<6} {:<14}", record.packet, record.schema->proto, record.kind_name());
  model::ValueCursor values(record);
  const model::FieldDef* previous = nullptr;
  while (const auto value = values.next()) {
    if (value->def == previous) {
      out += ',';
    } else {
      out += "  ";
      out += value->def->name;
      out += '=';
    }
    append_value(out, *value);
    previous = value->def;
  }
  if (record.cut) out += "  (cut)";
  out += "  flow=";
  model::append_flow_id(out, record.flow);
  out += '\n';
}

}  // namespace netwatch::app
