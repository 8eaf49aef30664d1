#include "pipeline/packet_report.h"

namespace netwatch::pipeline {

PacketReport::PacketReport(LiveTable& table, LiveSink& out, const query::Filter* filter)
    : table_(table),
      out_(out),
      held_([this](const auto& held) { return answer(held); },
            [this](const auto& held) { tell(held); }) {
  if (filter != nullptr) verdicts_.emplace(*filter);
}

void PacketReport::on_record(const model::Record& record) {
  if (verdicts_) verdicts_->on_record(record);
}

void PacketReport::on_flow(const model::Flow& flow) {
  if (!verdicts_) return;
  model::Flow copy = flow;
  copy.owners = table_.owners_of(flow);
  verdicts_->on_flow(copy);
}

void PacketReport::take_interfaces(const model::InterfaceTable& table) {
  interfaces_.clear();
  for (const model::Interface& one : table.interfaces) interfaces_.insert(one.ifindex);
  out_.on_interfaces(table);
}

void PacketReport::tell_due(base::TimeNs pace_ns) {
  if (verdicts_) verdicts_->advance(pace_ns);
  held_.release(pace_ns);
  end_round();
}

void PacketReport::tell_all() {
  held_.release_all();
  end_round();
}

void PacketReport::end_round() {
  known_.clear();
  if (held_.hurried() == hurried_told_) return;
  out_.on_hurried_packets(held_.hurried() - hurried_told_);
  hurried_told_ = held_.hurried();
}

const PacketReport::Known& PacketReport::known_of(model::FlowId flow) {
  const auto [place, is_new] = known_.try_emplace(flow);
  if (is_new) {
    place->second.ends = table_.ends_of(flow);
    place->second.matches = !verdicts_ || verdicts_->matches(flow);
  }
  return place->second;
}

HeldPackets::Answer PacketReport::answer(const HeldPackets::Held& held) {
  // An interface that is new has no name yet.
  const std::uint32_t ifindex = held.packet.ifindex;
  const bool named = ifindex == 0 || interfaces_.contains(ifindex);
  if (held.flow == model::kNoFlow) return {.settled = named && !held.has_flow};
  const Known& known = known_of(held.flow);
  if (!known.ends) return {};
  return {.settled = named && known.ends->complete && known.matches,
          .flow_begun_ns = known.ends->first_ns};
}

void PacketReport::tell(const HeldPackets::Held& held) {
  model::PacketOwners owners;
  bool matches = !verdicts_;
  if (held.flow != model::kNoFlow) {
    const Known& known = known_of(held.flow);
    matches = known.matches;
    if (known.ends) {
      const auto owner_at = [&known](std::size_t end) {
        const model::Owner& owner = known.ends->owners[end];
        return owner.process == nullptr ? nullptr : &owner;
      };
      owners.sender = owner_at(held.from_lower ? 0 : 1);
      owners.receiver = owner_at(held.from_lower ? 1 : 0);
    }
  }
  if (matches) {
    out_.on_owned_packet(held.packet, owners);
  } else {
    out_.on_packet_left_out(held.packet);
  }
}

}  // namespace netwatch::pipeline
