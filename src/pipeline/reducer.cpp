#include "pipeline/reducer.h"

#include <algorithm>

namespace netwatch::pipeline {

void Reducer::take(BatchWork& work) {
  order_.clear();
  for (std::uint32_t shard = 0; shard < kShards; ++shard) {
    records_ += work.outputs[shard].counted_records();
    flows_ += work.outputs[shard].counted_flows();
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
  for (const Ordered& item : order_) hand_on(work, item);
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
      name(flow);
      sink_.on_flow(flow);
      break;
    }
    case ShardOutput::Kind::kPacket:
      sink_.on_packet(work.batch->packets[output.packet_index(item.event)]);
      break;
  }
}

void Reducer::name(model::Flow& flow) {
  if (flow.name_from != model::NameSource::kNone) return;
  const std::string_view learned = names_.find(flow.resp.address);
  if (learned.empty()) return;
  flow.name = learned;
  flow.name_from = model::NameSource::kDns;
}

}  // namespace netwatch::pipeline
