// The only file that knows nghttp2. Blocks are cut into representations here (RFC 7541 sections 5
// and 6), so that no length is allocated before it was looked at, and so that references to unknown
// entries can be left out; what they mean, tables and Huffman code are nghttp2's.
#include "dpi/parts/hpack.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/cursor.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using std::string_view;

constexpr std::uint64_t kStaticEntries = 61;  // RFC 7541 appendix A
// More than its default the sender may use only if the receiver said so in its settings, which may
// be missing in the capture; whether it fits is seen when it is used.
constexpr std::size_t kMaxTableBytes = std::size_t{64} << 10;

void* take(std::size_t size, void* heap) { return static_cast<SmallHeap*>(heap)->take(size); }
void give_back(void* block, void* heap) { static_cast<SmallHeap*>(heap)->give_back(block); }
void* resize(void* block, std::size_t size, void* heap) {
  return static_cast<SmallHeap*>(heap)->resize(block, size);
}
void* take_cleared(std::size_t count, std::size_t size, void* heap) {
  if (size != 0 && count > Hpack::kMemoryBytes / size) return nullptr;
  void* block = take(count * size, heap);
  if (block != nullptr) std::memset(block, 0, count * size);
  return block;
}

enum class Form : std::uint8_t { kIndexed, kLiteral, kSize };

// One representation.
struct Piece {
  Form form = Form::kIndexed;
  bool added = false;          // to the dynamic table
  std::uint64_t index = 0;     // of the field or of its name; 0: the name is spelled out
  std::size_t longest = 0;     // of its strings, as encoded
  std::size_t head_bytes = 0;  // of its first integer
  Bytes bytes;
};

// Section 5.1. Nothing when it does not end, or is larger than anything here.
std::optional<std::uint64_t> integer(Cursor& in, unsigned prefix_bits) {
  const std::uint64_t mask = (1U << prefix_bits) - 1;
  std::uint64_t value = in.u8() & mask;
  if (value < mask) return in.ok() ? std::optional(value) : std::nullopt;
  constexpr unsigned kLastShift = 28;
  for (unsigned shift = 0; shift <= kLastShift; shift += 7) {
    const std::uint8_t byte = in.u8();
    if (!in.ok()) return std::nullopt;
    value += std::uint64_t{byte & 0x7FU} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

// Section 5.2.
bool pass_string(Cursor& in, Piece& piece) {
  const auto size = integer(in, 7);
  if (!size || *size > in.remaining()) return false;
  in.skip(static_cast<std::size_t>(*size));
  piece.longest = std::max(piece.longest, static_cast<std::size_t>(*size));
  return true;
}

// Section 6. Nothing if it is not all there, or wrong.
std::optional<Piece> next_piece(Cursor& in) {
  const Bytes rest = in.rest();
  const std::size_t start = in.offset();
  const std::uint8_t first = in.peek();
  Piece piece;
  unsigned prefix_bits = 4;  // without indexing, never indexed
  if ((first & 0x80) != 0) {
    prefix_bits = 7;
  } else if ((first & 0xC0) == 0x40) {
    prefix_bits = 6;
    piece.form = Form::kLiteral;
    piece.added = true;
  } else if ((first & 0xE0) == 0x20) {
    prefix_bits = 5;
    piece.form = Form::kSize;
  } else {
    piece.form = Form::kLiteral;
  }
  const auto index = integer(in, prefix_bits);
  if (!index || (piece.form == Form::kIndexed && *index == 0)) return std::nullopt;
  piece.index = *index;
  piece.head_bytes = in.offset() - start;
  if (piece.form == Form::kLiteral) {
    if (piece.index == 0 && !pass_string(in, piece)) return std::nullopt;
    if (!pass_string(in, piece)) return std::nullopt;
  }
  piece.bytes = rest.first(in.offset() - start);
  return piece;
}

// Hands representations to nghttp2 and what comes out to the sink.
class BlockReader {
 public:
  BlockReader(nghttp2_hd_inflater* inflater, HeaderSink& sink) : inflater_(inflater), sink_(sink) {}
  void go_on_with(nghttp2_hd_inflater* inflater) { inflater_ = inflater; }

  // 0, or nghttp2's error.
  int feed(Bytes bytes, bool shown) {
    while (!bytes.empty()) {
      nghttp2_nv field{};
      int flags = 0;
      const auto used =
          nghttp2_hd_inflate_hd2(inflater_, &field, &flags, bytes.data(), bytes.size(), 0);
      if (used < 0) return static_cast<int>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && shown) show(field);
      if (used == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) break;
      bytes = bytes.subspan(std::min(static_cast<std::size_t>(used), bytes.size()));
    }
    return 0;
  }
  [[nodiscard]] bool full() const { return shown_bytes_ > Hpack::kMaxListBytes; }

 private:
  void show(const nghttp2_nv& field) {
    shown_bytes_ += field.namelen + field.valuelen;
    if (full()) return;
    sink_.on_header(base::as_text(Bytes(field.name, field.namelen)),
                    base::as_text(Bytes(field.value, field.valuelen)));
  }

  nghttp2_hd_inflater* inflater_;
  HeaderSink& sink_;
  std::size_t shown_bytes_ = 0;
};

// The name that stands for one that is not known: its entry keeps the others' places.
constexpr std::array<std::uint8_t, 3> kUnknownName{0x40, 0x01, '?'};

}  // namespace

