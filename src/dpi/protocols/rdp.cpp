// RDP over TCP: [MS-RDPBCGR] 2.2.1.1 and 2.2.1.2 (connection request and confirm, in X.224 class 0
// of TPKT: RFC 1006 6, ITU-T X.224 13), 2.2.1.3 (the client's data in MCS Connect Initial: what it
// says of itself when it goes on in clear). If TLS was agreed on it follows at once and is handed
// on; the names of CredSSP lie inside it.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/cotp.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/parts/utf16.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Side;
using namespace cotp;

enum Kind : std::uint8_t { kRequest, kResponse, kClient };
constexpr std::array<std::string_view, 3> kKinds{"request", "response", "client"};

enum Field : std::uint8_t {
  kUser,
  kRoutingToken,
  kRequested,
  kSelected,
  kFailure,
  kClientName,
  kClientBuild,
  kKeyboard,
  kWidth,
  kHeight,
};

constexpr std::array<std::string_view, 1> kUserAliases{"rdp.rt_cookie"};
constexpr std::array<std::string_view, 1> kRequestedAliases{"rdp.negReq.requestedProtocols"};
constexpr std::array<std::string_view, 1> kSelectedAliases{"rdp.negReq.selectedProtocol"};
constexpr std::array<std::string_view, 1> kFailureAliases{"rdp.negFailure.failureCode"};
constexpr std::array<std::string_view, 1> kNameAliases{"rdp.client.name"};
constexpr std::array<std::string_view, 1> kBuildAliases{"rdp.client.build"};
constexpr std::array<std::string_view, 1> kKeyboardAliases{"rdp.keyboardLayout"};
constexpr std::array<std::string_view, 1> kWidthAliases{"rdp.desktop.width"};
constexpr std::array<std::string_view, 1> kHeightAliases{"rdp.desktop.height"};

constexpr std::array kFields{
    FieldDef{.name = "rdp.user",
             .help = "the cookie (mstshash): whom the client wants to log on, often cut",
             .role = model::Role::kUser,
             .privacy = model::Privacy::kPersonal,
             .aliases = kUserAliases},
    FieldDef{.name = "rdp.routing_token", .help = "where a load balancer sends the client"},
    FieldDef{.name = "rdp.requested",
             .list = true,
             .help = "security offered: tls, credssp, rdstls, credssp_early, aad; else rdp",
             .aliases = kRequestedAliases},
    FieldDef{.name = "rdp.selected", .help = "security chosen", .aliases = kSelectedAliases},
    FieldDef{.name = "rdp.failure",
             .help = "why the server refused",
             .role = model::Role::kStatus,
             .aliases = kFailureAliases},
    FieldDef{.name = "rdp.client_name",
             .help = "what the client's computer is called",
             .privacy = model::Privacy::kPersonal,
             .aliases = kNameAliases},
    FieldDef{.name = "rdp.client_build",
             .type = FieldType::kUint,
             .help = "build number of the client",
             .aliases = kBuildAliases},
    FieldDef{.name = "rdp.keyboard_layout",
             .type = FieldType::kUint,
             .help = "active input locale: 1033 is US English, 1031 German",
             .aliases = kKeyboardAliases},
    FieldDef{.name = "rdp.desktop_width",
             .type = FieldType::kUint,
             .help = "of the screen asked for, in pixels",
             .aliases = kWidthAliases},
    FieldDef{.name = "rdp.desktop_height",
             .type = FieldType::kUint,
             .help = "of the screen asked for, in pixels",
             .aliases = kHeightAliases},
};
static_assert(kFields.size() == kHeight + 1);

constinit const model::Schema kRdpSchema{
    .proto = "rdp", .title = "RDP connection", .kinds = kKinds, .fields = kFields};

struct Name {
  std::uint32_t number;
  std::string_view text;
};
constexpr std::array<Name, 5> kSecurity{
    {{1, "tls"}, {2, "credssp"}, {4, "rdstls"}, {8, "credssp_early"}, {16, "aad"}}};
// [MS-RDPBCGR] 2.2.1.2.2
constexpr std::array<Name, 6> kFailures{{{1, "tls_required"},
                                         {2, "tls_not_allowed"},
                                         {3, "no_certificate"},
                                         {4, "inconsistent_flags"},
                                         {5, "credssp_required"},
                                         {6, "tls_with_user_auth_required"}}};

