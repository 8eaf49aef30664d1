// OPC UA over TCP, binary: OPC 10000-6 section 7 (connection, chunks), 5.2 (encoding), 10000-4
// (what services say). Behind a channel that enciphers, only chunks are seen.
#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/opcua_names.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/parts/told_before.h"
#include "dpi/parts/waiting.h"
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

constexpr string_view kKinds[] = {"hello", "acknowledge", "error", "request", "response", "close"};
enum Kind : std::uint8_t { kHello, kAcknowledge, kError, kRequest, kResponse, kClose };
enum Field : std::uint8_t {
  kEndpoint,
  kPolicy,
  kMode,
  kChannel,
  kRequestId,
  kService,
  kNode,
  kApplication,
  kUser,
  kStatus,
  kReason,
  kLatency,
};
constexpr string_view kEndpointAlias[] = {"opcua.transport.endpoint"};
constexpr string_view kPolicyAlias[] = {"opcua.security.spu"};
constexpr string_view kChannelAlias[] = {"opcua.transport.scid"};
constexpr string_view kRequestAlias[] = {"opcua.security.rqid"};
constexpr FieldDef kFields[] = {
    {.name = "opcua.endpoint_url",
     .help = "what the client wants to speak to",
     .role = Role::kUri,
     .aliases = kEndpointAlias},
    {.name = "opcua.security_policy", .help = "None, Basic256Sha256, ...", .aliases = kPolicyAlias},
    {.name = "opcua.security_mode", .help = "none, sign, sign_and_encrypt"},
    {.name = "opcua.channel",
     .type = FieldType::kUint,
     .help = "number of the secure channel",
     .aliases = kChannelAlias},
    {.name = "opcua.request_id",
     .type = FieldType::kUint,
     .help = "joins a request and its response",
     .aliases = kRequestAlias},
    {.name = "opcua.service", .help = "Read, Write, Call, ...", .role = Role::kMethod},
    {.name = "opcua.node",
     .list = true,
     .help = "first nodes read, written or called: ns=2;s=Boiler.Level"},
    {.name = "opcua.application",
     .help = "URI that the client gives itself",
     .role = Role::kUserAgent},
    {.name = "opcua.user",
     .help = "who logs in with a password",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "opcua.status", .help = "Good, or what went wrong", .role = Role::kStatus},
    {.name = "opcua.reason", .help = "the same in the server's words"},
    {.name = "opcua.latency_us",
     .type = FieldType::kDuration,
     .help = "request to response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "opcua", .title = "OPC UA", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kHeadBytes = 8;
constexpr std::uint32_t kMaxBytes = 1U << 24;
constexpr string_view kPolicyPrefix = "http://opcfoundation.org/UA/SecurityPolicy#";

// Strings and bytes: a length, which is -1 for none.
Bytes take_bytes(Cursor& in) {
  const std::uint32_t size = in.u32le();
  return size == 0xFFFFFFFF ? Bytes{} : in.take(size);
}
string_view take_string(Cursor& in) { return base::as_text(take_bytes(in)); }

// 5.2.2.9: a namespace and a number, a text, a GUID or bytes.
struct NodeId {
  std::uint32_t number = 0;
  bool numeric = false;
  std::string text;
};

NodeId take_node(Cursor& in) {
  NodeId node;
  const std::uint8_t encoding = in.u8() & 0x3F;
  std::uint16_t space = 0;
  if (encoding == 0) {
    node.number = in.u8();
  } else if (encoding == 1) {
    space = in.u8();
    node.number = in.u16le();
  } else {
    space = in.u16le();
    if (encoding == 2) node.number = in.u32le();
  }
  node.numeric = encoding <= 2;
  if (space != 0) node.text = "ns=" + std::to_string(space) + ";";
  if (node.numeric) {
    node.text.append("i=").append(std::to_string(node.number));
  } else if (encoding == 3) {
    node.text.append("s=").append(take_string(in));
  } else if (encoding == 4) {
    node.text.append("g=").append(hex_text(in.take(16)));
  } else if (encoding == 5) {
    node.text.append("b=").append(hex_text(take_bytes(in)));
  } else {
    in.fail();
  }
  return node;
}

// 10000-4 7.33: who asks, when, and how; nothing of it is reported.
void skip_request_header(Cursor& in) {
  take_node(in);
  in.skip(8 + 4 + 4);  // time, handle, diagnostics
  take_string(in);
  in.skip(4);  // time-out
  take_node(in);
  if (in.u8() != 0) take_bytes(in);
}

bool is_type(string_view type) {
  constexpr std::array<string_view, 7> kTypes{"HEL", "ACK", "ERR", "RHE", "OPN", "MSG", "CLO"};
  return std::ranges::find(kTypes, type) != kTypes.end();
}

Probe look(Bytes bytes) {
  constexpr std::size_t kAckBytes = 28;
  constexpr std::size_t kHelloBytes = 32;
  const string_view text = base::as_text(bytes);
  if (bytes.size() < kHeadBytes)
    return bytes.size() < 3 || is_type(text.substr(0, 3)) ? Probe::kMore : Probe::kNo;
  const string_view type = text.substr(0, 3);
  const bool sliced = type == "MSG" || type == "OPN" || type == "CLO";
  if (!is_type(type) || (bytes[3] != 'F' && (!sliced || (bytes[3] != 'C' && bytes[3] != 'A'))))
    return Probe::kNo;
  Cursor in(bytes.subspan(4));
  const std::uint32_t size = in.u32le();
  if (size > kMaxBytes) return Probe::kNo;
  if (type == "ACK") return size == kAckBytes ? Probe::kYes : Probe::kNo;
  if (type == "HEL") {
    if (bytes.size() < kHelloBytes) return size < kHelloBytes ? Probe::kNo : Probe::kMore;
    in.skip(std::size_t{5} * 4);
    const std::uint32_t url = in.u32le();
    return size == kHelloBytes + (url == 0xFFFFFFFF ? 0 : url) ? Probe::kYes : Probe::kNo;
  }
  if (type == "OPN") {
    constexpr std::size_t kPolicyAt = 12;
    if (size < kPolicyAt + 4 + kPolicyPrefix.size()) return Probe::kNo;
    if (bytes.size() < kPolicyAt + 4 + kPolicyPrefix.size()) return Probe::kMore;
    return text.substr(kPolicyAt + 4).starts_with(kPolicyPrefix) ? Probe::kYes : Probe::kNo;
  }
  return size >= 16 ? Probe::kYes : Probe::kNo;
}

Probe probe_opcua(const ProbeInput& input) { return probe_sides(input, look); }

class OpcuaDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override {
    if (bytes.size() < kHeadBytes) return {};
    const std::uint32_t size = Cursor(bytes.subspan(4)).u32le();
    if (!is_type(base::as_text(bytes).substr(0, 3)) || size < kHeadBytes || size > kMaxBytes)
      return FrameSize::bad();
    return FrameSize::known(size);
  }
  bool begins_with(Bytes bytes, Side /*side*/) override { return look(bytes) == Probe::kYes; }
  Onward on_frame(const Frame& frame) override;

 private:
  void connection(string_view type, Cursor in, const Frame& frame);
  void chunk(string_view type, Cursor in, const Frame& frame);
  void service(std::uint32_t type_id, std::uint32_t request, Cursor in, const Frame& frame);
  static void arguments(std::uint32_t type_id, Cursor in, model::RecordBuilder& record);
  static void nodes(std::uint32_t type_id, Cursor in, model::RecordBuilder& record);
  static void identity(Cursor in, model::RecordBuilder& record);

  Waiting<std::uint32_t, 24> waiting_;
  Waiting<std::uint32_t, 24> quiet_;  // reads that were reported before
  ToldBefore<32> read_before_;        // hashes of those
  std::array<bool, 2> in_message_{};  // chunks of a message whose first one was read
  std::array<bool, 2> published_{};
};

Onward OpcuaDecoder::on_frame(const Frame& frame) {
  const string_view type = base::as_text(frame.bytes).substr(0, 3);
  const std::uint8_t slice = frame.bytes[3];
  Cursor in(frame.bytes.subspan(kHeadBytes));
  if (type == "HEL" || type == "ACK" || type == "ERR" || type == "RHE") {
    connection(type, in, frame);
    return {};
  }
  bool& in_message = in_message_[model::index(frame.side)];
  if (!in_message) chunk(type, in, frame);
  in_message = slice == 'C';
  return {};
}

void OpcuaDecoder::connection(string_view type, Cursor in, const Frame& frame) {
  const bool hello = type == "HEL";
  if (hello || type == "ACK")
    frame.context.set_originator(hello ? frame.side : model::other(frame.side));
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, hello ? kHello : type == "ERR" ? kError : kAcknowledge);
  if (hello) {
    in.skip(std::size_t{5} * 4);  // version, sizes
    const string_view url = take_string(in);
    if (in.ok() && !url.empty()) record.add_text(kEndpoint, url);
  } else if (type == "ERR") {
    const std::uint32_t status = in.u32le();
    const string_view reason = take_string(in);
    if (in.ok()) record.add_text(kStatus, opcua::status_name(status));
    if (in.ok() && !reason.empty()) record.add_text(kReason, reason);
  }
  frame.context.emit(frame.side);
}

