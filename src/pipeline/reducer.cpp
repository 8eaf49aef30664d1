#include "pipeline/reducer.h"

#include <algorithm>
#include <utility>

#include "wire/pcapng_options.h"

namespace netwatch::pipeline {

void Reducer::take(BatchWork& work) {
  static const std::vector<model::CaptureNote> kNone;
  const auto& notes = work.batch == nullptr ? kNone : work.batch->notes;
  learn_names(notes);
  if (work.batch != nullptr) sink_.on_batch(*work.batch);
  order_.clear();
  last_written_ = 0;
  for (std::uint32_t shard = 0; shard < kShards; ++shard) {
    records_ += work.outputs[shard].counted_records();
    flows_ += work.outputs[shard].counted_flows();
    const auto& packet_flows = work.outputs[shard].packet_flows();
    if (!packet_flows.empty()) sink_.on_packet_flows(packet_flows);
    std::uint32_t place = 0;
    for (const ShardOutput::Event& event : work.outputs[shard].events()) {
      order_.push_back({event, shard, place++});
    }
  }
  std::sort(order_.begin(), order_.end(), [](const Ordered& one, const Ordered& two) {
    if (one.event.packet != two.event.packet) return one.event.packet < two.event.packet;
    if (one.event.phase != two.event.phase) return one.event.phase < two.event.phase;
    if (one.shard != two.shard) return one.shard < two.shard;
    return one.place < two.place;
  });
  auto note = notes.begin();
  for (const Ordered& item : order_) {
    for (; note != notes.end() && note->before <= item.event.packet; ++note) sink_.on_note(*note);
    hand_on(work, item);
  }
  for (; note != notes.end(); ++note) sink_.on_note(*note);
  sink_.on_batch_end();
}

// Names that the capture's own resolver knew: for all flows of the batch.
void Reducer::learn_names(const std::vector<model::CaptureNote>& notes) {
  for (const model::CaptureNote& note : notes) {
    if (note.kind != model::CaptureNote::Kind::kNames) continue;
    wire::pcapng::for_each_name(note.bytes,
                                [this](const base::IpAddress& address, std::string_view name) {
                                  names_.learn(address, name, model::NameSource::kFile);
                                });
  }
}

void Reducer::hand_on(BatchWork& work, const Ordered& item) {
  ShardOutput& output = work.outputs[item.shard];
  switch (item.event.kind) {
    case ShardOutput::Kind::kRecord: {
      const model::Record record = output.record(item.event);
      ++records_;
      names_.learn(record);
      sink_.on_record(record);
      break;
    }
    case ShardOutput::Kind::kFlow: {
      model::Flow& flow = output.flow(item.event);
      if (flow.end != model::FlowEnd::kOpen) ++flows_;
      migrations_.apply(flow);
      name(flow);
      sink_.on_flow(flow);
      break;
    }
    case ShardOutput::Kind::kPacket:
      // Several flows may have a part in one.
      if (std::exchange(last_written_, item.event.packet) == item.event.packet) break;
      sink_.on_packet(work.batch->packets[output.packet_index(item.event)]);
      break;
    case ShardOutput::Kind::kChosenId:
      migrations_.learn(output.chosen_id(item.event));
      break;
    case ShardOutput::Kind::kCarriedId:
      migrations_.look(output.carried_id(item.event));
      break;
  }
}

void Reducer::name(model::Flow& flow) {
  if (flow.name_from != model::NameSource::kNone) return;
  const auto learned = names_.find(flow.resp.address);
  if (learned.name.empty()) return;
  flow.name = learned.name;
  flow.name_from = learned.source;
}

}  // namespace netwatch::pipeline