// RDP_NEG_REQ, RDP_NEG_RSP, RDP_NEG_FAILURE: {type, flags, length 8, value}.
struct Negotiation {
  std::uint8_t type = 0;
  std::uint32_t value = 0;
};
constexpr std::size_t kNegotiationBytes = 8;

bool parse_negotiation(Bytes bytes, Negotiation& negotiation) {
  base::Cursor cursor(bytes);
  negotiation.type = cursor.u8();
  cursor.skip(1);
  const bool fits = cursor.u16le() == kNegotiationBytes;
  negotiation.value = cursor.u32le();
  return cursor.ok() && fits && negotiation.type >= 1 && negotiation.type <= 3;
}

constexpr std::string_view kCookie = "Cookie: ";

Probe probe_connect(const Connect& connect, Bytes after) {
  const Bytes variable = connect.variable;
  const bool whole = variable.size() + kConnectBytes == connect.bytes;
  if (connect.bytes == kConnectBytes) {
    // Nothing in it is RDP's own: believed if MCS Connect Initial (or its response) follows.
    if (connect.code == kConfirmCode) return after.empty() ? Probe::kMore : Probe::kNo;
    if (after.size() < kDataHeadBytes + 2) return Probe::kMore;
    const Bytes data = data_of(after);
    return base::Cursor(data).u16() == 0x7F65 ? Probe::kYes : Probe::kNo;
  }
  if (base::as_text(variable).starts_with(kCookie) && connect.code == kRequestCode) {
    return Probe::kYes;
  }
  Negotiation negotiation;
  if (parse_negotiation(variable, negotiation)) {
    const bool request = negotiation.type == 1;
    return request == (connect.code == kRequestCode) ? Probe::kYes : Probe::kNo;
  }
  return whole ? Probe::kNo : Probe::kMore;
}

Probe probe_side(Bytes bytes) {
  if (bytes[0] != 3 || (bytes.size() > 1 && bytes[1] != 0)) return Probe::kNo;
  if (bytes.size() < kConnectBytes) return Probe::kMore;
  Connect connect;
  if (!read_connect(bytes, connect)) return Probe::kNo;
  return probe_connect(connect, bytes.subspan(std::min(bytes.size(), connect.bytes)));
}

Probe probe_rdp(const ProbeInput& input) { return probe_sides(input, probe_side); }

// TS_UD_CS_CORE, [MS-RDPBCGR] 2.2.1.3.2.
struct ClientCore {
  std::uint16_t width = 0;
  std::uint16_t height = 0;
  std::uint32_t keyboard = 0;
  std::uint32_t build = 0;
  Bytes name;  // UTF-16, little-endian
};

// The blocks lie in a GCC Conference Create Request, behind its key "Duca" and a PER length.
bool find_client_core(Bytes connect_initial, ClientCore& core) {
  constexpr std::uint16_t kCoreType = 0xC001;
  constexpr std::size_t kNameBytes = 32;
  const std::size_t key = base::as_text(connect_initial).find("Duca");
  if (key == std::string_view::npos) return false;
  base::Cursor cursor(connect_initial.subspan(key + 4));
  if ((cursor.u8() & 0x80) != 0) cursor.skip(1);
  if (cursor.u16le() != kCoreType) return false;
  cursor.skip(2 + 4);  // length, version
  core.width = cursor.u16le();
  core.height = cursor.u16le();
  cursor.skip(2 + 2);
  core.keyboard = cursor.u32le();
  core.build = cursor.u32le();
  core.name = cursor.take(kNameBytes);
  return cursor.ok();
}

void add_security(std::uint8_t field, std::uint32_t value, model::RecordBuilder& record) {
  if (value == 0) record.add_text(field, "rdp");
  for (const Name& name : kSecurity) {
    if ((value & name.number) != 0) record.add_text(field, name.text);
  }
}

class RdpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  void on_request(Bytes variable, Side side, Context& context);
  void on_response(Bytes variable, Side side, Context& context);
  static bool report_client(Bytes connect_initial, Side side, Context& context);

  bool any_ = false;
  bool secured_ = false;  // the server agreed on a protocol inside TLS
};

