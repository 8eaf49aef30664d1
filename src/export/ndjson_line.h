#pragma once

#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "base/time.h"

// What all lines of the NDJSON contract have in common.
namespace netwatch::exporting {

inline base::JsonWriter begin_line(std::string& out, std::string_view type) {
  base::JsonWriter json(out);
  json.begin_object();
  json.key("type");
  json.string(type);
  return json;
}

inline void end_line(std::string& out, base::JsonWriter& json) {
  json.end_object();
  out += '\n';
}

inline void write_time(base::JsonWriter& json, base::TimeNs time_ns) {
  std::string& out = json.raw_value();
  out += '"';
  base::append_rfc3339(out, time_ns);
  out += '"';
}

}  // namespace netwatch::exporting
