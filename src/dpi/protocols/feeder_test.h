#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "dpi/protocol.h"
#include "dpi/protocols/fake_context_test.h"

// For tests of one decoder: cuts streams as it is told and obeys Step as protocol.h says.
namespace netwatch::dpi::testing {

class Feeder {
 public:
  explicit Feeder(const ProtocolDef& def, std::size_t chunk_bytes = SIZE_MAX)
      : memory_(new std::max_align_t[def.state_bytes / sizeof(std::max_align_t) + 1]),
        decoder_(def.make(memory_.get())),
        chunk_bytes_(chunk_bytes) {}
  ~Feeder() { decoder_->~Decoder(); }
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  // Stream bytes, cut into pieces of chunk_bytes.
  void stream(Side side, std::string_view bytes, bool cut = false) {
    while (!bytes.empty()) {
      const std::size_t size = std::min(chunk_bytes_, bytes.size());
      piece(side, bytes.substr(0, size), cut && size == bytes.size());
      bytes.remove_prefix(size);
    }
  }
  void datagram(Side side, std::string_view bytes, bool cut = false) {
    if (ended_) return;
    ended_ = is_end(decoder_->on_bytes(chunk(side, bytes, true, cut), context).verdict);
  }
  void gap(Side side, std::uint64_t gap_bytes) {
    SideBytes& own = sides_[model::index(side)];
    const std::uint64_t passed = std::min(own.skip, gap_bytes);
    own.skip -= passed;
    if (ended_ || context.handed_on || passed == gap_bytes) return;
    const std::string kept = std::exchange(own.held, {});
    own.wanted = 0;
    model::StreamChunk lost = chunk(side, kept, false, false);
    lost.gap_bytes = gap_bytes - passed;
    ended_ = is_end(decoder_->on_gap(lost, context));
  }
  void pass_us(std::int64_t us) { context.now += us * base::kNsPerUs; }
  void end() {
    if (!ended_) decoder_->on_end(context);
    ended_ = true;
  }

  // What is kept unread, as the next protocol would see it after hand_on().
  [[nodiscard]] const std::string& held(Side side) const { return sides_[model::index(side)].held; }
  [[nodiscard]] bool ended() const { return ended_; }

  FakeContext context;

 private:
  struct SideBytes {
    std::string held;
    std::uint64_t skip = 0;
    std::size_t wanted = 0;
  };

  static bool is_end(Verdict verdict) {
    return verdict == Verdict::kNotMine || verdict == Verdict::kDone;
  }
  [[nodiscard]] model::StreamChunk chunk(Side side, std::string_view bytes, bool datagram,
                                         bool cut) const {
    return {.side = side,
            .time_ns = context.now,
            .bytes = base::as_bytes(bytes),
            .datagram = datagram,
            .cut = cut};
  }
  void piece(Side side, std::string_view bytes, bool cut) {
    SideBytes& own = sides_[model::index(side)];
    const auto passed = static_cast<std::size_t>(std::min<std::uint64_t>(own.skip, bytes.size()));
    own.skip -= passed;
    own.held.append(bytes.substr(passed));
    if (ended_ || context.handed_on || own.held.empty()) return;
    if (own.held.size() < own.wanted && !cut) return;
    const std::string shown = own.held;  // its own block, so that reads past it are seen
    const Step step = decoder_->on_bytes(chunk(side, shown, false, cut), context);
    const auto used =
        static_cast<std::size_t>(std::min<std::uint64_t>(step.consumed, shown.size()));
    own.held.erase(0, used);
    own.skip = step.consumed - used;
    own.wanted = step.wanted;
    ended_ = is_end(step.verdict) || own.held.size() > kMaxHeldBytes || step.wanted > kMaxHeldBytes;
  }

  std::unique_ptr<std::max_align_t[]> memory_;
  Decoder* decoder_;
  std::size_t chunk_bytes_;
  std::array<SideBytes, 2> sides_;
  bool ended_ = false;
};

}  // namespace netwatch::dpi::testing