Step RdpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  constexpr std::size_t kMaxPduBytes = 4096;
  constexpr std::size_t kCodeAt = 5;
  const Verdict no_rdp = any_ ? Verdict::kDone : Verdict::kNotMine;
  base::Cursor cursor(chunk.bytes);
  const std::uint8_t version = cursor.u8();
  if (any_ && version >= 0x14 && version <= 0x17) {  // TLS, though its agreement was not seen
    context.hand_on();
    return {};
  }
  if (version != 3) return {.verdict = no_rdp};
  cursor.skip(1);
  const std::size_t length = cursor.u16();
  if (!cursor.ok()) return {.wanted = kTpktBytes};
  if (length < kCodeAt + 2 || length > kMaxPduBytes) return {.verdict = no_rdp};
  if (chunk.bytes.size() < length && !chunk.cut) return {.wanted = length};
  const Bytes pdu = chunk.bytes.first(std::min(chunk.bytes.size(), length));
  Connect connect;
  if (read_connect(pdu, connect)) {
    any_ = true;
    if (connect.code == kRequestCode) {
      on_request(connect.variable, chunk.side, context);
    } else {
      on_response(connect.variable, chunk.side, context);
      if (secured_) context.hand_on();
    }
    return {.consumed = length};
  }
  if (!any_ || pdu.size() <= kCodeAt || pdu[kCodeAt] != kDataCode) return {.verdict = no_rdp};
  // Standard RDP security: after what the client says of itself all is enciphered.
  if (report_client(pdu, chunk.side, context)) return {.verdict = Verdict::kDone};
  return {.consumed = length};
}

void RdpDecoder::on_request(Bytes variable, Side side, Context& context) {
  constexpr std::string_view kHash = "mstshash=";
  context.set_originator(side);
  model::RecordBuilder& record = context.record();
  record.start(kRdpSchema, kRequest);
  std::string_view text = base::as_text(variable);
  const std::size_t end = text.find("\r\n");
  if (text.starts_with(kCookie) && end != std::string_view::npos) {
    std::string_view cookie = text.substr(kCookie.size(), end - kCookie.size());
    variable = variable.subspan(end + 2);
    const bool user = cookie.starts_with(kHash);
    if (user) cookie.remove_prefix(kHash.size());
    if (!cookie.empty()) record.add_text(user ? kUser : kRoutingToken, cookie);
  }
  Negotiation negotiation;
  if (parse_negotiation(variable, negotiation) && negotiation.type == 1) {
    add_security(kRequested, negotiation.value, record);
  }
  context.emit(side);
}

void RdpDecoder::on_response(Bytes variable, Side side, Context& context) {
  context.set_originator(model::other(side));
  model::RecordBuilder& record = context.record();
  record.start(kRdpSchema, kResponse);
  Negotiation negotiation;
  // A server that is older than the negotiation answers without one.
  if (!parse_negotiation(variable, negotiation) || negotiation.type == 2) {
    add_security(kSelected, negotiation.value, record);
    secured_ = negotiation.value != 0;
  } else if (negotiation.type == 3) {
    for (const Name& name : kFailures) {
      if (name.number == negotiation.value) record.add_text(kFailure, name.text);
    }
  }
  context.emit(side);
}

bool RdpDecoder::report_client(Bytes connect_initial, Side side, Context& context) {
  ClientCore core;
  if (!find_client_core(connect_initial, core)) return false;
  model::RecordBuilder& record = context.record();
  record.start(kRdpSchema, kClient);
  const std::string name = utf16_text(core.name);
  if (!name.empty()) record.add_text(kClientName, name);
  record.add_uint(kClientBuild, core.build);
  record.add_uint(kKeyboard, core.keyboard);
  record.add_uint(kWidth, core.width);
  record.add_uint(kHeight, core.height);
  context.emit(side);
  return true;
}

constexpr std::array<std::uint16_t, 1> kUsualPorts{3389};

}  // namespace

extern const ProtocolDef kRdp;
constinit const ProtocolDef kRdp{
    .name = "rdp",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x03"),
    .usual_ports = kUsualPorts,
    .probe = probe_rdp,
    .schema = &kRdpSchema,
    .state_bytes = sizeof(RdpDecoder),
    .make = make_decoder<RdpDecoder>,
};

}  // namespace netwatch::dpi
