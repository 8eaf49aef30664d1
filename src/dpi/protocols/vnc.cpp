// VNC, the Remote Framebuffer protocol: RFC 6143 section 7.1 (versions, security types, result) and
// 7.3 (initialisation). Read until the desktop's name; the pictures are not. What security types
// other than "none" and "VNC" say is not followed, but VeNCrypt's TLS, which is handed on.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kVersionKind, kSecurityKind, kResultKind, kDesktopKind };
enum Field : std::uint8_t {
  kServerVersion,
  kClientVersion,
  kOffered,
  kSecurity,
  kStatus,
  kText,
  kName,
  kWidth,
  kHeight,
};

constexpr string_view kKinds[] = {"version", "security", "result", "desktop"};
constexpr string_view kServerAlias[] = {"vnc.server_proto_ver"};
constexpr string_view kClientAlias[] = {"vnc.client_proto_ver"};
constexpr string_view kNameAlias[] = {"vnc.desktop_name"};
constexpr FieldDef kFields[] = {
    {.name = "vnc.server_version",
     .help = "the server's version",
     .role = Role::kVersion,
     .aliases = kServerAlias,
     .max_bytes = 16},
    {.name = "vnc.client_version",
     .help = "the client's version",
     .role = Role::kVersion,
     .aliases = kClientAlias,
     .max_bytes = 16},
    {.name = "vnc.offered", .list = true, .help = "security types the server offers"},
    {.name = "vnc.security", .help = "security type that was chosen"},
    {.name = "vnc.status",
     .type = FieldType::kUint,
     .help = "0: the client was let in",
     .role = Role::kStatus},
    {.name = "vnc.text", .help = "why it was not"},
    {.name = "vnc.name",
     .help = "name of the desktop",
     .role = Role::kSubject,
     .privacy = Privacy::kPersonal,
     .aliases = kNameAlias},
    {.name = "vnc.width", .type = FieldType::kUint, .help = "pixels"},
    {.name = "vnc.height", .type = FieldType::kUint, .help = "pixels"},
};
constexpr model::Schema kSchema{.proto = "vnc", .title = "VNC", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kVersionBytes = 12;
constexpr std::size_t kMaxReasonBytes = 4096;

struct SecurityType {
  std::uint8_t number;
  string_view name;
};
// IANA's registry.
constexpr SecurityType kSecurityTypes[] = {
    {1, "none"},   {2, "vnc"},       {5, "ra2"},        {6, "ra2ne"},   {16, "tight"},
    {17, "ultra"}, {18, "tls"},      {19, "vencrypt"},  {20, "sasl"},   {21, "md5"},
    {22, "xvp"},   {30, "apple_dh"}, {113, "mslogon2"}, {129, "ra256"}, {130, "ra256ne"}};

std::string security_name(std::uint32_t number) {
  const auto* const found = std::ranges::find(
      kSecurityTypes, number, [](const SecurityType& type) { return std::uint32_t{type.number}; });
  return found == std::end(kSecurityTypes) ? std::to_string(number) : std::string(found->name);
}

// "RFB 003.008\n"
Probe classify(string_view text) {
  constexpr string_view kForm = "RFB ddd.ddd\n";
  const std::size_t seen = std::min(text.size(), kForm.size());
  for (std::size_t i = 0; i < seen; ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) return Probe::kNo;
  }
  return seen == kForm.size() ? Probe::kYes : Probe::kMore;
}

Probe probe_vnc(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (Bytes bytes : input.sides) {
    if (bytes.empty()) continue;
    const Probe probe = classify(base::as_text(bytes));
    if (probe != Probe::kMore) return probe;
    best = probe;
  }
  return best;
}

class VncDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  enum class Phase : std::uint8_t {
    kVersion,
    kTypes,      // of the server: what it offers; of the client: what it chooses
    kChallenge,  // of VNC authentication, and the answer to it
    kResult,
    kInit,
    kOver,
  };
  // Bytes read; 0 to wait.
  std::size_t from_server(Bytes bytes, Context& context, Step& step);
  std::size_t from_client(Bytes bytes, Context& context, Step& step);
  std::size_t version(Bytes bytes, Side side, Context& context, Step& step);
  std::size_t types(Bytes bytes, Context& context, Step& step);
  std::size_t result(Bytes bytes, Context& context, Step& step);
  std::size_t desktop(Bytes bytes, Context& context, Step& step);
  void chosen(std::uint32_t type, Side side, Context& context, Step& step);

  Side server_ = Side::kResponder;
  bool known_ = false;
  bool old_ = false;  // version 3.3: the server chooses
  bool handed_on_ = false;
  std::uint32_t security_ = 0;
  Phase server_phase_ = Phase::kVersion;
  Phase client_phase_ = Phase::kVersion;
};

Step VncDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  if (!known_) {
    // Section 7.1.1: the server speaks first.
    known_ = true;
    server_ = chunk.side;
    context.set_originator(model::other(server_));
  }
  Step step;
  while (step.consumed < chunk.bytes.size() && !handed_on_) {
    const Bytes rest = chunk.bytes.subspan(static_cast<std::size_t>(step.consumed));
    const std::size_t used =
        chunk.side == server_ ? from_server(rest, context, step) : from_client(rest, context, step);
    step.consumed += used;
    if (used == 0 || step.verdict != Verdict::kFine) break;
  }
  return step;
}

std::size_t VncDecoder::version(Bytes bytes, Side side, Context& context, Step& step) {
  const Probe probe = classify(base::as_text(bytes));
  if (probe == Probe::kNo) step.verdict = Verdict::kNotMine;
  if (probe != Probe::kYes) return 0;
  const string_view number = base::as_text(bytes.subspan(4, 7));
  context.record().start(kSchema, kVersionKind);
  context.record().add_text(side == server_ ? kServerVersion : kClientVersion, number);
  context.emit(side);
  if (side != server_) old_ = number < "003.007";
  (side == server_ ? server_phase_ : client_phase_) = Phase::kTypes;
  return kVersionBytes;
}

