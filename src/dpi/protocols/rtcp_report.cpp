// What RTCP reports: RFC 3550 section 6, feedback of RFC 4585 and 5104, SRTCP of RFC 3711.
#include "dpi/protocols/rtcp_report.h"

#include <utility>

#include "base/cursor.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using std::string_view;

enum Kind : std::uint8_t { kReport };
constexpr std::array<string_view, 1> kKinds{"report"};

enum Field : std::uint8_t {
  kSsrc,
  kTypes,
  kEncrypted,
  kCname,
  kTool,
  kPackets,
  kOctets,
  kSource,
  kFraction,
  kLost,
  kJitter,
  kRoundTrip,
  kFeedback,
};

constexpr string_view kSsrcAlias[] = {"rtcp.senderssrc"};
constexpr string_view kTypesAlias[] = {"rtcp.pt"};
constexpr string_view kCnameAlias[] = {"rtcp.sdes.text"};
constexpr string_view kPacketsAlias[] = {"rtcp.sender.packetcount"};
constexpr string_view kOctetsAlias[] = {"rtcp.sender.octetcount"};
constexpr string_view kSourceAlias[] = {"rtcp.ssrc.identifier"};
constexpr string_view kFractionAlias[] = {"rtcp.ssrc.fraction"};
constexpr string_view kLostAlias[] = {"rtcp.ssrc.cum_nr"};
constexpr string_view kJitterAlias[] = {"rtcp.ssrc.jitter"};
constexpr string_view kRoundTripAlias[] = {"rtcp.roundtrip-delay"};

constexpr FieldDef kFields[] = {
    {.name = "rtcp.ssrc", .type = FieldType::kUint, .help = "who sends", .aliases = kSsrcAlias},
    {.name = "rtcp.types",
     .list = true,
     .help = "what the message is made of: sr, rr, sdes, bye, app, rtpfb, psfb, xr",
     .aliases = kTypesAlias,
     .max_bytes = 16},
    {.name = "rtcp.encrypted", .type = FieldType::kBool, .help = "SRTCP: the rest is enciphered"},
    {.name = "rtcp.cname",
     .help = "name of the sender that stays the same",
     .role = model::Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kCnameAlias},
    {.name = "rtcp.tool", .help = "program that sends", .role = model::Role::kUserAgent},
    {.name = "rtcp.packets",
     .type = FieldType::kUint,
     .help = "RTP packets that the sender has sent",
     .aliases = kPacketsAlias},
    {.name = "rtcp.octets",
     .type = FieldType::kUint,
     .help = "bytes of media in them",
     .aliases = kOctetsAlias},
    {.name = "rtcp.source",
     .type = FieldType::kUint,
     .list = true,
     .help = "SSRC that is reported on",
     .aliases = kSourceAlias},
    {.name = "rtcp.fraction_lost",
     .type = FieldType::kUint,
     .list = true,
     .help = "lost since the last report, of 256",
     .aliases = kFractionAlias},
    {.name = "rtcp.lost",
     .type = FieldType::kInt,
     .list = true,
     .help = "packets lost in all",
     .aliases = kLostAlias},
    {.name = "rtcp.jitter",
     .type = FieldType::kUint,
     .list = true,
     .help = "in units of the media's clock",
     .aliases = kJitterAlias},
    {.name = "rtcp.round_trip_us",
     .type = FieldType::kDuration,
     .help = "from the point of capture to the reporter and back",
     .role = model::Role::kLatency,
     .aliases = kRoundTripAlias},
    {.name = "rtcp.feedback",
     .list = true,
     .help = "kinds of feedback: nack, pli, fir, transport_cc, ...",
     .max_bytes = 16},
};
static_assert(std::size(kFields) == kFeedback + 1);

constexpr base::TimeNs kEvery = 60 * base::kNsPerSecond;
constexpr std::uint8_t kMaxByes = 8;  // that are reported of a side
constexpr unsigned kMaxBlocks = 8;    // of a record

std::uint32_t hash_of(string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
  return hash;
}

}  // namespace

constinit const model::Schema kRtcpSchema{"rtcp", "RTCP", kKinds, kFields};

struct RtcpReporter::Reading {
  model::RecordBuilder& record;
  SideState& own;
  const SideState& other;
  base::TimeNs now_ns;
  bool news = false;
  bool round_trip = false;
  unsigned blocks = 0;
};

