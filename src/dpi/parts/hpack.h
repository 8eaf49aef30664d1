#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "dpi/parts/small_heap.h"
#include "model/flow.h"

struct nghttp2_hd_inflater;

namespace netwatch::dpi {

// Takes the header fields of one block, in their order. The views are valid during the call.
class HeaderSink {
 public:
  virtual ~HeaderSink() = default;
  virtual void on_header(std::string_view name, std::string_view value) = 0;
};

// The header compression of both sides of an HTTP/2 connection: RFC 7541, by libnghttp2, in memory
// of its own (kMemoryBytes for both dynamic tables; nothing else is ever allocated).
//
// It may begin in mid-stream: a field that refers to what was said before is left out, all others
// are right. (Indexes count from the newest entry, so what was added since can be told.)
class Hpack {
 public:
  static constexpr std::size_t kMemoryBytes = std::size_t{30} << 10;
  // A string that is longer, as encoded, is left out: it must fit beside the tables.
  static constexpr std::size_t kMaxStringBytes = 6144;
  // Of one block so many decoded bytes are handed out (RFC 9113 section 10.5.1: a few bytes may
  // stand for very many).
  static constexpr std::size_t kMaxListBytes = std::size_t{64} << 10;

  struct Outcome {
    bool whole = true;          // but for references to what is not known, all was handed out
    std::string_view breach{};  // the first breach of the rules or limits; empty if none
  };

  Hpack();
  Hpack(const Hpack&) = delete;
  Hpack& operator=(const Hpack&) = delete;

  // Reads one header block of `side`. Not `complete`: only its beginning is there; what it says
  // after that is lost.
  Outcome read(model::Side side, base::Bytes block, bool complete, HeaderSink& sink);
  // What `side` said before is not known (any more).
  void forget(model::Side side);
  // Whether fields may be left out since something is not known.
  [[nodiscard]] bool in_doubt(model::Side side) const { return in_doubt_[model::index(side)]; }
  [[nodiscard]] std::size_t used_bytes() const { return heap_.used_bytes(); }

 private:
  nghttp2_hd_inflater* inflater(model::Side side);

  // Not initialised: what is not needed of it is not touched.
  alignas(8) std::array<std::uint32_t, kMemoryBytes / sizeof(std::uint32_t)> memory_;
  SmallHeap heap_;
  void* allocator_ = nullptr;  // what nghttp2 allocates with; inside memory_
  std::array<nghttp2_hd_inflater*, 2> inflaters_{};
  std::array<bool, 2> in_doubt_{};
};

// What a header block looks like without reading it: made of whole representations (RFC 7541
// section 6) to its end, and beginning as those of requests or responses do.
struct HpackLook {
  bool well_formed = false;
  bool request =
      false;  // among its first four fields are a method and a scheme of the static table
  bool response = false;  // a status comes first, and is not all
};
HpackLook look_at_hpack(base::Bytes block);

}  // namespace netwatch::dpi
