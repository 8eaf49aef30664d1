// pcapng: draft-ietf-opsawg-pcapng.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "capture/format.h"
#include "wire/pcap_format.h"
#include "wire/pcapng_options.h"

namespace netwatch::capture {
namespace {

namespace pcapng = wire::pcapng;
using base::ErrorCode;
using model::CaptureNote;
using pcapng::BlockType;

class PcapngFormat final : public Format {
 public:
  Step next(base::Bytes front, model::Packet& packet) override {
    if (front.size() < pcapng::kBlockHeaderBytes)
      return {Step::Kind::kNeed, pcapng::kBlockHeaderBytes};
    const auto type = static_cast<BlockType>(wire::load32(front.data(), order_));
    if (type == BlockType::kSectionHeader) {
      // Its byte order is its own, and its length can only be read in it.
      constexpr std::size_t kWithMagic = pcapng::kBlockHeaderBytes + 4;
      if (front.size() < kWithMagic) return {Step::Kind::kNeed, kWithMagic};
      if (!set_order(front.data() + pcapng::kBlockHeaderBytes))
        return broken(ErrorCode::kInvalid, "the byte-order magic of the section is wrong");
    }
    const std::uint32_t total = wire::load32(front.data() + 4, order_);
    if (total < pcapng::kBlockOverheadBytes || total % 4 != 0)
      return broken(ErrorCode::kInvalid, fmt::format("a block of {} bytes is not possible", total));
    if (total > kMaxBlockBytes) {
      if (!read_here(type)) return {Step::Kind::kSkip, total, 0, false, 1};
      return broken(ErrorCode::kInvalid, fmt::format("a block of {} bytes is not possible here "
                                                     "(at most {})",
                                                     total, kMaxBlockBytes));
    }
    if (front.size() < total) return {Step::Kind::kNeed, total};
    const std::uint32_t again = wire::load32(front.data() + total - 4, order_);
    if (again != total)
      return broken(
          ErrorCode::kInvalid,
          fmt::format("a block says {} bytes at its front and {} at its end", total, again));
    const base::Bytes body = front.first(total - 4).subspan(pcapng::kBlockHeaderBytes);
    Step step = block(type, body, packet);
    step.bytes = total;
    return step;
  }

 private:
  static constexpr std::size_t kMostInterfaces = 65'536;  // in a file
  static constexpr std::size_t kNoOptions = SIZE_MAX;

  struct Interface {
    pcapng::TimeScale scale;
    std::uint32_t snaplen = 0;
    std::uint16_t linktype = 0;
    std::uint64_t dropped = 0;  // as counted so far
  };

  static bool read_here(BlockType type) {
    switch (type) {
      case BlockType::kSectionHeader:
      case BlockType::kInterface:
      case BlockType::kObsoletePacket:
      case BlockType::kSimplePacket:
      case BlockType::kInterfaceStatistics:
      case BlockType::kEnhancedPacket:
        return true;
      default:
        return false;
    }
  }

  bool set_order(const std::uint8_t* magic) {
    const bool big = wire::load32(magic, wire::ByteOrder::kBig) == pcapng::kByteOrderMagic;
    const auto order = big ? wire::ByteOrder::kBig : wire::ByteOrder::kLittle;
    if (wire::load32(magic, order) != pcapng::kByteOrderMagic) return false;
    order_ = order;
    return true;
  }

  Step block(BlockType type, base::Bytes body, model::Packet& out) {
    note_bytes_.clear();
    note_ = {};
    note_.block_type = static_cast<std::uint32_t>(type);
    switch (type) {
      case BlockType::kSectionHeader:
        return section(body);
      case BlockType::kInterface:
        return add_interface(body);
      case BlockType::kEnhancedPacket:
        return packet(pcapng::parse_enhanced_packet(body, order_), pcapng::kEnhancedBodyBytes, body,
                      out);
      case BlockType::kObsoletePacket:
        return obsolete_packet(body, out);
      case BlockType::kSimplePacket:
        if (section_start_ == interfaces_.size()) return no_interface(0);
        return packet(
            pcapng::parse_simple_packet(body, order_, interfaces_[section_start_].snaplen),
            kNoOptions, body, out);
      case BlockType::kInterfaceStatistics:
        return statistics(body);
      case BlockType::kNameResolution:
        return noted(CaptureNote::Kind::kNames, pcapng::append_names(note_bytes_, body, order_));
      case BlockType::kDecryptionSecrets:
        return noted(CaptureNote::Kind::kSecrets,
                     pcapng::append_secrets(note_bytes_, body, order_));
      case BlockType::kCustom:
        return custom(body);
      case BlockType::kJournal:
        note_bytes_.assign(body.begin(), body.end());
        return noted(CaptureNote::Kind::kOther, 0);
      case BlockType::kCustomNoCopy:
        break;
    }
    return left_out();  // what is in it may name interfaces or be of this file only
  }

