#pragma once

#include <string>

#include "model/flow.h"
#include "model/record.h"

// Flows and records as lines for people, from schemas alone. Text from the wire is sanitised.
namespace netwatch::app {

// The head of a list of flow lines.
std::string flow_line_head();
void append_flow_line(std::string& out, const model::Flow& flow);
void append_record_line(std::string& out, const model::Record& record);

// "93.184.216.34:443", "[2001:db8::1]:443", or the bare address without a port.
std::string endpoint_text(const model::Endpoint& endpoint, std::uint8_t proto);
// "tls/http", innermost last; the transport's name if nothing was recognised.
std::string apps_text(const model::Flow& flow);

}  // namespace netwatch::app
