#include "pipeline/socket_filter.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "model/flow_fields.h"
#include "model/socket_fields.h"

namespace netwatch::pipeline {
namespace {

using model::FlowField;

// A flow's fields that a socket answers by itself: its ends are not known as who began and who
// answered.
constexpr FlowField kAnswered[] = {
    // NOLINT(*-avoid-c-arrays)
    FlowField::kIpAddr,    FlowField::kPort,
    FlowField::kTcpPort,   FlowField::kUdpPort,
    FlowField::kL4,        FlowField::kOwnerName,
    FlowField::kOwnerPid,  FlowField::kOwnerExe,
    FlowField::kOwnerUser, FlowField::kOwnerQuality,
    FlowField::kOwnerVia,  FlowField::kOwnerParent,
    FlowField::kOwnerUnit, FlowField::kOwnerContainer,
};

bool is_of(const model::FieldDef* field, const model::Schema& schema) {
  const std::span<const model::FieldDef> fields = schema.fields;
  return std::any_of(fields.begin(), fields.end(),
                     [field](const model::FieldDef& known) { return &known == field; });
}

bool is_answered(const model::FieldDef* field) {
  const std::span<const model::FieldDef> own = model::flow_schema().fields;
  return is_of(field, model::socket_schema()) ||
         std::any_of(std::begin(kAnswered), std::end(kAnswered), [&](FlowField known) {
           return &own[static_cast<std::size_t>(known)] == field;
         });
}

// The first leaf that no field of a socket can answer. Depth is bounded by Filter::kMaxDepth.
const model::FilterNode* unanswerable(const model::FilterNode& node) {
  if (node.op == model::FilterOp::kAnd || node.op == model::FilterOp::kOr ||
      node.op == model::FilterOp::kNot) {
    for (const auto& child : node.children) {
      if (const auto* found = unanswerable(*child)) return found;
    }
    return nullptr;
  }
  if (node.fields.empty()) return nullptr;
  return std::none_of(node.fields.begin(), node.fields.end(), is_answered) ? &node : nullptr;
}

query::FilterError refusal(const model::FilterNode& leaf) {
  const model::FieldDef& field = *leaf.fields[0];
  const bool of_flow = is_of(&field, model::flow_schema());
  return {.column = leaf.column,
          .message = std::string(field.name) +
                     (of_flow ? " belongs to flows; a socket has no such "
                              : " belongs to messages; a socket has no ") +
                     (of_flow ? "field" : "messages"),
          .suggestion = "local.port, remote.ip, state, owner.name, ..."};
}

}  // namespace

std::expected<SocketFilter, query::FilterError> SocketFilter::parse(
    std::string_view text, std::vector<const model::Schema*> schemas) {
  schemas.push_back(&model::socket_schema());
  auto parsed = query::Filter::parse(text, query::Catalog(std::move(schemas)));
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  if (const auto* leaf = unanswerable(parsed->tree())) return std::unexpected(refusal(*leaf));
  return SocketFilter(*std::move(parsed));
}

bool SocketFilter::accepts(const model::Socket& socket) {
  query::Filter::Evidence evidence;
  model::add_socket_fields(builder_, socket);
  filter_.note(evidence, builder_.view());
  flow_.proto = socket.proto;
  flow_.orig = socket.local;
  flow_.resp = socket.remote;
  flow_.sides[0].retransmitted =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, socket.retransmits));
  flow_.owners[0] = socket.owner;
  return filter_.matches(flow_, evidence);
}

}  // namespace netwatch::pipeline
