#include "dpi/protocols/rtp_streams.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <span>

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using std::string_view;

constexpr std::array<string_view, 3> kKinds{"start", "progress", "stream"};

enum Field : std::uint8_t {
  kSsrc,
  kPayloadType,
  kCodec,
  kMedia,
  kEncrypted,
  kCallId,
  kPackets,
  kBytes,
  kLost,
  kJitter,
  kDuration,
};

constexpr string_view kTypeAlias[] = {"rtp.p_type"};
constexpr FieldDef kFields[] = {
    {.name = "rtp.ssrc", .type = FieldType::kUint, .help = "number of the stream's sender"},
    {.name = "rtp.payload_type",
     .type = FieldType::kUint,
     .list = true,
     .help = "formats, in the order of first sight",
     .aliases = kTypeAlias},
    {.name = "rtp.codec",
     .list = true,
     .help = "encoding and clock: PCMU/8000; as announced, else as RFC 3551 assigns them",
     .max_bytes = 64},
    {.name = "rtp.media", .help = "audio, video, as announced", .max_bytes = 16},
    {.name = "rtp.encrypted", .type = FieldType::kBool, .help = "announced as SRTP"},
    {.name = "rtp.call_id", .help = "call (SIP) that announced it"},
    {.name = "rtp.packets", .type = FieldType::kUint, .help = "packets that were seen"},
    {.name = "rtp.data_bytes",
     .type = FieldType::kUint,
     .help = "bytes of media in them, of SRTP with their tags"},
    {.name = "rtp.lost",
     .type = FieldType::kUint,
     .help = "packets that are missing between the first and the last"},
    {.name = "rtp.jitter_us",
     .type = FieldType::kDuration,
     .help = "interarrival jitter at the point of capture (RFC 3550), if the clock is known"},
    {.name = "rtp.duration_us", .type = FieldType::kDuration, .help = "first to last packet"},
};
static_assert(std::size(kFields) == kDuration + 1);

}  // namespace

constinit const model::Schema kRtpSchema{"rtp", "RTP", kKinds, kFields};

string_view rtp_codec(std::uint8_t payload_type, const MediaNote& note) {
  const MediaNote::Format format = note.format(payload_type);
  return format.codec.empty() ? static_codec(payload_type) : format.codec;
}

void RtpStream::begin(const RtpPacket& packet, const model::StreamChunk& chunk) {
  *this = {};
  ssrc_ = packet.ssrc;
  side_ = chunk.side;
  first_ns_ = last_ns_ = chunk.time_ns;
  base_sequence_ = max_sequence_ = packet.sequence;
  last_timestamp_ = packet.timestamp;
  packets_ = 1;
  in_order_ = 1;
  bytes_ = packet.payload_bytes;
  count_type(packet.payload_type);
}

void RtpStream::count_type(std::uint8_t type) {
  const auto known = std::span(types_).first(type_count_);
  if (type_count_ == kMaxTypes || std::ranges::find(known, type) != known.end()) return;
  types_[type_count_++] = type;
}

bool RtpStream::add(const RtpPacket& packet, const model::StreamChunk& chunk, std::uint32_t clock) {
  constexpr int kMaxDropout = 3000;  // RFC 3550 appendix A.1
  constexpr int kMaxStep = 16;       // while it has to be proven
  constexpr std::int32_t kMaxTimeStep = 1 << 22;
  const auto step = static_cast<std::int16_t>(packet.sequence - max_sequence_);
  const auto time_step = static_cast<std::int32_t>(packet.timestamp - last_timestamp_);
  if (step > kMaxDropout || step < -kMaxDropout) return false;
  if (step == 0 && time_step == 0) return true;  // seen twice
  const bool near = step >= 1 && step <= kMaxStep && std::abs(time_step) <= kMaxTimeStep;
  if (!near && !reported()) return false;
  if (in_order_ < 0xFFFF) ++in_order_;
  time_moved_ |= time_step != 0;
  if (step > 0) {
    if (packet.sequence < max_sequence_) cycles_ += 0x10000;
    max_sequence_ = packet.sequence;
  }
  ++packets_;
  bytes_ += packet.payload_bytes;
  count_type(packet.payload_type);
  measure(packet, chunk.time_ns, clock);
  last_ns_ = chunk.time_ns;
  last_timestamp_ = packet.timestamp;
  return true;
}

// RFC 3550 section 6.4.1: the mean deviation of the difference in spacing.
void RtpStream::measure(const RtpPacket& packet, base::TimeNs now_ns, std::uint32_t clock) {
  clock_ = clock;
  if (clock == 0) return;
  const double arrived = static_cast<double>(now_ns - last_ns_) * clock / 1e9;
  const auto sent = static_cast<std::int32_t>(packet.timestamp - last_timestamp_);
  jitter_ += (std::abs(arrived - sent) - jitter_) / 16;
}

bool RtpStream::due(base::TimeNs now_ns) const {
  return reported() && now_ns - reported_ns_ >= 60 * base::kNsPerSecond;
}

void RtpStream::report(Kind kind, const MediaNote& note, base::TimeNs now_ns, Context& context) {
  reported_ns_ = now_ns;
  model::RecordBuilder& record = context.record();
  record.start(kRtpSchema, kind);
  record.add_uint(kSsrc, ssrc_);
  for (const std::uint8_t type : std::span(types_).first(type_count_)) {
    record.add_uint(kPayloadType, type);
  }
  for (const std::uint8_t type : std::span(types_).first(type_count_)) {
    if (const string_view codec = rtp_codec(type, note); !codec.empty()) {
      record.add_text(kCodec, codec);
    }
  }
  if (const string_view media = note.format(types_[0]).kind; !media.empty()) {
    record.add_text(kMedia, media);
  }
  if (note.secure()) record.add_bool(kEncrypted, true);
  if (!note.call().empty()) record.add_text(kCallId, note.call());
  if (kind != kStart) {
    const std::uint64_t expected = std::uint64_t{cycles_} + max_sequence_ - base_sequence_ + 1;
    record.add_uint(kPackets, packets_);
    record.add_uint(kBytes, bytes_);
    record.add_uint(kLost, expected > packets_ ? expected - packets_ : 0);
    if (clock_ != 0) record.add_int(kJitter, std::llround(jitter_ * 1e9 / clock_));
    record.add_int(kDuration, std::max<base::TimeNs>(last_ns_ - first_ns_, 0));
  }
  context.emit(side_);
}

}  // namespace netwatch::dpi