  // `options_left_out`: nothing if the block is not well-formed.
  Step noted(CaptureNote::Kind kind, std::optional<std::size_t> options_left_out) {
    if (!options_left_out) return left_out();
    note_.kind = kind;
    return {Step::Kind::kSkip, 0, 0, true, *options_left_out};
  }

  static Step left_out() { return {Step::Kind::kSkip, 0, 0, false, 1}; }

  // An enterprise number, then what only its owner can read.
  Step custom(base::Bytes body) {
    constexpr std::size_t kNumberBytes = 4;
    if (body.size() < kNumberBytes) return left_out();
    note_bytes_.resize(kNumberBytes);
    wire::store32(note_bytes_.data(), wire::load32(body.data(), order_), wire::ByteOrder::kLittle);
    const base::Bytes data = body.subspan(kNumberBytes);
    note_bytes_.insert(note_bytes_.end(), data.begin(), data.end());
    return noted(CaptureNote::Kind::kOther, 0);
  }

  Step section(base::Bytes body) {
    if (body.size() < pcapng::kSectionBodyBytes)
      return broken(ErrorCode::kInvalid, "a section header is too short");
    const std::uint16_t major = wire::load16(body.data() + 4, order_);
    if (major != 1)
      return broken(ErrorCode::kUnsupported,
                    fmt::format("pcapng version {} is not known (1 is)", major));
    section_start_ = interfaces_.size();
    return noted(CaptureNote::Kind::kSection,
                 pcapng::append_options(note_bytes_, BlockType::kSectionHeader,
                                        body.subspan(pcapng::kSectionBodyBytes), order_,
                                        std::array{pcapng::option::kSectionApplication}, nullptr));
  }

  Step add_interface(base::Bytes body) {
    const auto found = pcapng::parse_interface(body, order_);
    if (!found) return broken(ErrorCode::kInvalid, "an interface description is too short");
    const auto scale = pcapng::TimeScale::make(found->time_resolution, found->time_offset_s);
    if (!scale)
      return broken(ErrorCode::kUnsupported,
                    fmt::format("if_tsresol {:#x} is too fine to count", found->time_resolution));
    if (interfaces_.size() == kMostInterfaces)
      return broken(ErrorCode::kLimit,
                    fmt::format("more than {} interfaces in one file", kMostInterfaces));
    interfaces_.push_back({*scale, found->snaplen, found->linktype, 0});
    saw_linktype(found->linktype);
    note_.interface = static_cast<std::uint32_t>(interfaces_.size() - 1);
    note_.linktype = found->linktype;
    note_.snaplen = found->snaplen;
    // Its clock is ours from here on.
    constexpr std::array kClock{pcapng::option::kInterfaceTimeResolution,
                                pcapng::option::kInterfaceTimeOffset};
    return noted(
        CaptureNote::Kind::kInterface,
        pcapng::append_options(note_bytes_, BlockType::kInterface,
                               body.subspan(pcapng::kInterfaceBodyBytes), order_, kClock, nullptr));
  }

  Interface* find(std::uint32_t id) {
    return id < interfaces_.size() - section_start_ ? &interfaces_[section_start_ + id] : nullptr;
  }

  Step no_interface(std::uint32_t id) {
    return broken(ErrorCode::kInvalid,
                  fmt::format("interface {} is used but was never described in this section", id));
  }

