#pragma once

#include <cstdint>
#include <vector>

#include "model/flow.h"
#include "model/packet_owners.h"
#include "model/record.h"
#include "pipeline/migrations.h"

namespace netwatch::pipeline {

// What one shard made of one batch, in the order it happened. Results of all shards merge by
// (packet, phase, shard, order of emission), which does not depend on threads.
class ShardOutput {
 public:
  enum class Kind : std::uint8_t { kRecord, kFlow, kPacket, kChosenId, kCarriedId };
  // Results of a packet come before what its batch's clock ended.
  enum class Phase : std::uint8_t { kPacket, kClock };
  struct Event {
    std::uint64_t packet = 0;
    Phase phase = Phase::kPacket;
    Kind kind = Kind::kRecord;
    std::uint32_t place = 0;  // among the outputs of its kind
  };

  void clear() {
    events_.clear();
    records_.clear();
    bodies_.clear();
    flows_.clear();
    packets_.clear();
    packet_flows_.clear();
    chosen_ids_.clear();
    carried_ids_.clear();
    counted_records_ = 0;
    counted_flows_ = 0;
  }
  // Where nobody wants to see them.
  void count_record() { ++counted_records_; }
  void count_flow() { ++counted_flows_; }
  [[nodiscard]] std::uint64_t counted_records() const { return counted_records_; }
  [[nodiscard]] std::uint64_t counted_flows() const { return counted_flows_; }
  void add_record(std::uint64_t packet, Phase phase, const model::Record& record) {
    events_.push_back({packet, phase, Kind::kRecord, static_cast<std::uint32_t>(records_.size())});
    records_.push_back({record, bodies_.size(), record.body.size()});
    bodies_.insert(bodies_.end(), record.body.begin(), record.body.end());
  }
  void add_flow(std::uint64_t packet, Phase phase, model::Flow flow) {
    events_.push_back({packet, phase, Kind::kFlow, static_cast<std::uint32_t>(flows_.size())});
    flows_.push_back(std::move(flow));
  }
  // `index` of a packet of the batch that belongs to a selected flow.
  void add_packet(std::uint64_t packet, std::uint32_t index) {
    events_.push_back(
        {packet, Phase::kPacket, Kind::kPacket, static_cast<std::uint32_t>(packets_.size())});
    packets_.push_back(index);
  }
  // Beside the results: not put in order with them.
  void add_packet_flow(const model::PacketFlow& flow) { packet_flows_.push_back(flow); }
  [[nodiscard]] const std::vector<model::PacketFlow>& packet_flows() const { return packet_flows_; }
  void add_chosen_id(std::uint64_t packet, Phase phase, ChosenId id) {
    events_.push_back(
        {packet, phase, Kind::kChosenId, static_cast<std::uint32_t>(chosen_ids_.size())});
    chosen_ids_.push_back(std::move(id));
  }
  void add_carried_id(std::uint64_t packet, Phase phase, const CarriedId& id) {
    events_.push_back(
        {packet, phase, Kind::kCarriedId, static_cast<std::uint32_t>(carried_ids_.size())});
    carried_ids_.push_back(id);
  }

  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] model::Record record(const Event& event) const {
    const StoredRecord& stored = records_[event.place];
    model::Record record = stored.head;
    record.body = base::Bytes(bodies_).subspan(stored.offset, stored.len_bytes);
    return record;
  }
  [[nodiscard]] model::Flow& flow(const Event& event) { return flows_[event.place]; }
  [[nodiscard]] std::uint32_t packet_index(const Event& event) const {
    return packets_[event.place];
  }
  [[nodiscard]] const ChosenId& chosen_id(const Event& event) const {
    return chosen_ids_[event.place];
  }
  [[nodiscard]] const CarriedId& carried_id(const Event& event) const {
    return carried_ids_[event.place];
  }

 private:
  struct StoredRecord {
    model::Record head;
    std::size_t offset = 0;
    std::size_t len_bytes = 0;
  };

  std::vector<Event> events_;
  std::vector<StoredRecord> records_;
  std::vector<std::uint8_t> bodies_;
  std::vector<model::Flow> flows_;
  std::vector<std::uint32_t> packets_;
  std::vector<model::PacketFlow> packet_flows_;
  std::vector<ChosenId> chosen_ids_;
  std::vector<CarriedId> carried_ids_;
  std::uint64_t counted_records_ = 0;
  std::uint64_t counted_flows_ = 0;
};

}  // namespace netwatch::pipeline
