// Streams: in-order bytes of two sides through one decoder.
#include <algorithm>
#include <utility>

#include "dpi/engine.h"
#include "dpi/engine_mark.h"

namespace netwatch::dpi {
namespace {

using model::Side;

// When bytes must be joined with kept ones, so many are copied at once beyond what was asked for.
constexpr std::size_t kJoinBytes = 2048;

// Takes from the front of `input` what is not wanted.
base::Bytes pass_over(SideBytes& side, base::Bytes input) {
  if (side.size > 0 || side.skip_bytes == 0) return input;
  const std::uint64_t passed = std::min<std::uint64_t>(side.skip_bytes, input.size());
  side.skip_bytes -= passed;
  return input.subspan(static_cast<std::size_t>(passed));
}

}  // namespace

Appetite Engine::feed_stream(std::uint32_t& slot, const model::StreamChunk& chunk) {
  if (chunk.gap_bytes > 0) return on_gap(slot, chunk);
  base::Bytes input = chunk.bytes;
  if (slot != 0 && !Mark::is(slot)) {
    Analysis* analysis = table_.find(slot, flow_.id);
    if (analysis == nullptr) return give_up(slot);  // it was evicted
    table_.touch(slot);
    input = pass_over(analysis->sides[model::index(chunk.side)], input);
  }
  if (input.empty()) return Appetite::kBytes;
  arrived_ = input;
  return decode_stream(slot, input);
}

Appetite Engine::on_gap(std::uint32_t& slot, const model::StreamChunk& chunk) {
  if (slot == 0 || Mark::is(slot)) return Appetite::kBytes;
  Analysis* analysis = table_.find(slot, flow_.id);
  if (analysis == nullptr) return give_up(slot);
  SideBytes& side = analysis->sides[model::index(chunk.side)];
  model::StreamChunk gap = chunk;
  if (side.size == 0) {
    const std::uint64_t passed = std::min(side.skip_bytes, gap.gap_bytes);
    side.skip_bytes -= passed;
    gap.gap_bytes -= passed;
    if (gap.gap_bytes == 0) return Appetite::kBytes;
  }
  Verdict verdict = Verdict::kFine;
  if (analysis->decoder != nullptr) {
    gap.bytes = side.view();
    begin_call(slot);
    verdict = analysis->decoder->on_gap(gap, *this);
    if (verdict == Verdict::kOdd && !counted_odd_) odd("unnamed");
    tell_originator();
  }
  if (verdict == Verdict::kDone || verdict == Verdict::kNotMine) {
    if (verdict == Verdict::kDone) confirm(*analysis);
    free_analysis(slot);
    return give_up(slot);
  }
  // What was kept can never be completed; what comes next is looked at on its own.
  release(side);
  settle(slot);
  return Appetite::kBytes;
}

// Probes and decodes until `input` is used up, kept or refused.
Appetite Engine::decode_stream(std::uint32_t& slot, base::Bytes input) {
  for (;;) {
    Outcome outcome = Outcome::kGoOn;
    const bool known = slot != 0 && !Mark::is(slot) && table_.at(slot).decoder != nullptr;
    if (known) {
      outcome = run(slot, side_, input);
    } else {
      const Probe probe = probe_stream(slot, input);
      if (probe == Probe::kNo) return slot == 0 ? Appetite::kNone : Appetite::kBytes;
      if (probe == Probe::kMore) {
        settle(slot);
        return Appetite::kBytes;
      }
      outcome = replay(slot, input);
    }
    arrived_ = {};
    bool over = outcome == Outcome::kEnded;
    if (outcome == Outcome::kNotMine) over = !fall_back(slot);
    if (outcome == Outcome::kHandedOn) over = !hand_over(slot);
    if (over) {
      free_analysis(slot);
      return give_up(slot);
    }
    const Analysis& analysis = table_.at(slot);
    const std::size_t unread =
        analysis.sides[0].unread() + analysis.sides[1].unread() + input.size();
    if (outcome == Outcome::kGoOn || unread == 0) {
      settle(slot);
      return Appetite::kBytes;
    }
  }
}

// The first run of a decoder: what was kept of both sides, the first speaker's first.
Engine::Outcome Engine::replay(std::uint32_t slot, base::Bytes& input) {
  const Side first = static_cast<Side>(table_.at(slot).first_side);
  for (const Side side : {first, model::other(first)}) {
    base::Bytes none;
    const Outcome outcome = run(slot, side, side == side_ ? input : none);
    if (outcome != Outcome::kGoOn) return outcome;
  }
  return Outcome::kGoOn;
}

// Shows the decoder what is unread of one side as long as it gets on.
Engine::Outcome Engine::run(std::uint32_t slot, Side which, base::Bytes& input) {
  Analysis& analysis = table_.at(slot);
  SideBytes& side = analysis.sides[model::index(which)];
  for (;;) {
    const std::size_t need = std::max<std::size_t>(side.wanted, 1);
    if (side.unread() + input.size() < need) break;
    const base::Bytes view = choose_view(slot, which, input, need);
    if (view.size() < need) break;  // no room was left
    const bool to_the_end = side.unread() == 0 ? view.size() == input.size() : input.empty();
    const Step step = call(slot, {.side = which,
                                  .time_ns = time_ns_,
                                  .packet = packet_,
                                  .bytes = view,
                                  .cut = cut_ && to_the_end && which == side_});
    if (step.verdict == Verdict::kNotMine) {
      return analysis.confirmed != 0 ? Outcome::kEnded : Outcome::kNotMine;
    }
    if (step.verdict == Verdict::kDone) {
      confirm(analysis);
      return Outcome::kEnded;
    }
    if (handed_on_) confirm(analysis);
    if (!advance(slot, which, input, view, step.consumed)) break;
    if (handed_on_) return Outcome::kHandedOn;
    const std::size_t least = step.consumed == 0 ? view.size() + 1 : 1;
    const std::size_t wanted = std::max(step.wanted, least);
    if (wanted > kMaxHeldBytes) {
      ++drops_[model::Drop::kStreamEvicted];
      return Outcome::kEnded;
    }
    side.wanted = static_cast<std::uint16_t>(std::min<std::size_t>(wanted, 0xFFFF));
  }
  const base::Bytes rest = input;
  input = {};
  if (hold(slot, which, rest)) return Outcome::kGoOn;
  ++drops_[model::Drop::kStreamEvicted];
  return Outcome::kEnded;
}

// The unread bytes: straight out of `input` if nothing is kept before them, else joined, but no
// more of `input` than is likely to be needed, so that the rest need not be copied.
base::Bytes Engine::choose_view(std::uint32_t slot, Side which, base::Bytes& input,
                                std::size_t need) {
  SideBytes& side = table_.at(slot).sides[model::index(which)];
  const std::size_t unread = side.unread();
  if (unread == 0) return input;
  const std::size_t missing = need > unread ? need - unread : 0;
  const std::size_t room = kMaxHeldBytes - std::min(kMaxHeldBytes, std::max(unread, need));
  const std::size_t more = std::min(std::max(kJoinBytes, unread), room);
  const std::size_t joined = std::min(missing + (missing > 0 ? more : 0), input.size());
  if (joined > 0) {
    if (!hold(slot, which, input.first(joined))) return {};
    input = input.subspan(joined);
  }
  return side.view();
}

// Takes what the decoder consumed out of what it was shown. False when no memory is left.
bool Engine::advance(std::uint32_t slot, Side which, base::Bytes& input, base::Bytes view,
                     std::uint64_t consumed) {
  Analysis& analysis = table_.at(slot);
  SideBytes& side = analysis.sides[model::index(which)];
  if (consumed == 0) return true;
  const SideBytes& opposite = analysis.sides[1 - model::index(which)];
  if (consumed > view.size() || opposite.start > 0) confirm(analysis);

  const auto used = static_cast<std::size_t>(std::min<std::uint64_t>(consumed, view.size()));
  if (side.unread() == 0 && analysis.confirmed == 0 && view.size() <= kProbeBytes) {
    // Not proven yet: it is kept for the other probes, though read.
    if (!hold(slot, which, view)) return false;
    input = {};
  } else if (side.unread() == 0) {
    confirm(analysis);
    input = input.subspan(used);
    consumed -= used;
  }
  if (side.unread() > 0 && consumed > 0) {
    if (side.unread() > used || analysis.confirmed == 0) {
      side.start = static_cast<std::uint16_t>(side.start + used);
    } else {
      release(side);
    }
    consumed -= used;
  }
  const std::uint64_t passed = std::min<std::uint64_t>(consumed, input.size());
  input = input.subspan(static_cast<std::size_t>(passed));
  if (consumed > passed) {
    release(side);
    side.skip_bytes = consumed - passed;
  }
  return true;
}

// The decoder said "not mine" before it was confirmed: everything is still there for the others.
bool Engine::fall_back(std::uint32_t slot) {
  Analysis& analysis = table_.at(slot);
  drop_decoder(analysis);
  drop_child(slot);
  for (SideBytes& side : analysis.sides) {
    side.start = 0;
    side.wanted = 0;
  }
  for (std::uint8_t& rejected : analysis.rejected) {
    if (rejected != kNoProtocol) continue;
    rejected = std::exchange(analysis.protocol, kNoProtocol);
    return true;
  }
  return false;
}

// What follows speaks another protocol, one layer further in.
bool Engine::hand_over(std::uint32_t slot) {
  Analysis& analysis = table_.at(slot);
  drop_decoder(analysis);
  drop_child(slot);
  if (analysis.layer >= kMaxLayer) return false;
  analysis.layer = static_cast<std::uint8_t>(analysis.layer + 1) & 7;
  analysis.confirmed = 0;
  analysis.tries = 0;
  analysis.ask_at = 0;
  analysis.rejected.fill(kNoProtocol);
  analysis.protocol = named_next_;
  for (SideBytes& side : analysis.sides) {
    drop_read(side);
    side.wanted = 0;
  }
  return true;
}

// After a call: frees what is read, and files the analysis under what it holds now.
void Engine::settle(std::uint32_t slot) {
  Analysis& analysis = table_.at(slot);
  bool holds = false;
  for (SideBytes& side : analysis.sides) {
    if (analysis.confirmed != 0 && side.unread() == 0) drop_read(side);
    holds |= side.size > 0;
  }
  AnalysisList list = holds ? AnalysisList::kHolding : AnalysisList::kQuiet;
  if (analysis.decoder == nullptr) list = AnalysisList::kProbing;
  if (static_cast<AnalysisList>(analysis.list) != list) table_.move(slot, list);
}

}  // namespace netwatch::dpi
