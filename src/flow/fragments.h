#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/ip_address.h"
#include "base/time.h"
#include "flow/chunk_slab.h"
#include "flow/flow_hash.h"
#include "flow/flow_index.h"
#include "model/packet.h"
#include "wire/decode.h"

namespace netwatch::flow {

// What one or several packets count.
struct PacketTally {
  std::uint64_t packets = 0;
  std::uint64_t wire_bytes = 0;
  std::uint64_t ip_bytes = 0;
  std::uint64_t first_packet = 0;  // number and time of the first of them
  base::TimeNs first_ns = 0;
};

// Fragments that were put together. A view, until the next call.
struct JoinedDatagram {
  // Number and time of the latest fragment, length on the wire of all of them; the bytes are those
  // of one IP packet.
  model::Packet packet;
  std::uint32_t ip_len = 0;  // by the headers; more than packet.bytes.size() when cut
  wire::Fragmented fragmented = wire::Fragmented::kWhole;
  wire::Envelope envelope;
  PacketTally tally;
  std::span<const std::uint32_t> packets;  // the fragments, counted from tally.first_packet

  void decode_into(wire::Decoded& out) const {
    wire::decode_joined(envelope, packet.bytes, ip_len, fragmented, out);
  }
};

// Puts IP datagrams together (RFC 791 3.2, RFC 815, RFC 8200 4.5) within a fixed budget. A
// datagram waits kTimeoutNs from its first fragment. Of overlapping IPv4 fragments the bytes seen
// first win; an overlap ends an IPv6 datagram (RFC 5722), except for exact copies.
class Fragments {
 public:
  static constexpr base::TimeNs kTimeoutNs = 30 * base::kNsPerSecond;
  static constexpr std::size_t kMaxDatagrams = 512;
  static constexpr std::size_t kMaxRanges = 64;   // runs of bytes with holes between them
  static constexpr std::size_t kMaxNumbers = 64;  // fragments whose packets are remembered
  static constexpr unsigned kMaxOvertaken = 32;

  Fragments(std::uint64_t hash_key, std::size_t budget_bytes)
      : hash_(hash_key), budget_bytes_(budget_bytes) {}

  // Whether a fragment can be added without giving another datagram up.
  [[nodiscard]] bool has_room(const wire::FragmentPart& part) const;
  // Whether other fragments of the same datagram wait.
  [[nodiscard]] bool knows(const wire::Decoded& decoded, std::uint32_t place) const {
    return !empty() && find(decoded, place) != kNone;
  }
  // One fragment, of a packet whose `decoded.fragment` is set; its datagram if it completes one.
  // Only fragments of equal `place` (and scope) meet. The clock never goes backwards. `parts`: of a
  // packet that was itself put together.
  const JoinedDatagram* add(const model::Packet& packet, const wire::Decoded& decoded,
                            std::uint32_t place, base::TimeNs clock_ns,
                            const PacketTally* parts = nullptr);
  enum class GivenUp : std::uint8_t { kNothing, kGone, kBeginning };
  // Forgets the datagram that has waited longest, if it began before `begun_ns`. Where its first
  // bytes came, they are in given_up().
  GivenUp give_up_oldest(base::TimeNs begun_ns);
  // Another datagram begins between the same ends: gives up one that `most` have overtaken so far.
  // Only the kMaxOvertaken that have waited longest are looked at.
  GivenUp give_up_overtaken(const wire::Decoded& begins, std::uint32_t place, unsigned most);
  [[nodiscard]] const JoinedDatagram& given_up() const { return joined_; }

  [[nodiscard]] bool empty() const { return entries_.live() == 0; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }  // fragments that joined nothing
  [[nodiscard]] std::uint64_t overlaps() const { return overlaps_; }  // fragments over others
  [[nodiscard]] std::size_t used_bytes() const;                       // never more than the budget
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  static constexpr std::size_t kBlockBytes = 2048;
  static constexpr std::size_t kMaxBytes = 65536;  // no datagram reaches it
  struct Block {
    std::array<std::uint8_t, kBlockBytes> bytes;
    std::uint32_t free_link;
  };
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  struct Entry {
    base::IpAddress src;
    base::IpAddress dst;
    std::uint32_t id = 0;
    wire::Envelope envelope;
    std::uint32_t place = 0;
    std::uint32_t older = kNone;  // list by age; also the free list's link
    std::uint32_t newer = kNone;
    std::uint32_t total = 0;           // bytes, once the last fragment told
    std::uint32_t cut_at = kMaxBytes;  // a snaplen took what follows
    std::uint32_t ifindex = 0;
    model::PacketDirection direction = model::PacketDirection::kUnknown;
    std::uint8_t proto = 0;
    bool bad = false;  // contradicts itself: all that comes is dropped
    std::uint8_t range_count = 0;
    std::uint8_t number_count = 0;
    std::uint8_t overtaken = 0;
    base::TimeNs begun_ns = 0;  // by the engine's clock
    base::TimeNs last_ns = 0;
    std::uint64_t last_packet = 0;
    PacketTally tally;
    std::array<Range, kMaxRanges> ranges{};  // what came: ascending, disjoint, not adjacent
    std::array<std::uint32_t, kMaxBytes / kBlockBytes> blocks;
    std::array<std::uint32_t, kMaxNumbers> numbers;

    [[nodiscard]] bool is_v6() const { return !src.is_v4(); }
  };
  enum class Fit : std::uint8_t { kNew, kCopy, kOverlap };

  [[nodiscard]] std::uint32_t tag(const base::IpAddress& src, const base::IpAddress& dst,
                                  std::uint32_t id, std::uint32_t scope) const;
  [[nodiscard]] std::uint32_t find(const wire::Decoded& decoded, std::uint32_t place) const;
  std::uint32_t create(const wire::Decoded& decoded, std::uint32_t place, base::TimeNs clock_ns);
  static void count(Entry& entry, const model::Packet& packet, const wire::Decoded& decoded,
                    const PacketTally* parts);
  [[nodiscard]] bool place_part(Entry& entry, const wire::FragmentPart& part);
  [[nodiscard]] Fit fit(const Entry& entry, const wire::FragmentPart& part) const;
  void copy_new(Entry& entry, const wire::FragmentPart& part);
  void copy(Entry& entry, std::uint32_t at, base::Bytes bytes);
  [[nodiscard]] bool same_bytes(const Entry& entry, std::uint32_t at, base::Bytes bytes) const;
  static bool merge(Entry& entry, Range range);
  GivenUp give_up(std::uint32_t index);
  void join(const Entry& entry, bool whole);
  void spoil(Entry& entry);
  void free_blocks(Entry& entry);
  void release(std::uint32_t index);

  FlowHash hash_;
  std::size_t budget_bytes_;
  FlowIndex index_;
  ChunkSlab<Entry, &Entry::older, 16> entries_;
  ChunkSlab<Block, &Block::free_link, 16> blocks_;
  std::vector<std::uint8_t> buffer_;  // header and bytes of the datagram that is given out
  JoinedDatagram joined_;
  std::array<std::uint32_t, kMaxNumbers> numbers_{};
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
  std::uint64_t lost_ = 0;
  std::uint64_t overlaps_ = 0;
};

}  // namespace netwatch::flow
