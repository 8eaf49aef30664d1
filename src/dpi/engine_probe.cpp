// Probing: whose protocol is it? And datagrams, each of which is a probe's whole input.
#include <algorithm>

#include "dpi/engine.h"
#include "dpi/engine_mark.h"

namespace netwatch::dpi {
namespace {

using model::Side;

// Below so many bytes a "more" is not counted: one-byte segments would use up the tries.
constexpr std::size_t kFreeAskBytes = 64;
constexpr std::size_t kAskUnit = 32;
// A flow that nobody knows costs no memory, so it is not given up at once: one side is passed over
// in the hope of the other side's first bytes for so many segments,
constexpr std::uint32_t kMaxRefusedChunks = 256;
// and of both sides so many are looked at by the probes that are believed late.
constexpr std::uint32_t kMaxLateChunks = 32;
// Of a datagram flow so many: the connectivity checks of ICE come before a DTLS hello.
constexpr std::uint32_t kMaxUndecidedDatagrams = 16;

// What is neither a stream nor a datagram of UDP, but a protocol of IP beside them.
bool is_own_ip_protocol(std::uint8_t proto) {
  return proto != 0 && proto != model::ip_proto::kTcp && proto != model::ip_proto::kUdp;
}

base::Bytes probe_part(base::Bytes bytes) {
  return bytes.first(std::min(bytes.size(), kProbeBytes));
}

}  // namespace

// kYes: `slot` has a decoder. kMore: `input` is kept. kNo: `slot` is 0 or a mark.
Probe Engine::probe_stream(std::uint32_t& slot, base::Bytes& input) {
  ProbeInput shown{
      .sides = {}, .latest = side_, .orig_port = flow_.orig_port, .resp_port = flow_.resp_port};
  base::Bytes& own_shown = shown.sides[model::index(side_)];
  bool first_words = true;
  if (slot == 0 || Mark::is(slot)) {
    Mark mark(slot);
    own_shown = probe_part(input);
    if (mark.refused(side_)) return probe_late(slot, shown);
  } else {
    Analysis& analysis = table_.at(slot);
    SideBytes& own = analysis.sides[model::index(side_)];
    first_words = own.size == 0;
    if (!first_words && own.size < kProbeBytes) {
      const std::size_t more = std::min(input.size(), kProbeBytes - own.size);
      if (!hold(slot, side_, input.first(more))) {
        ++drops_[model::Drop::kStreamEvicted];
        free_analysis(slot);
        slot = 0;
        return Probe::kNo;
      }
      input = input.subspan(more);
    }
    own_shown = probe_part(first_words ? input : own.view());
    const Side other = model::other(side_);
    shown.sides[model::index(other)] = probe_part(analysis.sides[model::index(other)].view());
    if (own_shown.empty()) shown.latest = other;
  }
  return ask_stream(slot, shown, first_words, input);
}

// A later segment of a side that nobody knew.
Probe Engine::probe_late(std::uint32_t& slot, const ProbeInput& shown) {
  Mark mark(slot);
  mark.count_one();
  const bool both = mark.refused(Side::kOriginator) && mark.refused(Side::kResponder);
  const bool last = mark.count() >= (both ? kMaxLateChunks : kMaxRefusedChunks);
  slot = last ? 0 : mark.slot();
  const ProbeIndex::Answer answer = index_.ask_late(shown);
  if (answer.probe != Probe::kYes) return Probe::kNo;
  return begin_decoder(slot, answer.protocol);
}

Probe Engine::ask_stream(std::uint32_t& slot, ProbeInput& shown, bool first_words,
                         base::Bytes& input) {
  const bool known = slot != 0 && !Mark::is(slot);
  const std::array<std::uint8_t, 4> rejected =
      known ? table_.at(slot).rejected : Analysis{}.rejected;
  const std::size_t total = shown.sides[0].size() + shown.sides[1].size();
  const std::size_t latest_bytes = shown.of(shown.latest).size();
  const bool counted = total >= kFreeAskBytes;
  const bool due = !known || first_words || !counted || latest_bytes == kProbeBytes ||
                   total >= table_.at(slot).ask_at * kAskUnit;
  if (!due) return keep_for_later(slot, input, first_words);

  ProbeIndex::Answer answer = ask_announced(slot, shown);
  if (answer.probe == Probe::kNo) answer = ask(shown, false, rejected);
  const Side other = model::other(shown.latest);
  if (answer.probe == Probe::kNo && known && !shown.of(other).empty()) {
    // The other side's bytes may be the tail of something: the new ones on their own, then.
    shown.sides[model::index(other)] = {};
    answer = ask(shown, false, rejected);
    if (answer.probe != Probe::kNo) release(table_.at(slot).sides[model::index(other)]);
    if (answer.probe != Probe::kNo) table_.at(slot).first_side = model::index(shown.latest) & 1;
  }
  if (answer.probe != Probe::kYes && known && !first_words) {
    if (begin_at_this_segment(slot, input)) return Probe::kYes;
    if (slot == 0) return Probe::kNo;
  }
  if (answer.probe == Probe::kMore && latest_bytes < kProbeBytes) {
    const Probe kept = keep_for_later(slot, input, first_words);
    if (kept == Probe::kNo || !counted) return kept;
    Analysis& analysis = table_.at(slot);
    analysis.ask_at = static_cast<std::uint8_t>(std::min<std::size_t>(2 * total / kAskUnit, 255));
    if (++analysis.tries <= kMaxProbeTries) return kept;
  }
  if (answer.probe == Probe::kYes) return begin_decoder(slot, answer.protocol);
  return refuse(slot);
}

// Whom the outer protocol named, alone: as long as that one cannot tell, nobody else is asked.
ProbeIndex::Answer Engine::ask_announced(std::uint32_t slot, ProbeInput& shown) {
  if (slot == 0 || Mark::is(slot)) return {};
  std::uint8_t& announced = table_.at(slot).protocol;
  if (announced == kNoProtocol) return {};
  shown.expected = true;
  const ProbeIndex::Answer answer{index_.def(announced).probe(shown), announced};
  shown.expected = false;
  if (answer.probe == Probe::kNo) announced = kNoProtocol;
  return answer;
}

// What came before is nobody's; does somebody's stream begin with the segment at hand?
bool Engine::begin_at_this_segment(std::uint32_t& slot, base::Bytes& input) {
  if (arrived_.empty()) return false;
  ProbeInput shown{
      .sides = {}, .latest = side_, .orig_port = flow_.orig_port, .resp_port = flow_.resp_port};
  shown.sides[model::index(side_)] = probe_part(arrived_);
  const ProbeIndex::Answer answer = index_.ask_late(shown);
  if (answer.probe != Probe::kYes) return false;
  Analysis& analysis = table_.at(slot);
  for (SideBytes& side : analysis.sides) release(side);
  analysis.first_side = model::index(side_) & 1;
  input = arrived_;
  return begin_decoder(slot, answer.protocol) == Probe::kYes;
}

Probe Engine::begin_decoder(std::uint32_t& slot, std::uint8_t protocol) {
  if (slot == 0 || Mark::is(slot)) {
    slot = new_analysis();
    table_.at(slot).first_side = model::index(side_) & 1;
  }
  if (start_decoder(slot, protocol)) return Probe::kYes;
  free_analysis(slot);
  slot = 0;
  return Probe::kNo;
}

// Undecided: the probes will see these bytes again. (When a side had kept bytes, `input` has
// been added to them already, as far as they are of use.)
Probe Engine::keep_for_later(std::uint32_t& slot, base::Bytes input, bool first_words) {
  if (slot == 0 || Mark::is(slot)) {
    slot = new_analysis();
    table_.at(slot).first_side = model::index(side_) & 1;
  }
  if (!first_words || hold(slot, side_, input)) return Probe::kMore;
  ++drops_[model::Drop::kStreamEvicted];
  free_analysis(slot);
  slot = 0;
  return Probe::kNo;
}

// Nobody's. What was kept goes; a side that has not spoken yet may still tell.
Probe Engine::refuse(std::uint32_t& slot) {
  Mark mark(slot);
  mark.refuse(side_);
  bool last_chance = true;
  if (slot != 0 && !Mark::is(slot)) {
    const Analysis& analysis = table_.at(slot);
    const Side other = model::other(side_);
    if (analysis.sides[model::index(other)].size > 0) mark.refuse(other);
    last_chance = analysis.layer == base_layer_;
    free_analysis(slot);
  }
  slot = last_chance ? mark.slot() : 0;
  return Probe::kNo;
}

bool Engine::start_decoder(std::uint32_t slot, std::uint8_t protocol) {
  const ProtocolDef& def = index_.def(protocol);
  void* memory = decoders_.take(def.state_bytes);
  while (memory == nullptr && def.state_bytes <= decoders_.largest() &&
         make_room(def.state_bytes, Room::kDecoder)) {
    memory = decoders_.take(def.state_bytes);
  }
  if (memory == nullptr) {
    ++drops_[model::Drop::kDecoderEvicted];
    return false;
  }
  Analysis& analysis = table_.at(slot);
  analysis.decoder = def.make(memory);
  analysis.protocol = protocol;
  analysis.confirmed = 0;
  analysis.unsure = 0;
  return true;
}

Appetite Engine::feed_datagram(std::uint32_t& slot, const model::StreamChunk& chunk) {
  // After an eviction a datagram flow is simply begun anew.
  if (!Mark::is(slot) && table_.find(slot, flow_.id) == nullptr) slot = 0;
  if (slot != 0 && !Mark::is(slot)) table_.touch(slot);
  if (chunk.bytes.empty()) return Appetite::kBytes;
  std::array<std::uint8_t, 4> rejected = Analysis{}.rejected;
  for (std::uint8_t& next_rejected : rejected) {
    const bool known = slot != 0 && !Mark::is(slot);
    if (!known || table_.at(slot).decoder == nullptr) {
      const Probe probe = probe_datagram(slot, chunk, rejected);
      if (probe != Probe::kYes) break;
    }
    const Outcome outcome = decode_datagram(slot, chunk);
    if (outcome == Outcome::kGoOn) {
      settle(slot);
      return Appetite::kBytes;
    }
    if (outcome == Outcome::kEnded) {
      free_analysis(slot);
      return give_up(slot);
    }
    next_rejected = table_.at(slot).protocol;
    drop_decoder(table_.at(slot));
    drop_child(slot);
  }
  return undecided_datagram(slot, chunk);
}

// Looks for somebody who knows this datagram; with kYes `slot` has a decoder.
Probe Engine::probe_datagram(std::uint32_t& slot, const model::StreamChunk& chunk,
                             std::span<const std::uint8_t> rejected) {
  ProbeInput shown{.sides = {},
                   .latest = chunk.side,
                   .datagram = true,
                   .orig_port = flow_.orig_port,
                   .resp_port = flow_.resp_port};
  shown.sides[model::index(chunk.side)] = chunk.bytes;
  const bool ip = base_layer_ == 0 && is_own_ip_protocol(flow_.proto);
  const ProbeIndex::Answer answer =
      ip ? index_.ask_ip(shown, flow_.proto) : ask(shown, true, rejected);
  if (answer.probe != Probe::kYes) return answer.probe;
  if (slot == 0 || Mark::is(slot)) {
    // How many datagrams nobody knew is remembered while a decoder has its say.
    const auto looks = static_cast<std::uint8_t>(Mark(slot).count());
    slot = new_analysis();
    table_.at(slot).tries = looks;
  }
  return start_decoder(slot, answer.protocol) ? Probe::kYes : Probe::kNo;
}

Engine::Outcome Engine::decode_datagram(std::uint32_t slot, const model::StreamChunk& chunk) {
  const Step step = call(slot, chunk);
  if (step.verdict == Verdict::kNotMine) return Outcome::kNotMine;
  if (Analysis& analysis = table_.at(slot);
      step.unsure && step.verdict == Verdict::kFine && analysis.confirmed == 0) {
    analysis.unsure = 1;
    return ++analysis.tries < kMaxUndecidedDatagrams ? Outcome::kGoOn : Outcome::kEnded;
  }
  confirm(table_.at(slot));
  if (step.verdict == Verdict::kDone) return Outcome::kEnded;
  if (handed_on_ && !hand_over(slot)) return Outcome::kEnded;
  return Outcome::kGoOn;
}

Appetite Engine::undecided_datagram(std::uint32_t& slot, const model::StreamChunk& chunk) {
  std::uint8_t looks = 0;
  if (slot != 0 && !Mark::is(slot)) {
    Analysis& analysis = table_.at(slot);
    const bool handed_over = analysis.layer > base_layer_;
    if (handed_over && ++analysis.tries < kMaxUndecidedDatagrams) {
      settle(slot);
      return Appetite::kBytes;
    }
    looks = analysis.confirmed != 0 ? 0 : analysis.tries;
    free_analysis(slot);
    slot = 0;
    if (handed_over) return Appetite::kNone;
  }
  Mark mark(slot);
  for (; looks > 0; --looks) mark.count_one();
  mark.count_one();
  if (!mark.refused(chunk.side)) {
    mark.refuse(chunk.side);
    if (index_.may_carry_id(chunk.bytes[0])) tell_carried_id(chunk);
  }
  if (mark.count() >= kMaxUndecidedDatagrams) return give_up(slot);
  slot = mark.slot();
  return Appetite::kBytes;
}

// A conversation that knows its peer by an id may go on from an address that was never seen before.
void Engine::tell_carried_id(const model::StreamChunk& chunk) {
  if (base_layer_ > 0 || flow_.proto != model::ip_proto::kUdp) return;
  for (const std::uint8_t row : index_.carriers()) {
    const ProtocolDef& def = index_.def(row);
    const base::Bytes bytes = def.carried_id(chunk);
    if (bytes.size() < kShortestConnectionId) continue;
    sink_.on_carried_id(flow_.id, model::other(chunk.side), def.name,
                        bytes.first(std::min(bytes.size(), kLongestConnectionId)));
  }
}

}  // namespace netwatch::dpi
