// RTP and RTCP over UDP: RFC 3550, payload types of RFC 3551, both on one port (RFC 5761), SRTP
// (RFC 3711) where a session description announced it. What a session of SIP or RTSP announced is
// believed at once; anything else is RTP only when several packets of one sender follow from each
// other, and RTCP when a compound adds up to its last byte. Media are counted, never read.
#include <algorithm>
#include <array>

#include "dpi/parts/media_note.h"
#include "dpi/parts/rtp_packet.h"
#include "dpi/protocol.h"
#include "dpi/protocols/rtcp_report.h"
#include "dpi/protocols/rtp_streams.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::Side;

// RFC 3551 section 6: what is assigned, or dynamic; 35 to 63 and 64 to 71 are nobody's unless said.
bool is_usual_type(std::uint8_t type) { return type >= 96 || !static_codec(type).empty(); }

Probe probe_rtp(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  RtpPacket packet;
  if (input.expected && look_at_rtcp(bytes) != RtcpLook::kNo) return Probe::kYes;
  if (!read_rtp(bytes, false, packet)) return Probe::kNo;
  if (input.expected) return Probe::kYes;
  const bool may = is_usual_type(packet.payload_type) && packet.payload_bytes > 0;
  return may && packet.ssrc != 0 ? Probe::kYes : Probe::kNo;
}

Probe probe_rtcp(const ProbeInput& input) {
  const RtcpLook look = look_at_rtcp(input.of(input.latest));
  if (look == RtcpLook::kNo) return Probe::kNo;
  return look != RtcpLook::kHeader || input.expected ? Probe::kYes : Probe::kNo;
}

class MediaDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  void on_end(Context& context) override;

 private:
  static constexpr unsigned kMaxReported = 64;    // streams of a flow that have records
  static constexpr unsigned kMaxUnproven = 2;     // senders of a side, before one is proven
  static constexpr std::uint16_t kMaxIdle = 256;  // datagrams of others in a row

  void read_notes(Context& context);
  [[nodiscard]] const MediaNote& note_for(Side sender) const;
  bool on_rtp(const RtpPacket& packet, const model::StreamChunk& chunk, Context& context);
  bool prove(const RtpStream& stream);
  RtpStream* place_for(const model::StreamChunk& chunk, Context& context);
  bool on_rtcp(const model::StreamChunk& chunk, RtcpLook look, Context& context);

  std::array<RtpStream, 8> streams_;
  std::array<MediaNote, 2> notes_;  // by the side that receives
  RtcpReporter reporter_;
  std::uint32_t control_sender_ = 0;
  std::uint16_t idle_ = 0;
  std::uint8_t reported_ = 0;
  bool begun_ = false;
  bool sure_ = false;
};
static_assert(sizeof(MediaDecoder) <= kMaxStateBytes);

void MediaDecoder::read_notes(Context& context) {
  if (begun_) return;
  begun_ = true;
  for (const Side side : {Side::kOriginator, Side::kResponder}) {
    if (const Bytes note = context.announced(side); !note.empty()) {
      notes_[model::index(side)].read(note);
    }
  }
}

// A description says what its sender wants to receive; the other one's does for want of it.
const MediaNote& MediaDecoder::note_for(Side sender) const {
  const MediaNote& receiver = notes_[1 - model::index(sender)];
  return receiver.empty() ? notes_[model::index(sender)] : receiver;
}

// Four packets that follow from each other, in time as well; or twelve of one picture.
bool MediaDecoder::prove(const RtpStream& stream) {
  const bool noted = note_for(stream.side()).format(stream.payload_type()).known;
  const unsigned enough = noted || sure_ ? 2 : stream.time_moved() ? 4 : 12;
  return stream.in_order() >= enough;
}

// A free place, or that of the sender who was silent for the longest time.
RtpStream* MediaDecoder::place_for(const model::StreamChunk& chunk, Context& context) {
  const auto of_side = std::ranges::count_if(
      streams_, [&](const RtpStream& one) { return one.used() && one.side() == chunk.side; });
  if (!sure_ && of_side >= static_cast<std::ptrdiff_t>(kMaxUnproven)) return nullptr;
  RtpStream* place = streams_.data();
  for (RtpStream& one : streams_) {
    if (!one.used()) return &one;
    if (one.last_ns() < place->last_ns()) place = &one;
  }
  if (place->reported()) {
    place->report(RtpStream::kStream, note_for(place->side()), chunk.time_ns, context);
  }
  return place;
}

