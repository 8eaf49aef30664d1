#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dpi/parts/http_message.h"
#include "model/record.h"

// From one HTTP/1 header section to one record, and to what its reader must know to find the next
// message; http.cpp keeps the conversation.
namespace netwatch::dpi {

extern const model::Schema kHttpSchema;

// How a message says that its body ends (RFC 9112 section 6.3), before the request's method and
// the status are considered.
struct HttpFraming {
  std::optional<std::uint64_t> length;  // Content-Length
  bool has_encoding = false;            // Transfer-Encoding is there
  bool chunked = false;                 // and chunked is its last element
};

struct HttpHead {
  bool request = false;
  bool connect = false;     // the method
  bool head = false;        // the method
  bool upgrade = false;     // a request that offers another protocol
  bool keep_alive = false;  // "Connection: keep-alive", said in words
  std::uint16_t status = 0;
  std::string_view upgrade_to;  // Upgrade: what is offered or taken; a list if several are
  HttpFraming framing;
  std::string_view odd;  // the first breach of the rules: "length_and_chunked"; empty if none
};

// Starts the record and fills it from `section`, which begins with a start line. `complete`: it
// ends with its empty line; otherwise what is there is reported and the record is flagged as cut.
// Passwords, cookies and credentials do not enter the record.
HttpHead report_http_head(std::string_view section, bool complete, model::RecordBuilder& out);

// Adds the time from the request to the response whose record is being built.
void add_http_latency(model::RecordBuilder& out, std::int64_t latency_ns);

}  // namespace netwatch::dpi