// Each block: source, fraction, lost (24 bits, signed), highest number, jitter, the last sender
// report and the delay since it.
void RtcpReporter::read_blocks(Bytes blocks, Reading& reading) {
  Cursor in(blocks);
  while (in.remaining() >= 24 && reading.blocks++ < kMaxBlocks) {
    reading.record.add_uint(kSource, in.u32());
    reading.record.add_uint(kFraction, in.u8());
    const std::uint32_t lost = in.u24();
    reading.record.add_int(kLost, static_cast<std::int32_t>(lost << 8) >> 8);
    in.skip(4);
    reading.record.add_uint(kJitter, in.u32());
    const std::uint32_t stamp = in.u32();
    const std::uint32_t delay = in.u32();  // in 1/65536 s
    if (!reading.own.blocks) reading.news = reading.own.blocks = true;
    if (reading.round_trip || stamp == 0 || stamp != reading.other.sent_stamp) continue;
    const auto held_ns = static_cast<std::int64_t>(std::uint64_t{delay} * 1'000'000'000 / 65536);
    const std::int64_t round_trip = reading.now_ns - reading.other.sent_ns - held_ns;
    if (round_trip < 0) continue;
    reading.round_trip = true;
    reading.record.add_int(kRoundTrip, round_trip);
    if (!reading.own.round_trip) reading.news = reading.own.round_trip = true;
  }
}

void RtcpReporter::read_packet(const RtcpPacket& packet, Reading& reading) {
  Cursor in(packet.body);
  switch (packet.type) {
    case kRtcpSr: {
      in.skip(4);
      // The middle of the NTP time stamp is what receivers send back (section 6.4.1).
      const auto stamp = static_cast<std::uint32_t>(in.u64() >> 16);
      in.skip(4);
      reading.own.sent_stamp = stamp;
      reading.own.sent_ns = reading.now_ns;
      reading.record.add_uint(kPackets, in.u32());
      reading.record.add_uint(kOctets, in.u32());
      return read_blocks(in.take_up_to(packet.count * std::size_t{24}), reading);
    }
    case kRtcpRr:
      in.skip(4);
      return read_blocks(in.take_up_to(packet.count * std::size_t{24}), reading);
    case kRtcpSdes: {  // of the first source
      in.skip(4);
      for (std::uint8_t type = in.u8(); in.ok() && type != 0; type = in.u8()) {
        const string_view text = base::as_text(in.take(in.u8()));
        if (!in.ok() || text.empty()) return;
        if (type == 1) {
          reading.record.add_text(kCname, text);
          const std::uint32_t hash = hash_of(text);
          reading.news |= std::exchange(reading.own.name_hash, hash) != hash;
        }
        if (type == 6) reading.record.add_text(kTool, text);
      }
      return;
    }
    case kRtcpBye:
      reading.news |= reading.own.byes < kMaxByes;
      if (reading.own.byes < kMaxByes) ++reading.own.byes;
      return;
    case kRtcpRtpfb:
    case kRtcpPsfb: {
      const string_view name = rtcp_feedback_name(packet.type, packet.count);
      if (name.empty()) return;
      reading.record.add_text(kFeedback, name);
      const std::uint32_t bit = 1U << ((packet.type == kRtcpPsfb ? 16U : 0U) + packet.count % 16);
      reading.news |= (reading.own.feedback & bit) == 0;
      reading.own.feedback |= bit;
      return;
    }
    default:
      return;
  }
}

void RtcpReporter::read(const model::StreamChunk& chunk, bool secure, Context& context) {
  constexpr unsigned kMaxPackets = 16;
  SideState& own = sides_[model::index(chunk.side)];
  Reading reading{.record = context.record(),
                  .own = own,
                  .other = sides_[1 - model::index(chunk.side)],
                  .now_ns = chunk.time_ns};
  reading.record.start(kRtcpSchema, kReport);
  reading.record.add_uint(kSsrc, rtcp_sender(chunk.bytes));
  Bytes rest = chunk.bytes;
  RtcpPacket packet;
  if (secure) {
    reading.record.add_text(kTypes, rtcp_type_name(chunk.bytes[1]));
    reading.record.add_bool(kEncrypted, true);
  }
  for (unsigned i = 0; !secure && i < kMaxPackets && next_rtcp(rest, packet); ++i) {
    const string_view name = rtcp_type_name(packet.type);
    if (!name.empty()) reading.record.add_text(kTypes, name);
    read_packet(packet, reading);
  }
  const bool due = own.reported_ns < 0 || chunk.time_ns - own.reported_ns >= kEvery;
  if (!due && !reading.news) return;
  own.reported_ns = chunk.time_ns;
  if (chunk.cut) reading.record.mark_cut();
  context.emit(chunk.side);
}

}  // namespace netwatch::dpi