Hpack::Hpack() : heap_({memory_.data(), memory_.size()}) {}

nghttp2_hd_inflater* Hpack::inflater(model::Side side) {
  nghttp2_hd_inflater*& own = inflaters_[model::index(side)];
  if (own != nullptr) return own;
  if (allocator_ == nullptr) {
    allocator_ = heap_.take(sizeof(nghttp2_mem));
    if (allocator_ == nullptr) return nullptr;
    const nghttp2_mem functions{&heap_, take, give_back, take_cleared, resize};
    std::memcpy(allocator_, &functions, sizeof functions);
  }
  if (nghttp2_hd_inflate_new2(&own, static_cast<nghttp2_mem*>(allocator_)) != 0) return nullptr;
  nghttp2_hd_inflate_change_table_size(own, kMaxTableBytes);
  return own;
}

void Hpack::forget(model::Side side) {
  nghttp2_hd_inflater*& own = inflaters_[model::index(side)];
  if (own != nullptr) nghttp2_hd_inflate_del(own);
  own = nullptr;
  in_doubt_[model::index(side)] = true;
}

Hpack::Outcome Hpack::read(model::Side side, Bytes block, bool complete, HeaderSink& sink) {
  Outcome outcome{.whole = complete};
  const auto lack = [&](string_view why) {
    outcome.whole = false;
    if (outcome.breach.empty()) outcome.breach = why;
  };
  BlockReader reader(inflater(side), sink);
  Cursor in(block);
  bool lost = inflaters_[model::index(side)] == nullptr;
  if (lost) lack("header_table_too_large");
  while (!lost && !in.at_end()) {
    const auto piece = next_piece(in);
    if (!piece) break;
    nghttp2_hd_inflater* own = inflaters_[model::index(side)];
    const bool unknown = piece->form != Form::kSize && piece->index > kStaticEntries &&
                         piece->index > nghttp2_hd_inflate_get_num_table_entries(own);
    const bool too_long = piece->longest > kMaxStringBytes;
    if (too_long) lack("header_too_long");
    if (unknown && !in_doubt(side)) lack("bad_header_index");
    if (unknown) in_doubt_[model::index(side)] = true;
    // What is not added to the table leaves no trace: it need not be read to be left out.
    const bool leaves_trace = piece->added || piece->form == Form::kSize;
    if (!leaves_trace && (unknown || too_long || reader.full())) continue;
    int error = 0;
    if (too_long) {
      // Section 4.4: larger than the table, it empties it; otherwise it is unknown from now on.
      forget(side);
      reader.go_on_with(inflater(side));
      lost = inflaters_[model::index(side)] == nullptr;
      continue;
    }
    if (unknown) {
      error = reader.feed(kUnknownName, false);
      if (error == 0) error = reader.feed(piece->bytes.subspan(piece->head_bytes), false);
    } else {
      error = reader.feed(piece->bytes, true);
    }
    lost = error != 0;
    if (lost) lack(error == NGHTTP2_ERR_NOMEM ? "header_table_too_large" : "bad_header_block");
  }
  if (reader.full()) lack("header_list_too_long");
  const bool broken = !lost && complete && !(in.ok() && in.at_end());
  if (broken) lack("bad_header_block");
  if (lost || broken || !complete) {
    forget(side);
  } else {
    nghttp2_hd_inflate_end_headers(inflaters_[model::index(side)]);
  }
  return outcome;
}

HpackLook look_at_hpack(Bytes block) {
  constexpr unsigned kPseudoFields = 4;  // :method, :scheme, :authority, :path (RFC 9113 8.3.1)
  unsigned fields = 0;
  bool method = false;
  bool scheme = false;
  bool status = false;
  Cursor in(block);
  while (!in.at_end()) {
    const auto piece = next_piece(in);
    if (!piece) return {};
    if (piece->form == Form::kSize) continue;
    // RFC 7541 appendix A.
    const bool indexed = piece->form == Form::kIndexed && fields < kPseudoFields;
    method = method || (indexed && (piece->index == 2 || piece->index == 3));
    scheme = scheme || (indexed && (piece->index == 6 || piece->index == 7));
    if (fields == 0) status = piece->index >= 8 && piece->index <= 14;
    ++fields;
  }
  return {.well_formed = in.ok(), .request = method && scheme, .response = status && fields > 1};
}

}  // namespace netwatch::dpi
