#include "flow/fragments.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "model/flow.h"

namespace netwatch::flow {
namespace {

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kFragmentHeader = 8;
constexpr std::size_t kHeaderRoom = kIpv6Header + kFragmentHeader;
constexpr std::uint8_t kFragmentProto = 44;
// A datagram and its header: 65,535 bytes (RFC 791 3.1); the payload alone (RFC 8200 3).
constexpr std::uint32_t kMaxIpv4Payload = 0xffff - kIpv4Header;
constexpr std::uint32_t kMaxIpv6Payload = 0xffff - kFragmentHeader;

std::uint32_t clamp32(std::uint64_t value) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

void put16(std::uint8_t* at, std::size_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}

bool fits_a_datagram(const wire::FragmentPart& part, bool v6) {
  if (part.wire_len == 0) return false;
  if (part.more() && part.wire_len % 8 != 0) return false;
  return part.offset() + part.wire_len <= (v6 ? kMaxIpv6Payload : kMaxIpv4Payload);
}

// Writes the header of a packet with `len` bytes of payload so that it ends at `end`; where it
// begins.
std::uint8_t* put_header(std::uint8_t* end, const base::IpAddress& src, const base::IpAddress& dst,
                         std::uint8_t proto, std::size_t len, bool whole) {
  const base::Bytes from = src.family_bytes();
  const base::Bytes to = dst.family_bytes();
  if (src.is_v4() && dst.is_v4()) {
    std::uint8_t* p = end - kIpv4Header;
    std::memset(p, 0, kIpv4Header);
    p[0] = 0x45;
    put16(p + 2, kIpv4Header + len);
    p[6] = whole ? 0 : 0x20;
    p[9] = proto;
    std::copy(from.begin(), from.end(), p + 12);
    std::copy(to.begin(), to.end(), p + 16);
    return p;
  }
  std::uint8_t* p = end - kIpv6Header - (whole ? 0 : kFragmentHeader);
  std::memset(p, 0, static_cast<std::size_t>(end - p));
  p[0] = 0x60;
  put16(p + 4, len + (whole ? 0 : kFragmentHeader));
  p[6] = whole ? proto : kFragmentProto;
  std::copy(src.bytes().begin(), src.bytes().end(), p + 8);
  std::copy(dst.bytes().begin(), dst.bytes().end(), p + 24);
  if (!whole) {
    p[kIpv6Header] = proto;
    p[kIpv6Header + 3] = 1;
  }
  return p;
}

}  // namespace

bool Fragments::has_room(const wire::FragmentPart& part) const {
  const std::size_t blocks = part.wire_len / kBlockBytes + 2;
  return entries_.live() < kMaxDatagrams &&
         used_bytes() + sizeof(Entry) + blocks * sizeof(Block) <= budget_bytes_;
}

const JoinedDatagram* Fragments::add(const model::Packet& packet, const wire::Decoded& decoded,
                                     std::uint32_t place, base::TimeNs clock_ns,
                                     const PacketTally* parts) {
  const wire::FragmentPart& part = decoded.fragment;
  if (!fits_a_datagram(part, !decoded.src.is_v4()) || !has_room(part)) {
    lost_ += parts == nullptr ? 1 : parts->packets;
    return nullptr;
  }
  std::uint32_t index = find(decoded, place);
  if (index == kNone) index = create(decoded, place, clock_ns);
  Entry& entry = entries_[index];
  count(entry, packet, decoded, parts);
  if (entry.bad) {
    lost_ += parts == nullptr ? 1 : parts->packets;
    return nullptr;
  }
  if (!place_part(entry, part)) {
    spoil(entry);
    return nullptr;
  }
  const bool complete = entry.range_count == 1 && entry.ranges[0].begin == 0 && entry.total != 0 &&
                        entry.ranges[0].end == entry.total;
  if (!complete) return nullptr;
  join(entry, true);
  release(index);
  return &joined_;
}

Fragments::GivenUp Fragments::give_up_oldest(base::TimeNs begun_ns) {
  if (oldest_ == kNone || entries_[oldest_].begun_ns >= begun_ns) return GivenUp::kNothing;
  return give_up(oldest_);
}

Fragments::GivenUp Fragments::give_up_overtaken(const wire::Decoded& begins, std::uint32_t place,
                                                unsigned most) {
  std::uint32_t index = oldest_;
  for (unsigned seen = 0; index != kNone && seen < kMaxOvertaken; ++seen) {
    Entry& entry = entries_[index];
    if (entry.envelope.scope == begins.scope && entry.place == place && entry.src == begins.src &&
        entry.dst == begins.dst) {
      if (entry.overtaken == most) return give_up(index);
      ++entry.overtaken;
    }
    index = entry.newer;
  }
  return GivenUp::kNothing;
}

Fragments::GivenUp Fragments::give_up(std::uint32_t index) {
  Entry& entry = entries_[index];
  bool beginning = false;
  if (!entry.bad) {
    beginning = entry.range_count > 0 && entry.ranges[0].begin == 0;
    if (beginning) {
      join(entry, false);
    } else {
      lost_ += entry.tally.packets;
    }
  }
  release(index);
  return beginning ? GivenUp::kBeginning : GivenUp::kGone;
}

std::size_t Fragments::used_bytes() const {
  return entries_.live() * sizeof(Entry) + blocks_.live() * sizeof(Block);
}

std::size_t Fragments::memory_bytes() const {
  return index_.memory_bytes() + entries_.memory_bytes() + blocks_.memory_bytes() +
         buffer_.capacity();
}

std::uint32_t Fragments::tag(const base::IpAddress& src, const base::IpAddress& dst,
                             std::uint32_t id, std::uint32_t scope) const {
  return hash_(src, static_cast<std::uint16_t>(id), dst, static_cast<std::uint16_t>(id >> 16), 0,
               scope);
}

// RFC 791 3.2: a datagram is told by addresses, protocol and identification; RFC 8200 4.5: of IPv6
// the protocol is told by the first fragment and may differ in later ones.
std::uint32_t Fragments::find(const wire::Decoded& decoded, std::uint32_t place) const {
  const std::uint32_t id = decoded.fragment.id;
  return index_.find(
      tag(decoded.src, decoded.dst, id, decoded.scope), [&](std::uint32_t candidate) {
        const Entry& entry = entries_[candidate];
        return entry.id == id && entry.envelope.scope == decoded.scope && entry.place == place &&
               (entry.is_v6() || entry.proto == decoded.fragment.proto) &&
               entry.src == decoded.src && entry.dst == decoded.dst;
      });
}

std::uint32_t Fragments::create(const wire::Decoded& decoded, std::uint32_t place,
                                base::TimeNs clock_ns) {
  const std::uint32_t index = entries_.take();
  Entry& entry = entries_[index];
  entry.src = decoded.src;
  entry.dst = decoded.dst;
  entry.id = decoded.fragment.id;
  entry.envelope = {decoded.scope, decoded.ether_type, decoded.tunnels};
  entry.place = place;
  entry.proto = decoded.fragment.proto;
  entry.begun_ns = clock_ns;
  entry.blocks.fill(kNone);
  entry.older = newest_;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = index;
  newest_ = index;
  index_.insert(tag(entry.src, entry.dst, entry.id, entry.envelope.scope), index);
  return index;
}

void Fragments::count(Entry& entry, const model::Packet& packet, const wire::Decoded& decoded,
                      const PacketTally* parts) {
  PacketTally& tally = entry.tally;
  if (tally.packets == 0) {
    tally.first_packet = parts == nullptr ? packet.number : parts->first_packet;
    tally.first_ns = parts == nullptr ? packet.time_ns : parts->first_ns;
    entry.ifindex = packet.ifindex;
    entry.direction = packet.direction;
  }
  tally.packets += parts == nullptr ? 1 : parts->packets;
  tally.wire_bytes += packet.wire_len;
  tally.ip_bytes += decoded.ip_bytes;
  entry.last_packet = packet.number;
  entry.last_ns = packet.time_ns;
  if (entry.number_count < kMaxNumbers) {
    entry.numbers[entry.number_count++] = clamp32(packet.number - tally.first_packet);
  }
}

// Whether the fragment agrees with those that came before.
bool Fragments::place_part(Entry& entry, const wire::FragmentPart& part) {
  const std::uint32_t begin = part.offset();
  const std::uint32_t end = begin + part.wire_len;
  const std::uint32_t seen = entry.range_count > 0 ? entry.ranges[entry.range_count - 1].end : 0;
  if (part.more()) {
    if (entry.total != 0 && end >= entry.total) return false;
  } else {
    if (entry.total != 0 ? entry.total != end : seen > end) return false;
    entry.total = end;
  }
  switch (fit(entry, part)) {
    case Fit::kNew:
      break;
    case Fit::kCopy:
      return true;
    case Fit::kOverlap:
      ++overlaps_;
      if (entry.is_v6()) return false;
      break;
  }
  if (begin == 0) entry.proto = part.proto;
  copy_new(entry, part);
  return merge(entry, {begin, end});
}

Fragments::Fit Fragments::fit(const Entry& entry, const wire::FragmentPart& part) const {
  const std::uint32_t begin = part.offset();
  const std::uint32_t end = begin + part.wire_len;
  for (std::size_t i = 0; i < entry.range_count; ++i) {
    const Range& range = entry.ranges[i];
    if (range.end <= begin) continue;
    if (range.begin >= end) break;
    const bool inside = range.begin <= begin && range.end >= end;
    return inside && same_bytes(entry, begin, part.bytes) ? Fit::kCopy : Fit::kOverlap;
  }
  return Fit::kNew;
}

// Copies what did not come before.
void Fragments::copy_new(Entry& entry, const wire::FragmentPart& part) {
  std::uint32_t at = part.offset();
  const std::uint32_t start = at;
  const std::uint32_t end = at + part.wire_len;
  const auto captured = static_cast<std::uint32_t>(start + part.bytes.size());
  const auto take = [&](std::uint32_t to) {
    const std::uint32_t stop = std::min(to, captured);
    if (stop < to) entry.cut_at = std::min(entry.cut_at, std::max(stop, at));
    if (at < stop) copy(entry, at, part.bytes.subspan(at - start, stop - at));
  };
  for (std::size_t i = 0; i < entry.range_count && at < end; ++i) {
    const Range& range = entry.ranges[i];
    if (range.end <= at) continue;
    if (range.begin >= end) break;
    if (range.begin > at) take(range.begin);
    at = range.end;
  }
  if (at < end) take(end);
}

void Fragments::copy(Entry& entry, std::uint32_t at, base::Bytes bytes) {
  while (!bytes.empty()) {
    const std::size_t offset = at % kBlockBytes;
    const std::size_t n = std::min(bytes.size(), kBlockBytes - offset);
    std::uint32_t& block = entry.blocks[at / kBlockBytes];
    if (block == kNone) block = blocks_.take();
    std::memcpy(blocks_[block].bytes.data() + offset, bytes.data(), n);
    bytes = bytes.subspan(n);
    at += static_cast<std::uint32_t>(n);
  }
}

bool Fragments::same_bytes(const Entry& entry, std::uint32_t at, base::Bytes bytes) const {
  while (!bytes.empty() && at < entry.cut_at) {
    const std::size_t offset = at % kBlockBytes;
    const std::size_t n =
        std::min({bytes.size(), kBlockBytes - offset, std::size_t{entry.cut_at - at}});
    const std::uint32_t block = entry.blocks[at / kBlockBytes];
    if (block == kNone) return true;  // behind another cut
    if (std::memcmp(blocks_[block].bytes.data() + offset, bytes.data(), n) != 0) return false;
    bytes = bytes.subspan(n);
    at += static_cast<std::uint32_t>(n);
  }
  return true;
}

// Whether there was a place for it.
bool Fragments::merge(Entry& entry, Range range) {
  auto* const begin = entry.ranges.begin();
  const std::size_t count = entry.range_count;
  std::size_t first = 0;
  while (first < count && entry.ranges[first].end < range.begin) ++first;
  std::size_t last = first;
  for (; last < count && entry.ranges[last].begin <= range.end; ++last) {
    range.begin = std::min(range.begin, entry.ranges[last].begin);
    range.end = std::max(range.end, entry.ranges[last].end);
  }
  if (first == last) {
    if (count == kMaxRanges) return false;
    std::copy_backward(begin + first, begin + count, begin + count + 1);
    entry.range_count = static_cast<std::uint8_t>(count + 1);
  } else {
    std::copy(begin + last, begin + count, begin + first + 1);
    entry.range_count = static_cast<std::uint8_t>(count - (last - first) + 1);
  }
  entry.ranges[first] = range;
  return true;
}

// Gives out the datagram, or the beginning that is known.
void Fragments::join(const Entry& entry, bool whole) {
  const std::uint32_t len = entry.ranges[0].end;
  const std::uint32_t captured = std::min(len, entry.cut_at);
  if (buffer_.empty()) buffer_.resize(kHeaderRoom + kMaxBytes);
  std::uint8_t* const body = buffer_.data() + kHeaderRoom;
  for (std::uint32_t at = 0; at < captured; at += kBlockBytes) {
    const std::size_t n = std::min<std::size_t>(kBlockBytes, captured - at);
    std::memcpy(body + at, blocks_[entry.blocks[at / kBlockBytes]].bytes.data(), n);
  }
  const std::uint8_t* header = put_header(body, entry.src, entry.dst, entry.proto, len, whole);
  const auto header_len = static_cast<std::size_t>(body - header);
  joined_.packet.bytes = {header, header_len + captured};
  joined_.ip_len = static_cast<std::uint32_t>(header_len + len);
  joined_.fragmented = whole ? wire::Fragmented::kWhole : wire::Fragmented::kBeginning;
  joined_.envelope = entry.envelope;
  joined_.tally = entry.tally;
  joined_.packet.number = entry.last_packet;
  joined_.packet.time_ns = entry.last_ns;
  joined_.packet.ifindex = entry.ifindex;
  joined_.packet.direction = entry.direction;
  joined_.packet.wire_len = clamp32(entry.tally.wire_bytes);
  std::copy_n(entry.numbers.begin(), entry.number_count, numbers_.begin());
  joined_.packets = std::span(numbers_).first(entry.number_count);
}

// The datagram says two things: no receiver takes it. It stays so that what still comes of it does
// not look like a new one.
void Fragments::spoil(Entry& entry) {
  entry.bad = true;
  lost_ += entry.tally.packets;
  free_blocks(entry);
}

void Fragments::free_blocks(Entry& entry) {
  for (std::uint32_t& block : entry.blocks) {
    if (block != kNone) blocks_.give_back(block);
    block = kNone;
  }
}

void Fragments::release(std::uint32_t index) {
  Entry& entry = entries_[index];
  free_blocks(entry);
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  index_.erase(tag(entry.src, entry.dst, entry.id, entry.envelope.scope), index);
  entries_.give_back(index);
}

}  // namespace netwatch::flow
