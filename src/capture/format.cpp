// pcap (draft-ietf-opsawg-pcap) and snoop (RFC 1761); what all formats share.
#include "capture/format.h"

#include <fmt/format.h>

#include <algorithm>

#include "wire/pcap_format.h"
#include "wire/snoop_format.h"

namespace netwatch::capture {
namespace {

namespace pcap = wire::pcap;
namespace snoop = wire::snoop;
using base::ErrorCode;

class PcapFormat final : public Format {
 public:
  Step next(base::Bytes front, model::Packet& packet) override {
    if (records_.header_bytes == 0) return start(front);
    if (const std::size_t used = records_.read(front, packet); used > 0) {
      return {Step::Kind::kPacket, used};
    }
    if (front.size() < records_.header_bytes) return {Step::Kind::kNeed, records_.header_bytes};
    const std::size_t len = pcap::parse_record_header(records_.file, front.data()).captured_len;
    if (len <= records_.limit) return {Step::Kind::kNeed, records_.header_bytes + len};
    return broken(ErrorCode::kInvalid,
                  fmt::format("a packet of {} bytes is not possible in this file (at most {})", len,
                              records_.limit));
  }
  [[nodiscard]] const PlainRecords* plain_records() const override {
    return records_.header_bytes == 0 ? nullptr : &records_;
  }

 private:
  Step start(base::Bytes front) {
    const auto header = pcap::parse_file_header(front);
    if (!header) {
      const bool longer = front.size() >= pcap::kFileHeaderBytes;
      return {Step::Kind::kNeed, longer ? pcap::kLongestFileHeaderBytes : pcap::kFileHeaderBytes};
    }
    if (header->version_major != 2)
      return broken(ErrorCode::kUnsupported,
                    fmt::format("pcap version {}.{} is not known (2.x is)", header->version_major,
                                header->version_minor));
    if (header->reserved_bits)
      return broken(ErrorCode::kUnsupported, "reserved bits of the link type are set");
    records_ = {*header, header->record_header_bytes(), record_limit(header->snaplen)};
    saw_linktype(header->linktype);
    note_.kind = model::CaptureNote::Kind::kInterface;
    note_.block_type = static_cast<std::uint32_t>(wire::pcapng::BlockType::kInterface);
    note_.linktype = header->linktype;
    note_.snaplen = header->snaplen;
    // Of the modified kind each packet names its interface: it has none for the whole file.
    return {Step::Kind::kSkip, header->bytes, 0, !header->modified};
  }

  PlainRecords records_;  // header_bytes 0: the file header has not been read
};

class SnoopFormat final : public Format {
 public:
  Step next(base::Bytes front, model::Packet& packet) override {
    if (!started_) return start(front);
    if (front.size() < snoop::kRecordHeaderBytes)
      return {Step::Kind::kNeed, snoop::kRecordHeaderBytes};
    const snoop::RecordHeader record = snoop::parse_record_header(front.data());
    const std::size_t least = snoop::kRecordHeaderBytes + record.captured_len;
    if (record.captured_len > kMaxRecordBytes || record.record_len < least ||
        record.record_len > kMaxBlockBytes)
      return broken(ErrorCode::kInvalid,
                    fmt::format("a record of {} bytes cannot hold a packet of {}",
                                record.record_len, record.captured_len));
    if (front.size() < record.record_len) return {Step::Kind::kNeed, record.record_len};
    packet.time_ns = record.time_ns;
    packet.interface = 0;
    packet.linktype = linktype_;
    packet.direction = model::PacketDirection::kUnknown;
    packet.wire_len = std::max(record.captured_len, record.wire_len);
    packet.bytes = front.subspan(snoop::kRecordHeaderBytes, record.captured_len);
    Step step{Step::Kind::kPacket, record.record_len};
    if (record.cumulative_drops > drops_) step.dropped = record.cumulative_drops - drops_;
    drops_ = std::max(drops_, record.cumulative_drops);
    return step;
  }

 private:
  Step start(base::Bytes front) {
    if (front.size() < snoop::kFileHeaderBytes) return {Step::Kind::kNeed, snoop::kFileHeaderBytes};
    const std::uint32_t version = wire::load_be32(front.data() + 8);
    const std::uint32_t datalink = wire::load_be32(front.data() + 12);
    if (version != snoop::kVersion)
      return broken(ErrorCode::kUnsupported, fmt::format("snoop version {} is not known", version));
    const auto linktype = snoop::linktype_of(datalink);
    if (!linktype)
      return broken(ErrorCode::kUnsupported,
                    fmt::format("snoop datalink type {} is not known", datalink));
    linktype_ = *linktype;
    started_ = true;
    saw_linktype(linktype_);
    return {Step::Kind::kSkip, snoop::kFileHeaderBytes};
  }

  bool started_ = false;
  std::uint16_t linktype_ = 0;
  std::uint32_t drops_ = 0;
};

}  // namespace

Step Format::broken(ErrorCode code, std::string why) {
  problem_ = {code, std::move(why)};
  return {Step::Kind::kBroken, 0};
}

void Format::saw_linktype(std::uint16_t linktype) {
  constexpr std::size_t kMostListed = 64;  // a hostile file may declare them all
  const bool known = std::find(linktypes_.begin(), linktypes_.end(), linktype) != linktypes_.end();
  if (!known && linktypes_.size() < kMostListed) linktypes_.push_back(linktype);
}

std::unique_ptr<Format> make_pcap_format() { return std::make_unique<PcapFormat>(); }
std::unique_ptr<Format> make_snoop_format() { return std::make_unique<SnoopFormat>(); }

std::unique_ptr<Format> make_format(base::Bytes front) {
  if (pcap::is_pcap(front)) return make_pcap_format();
  const auto section = static_cast<std::uint32_t>(wire::pcapng::BlockType::kSectionHeader);
  if (front.size() >= 4 && wire::load_be32(front.data()) == section) return make_pcapng_format();
  if (base::as_text(front).starts_with(snoop::kMagic)) return make_snoop_format();
  return nullptr;
}

}  // namespace netwatch::capture
