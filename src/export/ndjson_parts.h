#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "base/time.h"
#include "model/owner.h"
#include "model/socket.h"

// What lines of several kinds are made of; for src/export only.
namespace netwatch::exporting {

// Opens a line: {"type":"<type>"
base::JsonWriter begin_line(std::string& out, std::string_view type);
void end_line(std::string& out, base::JsonWriter& json);

void write_time(base::JsonWriter& json, base::TimeNs time_ns);
void write_text_if(base::JsonWriter& json, std::string_view key, std::string_view text);
void write_uint(base::JsonWriter& json, std::string_view key, std::uint64_t value);
// "owner":{...}; nothing of an unknown one.
void write_owner(base::JsonWriter& json, const model::Owner& owner);
// "peers":[...] and what is of none of them; nothing of a socket without.
void write_peers(base::JsonWriter& json, const model::Socket& socket);

}  // namespace netwatch::exporting
