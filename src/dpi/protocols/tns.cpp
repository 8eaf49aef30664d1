// Oracle Net's TNS (Transparent Network Substrate), as its packets are: a head of eight bytes
// (length, checksum, type, flags, checksum of the head), and in connect packets a description in
// brackets:
// "(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=orcl)(CID=(PROGRAM=sqlplus)(USER=scott))))". Read is
// who connects to what and how it was answered; what is sent behind that (SQL, logins) is not.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/http_message.h"
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

enum Kind : std::uint8_t { kConnectKind, kAcceptKind, kRefuseKind, kRedirectKind };
enum Field : std::uint8_t {
  kVersion,
  kService,
  kSid,
  kAddress,
  kProgram,
  kHost,
  kUser,
  kError,
  kLatency,
};

constexpr string_view kKinds[] = {"connect", "accept", "refuse", "redirect"};
constexpr FieldDef kFields[] = {
    {.name = "tns.version",
     .type = FieldType::kUint,
     .help = "version of the protocol: wanted, or agreed on"},
    {.name = "tns.service",
     .help = "service (database) that is wanted",
     .role = Role::kSubject,
     .max_bytes = 256},
    {.name = "tns.sid", .help = "the same by its older name", .max_bytes = 128},
    {.name = "tns.address",
     .help = "host and port that the client calls, or is redirected to",
     .role = Role::kUri,
     .max_bytes = 256},
    {.name = "tns.program",
     .help = "client's program",
     .role = Role::kUserAgent,
     .privacy = Privacy::kPersonal},
    {.name = "tns.host",
     .help = "client's name for its host",
     .privacy = Privacy::kPersonal,
     .max_bytes = 256},
    {.name = "tns.user",
     .help = "user who runs the client's program",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "tns.error", .help = "why it was refused: ORA-12514", .role = Role::kStatus},
    {.name = "tns.latency_us",
     .type = FieldType::kDuration,
     .help = "connect to this answer",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{.proto = "tns", .title = "TNS", .kinds = kKinds, .fields = kFields};

enum Type : std::uint8_t {
  kConnect = 1,
  kAccept = 2,
  kRefuse = 4,
  kRedirect = 5,
  kData = 6,
  kResend = 11,
  kMarker = 12,
};
constexpr std::size_t kHeadBytes = 8;
constexpr std::size_t kConnectBytes = 26;  // to the offset of its description
constexpr std::size_t kMaxDescription = 4096;

bool is_version(std::uint16_t version) { return version >= 300 && version < 400; }

// What a connect packet says of its description; a long one follows in a data packet.
struct Connect {
  bool ok = false;
  std::uint16_t version = 0;
  Bytes description;
  bool follows = false;
};

Connect read_connect(Bytes frame, std::size_t length) {
  Connect connect;
  Cursor in(frame);
  in.skip(kHeadBytes);
  connect.version = in.u16();
  const std::uint16_t compatible = in.u16();
  in.skip(12);
  const std::size_t size = in.u16();
  const std::size_t offset = in.u16();
  const bool fits = in.ok() && is_version(connect.version) && is_version(compatible) &&
                    compatible <= connect.version && size > 0 && size <= kMaxDescription &&
                    offset >= kConnectBytes + 2;
  if (!fits) return connect;
  connect.follows = offset == length;
  connect.ok = connect.follows || offset + size == length;
  if (connect.ok && !connect.follows && offset < frame.size()) {
    connect.description = frame.subspan(offset, std::min(size, frame.size() - offset));
    connect.ok = connect.description[0] == '(';
  }
  return connect;
}

// An answer that may begin what is seen of a connection.
bool is_answer(std::uint8_t type, Bytes frame) {
  Cursor in(frame);
  in.skip(kHeadBytes);
  if (type == kAccept) {
    const std::uint16_t version = in.u16();
    in.skip(2);
    return in.ok() && is_version(version) && in.u16() >= 512 && in.ok();  // the size of a unit
  }
  if (type == kRefuse) in.skip(2);
  const std::size_t size = in.u16();
  return in.ok() && size > 0 && size == in.remaining() && in.peek() == '(';
}

FrameSize frame_size(Bytes bytes) {
  Cursor in(bytes);
  const std::uint16_t length = in.u16();
  const std::uint16_t sum = in.u16();
  const std::uint8_t type = in.u8();
  in.skip(1);
  const std::uint16_t head_sum = in.u16();
  if (bytes.size() >= 4 && sum != 0) return FrameSize::bad();
  if (bytes.size() >= 5 && (type == 0 || type > 15)) return FrameSize::bad();
  if (!in.ok()) return {};
  if (head_sum != 0 || length < kHeadBytes) return FrameSize::bad();
  return FrameSize::known(length);
}

// The first packet of a side has to be whole and what a first one is.
Probe look(Bytes bytes) {
  const FrameSize size = frame_size(bytes);
  if (size.what == FrameSize::What::kBad) return Probe::kNo;
  const std::uint8_t type = bytes.size() > 4 ? bytes[4] : std::uint8_t{kConnect};
  const bool may = type == kConnect || type == kAccept || type == kRefuse || type == kRedirect;
  if (!may || size.bytes > kMaxDescription + 256) return Probe::kNo;
  const auto length = static_cast<std::size_t>(size.bytes);
  if (size.what == FrameSize::What::kMore || bytes.size() < length) return Probe::kMore;
  const Bytes frame = bytes.first(length);
  const bool first = type == kConnect ? read_connect(frame, length).ok : is_answer(type, frame);
  return first ? Probe::kYes : Probe::kNo;
}

Probe probe_tns(const ProbeInput& input) { return probe_sides(input, look); }

// The part of a description behind "(KEY=", from its first bracket on; empty if there is none.
string_view part_of(string_view text, string_view key) {
  for (std::size_t at = text.find('('); at != string_view::npos; at = text.find('(', at + 1)) {
    const string_view rest = trim_blanks(text.substr(at + 1));
    if (!begins_ignoring_case(rest, key)) continue;
    const string_view behind = trim_blanks(rest.substr(key.size()));
    if (behind.starts_with('=')) return trim_blanks(behind.substr(1));
  }
  return {};
}

string_view value_of(string_view text, string_view key) {
  const string_view part = part_of(text, key);
  return trim_blanks(part.substr(0, part.find_first_of("()")));
}

void add(Field field, string_view value, model::RecordBuilder& record) {
  if (!value.empty()) record.add_text(field, value);
}

void add_address(string_view text, model::RecordBuilder& record) {
  const string_view address = part_of(text, "ADDRESS");
  std::string shown(value_of(address, "HOST"));
  const string_view port = value_of(address, "PORT");
  if (!shown.empty() && !port.empty()) shown.append(":").append(port);
  add(kAddress, shown, record);
}

class TnsDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override { return frame_size(bytes); }
  Onward on_frame(const Frame& frame) override;

 private:
  Onward connect(const Frame& frame);
  void describe(string_view text, const Frame& frame) const;
  Onward answer(std::uint8_t type, const Frame& frame) const;

  std::uint16_t version_ = 0;  // that the client wants
  bool follows_ = false;       // its description comes in a data packet
  bool known_ = false;
  Side client_ = Side::kOriginator;
  base::TimeNs asked_ns_ = -1;
};

Onward TnsDecoder::on_frame(const Frame& frame) {
  const std::uint8_t type = frame.bytes[4];
  if (!known_) {
    known_ = true;
    client_ = type == kConnect ? frame.side : model::other(frame.side);
    frame.context.set_originator(client_);
  }
  switch (type) {
    case kConnect:
      return connect(frame);
    case kData: {
      constexpr std::size_t kFlagBytes = 2;
      if (!follows_ || frame.side != client_) return Onward::done();
      follows_ = false;
      describe(
          base::as_text(frame.bytes.subspan(std::min(kHeadBytes + kFlagBytes, frame.bytes.size()))),
          frame);
      return {};
    }
    case kAccept:
    case kRefuse:
    case kRedirect:
      return answer(type, frame);
    default:
      return {};
  }
}

Onward TnsDecoder::connect(const Frame& frame) {
  const Connect connect = read_connect(frame.bytes, static_cast<std::size_t>(frame.size));
  if (!connect.ok) return known_ && version_ != 0 ? Onward{} : Onward::not_mine();
  const bool again = version_ != 0;  // the server asked for it with a resend packet
  version_ = connect.version;
  follows_ = connect.follows;
  if (!again) asked_ns_ = frame.time_ns;
  if (!again && !follows_) describe(base::as_text(connect.description), frame);
  return {};
}

void TnsDecoder::describe(string_view text, const Frame& frame) const {
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kConnectKind);
  record.add_uint(kVersion, version_);
  add(kService, value_of(text, "SERVICE_NAME"), record);
  add(kSid, value_of(text, "SID"), record);
  add_address(text, record);
  // Who asks: its HOST is not that of the address.
  const string_view client = part_of(text, "CID");
  add(kProgram, value_of(client, "PROGRAM"), record);
  const string_view host = value_of(client.substr(0, client.find("))")), "HOST");
  add(kHost, host, record);
  add(kUser, value_of(client, "USER"), record);
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
}

