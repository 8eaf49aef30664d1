// PPTP's control connection, RFC 2637 section 2: who builds a tunnel, which calls it carries, and
// how they end. The tunnel itself is GRE and is opened elsewhere; what keeps it going (echoes, link
// options) makes no records.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

enum Field : std::uint8_t {
  kVersion,
  kHost,
  kVendor,
  kCallId,
  kPeerCallId,
  kNumber,
  kSpeed,
  kResult,
  kError,
  kCause,
  kLatency,
};

constexpr string_view kVersionAlias[] = {"pptp.protocol_version"};
constexpr string_view kHostAlias[] = {"pptp.host_name"};
constexpr string_view kVendorAlias[] = {"pptp.vendor_name"};
constexpr string_view kCallAlias[] = {"pptp.call_id"};
constexpr string_view kPeerAlias[] = {"pptp.peer_call_id"};
constexpr string_view kNumberAlias[] = {"pptp.phone_number"};
constexpr string_view kSpeedAlias[] = {"pptp.connect_speed"};
constexpr string_view kCauseAlias[] = {"pptp.cause"};
constexpr FieldDef kFields[] = {
    {.name = "pptp.version", .help = "version and revision", .aliases = kVersionAlias},
    {.name = "pptp.host", .help = "name the sender gives itself", .aliases = kHostAlias},
    {.name = "pptp.vendor",
     .help = "maker of its program",
     .role = Role::kUserAgent,
     .aliases = kVendorAlias},
    {.name = "pptp.call",
     .type = FieldType::kUint,
     .help = "number that the sender gives a call: the key of its GRE packets",
     .aliases = kCallAlias},
    {.name = "pptp.peer_call",
     .type = FieldType::kUint,
     .help = "number that the other side gave it",
     .aliases = kPeerAlias},
    {.name = "pptp.number",
     .help = "telephone number that is dialled",
     .privacy = Privacy::kPersonal,
     .aliases = kNumberAlias},
    {.name = "pptp.speed_bps",
     .type = FieldType::kUint,
     .help = "speed of the connection",
     .aliases = kSpeedAlias},
    {.name = "pptp.result", .help = "how it went, or why it ends", .role = Role::kStatus},
    {.name = "pptp.error", .help = "what is wrong in general, if something is"},
    {.name = "pptp.cause",
     .type = FieldType::kUint,
     .help = "more on the result, as the line's standard has it",
     .aliases = kCauseAlias},
    {.name = "pptp.latency_us",
     .type = FieldType::kDuration,
     .help = "request to this reply",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

// By type of control message, from 1 on; those without a record have an empty name.
enum Type : std::uint8_t {
  kStartRequest = 1,
  kStartReply,
  kStopRequest,
  kStopReply,
  kEchoRequest,
  kEchoReply,
  kOutgoingRequest,
  kOutgoingReply,
  kIncomingRequest,
  kIncomingReply,
  kIncomingConnected,
  kClearRequest,
  kDisconnect,
  kLineError,
  kLinkInfo,
};
constexpr string_view kKinds[] = {"start_request",    "start_reply",      "stop_request",
                                  "stop_reply",       "outgoing_request", "outgoing_reply",
                                  "incoming_request", "incoming_reply",   "incoming_connected",
                                  "clear_request",    "disconnect"};
constexpr model::Schema kSchema{
    .proto = "pptp", .title = "PPTP", .kinds = kKinds, .fields = kFields};

struct Message {
  std::uint16_t bytes;  // its size, which is fixed
  std::int8_t kind;     // of kKinds; -1: no record
};
constexpr std::array<Message, kLinkInfo + 1> kMessages{{{0, -1},
                                                        {156, 0},
                                                        {156, 1},
                                                        {16, 2},
                                                        {16, 3},
                                                        {16, -1},
                                                        {20, -1},
                                                        {168, 4},
                                                        {32, 5},
                                                        {220, 6},
                                                        {24, 7},
                                                        {28, 8},
                                                        {16, 9},
                                                        {148, 10},
                                                        {40, -1},
                                                        {24, -1}}};

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kNameBytes = 64;

// Section 2: length, 1 for a control message, the cookie, the type.
FrameSize frame_size(Bytes bytes) {
  constexpr std::array<std::uint8_t, 6> kFixed{0x00, 0x01, 0x1A, 0x2B, 0x3C, 0x4D};
  if (bytes.size() > 2) {
    const Bytes fixed = bytes.subspan(2, std::min(bytes.size() - 2, kFixed.size()));
    if (!std::ranges::equal(fixed, Bytes(kFixed).first(fixed.size()))) return FrameSize::bad();
  }
  if (bytes.size() < kHeaderBytes) return {};
  Cursor in(bytes);
  const std::uint16_t length = in.u16();
  in.skip(6);
  const std::uint16_t type = in.u16();
  const bool known = type > 0 && type < kMessages.size() && length == kMessages[type].bytes;
  return known ? FrameSize::known(length) : FrameSize::bad();
}

Probe probe_pptp(const ProbeInput& input) {
  return probe_sides(input, [](Bytes bytes) {
    const FrameSize size = frame_size(bytes);
    if (size.what == FrameSize::What::kKnown) return Probe::kYes;
    return size.what == FrameSize::What::kMore ? Probe::kMore : Probe::kNo;
  });
}

// Of the result of a reply; what has no name is shown as a number.
string_view result_name(std::uint8_t type, std::uint8_t result) {
  constexpr std::array<string_view, 6> kStart{
      "", "ok", "general_error", "channel_exists", "not_authorized", "version_not_supported"};
  constexpr std::array<string_view, 8> kOutgoing{"",           "connected",   "general_error",
                                                 "no_carrier", "busy",        "no_dial_tone",
                                                 "timeout",    "not_accepted"};
  constexpr std::array<string_view, 4> kIncoming{"", "connected", "general_error", "not_accepted"};
  constexpr std::array<string_view, 5> kEnd{"", "lost_carrier", "general_error", "admin_shutdown",
                                            "requested"};
  constexpr std::array<string_view, 4> kStop{"", "none", "protocol_version", "local_shutdown"};
  const auto of = [result](const auto& names) {
    return result < names.size() ? names[result] : string_view{};
  };
  switch (type) {
    case kStopRequest:
      return of(kStop);
    case kOutgoingReply:
      return of(kOutgoing);
    case kIncomingReply:
      return of(kIncoming);
    case kDisconnect:
      return of(kEnd);
    default:
      return of(kStart);
  }
}

// Section 2.16.
string_view error_name(std::uint8_t error) {
  constexpr std::array<string_view, 7> kNames{
      "", "not_connected", "bad_format", "bad_value", "no_resource", "bad_call", "pac_error"};
  return error < kNames.size() ? kNames[error] : string_view{};
}

class PptpDecoder final : public FrameDecoder {
 public:
  PptpDecoder() { asked_ns_.fill(-1); }

 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override { return frame_size(bytes); }
  Onward on_frame(const Frame& frame) override;
  bool begins_with(Bytes bytes, Side /*side*/) override {
    return frame_size(bytes).what == FrameSize::What::kKnown;
  }
  void on_loss(Side /*side*/) override { asked_ns_.fill(-1); }

 private:
  void read(std::uint8_t type, Cursor in, const Frame& frame);
  void reply(std::uint8_t type, std::uint8_t asked, std::uint8_t result, std::uint8_t error,
             const Frame& frame);

  static void names(Cursor in, model::RecordBuilder& record);

  std::array<base::TimeNs, kLinkInfo + 1> asked_ns_;  // when the latest of a type came; -1: none
};

Onward PptpDecoder::on_frame(const Frame& frame) {
  Cursor in(frame.bytes);
  in.skip(8);
  const auto type = static_cast<std::uint8_t>(in.u16());
  in.skip(2);
  if (type == kStartRequest) frame.context.set_originator(frame.side);
  if (type == kStartReply) frame.context.set_originator(model::other(frame.side));
  asked_ns_[type] = frame.time_ns;
  if (kMessages[type].kind < 0) return {};
  frame.context.record().start(kSchema, static_cast<std::uint8_t>(kMessages[type].kind));
  read(type, in, frame);
  if (frame.cut()) frame.context.record().mark_cut();
  frame.context.emit(frame.side);
  return {};
}

void PptpDecoder::reply(std::uint8_t type, std::uint8_t asked, std::uint8_t result,
                        std::uint8_t error, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  const string_view name = result_name(type, result);
  record.add_text(kResult, name.empty() ? std::to_string(result) : std::string(name));
  if (const string_view wrong = error_name(error); !wrong.empty()) record.add_text(kError, wrong);
  if (asked != 0 && asked_ns_[asked] >= 0) {
    record.add_int(kLatency, std::max<base::TimeNs>(frame.time_ns - asked_ns_[asked], 0));
    asked_ns_[asked] = -1;
  }
}

// Capabilities, channels, firmware; then two names, padded with zeros.
void PptpDecoder::names(Cursor in, model::RecordBuilder& record) {
  in.skip(12);
  for (const Field field : {kHost, kVendor}) {
    const string_view name = until_nul(in.take(kNameBytes));
    if (in.ok() && !name.empty()) record.add_text(field, name);
  }
}

void PptpDecoder::read(std::uint8_t type, Cursor in, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  const auto call = [&](Field field) {
    const std::uint16_t number = in.u16();
    if (in.ok()) record.add_uint(field, number);
  };
  const auto outcome = [&](std::uint8_t asked) {
    const std::uint8_t result = in.u8();
    const std::uint8_t error = in.u8();
    if (in.ok()) reply(type, asked, result, error, frame);
  };
  switch (type) {
    case kStartRequest:
    case kStartReply: {
      const std::uint8_t version = in.u8();
      record.add_text(kVersion, std::to_string(version) + "." + std::to_string(in.u8()));
      if (type == kStartReply) outcome(kStartRequest);
      if (type == kStartRequest) in.skip(2);
      return names(in, record);
    }
    case kStopRequest: {
      const std::uint8_t reason = in.u8();
      if (in.ok()) reply(type, 0, reason, 0, frame);
      return;
    }
    case kStopReply:
      return outcome(kStopRequest);
    case kOutgoingRequest: {
      call(kCallId);
      in.skip(22);
      const std::size_t size = in.u16();
      in.skip(2);
      const string_view number = until_nul(in.take(kNameBytes)).substr(0, size);
      if (!number.empty()) record.add_text(kNumber, number);
      return;
    }
    case kOutgoingReply:
    case kIncomingReply: {
      call(kCallId);
      call(kPeerCallId);
      outcome(type - 1);
      if (type == kIncomingReply) return;
      record.add_uint(kCause, in.u16());
      return record.add_uint(kSpeed, in.u32());
    }
    case kIncomingRequest: {
      call(kCallId);
      in.skip(14);
      const string_view number = until_nul(in.take(kNameBytes));
      if (!number.empty()) record.add_text(kNumber, number);
      return;
    }
    case kIncomingConnected:
      call(kPeerCallId);
      in.skip(2);
      return record.add_uint(kSpeed, in.u32());
    case kClearRequest:
      return call(kCallId);
    default:
      call(kCallId);
      outcome(kClearRequest);
      return record.add_uint(kCause, in.u16());
  }
}

constexpr std::uint16_t kPorts[] = {1723};

}  // namespace

extern const ProtocolDef kPptp;
constinit const ProtocolDef kPptp{
    .name = "pptp",
    .transport = Transport::kTcp,
    .first = FirstBytes::of(string_view("\0", 1)),  // lengths of 220 and less
    .usual_ports = kPorts,
    .probe = probe_pptp,
    .schema = &kSchema,
    .state_bytes = sizeof(PptpDecoder),
    .make = make_decoder<PptpDecoder>,
};

}  // namespace netwatch::dpi