// 6.7.2: the channel, how it is secured, then the number of the request and what it is.
void OpcuaDecoder::chunk(string_view type, Cursor in, const Frame& frame) {
  const std::uint32_t channel = in.u32le();
  string_view policy;
  if (type == "OPN") {
    policy = take_string(in);
    take_bytes(in);  // certificate
    take_bytes(in);  // thumbprint
  } else {
    in.skip(4);  // token
  }
  in.skip(4);
  const std::uint32_t request = in.u32le();
  const NodeId node = take_node(in);
  const bool readable = in.ok() && node.numeric && !opcua::find_service(node.number).name.empty();
  model::RecordBuilder& record = frame.context.record();
  if (type == "CLO") {
    frame.context.set_originator(frame.side);
    record.start(kSchema, kClose);
    record.add_uint(kChannel, channel);
    frame.context.emit(frame.side);
    return;
  }
  if (type == "MSG") {
    // Enciphered; that it is there says nothing more.
    if (readable) service(node.number, request, in, frame);
    return;
  }
  const bool secured = policy != "http://opcfoundation.org/UA/SecurityPolicy#None";
  const opcua::Service opened = secured ? opcua::Service{} : opcua::find_service(node.number);
  // Whoever asks for a new channel has none yet, or says which one it renews.
  const bool asks = secured ? frame.side == Side::kOriginator : !opened.response;
  record.start(kSchema, asks ? kRequest : kResponse);
  record.add_text(kPolicy,
                  policy.starts_with(kPolicyPrefix) ? policy.substr(kPolicyPrefix.size()) : policy);
  if (channel != 0) record.add_uint(kChannel, channel);
  record.add_text(kService, "OpenSecureChannel");
  if (!secured && asks) {
    record.add_uint(kRequestId, request);
    waiting_.ask(request, frame.side, frame.time_ns);
    skip_request_header(in);
    in.skip(4 + 4);  // version, issue or renew
    const string_view mode = opcua::security_mode_name(in.u32le());
    if (in.ok() && !mode.empty()) record.add_text(kMode, mode);
  } else if (!secured) {
    record.add_uint(kRequestId, request);
    const base::TimeNs ns = waiting_.answer(request, frame.side, frame.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  }
  frame.context.emit(frame.side);
}

void OpcuaDecoder::service(std::uint32_t type_id, std::uint32_t request, Cursor in,
                           const Frame& frame) {
  const opcua::Service service = opcua::find_service(type_id);
  std::uint32_t status = 0;
  Cursor body = in;
  if (service.response) {
    body.skip(8 + 4);  // time, handle
    status = body.u32le();
    if (!body.ok()) status = 0;
    if (quiet_.answer(request, frame.side, frame.time_ns) >= 0 && status == 0) return;
  } else {
    frame.context.set_originator(frame.side);
    skip_request_header(body);
    const bool read = type_id == opcua::kRead && body.ok();
    if (read && read_before_({body.rest()})) return quiet_.ask(request, frame.side, frame.time_ns);
    waiting_.ask(request, frame.side, frame.time_ns);
  }
  const base::TimeNs ns =
      service.response ? waiting_.answer(request, frame.side, frame.time_ns) : -1;
  // Asked for all the time, and answered when something changes.
  if (service.name == "Publish" && status == 0) {
    if (std::exchange(published_[model::index(frame.side)], true)) return;
  }
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, service.response ? kResponse : kRequest);
  record.add_uint(kRequestId, request);
  record.add_text(kService, service.name);
  if (service.response) {
    record.add_text(kStatus, opcua::status_name(status));
  } else if (body.ok()) {
    arguments(type_id, body, record);
  }
  if (ns >= 0) record.add_int(kLatency, ns);
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
}

