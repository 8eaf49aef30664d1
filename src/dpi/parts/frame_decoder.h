#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dpi/parts/line_decoder.h"
#include "dpi/protocol.h"

// Base of the decoders of protocols whose messages say how long they are (SSH, databases, message
// queues, LDAP). Of a message at most kFrameBytes are shown; the rest is passed over unread.
namespace netwatch::dpi {

struct FrameSize {
  enum class What : std::uint8_t { kMore, kBad, kKnown };
  What what = What::kMore;
  std::uint64_t bytes = 0;  // of the whole frame, its header included; at least 1
  static constexpr FrameSize bad() { return {.what = What::kBad}; }
  static constexpr FrameSize known(std::uint64_t bytes) {
    return {.what = What::kKnown, .bytes = bytes};
  }
};

class FrameDecoder : public Decoder {
 public:
  static constexpr std::size_t kFrameBytes = 16384;

  Step on_bytes(const model::StreamChunk& chunk, Context& context) final;
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) final;

 protected:
  struct Frame {
    base::Bytes bytes;   // from its header on
    std::uint64_t size;  // more than bytes.size() if it is cut
    model::Side side;
    Context& context;
    base::TimeNs time_ns;
    [[nodiscard]] bool cut() const { return size > bytes.size(); }
  };
  // How long the frame is that begins with `bytes` (not empty).
  virtual FrameSize size_of(base::Bytes bytes, model::Side side) = 0;
  virtual Onward on_frame(const Frame& frame) = 0;
  // Behind a gap: may a frame begin with the segment `bytes`? It must be hard to mistake.
  virtual bool begins_with(base::Bytes /*bytes*/, model::Side /*side*/) { return false; }
  virtual void on_loss(model::Side /*side*/) {}

 private:
  Onward show(base::Bytes rest, const FrameSize& size, const model::StreamChunk& chunk,
              Context& context);

  std::array<bool, 2> lost_{};  // where frames begin is not known
  bool confirmed_ = false;      // a frame was read
};

}  // namespace netwatch::dpi
