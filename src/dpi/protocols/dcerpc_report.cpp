// Messages of DCE RPC: C706 chapter 12, [MS-RPCE] 2.2.2.
#include "dpi/protocols/dcerpc_report.h"

#include <algorithm>
#include <iterator>

#include "dpi/parts/field_text.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/parts/ntlm.h"
#include "dpi/protocols/dcerpc_names.h"

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

constexpr string_view kKinds[] = {
    "bind",     "bind_ack", "bind_nak", "alter_context", "alter_context_resp", "auth3",   "request",
    "response", "fault",    "reject",   "cancel",        "orphaned",           "shutdown"};
enum Kind : std::uint8_t {
  kBind,
  kBindAck,
  kBindNak,
  kAlterContext,
  kAlterContextResponse,
  kAuth3,
  kRequest,
  kResponse,
  kFault,
  kReject,
  kCancel,
  kOrphaned,
  kShutdown,
};
enum Field : std::uint8_t {
  kVersion,
  kCallId,
  kInterface,
  kUuid,
  kInterfaceVersion,
  kTransferSyntax,
  kResult,
  kRejectReason,
  kEndpoint,
  kOpnum,
  kOperation,
  kObject,
  kMapping,
  kAuthType,
  kAuthLevel,
  kMechanism,
  kUser,
  kDomain,
  kWorkstation,
  kServer,
  kStatus,
  kLatency,
};
constexpr string_view kVersionAlias[] = {"dcerpc.ver"};
constexpr string_view kCallAlias[] = {"dcerpc.cn_call_id"};
constexpr string_view kUuidAlias[] = {"dcerpc.cn_bind_to_uuid", "dcerpc.dg_if_id"};
constexpr string_view kTransferAlias[] = {"dcerpc.cn_bind_trans"};
constexpr string_view kResultAlias[] = {"dcerpc.cn_ack_result"};
constexpr string_view kReasonAlias[] = {"dcerpc.cn_reject_reason"};
constexpr string_view kEndpointAlias[] = {"dcerpc.cn_sec_addr"};
constexpr string_view kObjectAlias[] = {"dcerpc.obj_id"};
constexpr string_view kStatusAlias[] = {"dcerpc.cn_status"};
constexpr FieldDef kFields[] = {
    {.name = "dcerpc.version",
     .type = FieldType::kUint,
     .help = "5 over connections, 4 in datagrams",
     .role = Role::kVersion,
     .aliases = kVersionAlias},
    {.name = "dcerpc.call_id",
     .type = FieldType::kUint,
     .help = "joins a request and its answer; in datagrams the sequence number",
     .aliases = kCallAlias},
    {.name = "dcerpc.interface",
     .list = true,
     .help = "samr, lsarpc, epmapper, ...; its UUID if it is not a well-known one"},
    {.name = "dcerpc.uuid",
     .list = true,
     .help = "of the interfaces that are bound to, or that a datagram is about",
     .aliases = kUuidAlias},
    {.name = "dcerpc.interface_version",
     .list = true,
     .help = "major and minor, of each interface"},
    {.name = "dcerpc.transfer_syntax",
     .list = true,
     .help = "offered or chosen: ndr, ndr64, or its UUID",
     .aliases = kTransferAlias},
    {.name = "dcerpc.result",
     .list = true,
     .help = "of each interface: acceptance, or why not",
     .role = Role::kStatus,
     .aliases = kResultAlias},
    {.name = "dcerpc.reject_reason",
     .help = "why a bind was refused",
     .role = Role::kStatus,
     .aliases = kReasonAlias},
    {.name = "dcerpc.endpoint",
     .help = "port or pipe that the server gives",
     .aliases = kEndpointAlias},
    {.name = "dcerpc.opnum", .type = FieldType::kUint, .help = "number of the operation"},
    {.name = "dcerpc.operation",
     .help = "its name, of well-known interfaces: SamrConnect5, RCreateServiceW, ...",
     .role = Role::kMethod},
    {.name = "dcerpc.object", .help = "UUID of the object called", .aliases = kObjectAlias},
    {.name = "dcerpc.mapping",
     .list = true,
     .help = "what the endpoint mapper is asked for or says: drsuapi 4.0 tcp 192.0.2.1:49664"},
    {.name = "dcerpc.auth_type", .help = "ntlm, kerberos, spnego, netlogon, ..."},
    {.name = "dcerpc.auth_level", .help = "connect, call, packet, integrity, privacy"},
    {.name = "dcerpc.mechanism", .help = "inside the token: ntlm, kerberos"},
    {.name = "dcerpc.user",
     .help = "who logs in with NTLM",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "dcerpc.domain", .help = "of that user", .privacy = Privacy::kPersonal},
    {.name = "dcerpc.workstation",
     .help = "name the client gives itself",
     .privacy = Privacy::kPersonal},
    {.name = "dcerpc.server", .help = "NetBIOS name of the server, from NTLM's challenge"},
    {.name = "dcerpc.status",
     .help = "why a call failed",
     .role = Role::kStatus,
     .aliases = kStatusAlias},
    {.name = "dcerpc.latency_us",
     .type = FieldType::kDuration,
     .help = "request to response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

constexpr std::uint16_t kMapOperation = 3;  // ept_map
constexpr int kMostListed = 16;

int kind_of(std::uint8_t type) {
  switch (type) {
    case DcePdu::kRequest:
      return kRequest;
    case DcePdu::kResponse:
      return kResponse;
    case DcePdu::kFault:
      return kFault;
    case DcePdu::kReject:
      return kReject;
    case DcePdu::kBind:
      return kBind;
    case DcePdu::kBindAck:
      return kBindAck;
    case DcePdu::kBindNak:
      return kBindNak;
    case DcePdu::kAlterContext:
      return kAlterContext;
    case DcePdu::kAlterContextResponse:
      return kAlterContextResponse;
    case DcePdu::kAuth3:
      return kAuth3;
    case DcePdu::kShutdown:
      return kShutdown;
    case DcePdu::kCancel:
      return kCancel;
    case DcePdu::kOrphaned:
      return kOrphaned;
    default:
      return -1;
  }
}

bool is_from_server(std::uint8_t kind) {
  switch (kind) {
    case kBindAck:
    case kBindNak:
    case kAlterContextResponse:
    case kResponse:
    case kFault:
    case kReject:
    case kShutdown:
      return true;
    default:
      return false;
  }
}

bool all_zero(const Uuid& uuid) {
  return std::ranges::all_of(uuid, [](std::uint8_t byte) { return byte == 0; });
}

std::string version_text(std::uint32_t version) {
  return std::to_string(version & 0xFFFF) + "." + std::to_string(version >> 16);
}

}  // namespace

constinit const model::Schema kDcerpcSchema{
    .proto = "dcerpc", .title = "DCE RPC", .kinds = kKinds, .fields = kFields};

Uuid DceCursor::uuid() {
  Uuid out{};
  const Bytes bytes = take(out.size());
  std::ranges::copy(bytes, out.begin());
  if (little_ && !bytes.empty()) {
    std::reverse(out.begin(), out.begin() + 4);
    std::reverse(out.begin() + 4, out.begin() + 6);
    std::reverse(out.begin() + 6, out.begin() + 8);
  }
  return out;
}

std::string uuid_text(const Uuid& uuid) {
  std::string out = hex_text(uuid);
  for (std::size_t at : {20U, 16U, 12U, 8U}) out.insert(at, 1, '-');
  return out;
}

void DceReader::message(const DcePdu& pdu, Bytes bytes, const model::StreamChunk& chunk,
                        Context& context) {
  const int kind = kind_of(pdu.type);
  // Pings and acknowledgements, and all fragments but the first.
  if (kind < 0 || !pdu.first) return;
  const Seen seen{pdu, chunk, context};
  context.set_originator(is_from_server(static_cast<std::uint8_t>(kind)) ? model::other(chunk.side)
                                                                         : chunk.side);
  model::RecordBuilder& record = context.record();
  record.start(kDcerpcSchema, static_cast<std::uint8_t>(kind));
  record.add_uint(kVersion, pdu.connectionless ? 4 : 5);
  record.add_uint(kCallId, pdu.call_id);
  switch (kind) {
    case kBind:
      // Nothing goes before it; of pipes one may follow another.
      contexts_ = {};
      calls_ = {};
      bind(seen);
      break;
    case kAlterContext:
      bind(seen);
      break;
    case kBindAck:
    case kAlterContextResponse:
      bind_answer(seen);
      break;
    case kBindNak:
      bind_refused(seen);
      break;
    case kRequest:
      request(seen);
      break;
    case kResponse:
    case kFault:
    case kReject:
      answer(seen);
      break;
    default:
      break;
  }
  if (kind <= kAuth3) authentication(seen, bytes);
  if (bytes.size() < pdu.size && kind <= kAuth3) record.mark_cut();
  context.emit(chunk.side);
}

void DceReader::remember(std::uint16_t id, const Uuid& interface) {
  auto* row = std::ranges::find_if(contexts_,
                                   [&](const auto& known) { return known.used && known.id == id; });
  if (row == contexts_.end()) {
    row = contexts_.begin() + next_context_;
    next_context_ = static_cast<std::uint8_t>((next_context_ + 1) % contexts_.size());
  }
  *row = {true, id, static_cast<std::int16_t>(dcerpc::find_interface(uuid_text(interface))),
          interface};
}

const DceReader::PresentationContext* DceReader::find(std::uint16_t id) const {
  for (const PresentationContext& known : contexts_) {
    if (known.used && known.id == id) return &known;
  }
  return nullptr;
}

void DceReader::add_interface(const PresentationContext& known, std::uint32_t version,
                              model::RecordBuilder& record) {
  const std::string uuid = uuid_text(known.interface);
  const string_view name = dcerpc::interface_name(known.known);
  record.add_text(kInterface, name.empty() ? string_view(uuid) : name);
  record.add_text(kUuid, uuid);
  record.add_text(kInterfaceVersion, version_text(version));
}

// 12.6.4.3: contexts of an interface and the transfer syntaxes that are offered for it.
void DceReader::bind(const Seen& seen) {
  constexpr std::size_t kUuidBytes = 16;
  model::RecordBuilder& record = seen.context.record();
  DceCursor in = seen.pdu.body;
  in.skip(2 + 2 + 4);  // sizes of fragments, association
  const int contexts = std::min<int>(in.u8(), kMostListed);
  in.skip(3);
  Uuid last{};
  for (int i = 0; i < contexts; ++i) {
    const std::uint16_t id = in.u16();
    const int transfers = in.u8();
    in.skip(1);
    const Uuid interface = in.uuid();
    const std::uint32_t version = in.u32();
    const std::string transfer = transfers > 0 ? uuid_text(in.uuid()) : std::string{};
    if (!in.ok()) return;
    remember(id, interface);
    // One for every transfer syntax that is offered.
    if (i == 0 || interface != last) add_interface(*find(id), version, record);
    last = interface;
    if (!transfer.empty() && !dcerpc::is_feature_negotiation(transfer)) {
      record.add_text(kTransferSyntax, dcerpc::transfer_name(transfer));
    }
    if (transfers > 0) in.skip(4 + (static_cast<std::size_t>(transfers) - 1) * (kUuidBytes + 4));
  }
}

void DceReader::bind_answer(const Seen& seen) {
  constexpr std::uint16_t kAcceptance = 0;
  model::RecordBuilder& record = seen.context.record();
  DceCursor in = seen.pdu.body;
  in.skip(2 + 2 + 4);
  const Bytes endpoint = in.take(in.u16());
  if (in.ok() && is_plain_text(until_nul(endpoint)) && !until_nul(endpoint).empty())
    record.add_text(kEndpoint, until_nul(endpoint));
  in.skip((4 - (in.offset() + kDceHeadBytes) % 4) % 4);
  const int results = std::min<int>(in.u8(), kMostListed);
  in.skip(3);
  for (int i = 0; i < results; ++i) {
    const std::uint16_t result = in.u16();
    const std::uint16_t reason = in.u16();
    const Uuid transfer = in.uuid();
    in.skip(4);
    if (!in.ok()) return;
    record.add_text(kResult, dcerpc::result_name(result, reason));
    if (result == kAcceptance)
      record.add_text(kTransferSyntax, dcerpc::transfer_name(uuid_text(transfer)));
  }
}

void DceReader::bind_refused(const Seen& seen) {
  DceCursor in = seen.pdu.body;
  const std::uint16_t reason = in.u16();
  if (in.ok()) seen.context.record().add_text(kRejectReason, dcerpc::reject_reason_name(reason));
}

bool DceReader::is_map(const Seen& seen, std::uint16_t context, int opnum) const {
  if (opnum != kMapOperation) return false;
  if (seen.pdu.connectionless) return uuid_text(seen.pdu.interface) == dcerpc::kEpmapperUuid;
  const PresentationContext* const known = find(context);
  return known != nullptr && known->known == dcerpc::find_interface(dcerpc::kEpmapperUuid);
}

void DceReader::add_operation(const Seen& seen, std::uint16_t context, int opnum) const {
  model::RecordBuilder& record = seen.context.record();
  int known = -1;
  std::string uuid;
  if (seen.pdu.connectionless) {
    uuid = uuid_text(seen.pdu.interface);
    known = dcerpc::find_interface(uuid);
    record.add_text(kUuid, uuid);
    record.add_text(kInterfaceVersion, version_text(seen.pdu.interface_version));
  } else if (const PresentationContext* const bound = find(context)) {
    uuid = uuid_text(bound->interface);
    known = bound->known;
  }
  const string_view name = dcerpc::interface_name(known);
  if (!uuid.empty()) record.add_text(kInterface, name.empty() ? string_view(uuid) : name);
  if (opnum < 0) return;
  record.add_uint(kOpnum, static_cast<std::uint64_t>(opnum));
  const string_view operation = dcerpc::operation_name(known, static_cast<std::uint16_t>(opnum));
  if (!operation.empty()) record.add_text(kOperation, operation);
}

void DceReader::request(const Seen& seen) {
  const DcePdu& pdu = seen.pdu;
  DceCursor in = pdu.body;
  Call call{.time_ns = seen.chunk.time_ns,
            .id = pdu.key,
            .opnum = pdu.opnum,
            .side = seen.chunk.side,
            .used = true};
  Uuid object = pdu.object;
  if (!pdu.connectionless) {
    in.skip(4);  // allocation hint
    call.context = in.u16();
    call.opnum = in.u16();
    if (pdu.has_object) object = in.uuid();
    if (!in.ok()) return;
  }
  add_operation(seen, call.context, call.opnum);
  if (!all_zero(object)) seen.context.record().add_text(kObject, uuid_text(object));
  if (is_map(seen, call.context, call.opnum)) {
    add_asked_tower(DceCursor(in.rest(), in.little()),
                    {seen.context.record(), kMapping, seen.context, model::other(seen.chunk.side)});
  }
  if (find_call(pdu.key, model::other(seen.chunk.side)) != nullptr) return;  // sent again
  calls_[next_call_] = call;
  next_call_ = static_cast<std::uint8_t>((next_call_ + 1) % calls_.size());
}

DceReader::Call* DceReader::find_call(std::uint32_t id, Side answering) {
  auto* const found = std::ranges::find_if(calls_, [&](const Call& call) {
    return call.used && call.id == id && call.side != answering;
  });
  return found == calls_.end() ? nullptr : &*found;
}

// Responses, faults and rejections.
void DceReader::answer(const Seen& seen) {
  const DcePdu& pdu = seen.pdu;
  model::RecordBuilder& record = seen.context.record();
  DceCursor in = pdu.body;
  std::uint16_t context = 0;
  if (!pdu.connectionless) {
    in.skip(4);  // allocation hint
    context = in.u16();
    in.skip(2);  // cancels
    if (!in.ok()) return;
  }
  Call* const call = find_call(pdu.key, seen.chunk.side);
  const int opnum = call != nullptr ? call->opnum : pdu.connectionless ? pdu.opnum : -1;
  if (call != nullptr) context = call->context;
  add_operation(seen, context, opnum);
  if (pdu.type != DcePdu::kResponse) {
    const std::uint32_t status = in.u32();
    if (in.ok()) record.add_text(kStatus, dcerpc::status_name(status));
  } else if (is_map(seen, context, opnum)) {
    add_mapped_towers(DceCursor(in.rest(), in.little()),
                      {record, kMapping, seen.context, seen.chunk.side});
  }
  if (call == nullptr) return;
  if (seen.chunk.time_ns >= call->time_ns)
    record.add_int(kLatency, seen.chunk.time_ns - call->time_ns);
  call->used = false;
}

// [MS-RPCE] 2.2.2.11: the verifier lies at the end of the fragment.
void DceReader::authentication(const Seen& seen, Bytes bytes) {
  constexpr std::size_t kVerifierHead = 8;
  const DcePdu& pdu = seen.pdu;
  if (pdu.connectionless || pdu.auth_bytes == 0 || bytes.size() < pdu.size) return;
  if (pdu.auth_bytes + kVerifierHead + kDceHeadBytes > pdu.size) return;
  Cursor in(bytes.subspan(pdu.size - pdu.auth_bytes - kVerifierHead));
  model::RecordBuilder& record = seen.context.record();
  record.add_text(kAuthType, dcerpc::auth_type_name(in.u8()));
  record.add_text(kAuthLevel, dcerpc::auth_level_name(in.u8()));
  in.skip(6);
  const SecurityToken token = read_security_token(in.rest());
  if (!token.mechanism.empty()) record.add_text(kMechanism, token.mechanism);
  if (!token.user.empty()) record.add_text(kUser, token.user);
  if (!token.domain.empty()) record.add_text(kDomain, token.domain);
  if (!token.workstation.empty()) record.add_text(kWorkstation, token.workstation);
  if (!token.server.empty()) record.add_text(kServer, token.server);
}

}  // namespace netwatch::dpi
