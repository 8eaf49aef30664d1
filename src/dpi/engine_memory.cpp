// What an Engine keeps and gives up. The budget's rule: who was longest without bytes gives way,
// never the flow at hand.
#include <algorithm>
#include <cstring>

#include "dpi/engine.h"

namespace netwatch::dpi {

std::uint32_t Engine::new_analysis() {
  std::uint32_t slot = table_.take(flow_.id);
  if (slot == 0) {
    const std::uint32_t probing = oldest_of_others(AnalysisList::kProbing);
    const std::uint32_t quiet = oldest_of_others(AnalysisList::kQuiet);
    const std::uint32_t holding = oldest_of_others(AnalysisList::kHolding);
    evict(table_.older(table_.older(probing, quiet), holding));
    slot = table_.take(flow_.id);
  }
  table_.at(slot).layer = base_layer_ & 7;
  return slot;
}

// Whoever is at hand, or carries what is at hand. (Only the id's low half is compared: some other
// flow may be spared, too.) A flow has few: kMaxLayer limits how deep they nest.
bool Engine::of_this_flow(std::uint32_t slot) const {
  return table_.at(slot).flow == static_cast<std::uint32_t>(flow_.id);
}

std::uint32_t Engine::oldest_of_others(AnalysisList list) const {
  std::uint32_t slot = table_.oldest(list);
  while (slot != 0 && of_this_flow(slot)) slot = table_.younger(slot);
  return slot;
}

void Engine::free_analysis(std::uint32_t slot) {
  Analysis& analysis = table_.at(slot);
  drop_decoder(analysis);
  drop_child(slot);
  for (SideBytes& side : analysis.sides) release(side);
  table_.give_back(slot);
}

void Engine::drop_decoder(Analysis& analysis) {
  if (analysis.decoder == nullptr) return;
  analysis.decoder->~Decoder();
  decoders_.give_back(analysis.decoder);
  analysis.decoder = nullptr;
}

// From here on there is no way back to the other probes, and the flow has a name.
void Engine::confirm(Analysis& analysis) {
  if (analysis.confirmed != 0) return;
  analysis.confirmed = 1;
  analysis.unsure = 0;
  sink_.on_app(flow_.id, analysis.layer, index_.def(analysis.protocol).name);
}

// Appends to the bytes of one side. False when they would be too many, or when no room is left
// even after everyone else has given way.
bool Engine::hold(std::uint32_t slot, model::Side which, base::Bytes bytes) {
  Analysis& analysis = table_.at(slot);
  SideBytes& side = analysis.sides[model::index(which)];
  if (bytes.empty()) return true;
  if (side.start > 0 && analysis.confirmed == 0 && side.size + bytes.size() > kProbeBytes) {
    confirm(analysis);
  }
  if (side.start > 0 && analysis.confirmed != 0 &&
      side.size + bytes.size() > blocks_.cell_bytes(side.block)) {
    drop_read(side);
  }
  const std::size_t size = side.size + bytes.size();
  if (size > kMaxHeldBytes) return false;
  if (side.size == 0 || size > blocks_.cell_bytes(side.block)) {
    void* memory = take_block(size);
    if (memory == nullptr) return false;
    auto* block = static_cast<std::uint8_t*>(memory);
    if (side.size > 0) {
      std::memcpy(block, side.block, side.size);
      blocks_.give_back(side.block);
    }
    side.block = block;
  }
  std::memcpy(side.block + side.size, bytes.data(), bytes.size());
  side.size = static_cast<std::uint32_t>(size);
  return true;
}

void Engine::drop_read(SideBytes& side) {
  if (side.start == 0) return;
  if (side.unread() == 0) {
    const std::uint16_t wanted = side.wanted;
    release(side);
    side.wanted = wanted;
    return;
  }
  side.size -= side.start;
  std::memmove(side.block, side.block + side.start, side.size);
  side.start = 0;
}

void Engine::release(SideBytes& side) {
  if (side.size > 0) blocks_.give_back(side.block);
  side = SideBytes{};
}

void* Engine::take_block(std::size_t bytes) {
  void* block = blocks_.take(bytes);
  while (block == nullptr && make_room(bytes, Room::kBlock)) block = blocks_.take(bytes);
  return block;
}

// Ends the analysis that was longest without bytes; but rather one a little younger whose memory
// is of the size that is needed. Never the flow at hand.
bool Engine::make_room(std::size_t bytes, Room room) {
  constexpr int kLookedAt = 64;
  const AnalysisList first = room == Room::kBlock ? AnalysisList::kProbing : AnalysisList::kQuiet;
  std::uint32_t one = table_.oldest(first);
  std::uint32_t two = table_.oldest(AnalysisList::kHolding);
  std::uint32_t victim = 0;
  for (int i = 0; i < kLookedAt; ++i) {
    const std::uint32_t next = table_.older(one, two);
    if (next == 0) break;
    (next == one ? one : two) = table_.younger(next);
    if (of_this_flow(next)) continue;
    if (victim == 0) victim = next;
    if (!frees_room(table_.at(next), bytes, room)) continue;
    victim = next;
    break;
  }
  if (victim == 0) return false;
  evict(victim);
  return true;
}

bool Engine::frees_room(const Analysis& analysis, std::size_t bytes, Room room) const {
  if (room == Room::kDecoder) {
    return analysis.decoder != nullptr && decoders_.serves(analysis.decoder, bytes);
  }
  return std::any_of(analysis.sides.begin(), analysis.sides.end(), [&](const SideBytes& side) {
    return side.size > 0 && blocks_.serves(side.block, bytes);
  });
}

void Engine::evict(std::uint32_t slot) {
  if (slot == 0) return;
  const Analysis& analysis = table_.at(slot);
  if (analysis.decoder != nullptr) ++drops_[model::Drop::kDecoderEvicted];
  if (analysis.decoder == nullptr || analysis.sides[0].size + analysis.sides[1].size > 0) {
    ++drops_[model::Drop::kStreamEvicted];
  }
  free_analysis(slot);
}

}  // namespace netwatch::dpi
