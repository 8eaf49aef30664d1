#pragma once

#include <expected>
#include <string_view>
#include <vector>

#include "model/flow.h"
#include "model/record.h"
#include "model/socket.h"
#include "query/filter.h"

namespace netwatch::pipeline {

// The filter language over sockets: the fields of socket_schema() and, of a flow's, those that do
// not say who began (ip.addr, port, l4, owner.*).
class SocketFilter {
 public:
  // `schemas`: those of the usual catalog, the flow's first. A text that asks for what sockets do
  // not have (names, messages, the originator) is an error at that column: "nothing matches" would
  // be a lie.
  static std::expected<SocketFilter, query::FilterError> parse(
      std::string_view text, std::vector<const model::Schema*> schemas);

  // Not thread-safe.
  [[nodiscard]] bool accepts(const model::Socket& socket);

 private:
  explicit SocketFilter(query::Filter filter) : filter_(std::move(filter)) {}

  query::Filter filter_;
  model::RecordBuilder builder_;
  model::Flow flow_;
};

}  // namespace netwatch::pipeline