void OpcuaDecoder::arguments(std::uint32_t type_id, Cursor in, model::RecordBuilder& record) {
  switch (type_id) {
    case opcua::kCreateSession: {
      const string_view application = take_string(in);
      if (in.ok() && !application.empty()) record.add_text(kApplication, application);
      break;
    }
    case opcua::kActivateSession:
      identity(in, record);
      break;
    case opcua::kRead:
    case opcua::kWrite:
    case opcua::kCall:
      nodes(type_id, in, record);
      break;
    default:
      break;
  }
}

// Of what is written or called the first: how long its values are is not looked up.
void OpcuaDecoder::nodes(std::uint32_t type_id, Cursor in, model::RecordBuilder& record) {
  constexpr std::uint32_t kMost = 8;
  const bool read = type_id == opcua::kRead;
  if (read) in.skip(8 + 4);  // age, times
  const std::uint32_t count = in.u32le();
  for (std::uint32_t i = 0; i < std::min(count, read ? kMost : 1U); ++i) {
    const NodeId node = take_node(in);
    if (!in.ok() || count == 0xFFFFFFFF) return;
    record.add_text(kNode, node.text);
    if (type_id == opcua::kCall) {
      const NodeId method = take_node(in);
      if (in.ok()) record.add_text(kNode, method.text);
    }
    if (!read) return;
    in.skip(4);       // attribute
    take_string(in);  // range
    in.skip(2);
    take_string(in);  // encoding
  }
}