bool MediaDecoder::on_rtp(const RtpPacket& packet, const model::StreamChunk& chunk,
                          Context& context) {
  const MediaNote& note = note_for(chunk.side);
  if (!sure_ && note.empty() && !is_usual_type(packet.payload_type)) return false;
  auto* const found = std::ranges::find_if(
      streams_, [&](const RtpStream& one) { return one.is(packet.ssrc, chunk.side); });
  if (found == streams_.end()) {
    RtpStream* const place = place_for(chunk, context);
    if (place == nullptr) return false;
    place->begin(packet, chunk);
    return true;
  }
  RtpStream& stream = *found;
  const std::uint32_t clock = clock_of(rtp_codec(packet.payload_type, note));
  if (!stream.add(packet, chunk, clock)) {
    if (!sure_) return false;
    // It began anew (RFC 3550 appendix A.1), or was never one.
    if (stream.reported()) stream.report(RtpStream::kStream, note, chunk.time_ns, context);
    stream.begin(packet, chunk);
    return true;
  }
  if (!stream.reported() && prove(stream)) {
    sure_ = true;
    if (reported_ < kMaxReported) {
      ++reported_;
      stream.report(RtpStream::kStart, note, chunk.time_ns, context);
    } else if (reported_ == kMaxReported) {
      ++reported_;
      context.odd("too_many_senders");
    }
  } else if (stream.due(chunk.time_ns)) {
    stream.report(RtpStream::kProgress, note, chunk.time_ns, context);
  }
  return true;
}

bool MediaDecoder::on_rtcp(const model::StreamChunk& chunk, RtcpLook look, Context& context) {
  const bool secure = note_for(chunk.side).secure();
  const std::uint32_t sender = rtcp_sender(chunk.bytes);
  if (!sure_) {
    if (look == RtcpLook::kHeader && !secure) return false;
    // One report alone has little that is fixed: the same sender must say another.
    if (look == RtcpLook::kSingle && notes_[0].empty() && notes_[1].empty() &&
        control_sender_ != sender) {
      control_sender_ = sender;
      return true;
    }
    sure_ = true;
  }
  if (look == RtcpLook::kHeader && !secure) {
    // Enciphered, or feedback alone (RFC 5506), which is read if it adds up.
    RtcpPacket packet;
    Bytes rest = chunk.bytes;
    while (!rest.empty()) {
      if (!next_rtcp(rest, packet)) return true;
    }
  }
  reporter_.read(chunk, secure, context);
  return true;
}

Step MediaDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  read_notes(context);
  const RtcpLook look = look_at_rtcp(chunk.bytes);
  RtpPacket packet;
  bool mine = false;
  if (look != RtcpLook::kNo) {
    mine = on_rtcp(chunk, look, context);
  } else if (read_rtp(chunk.bytes, chunk.cut, packet)) {
    mine = on_rtp(packet, chunk, context);
  }
  if (!mine && !sure_) return {.verdict = Verdict::kNotMine};
  // STUN and DTLS share the port (RFC 7983): they are passed over.
  idle_ = mine ? std::uint16_t{0} : static_cast<std::uint16_t>(idle_ + 1);
  const bool done = idle_ == kMaxIdle;
  if (done) on_end(context);
  return {.verdict = done ? Verdict::kDone : Verdict::kFine,
          .consumed = chunk.bytes.size(),
          .unsure = !sure_};
}

void MediaDecoder::on_end(Context& context) {
  for (RtpStream& stream : streams_) {
    if (stream.reported()) {
      stream.report(RtpStream::kStream, note_for(stream.side()), stream.last_ns(), context);
    }
  }
}

constexpr FirstBytes kVersion2{{0, 0, ~0ULL, 0}};  // the two upper bits are 10

}  // namespace

extern const ProtocolDef kRtp;
constinit const ProtocolDef kRtp{
    .name = "rtp",
    .transport = Transport::kUdp,
    .first = kVersion2,
    .probe = probe_rtp,
    .schema = &kRtpSchema,
    .state_bytes = sizeof(MediaDecoder),
    .make = make_decoder<MediaDecoder>,
};

extern const ProtocolDef kRtcp;
constinit const ProtocolDef kRtcp{
    .name = "rtcp",
    .transport = Transport::kUdp,
    .first = kVersion2,
    .probe = probe_rtcp,
    .schema = &kRtcpSchema,
    .state_bytes = sizeof(MediaDecoder),
    .make = make_decoder<MediaDecoder>,
};

}  // namespace netwatch::dpi