  // `fixed_bytes` of the block's body come before the packet: its options are read, too.
  Step packet(const std::optional<pcapng::PacketBlock>& block, std::size_t fixed_bytes,
              base::Bytes body, model::Packet& out) {
    if (!block) return broken(ErrorCode::kInvalid, "a packet block is shorter than its packet");
    Interface* const from = find(block->interface_id);
    if (from == nullptr) return no_interface(block->interface_id);
    // An interface whose snaplen is 0 has none.
    if (block->captured_len > (from->snaplen == 0 ? kMaxRecordBytes : record_limit(from->snaplen)))
      return broken(ErrorCode::kInvalid, fmt::format("a packet of {} bytes is not possible on this "
                                                     "interface (snaplen {})",
                                                     block->captured_len, from->snaplen));
    if (block->stamped) last_time_ns_ = from->scale.to_ns(block->stamp);
    out.time_ns = last_time_ns_;
    out.interface = static_cast<std::uint32_t>(from - interfaces_.data());
    out.linktype = from->linktype;
    out.direction = block->direction;
    out.wire_len = std::max(block->captured_len, block->wire_len);
    out.bytes = block->bytes;
    if (__builtin_add_overflow(from->dropped, block->dropped_before, &from->dropped))
      from->dropped = std::numeric_limits<std::uint64_t>::max();
    Step step{Step::Kind::kPacket, 0, block->dropped_before};
    if (fixed_bytes != kNoOptions) packet_options(*block, body.subspan(fixed_bytes), step);
    return step;
  }

  // Its drop count is no option yet.
  Step obsolete_packet(base::Bytes body, model::Packet& out) {
    const auto block = pcapng::parse_obsolete_packet(body, order_);
    Step step = packet(block, pcapng::kEnhancedBodyBytes, body, out);
    if (step.kind == Step::Kind::kPacket && step.dropped > 0) {
      pcapng::append_drop_count(note_bytes_, step.dropped);
      step.noted = true;
    }
    return step;
  }

  // What is said of a packet beyond its direction, which is read. Most have none.
  void packet_options(const pcapng::PacketBlock& block, base::Bytes rest, Step& step) {
    const std::size_t packet_bytes = pcapng::padded(block.captured_len);
    if (rest.size() < packet_bytes + 4) return;
    const base::Bytes options = rest.subspan(packet_bytes);
    constexpr std::array kDirection{pcapng::option::kPacketFlags};
    const bool direction_only =
        block.flags == pcapng::kFlagsInbound || block.flags == pcapng::kFlagsOutbound;
    const std::span<const std::uint16_t> but = direction_only
                                                   ? std::span<const std::uint16_t>(kDirection)
                                                   : std::span<const std::uint16_t>();
    if (!pcapng::has_options(options, order_, but)) return;
    step.left_out = pcapng::append_options(note_bytes_, BlockType::kEnhancedPacket, options, order_,
                                           but, nullptr);
    step.noted = !note_bytes_.empty();
  }

  // A total since the start of the capture; what its packets told one by one is not told again.
  Step statistics(base::Bytes body) {
    const auto found = pcapng::parse_statistics(body, order_);
    if (!found) return broken(ErrorCode::kInvalid, "interface statistics are too short");
    Interface* const of = find(found->interface_id);
    if (of == nullptr) return no_interface(found->interface_id);
    note_.interface = static_cast<std::uint32_t>(of - interfaces_.data());
    note_.linktype = of->linktype;
    note_.time_ns = of->scale.to_ns(found->stamp);
    Step step = noted(
        CaptureNote::Kind::kStatistics,
        pcapng::append_options(note_bytes_, BlockType::kInterfaceStatistics,
                               body.subspan(pcapng::kStatisticsBodyBytes), order_, {}, &of->scale));
    if (found->dropped > of->dropped) {
      step.dropped = found->dropped - of->dropped;
      of->dropped = found->dropped;
    }
    return step;
  }

  wire::ByteOrder order_ = wire::ByteOrder::kLittle;
  std::vector<Interface> interfaces_;  // of all sections
  std::size_t section_start_ = 0;      // the first one of this section
  base::TimeNs last_time_ns_ = 0;      // simple packets have no time: they get their neighbour's
};

}  // namespace

std::unique_ptr<Format> make_pcapng_format() { return std::make_unique<PcapngFormat>(); }

}  // namespace netwatch::capture