Onward TnsDecoder::answer(std::uint8_t type, const Frame& frame) const {
  Cursor in(frame.bytes);
  in.skip(kHeadBytes);
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, type == kAccept   ? kAcceptKind
                        : type == kRefuse ? kRefuseKind
                                          : kRedirectKind);
  if (type == kAccept) {
    record.add_uint(kVersion, in.u16());
  } else {
    if (type == kRefuse) in.skip(2);  // reasons of the user and the system
    const Bytes text = in.take_up_to(in.u16());
    const string_view shown = base::as_text(text);
    const string_view error = value_of(shown, "ERR");
    if (type == kRefuse && !error.empty()) record.add_text(kError, "ORA-" + std::string(error));
    if (type == kRedirect) add_address(shown, record);
  }
  if (asked_ns_ >= 0) {
    record.add_int(kLatency, std::max<base::TimeNs>(frame.time_ns - asked_ns_, 0));
  }
  frame.context.emit(frame.side);
  return Onward::done();
}

constexpr std::uint16_t kPorts[] = {1521};

}  // namespace

extern const ProtocolDef kTns;
constinit const ProtocolDef kTns{
    .name = "tns",
    .transport = Transport::kTcp,
    // Lengths of 4,095 and less.
    .first = FirstBytes::of(string_view("\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16)),
    .usual_ports = kPorts,
    .probe = probe_tns,
    .schema = &kSchema,
    .state_bytes = sizeof(TnsDecoder),
    .make = make_decoder<TnsDecoder>,
};

}  // namespace netwatch::dpi
