// Lines about the host: samples and interfaces.
#include <cmath>
#include <cstddef>

#include "export/ndjson.h"
#include "export/ndjson_parts.h"

namespace netwatch::exporting {
namespace {

// A double says whole numbers up to here without a loss.
constexpr double kMostWhole = 9007199254740992.0;  // 2^53

void write_number(base::JsonWriter& json, double value) {
  if (value >= 0 && value <= kMostWhole && std::floor(value) == value) {
    json.uint(static_cast<std::uint64_t>(value));
  } else {
    json.real(value);
  }
}

}  // namespace

void append_sample(std::string& out, const model::Sample& sample, base::TimeNs taken_ns) {
  const model::MetricDef& def = *sample.def;
  base::JsonWriter json = begin_line(out, "sample");
  json.key("ts");
  write_time(json, taken_ns);
  json.key("metric");
  json.string(def.name);
  json.key("kind");
  json.string(model::metric_kind_name(def.kind));
  if (def.unit != model::MetricUnit::kNone) {
    json.key("unit");
    json.string(model::metric_unit_name(def.unit));
  }
  if (!def.labels.empty()) {
    json.key("labels");
    json.begin_object();
    for (std::size_t i = 0; i < def.labels.size(); ++i) {
      json.key(def.labels[i]);
      json.string(sample.labels[i]);
    }
    json.end_object();
  }
  if (def.kind == model::MetricKind::kState) {
    json.key("state");
    json.string(def.states[static_cast<std::size_t>(sample.value)]);
  } else {
    json.key("value");
    write_number(json, sample.value);
  }
  end_line(out, json);
}

void append_link_event(std::string& out, const model::LinkEvent& event) {
  const model::Interface& interface = event.interface;
  base::JsonWriter json = begin_line(out, "link");
  json.key("ts");
  write_time(json, event.time_ns);
  json.key("event");
  json.string(model::link_event_name(event.kind));
  if (event.kind == model::LinkEvent::Kind::kLost) return end_line(out, json);
  json.key("interface");
  json.string(interface.name);
  json.key("ifindex");
  json.uint(interface.ifindex);
  if (interface.role != model::InterfaceRole::kUnknown) {
    json.key("role");
    json.string(model::interface_role_name(interface.role));
  }
  json.key("up");
  json.boolean(interface.up);
  if (!interface.addresses.empty()) {
    json.key("addresses");
    json.begin_array();
    for (const base::IpAddress& address : interface.addresses) json.string(address.to_string());
    json.end_array();
  }
  json.key("default");
  json.boolean(interface.is_default);
  end_line(out, json);
}

}  // namespace netwatch::exporting
