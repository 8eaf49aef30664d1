#include "pipeline/shard.h"

#include <algorithm>
#include <array>
#include <utility>

#include "flow/community_id.h"

namespace netwatch::pipeline {
namespace {

// Which of a flow's two reader slots is whose.
constexpr std::size_t kAnalysisSlot = 0;
constexpr std::size_t kNotesSlot = 1;

flow::FlowBudget flow_budget(const ShardOptions& options) {
  flow::FlowBudget budget = options.budget.of_flow_shard();
  budget.first_sighting_only = options.first_sighting_only;
  return budget;
}

model::NameSource source_of(model::Role role) {
  switch (role) {
    case model::Role::kServerName:
      return model::NameSource::kSni;
    case model::Role::kHostName:
      return model::NameSource::kHost;
    default:
      return model::NameSource::kNone;
  }
}

// A host as people compare it: lower case, without port and final dot. Nothing for an address,
// which is no name. The record keeps the bytes as they were sent.
std::string host_name(std::string_view text) {
  if (const std::size_t colon = text.rfind(':');
      colon != std::string_view::npos && text.find(':') == colon) {
    text = text.substr(0, colon);
  }
  if (text.starts_with('[') || base::IpAddress::parse(text)) return {};
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string name(text);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

dpi::FlowRef flow_ref(const flow::FlowTable& table, flow::FlowHandle handle) {
  return {.id = table.id(handle),
          .proto = table.proto(handle),
          .orig_port = table.port(handle, model::Side::kOriginator),
          .resp_port = table.port(handle, model::Side::kResponder),
          .hosts = &table.addresses(handle),
          .scope = table.scope(handle)};
}

}  // namespace

Shard::Shard(std::uint32_t number, const ShardOptions& options)
    : number_(number),
      options_(options),
      table_(*this, number, flow_budget(options)),
      analyzer_(*this, options.budget.of_analyzer_shard()),
      notes_(1) {
  if (options.count_only) analyzer_.only_count_records();
}

void Shard::begin(BatchWork& work) {
  output_ = &work.outputs[number_];
  phase_ = ShardOutput::Phase::kPacket;
  clock_ns_ = work.clock_ns;
}

void Shard::end(const BatchWork& work) {
  phase_ = ShardOutput::Phase::kClock;
  packet_ = work.last_packet;
  table_.advance(work.clock_ns);
  if (work.report_changed && !options_.count_only) {
    if (work.report_all) table_.mark_all_changed();
    table_.visit_changed([this](flow::FlowHandle handle) {
      output_->add_flow(packet_, phase_, describe(handle, model::FlowEnd::kOpen));
    });
  }
  if (work.last) {
    const std::size_t most = options_.budget.of_flow_shard().flows;
    table_.finish((most + kFinishParts - 1) / kFinishParts);
  }
  output_ = nullptr;
}

void Shard::take(const BatchWork& work, std::uint32_t index, const wire::Decoded& decoded,
                 std::uint32_t tag) {
  const model::Packet& packet = work.batch->packets[index];
  packet_ = packet.number;
  const flow::FlowHandle handle = table_.packet(packet, decoded, tag);
  if (options_.packet_flows) tell_flow(decoded);
  if (handle.index == flow::FlowHandle::kNone) return;
  if (!decoded.tunnels.empty() && !options_.count_only) notes_of(handle).tunnels = decoded.tunnels;
  if (options_.selected != nullptr && is_selected(table_.id(handle))) {
    add_parts(work);
    output_->add_packet(packet.number, index);
  }
}

void Shard::take(const BatchWork& work, const DerivedPacket& derived, std::uint32_t tag) {
  const bool in_batch = work.batch != nullptr && derived.index < work.batch->packets.size();
  packet_ = in_batch ? work.batch->packets[derived.index].number : work.last_packet;
  const flow::FlowHandle handle =
      table_.packet(derived.packet, derived.decoded, tag, &derived.tally);
  if (options_.packet_flows) tell_flow(derived);
  if (handle.index == flow::FlowHandle::kNone) return;
  const model::Tunnels& tunnels = derived.decoded.tunnels;
  if (!tunnels.empty() && !options_.count_only) notes_of(handle).tunnels = tunnels;
  if (options_.selected == nullptr || !is_selected(table_.id(handle))) return;
  add_parts(work);
  for (const std::uint32_t number : derived.numbers) {
    add_part(work, derived.tally.first_packet + number);
  }
  if (derived.completed) add_part(work, packet_);
}

// A packet of a selected flow, if it is in this batch: the bytes of others are gone.
void Shard::add_part(const BatchWork& work, std::uint64_t number) {
  if (work.batch == nullptr || work.batch->packets.empty()) return;
  const auto& packets = work.batch->packets;
  const std::uint64_t index = number - packets.front().number;
  if (index >= packets.size() || packets[index].number != number) return;
  output_->add_packet(number, static_cast<std::uint32_t>(index));
}

// The fragments of the datagram that was just completed.
void Shard::add_parts(const BatchWork& work) {
  const flow::FlowTable::Parts parts = table_.last_parts();
  for (const std::uint32_t part : parts.packets) add_part(work, parts.first_packet + part);
}

// The flow of the packet that the table was just shown, and of fragments that it completed.
void Shard::tell_flow(const wire::Decoded& decoded) {
  const auto [flow, from_lower] = table_.last_sighting();
  const bool waits = decoded.status == wire::DecodeStatus::kFragment || decoded.first_fragment;
  if (flow == model::kNoFlow && !waits) return;
  output_->add_packet_flow({.number = packet_, .flow = flow, .from_lower = from_lower});
  const flow::FlowTable::Parts parts = table_.last_parts();
  if (flow == model::kNoFlow) return;
  for (const std::uint32_t part : parts.packets) {
    output_->add_packet_flow(
        {.number = parts.first_packet + part, .flow = flow, .from_lower = from_lower});
  }
}

// Likewise of one that was put together from fragments of a tunnel.
void Shard::tell_flow(const DerivedPacket& derived) {
  const auto [flow, from_lower] = table_.last_sighting();
  if (flow == model::kNoFlow) return;
  for (const std::uint32_t number : derived.numbers) {
    output_->add_packet_flow(
        {.number = derived.tally.first_packet + number, .flow = flow, .from_lower = from_lower});
  }
  if (!derived.completed) return;
  output_->add_packet_flow({.number = packet_, .flow = flow, .from_lower = from_lower});
}

model::DropCounters Shard::drops() const {
  model::DropCounters all = table_.drops();
  all.add(analyzer_.drops());
  return all;
}

bool Shard::on_chunk(flow::FlowTable& table, flow::FlowHandle handle,
                     const model::StreamChunk& chunk) {
  reading_ = handle;
  std::uint32_t& slot = table.reader_slots(handle)[kAnalysisSlot];
  return analyzer_.feed(slot, flow_ref(table, handle), chunk) == dpi::Appetite::kBytes;
}

void Shard::on_end(flow::FlowTable& table, flow::FlowHandle handle, model::FlowEnd end) {
  reading_ = handle;
  std::uint32_t& slot = table.reader_slots(handle)[kAnalysisSlot];
  if (slot != 0) {
    analyzer_.end(slot, flow_ref(table, handle), table.last_ns(handle), table.last_packet(handle));
  }
  if (is_selected(table.id(handle))) {
    if (options_.count_only) {
      output_->count_flow();
    } else {
      output_->add_flow(packet_, phase_, describe(handle, end));
    }
  }
  release(handle);
}

void Shard::on_record(const model::Record& record) {
  if (!options_.count_only) learn_name(record);
  if (!is_selected(record.flow)) return;
  if (options_.count_only) return output_->count_record();
  model::Record seen = record;
  if (table_.flipped(reading_)) seen.side = model::other(seen.side);
  output_->add_record(packet_, phase_, seen);
}

void Shard::on_app(std::uint64_t /*flow*/, std::uint8_t layer, std::string_view name) {
  if (layer < model::kMaxFlowApps && !options_.count_only) notes_of(reading_).apps[layer] = name;
}

void Shard::on_originator(std::uint64_t /*flow*/, model::Side side) {
  table_.set_originator(reading_, side);
}

void Shard::on_parent(std::uint64_t /*flow*/, std::uint64_t parent) {
  if (!options_.count_only) notes_of(reading_).parent = parent;
}

// What nobody asks for the results of is not joined.
void Shard::on_connection_id(std::uint64_t flow, model::Side side, std::string_view protocol,
                             base::Bytes id) {
  if (options_.count_only) return;
  ChosenId chosen{.id = connection_id(side, protocol, id),
                  .flow = flow,
                  .peer = endpoint(model::other(side)),
                  .name = {}};
  if (const std::uint32_t slot = table_.reader_slots(reading_)[kNotesSlot]; slot != 0) {
    chosen.name = notes_[slot].name;
    chosen.name_from = notes_[slot].name_from;
  }
  output_->add_chosen_id(packet_, phase_, std::move(chosen));
}

void Shard::on_carried_id(std::uint64_t flow, model::Side side, std::string_view protocol,
                          base::Bytes bytes) {
  if (options_.count_only) return;
  output_->add_carried_id(packet_, phase_,
                          {.id = connection_id(side, protocol, bytes),
                           .flow = flow,
                           .peer = endpoint(model::other(side))});
}

// Sides are the table's: it is those that the analyzer was shown.
ConnectionId Shard::connection_id(model::Side side, std::string_view protocol,
                                  base::Bytes bytes) const {
  ConnectionId id{.protocol = protocol, .end = endpoint(side), .scope = table_.scope(reading_)};
  id.size = static_cast<std::uint8_t>(std::min(bytes.size(), id.bytes.size()));
  std::copy_n(bytes.begin(), id.size, id.bytes.begin());
  return id;
}

model::Endpoint Shard::endpoint(model::Side side) const {
  return {.address = table_.addresses(reading_)[model::index(side)],
          .port = table_.port(reading_, side)};
}

Shard::Notes& Shard::notes_of(flow::FlowHandle handle) {
  std::uint32_t& slot = table_.reader_slots(handle)[kNotesSlot];
  if (slot == 0) {
    if (free_notes_.empty()) {
      slot = static_cast<std::uint32_t>(notes_.size());
      notes_.emplace_back();
    } else {
      slot = free_notes_.back();
      free_notes_.pop_back();
    }
  }
  return notes_[slot];
}

// The best source wins; of equal sources the first name stays (later requests on one connection
// may name other hosts).
void Shard::learn_name(const model::Record& record) {
  model::ValueCursor values(record);
  while (const auto value = values.next()) {
    const model::NameSource source = source_of(value->def->role);
    if (source == model::NameSource::kNone || value->raw.empty()) continue;
    std::string name = host_name(value->text());
    if (name.empty()) continue;
    Notes& notes = notes_of(reading_);
    if (notes.name_from != model::NameSource::kNone && notes.name_from <= source) continue;
    notes.name = std::move(name);
    notes.name_from = source;
  }
}

model::Flow Shard::describe(flow::FlowHandle handle, model::FlowEnd end) {
  model::Flow flow = table_.to_flow(handle, end);
  if (const std::uint32_t slot = table_.reader_slots(handle)[kNotesSlot]; slot != 0) {
    const Notes& notes = notes_[slot];
    flow.apps = notes.apps;
    flow.name = notes.name;
    flow.name_from = notes.name_from;
    flow.tunnels = notes.tunnels;
    flow.parent = notes.parent;
  }
  if (options_.community_ids) {
    flow.community_id = flow::community_id(flow.orig, flow.resp, flow.proto);
  }
  return flow;
}

void Shard::release(flow::FlowHandle handle) {
  std::uint32_t& slot = table_.reader_slots(handle)[kNotesSlot];
  if (slot == 0) return;
  notes_[slot] = Notes{};
  free_notes_.push_back(slot);
  slot = 0;
}

}  // namespace netwatch::pipeline