// 10000-4 5.6.3 and 7.41.4: the name in a token of a user and a password.
void OpcuaDecoder::identity(Cursor in, model::RecordBuilder& record) {
  constexpr std::uint32_t kUserNameToken = 324;
  constexpr std::uint32_t kMostTexts = 16;
  take_string(in);  // algorithm and signature
  take_bytes(in);
  const std::uint32_t certificates = in.u32le();
  if (certificates != 0 && certificates != 0xFFFFFFFF) return;
  const std::uint32_t locales = in.u32le();
  for (std::uint32_t i = 0; locales != 0xFFFFFFFF && i < locales; ++i) {
    if (i == kMostTexts || !in.ok()) return;
    take_string(in);
  }
  const NodeId token = take_node(in);
  if (token.number != kUserNameToken || in.u8() != 1) return;
  Cursor fields(take_bytes(in));
  take_string(fields);  // policy
  const string_view user = take_string(fields);
  if (fields.ok() && !user.empty()) record.add_text(kUser, user);
}

constexpr std::uint16_t kPorts[] = {4840};

}  // namespace

extern const ProtocolDef kOpcua;
constinit const ProtocolDef kOpcua{
    .name = "opcua",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("HAEROMC"),
    .usual_ports = kPorts,
    .probe = probe_opcua,
    .schema = &kSchema,
    .state_bytes = sizeof(OpcuaDecoder),
    .make = make_decoder<OpcuaDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