std::size_t VncDecoder::from_server(Bytes bytes, Context& context, Step& step) {
  switch (server_phase_) {
    case Phase::kVersion:
      return version(bytes, server_, context, step);
    case Phase::kTypes:
      // Which form it has is told by the client's version.
      if (client_phase_ == Phase::kVersion) return 0;
      return types(bytes, context, step);
    case Phase::kChallenge:
      if (bytes.size() < 16) return 0;
      server_phase_ = Phase::kResult;
      return 16;
    case Phase::kResult:
      // The client's choice comes first; its side may be shown later.
      if (!old_ && security_ == 0) return 0;
      return result(bytes, context, step);
    case Phase::kInit:
      return desktop(bytes, context, step);
    case Phase::kOver:
      break;
  }
  return bytes.size();
}

// Section 7.1.2.
std::size_t VncDecoder::types(Bytes bytes, Context& context, Step& step) {
  base::Cursor cursor(bytes);
  model::RecordBuilder& record = context.record();
  if (old_) {
    const std::uint32_t type = cursor.u32();
    if (!cursor.ok()) return 0;
    chosen(type, server_, context, step);
    return 4;
  }
  const std::size_t count = cursor.u8();
  if (count == 0) {
    const std::uint32_t size = cursor.u32();
    if (!cursor.ok()) return 0;
    const string_view reason =
        base::as_text(cursor.take(std::min<std::size_t>(size, kMaxReasonBytes)));
    if (!cursor.ok()) return 0;
    record.start(kSchema, kResultKind);
    record.add_uint(kStatus, 1);
    record.add_text(kText, reason);
    context.emit(server_);
    step.verdict = Verdict::kDone;
    return cursor.offset();
  }
  const Bytes offered = cursor.take(count);
  if (!cursor.ok()) return 0;
  record.start(kSchema, kSecurityKind);
  for (std::uint8_t type : offered.first(std::min<std::size_t>(count, 32))) {
    record.add_text(kOffered, security_name(type));
  }
  context.emit(server_);
  server_phase_ = security_ == 2 ? Phase::kChallenge : Phase::kResult;
  return cursor.offset();
}

void VncDecoder::chosen(std::uint32_t type, Side side, Context& context, Step& step) {
  security_ = type;
  context.record().start(kSchema, kSecurityKind);
  context.record().add_text(kSecurity, security_name(type));
  context.emit(side);
  client_phase_ = type == 2 ? Phase::kChallenge : Phase::kInit;
  if (type == 1) {
    server_phase_ = old_ ? Phase::kInit : Phase::kResult;
  } else if (type == 2) {
    if (old_ || server_phase_ == Phase::kResult) server_phase_ = Phase::kChallenge;
  } else if (type == 18 || type == 19) {
    context.hand_on();
    handed_on_ = true;
  } else {
    step.verdict = Verdict::kDone;
  }
}

std::size_t VncDecoder::from_client(Bytes bytes, Context& context, Step& step) {
  switch (client_phase_) {
    case Phase::kVersion:
      return version(bytes, model::other(server_), context, step);
    case Phase::kTypes:
      if (old_) return 0;  // the server's word is still to come
      chosen(bytes[0], model::other(server_), context, step);
      return 1;
    case Phase::kChallenge:
      if (bytes.size() < 16) return 0;
      client_phase_ = Phase::kInit;
      return 16;
    default:
      return bytes.size();
  }
}

// Section 7.1.3.
std::size_t VncDecoder::result(Bytes bytes, Context& context, Step& step) {
  base::Cursor cursor(bytes);
  const std::uint32_t status = cursor.u32();
  if (!cursor.ok()) return 0;
  model::RecordBuilder& record = context.record();
  record.start(kSchema, kResultKind);
  record.add_uint(kStatus, status);
  if (status != 0) {
    const std::uint32_t size = cursor.u32();
    if (size <= kMaxReasonBytes) {
      const string_view reason = base::as_text(cursor.take(size));
      if (cursor.ok()) record.add_text(kText, reason);
    }
    step.verdict = Verdict::kDone;
  }
  context.emit(server_);
  server_phase_ = Phase::kInit;
  return 4;
}

// Section 7.3.2.
std::size_t VncDecoder::desktop(Bytes bytes, Context& context, Step& step) {
  base::Cursor cursor(bytes);
  const std::uint16_t width = cursor.u16();
  const std::uint16_t height = cursor.u16();
  cursor.skip(16);
  const std::uint32_t size = cursor.u32();
  if (!cursor.ok()) return 0;
  if (size > kMaxReasonBytes) {
    context.odd("long_name");
    step.verdict = Verdict::kDone;
    return 0;
  }
  const string_view name = base::as_text(cursor.take(size));
  if (!cursor.ok()) return 0;
  context.record().start(kSchema, kDesktopKind);
  context.record().add_text(kName, name);
  context.record().add_uint(kWidth, width);
  context.record().add_uint(kHeight, height);
  context.emit(server_);
  step.verdict = Verdict::kDone;
  return cursor.offset();
}

constexpr std::uint16_t kPorts[] = {5900};

}  // namespace

extern const ProtocolDef kVnc;
constinit const ProtocolDef kVnc{
    .name = "vnc",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("R"),
    .usual_ports = kPorts,
    .probe = probe_vnc,
    .schema = &kSchema,
    .state_bytes = sizeof(VncDecoder),
    .make = make_decoder<VncDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
