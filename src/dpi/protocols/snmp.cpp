// SNMP: RFC 1157 (version 1), RFC 1901 and RFC 3416 (2c, PDUs), RFC 3412 and RFC 3414 (version 3
// with USM); also over TCP (RFC 3430). Communities are masked: they are passwords.
#include <algorithm>
#include <array>
#include <string>

#include "base/ip_address.h"
#include "dpi/parts/ber.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;

// A kind is the number of the PDU's tag, RFC 3416 section 3; the last is version 3's ciphertext.
constexpr std::array<std::string_view, 10> kKinds{"get",    "get_next", "response", "set",
                                                  "trap",   "get_bulk", "inform",   "trap2",
                                                  "report", "encrypted"};
enum Kind : std::uint8_t {
  kGet = 0,
  kResponseKind = 2,
  kTrap = 4,
  kTrap2 = 7,
  kReport = 8,
  kEncrypted = 9
};

enum Field : std::uint8_t {
  kVersion,
  kCommunity,
  kDefaultCommunity,
  kRequestId,
  kErrorStatus,
  kErrorIndex,
  kOid,
  kVariables,
  kEnterprise,
  kAgentAddress,
  kGenericTrap,
  kSpecificTrap,
  kMessageId,
  kSecurity,
  kEngineId,
  kEngineBoots,
  kEngineTime,
  kUser,
  kContextName,
  kLatency,
};

constexpr std::string_view kVersionAlias[] = {"snmp.msgVersion"};
constexpr std::string_view kRequestAlias[] = {"snmp.request_id"};
constexpr std::string_view kErrorAlias[] = {"snmp.error_status"};
constexpr std::string_view kOidAlias[] = {"snmp.name"};
constexpr std::string_view kEngineAlias[] = {"snmp.msgAuthoritativeEngineID"};
constexpr std::string_view kUserAlias[] = {"snmp.msgUserName"};
constexpr std::string_view kContextAlias[] = {"snmp.contextName"};
constexpr std::string_view kTrapAlias[] = {"snmp.generic_trap"};

constexpr FieldDef kFields[] = {
    {.name = "snmp.version",
     .help = "1, 2c or 3",
     .role = Role::kVersion,
     .aliases = kVersionAlias},
    {.name = "snmp.community",
     .help = "a community is sent; its value is never kept",
     .privacy = Privacy::kSecret},
    {.name = "snmp.default_community",
     .type = FieldType::kBool,
     .help = "the community is one that everybody tries first: public or private"},
    {.name = "snmp.request",
     .type = FieldType::kInt,
     .help = "number of the request",
     .aliases = kRequestAlias},
    {.name = "snmp.error",
     .help = "result, if it is an error",
     .role = Role::kStatus,
     .aliases = kErrorAlias},
    {.name = "snmp.error_index", .type = FieldType::kInt, .help = "variable that it is about"},
    {.name = "snmp.oid",
     .list = true,
     .help = "names of the first variables",
     .aliases = kOidAlias},
    {.name = "snmp.variables", .type = FieldType::kUint, .help = "how many there are"},
    {.name = "snmp.enterprise", .help = "kind of device that traps (version 1)"},
    {.name = "snmp.agent_address",
     .type = FieldType::kAddress,
     .help = "device that traps (version 1)"},
    {.name = "snmp.trap", .help = "what happened (version 1)", .aliases = kTrapAlias},
    {.name = "snmp.specific_trap",
     .type = FieldType::kInt,
     .help = "the enterprise's number of it"},
    {.name = "snmp.message", .type = FieldType::kInt, .help = "number of a version 3 message"},
    {.name = "snmp.security", .help = "noauth, auth or auth_priv"},
    {.name = "snmp.engine_id",
     .type = FieldType::kBytes,
     .help = "engine whose clock counts",
     .aliases = kEngineAlias},
    {.name = "snmp.engine_boots", .type = FieldType::kInt, .help = "how often it started"},
    {.name = "snmp.engine_time_s", .type = FieldType::kInt, .help = "seconds since then"},
    {.name = "snmp.user",
     .help = "USM user",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "snmp.context", .help = "set of variables that is meant", .aliases = kContextAlias},
    {.name = "snmp.latency_us",
     .type = FieldType::kDuration,
     .help = "request to this answer",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kSnmpSchema{"snmp", "SNMP", kKinds, kFields};

constexpr int kMaxOids = 8;
constexpr std::string_view kMask = "***";

enum Version : std::uint8_t { kV1 = 0, kV2c = 1, kV3 = 3 };

struct Message {
  std::int64_t version = 0;
  Bytes community;      // versions 1 and 2c
  std::int64_t id = 0;  // of a message of version 3
  std::uint8_t flags = 0;
  Bytes security;  // USM's part
  Bytes context_name;
  bool encrypted = false;
  std::uint8_t pdu_tag = 0;
  Bytes pdu;
};

// RFC 3412 section 6: header, security parameters, then a scoped PDU or its ciphertext.
bool read_version3(BerReader& in, Message& message) {
  BerReader head = in.enter(ber::kSequence);
  message.id = head.integer();
  const std::int64_t max_bytes = head.integer();
  const Bytes flags = head.take(ber::kOctetString);
  const std::int64_t model = head.integer();
  if (!head.ok() || flags.size() != 1 || max_bytes < 0 || model < 0) return false;
  message.flags = flags[0];
  message.security = in.take(ber::kOctetString);
  if (!in.ok()) return false;
  if (in.peek() == ber::kOctetString) {
    message.encrypted = true;
    in.next();
    return in.ok() && in.at_end();
  }
  BerReader scoped = in.enter(ber::kSequence);
  scoped.take(ber::kOctetString);  // the context's engine
  message.context_name = scoped.take(ber::kOctetString);
  message.pdu_tag = scoped.peek();
  message.pdu = scoped.next();
  return scoped.ok() && in.at_end();
}

// All of a message; everything in it has to add up.
bool read_message(Bytes bytes, Message& message) {
  BerReader outer(bytes);
  BerReader in = outer.enter(ber::kSequence);
  message.version = in.integer();
  if (!in.ok() || !outer.at_end()) return false;
  if (message.version == kV3) {
    if (!read_version3(in, message)) return false;
    if (message.encrypted) return true;
  } else {
    if (message.version != kV1 && message.version != kV2c) return false;
    message.community = in.take(ber::kOctetString);
    message.pdu_tag = in.peek();
    message.pdu = in.next();
    if (!in.ok() || !in.at_end()) return false;
  }
  return message.pdu_tag >= ber::context(0) && message.pdu_tag <= ber::context(kReport);
}

std::string error_name(std::int64_t status) {
  constexpr std::array<std::string_view, 19> kNames{
      "noError",
      "tooBig",
      "noSuchName",
      "badValue",
      "readOnly",
      "genErr",
      "noAccess",
      "wrongType",
      "wrongLength",
      "wrongEncoding",
      "wrongValue",
      "noCreation",
      "inconsistentValue",
      "resourceUnavailable",
      "commitFailed",
      "undoFailed",
      "authorizationError",
      "notWritable",
      "inconsistentName",
  };
  const bool known = status >= 0 && status < static_cast<std::int64_t>(kNames.size());
  return known ? std::string(kNames[static_cast<std::size_t>(status)]) : std::to_string(status);
}

std::string trap_name(std::int64_t trap) {
  constexpr std::array<std::string_view, 7> kNames{
      "coldStart",       "warmStart",         "linkDown", "linkUp", "authenticationFailure",
      "egpNeighborLoss", "enterpriseSpecific"};
  const bool known = trap >= 0 && trap < static_cast<std::int64_t>(kNames.size());
  return known ? std::string(kNames[static_cast<std::size_t>(trap)]) : std::to_string(trap);
}

class SnmpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  bool message(Bytes bytes, const model::StreamChunk& chunk, Context& context);
  bool pdu(const Message& message, const model::StreamChunk& chunk, Context& context);

  Waiting<std::int64_t, 6> waiting_;
};

bool variables(BerReader list, model::RecordBuilder& record) {
  std::uint64_t count = 0;
  for (; list.ok() && !list.at_end(); ++count) {
    BerReader variable = list.enter(ber::kSequence);
    const Bytes name = variable.take(ber::kOid);
    if (!variable.ok()) return false;
    const auto oid = ber_oid(name);
    if (oid && count < kMaxOids) record.add_text(kOid, *oid);
  }
  record.add_uint(kVariables, count);
  return list.ok();
}

bool trap(Bytes content, model::RecordBuilder& record) {
  constexpr std::uint8_t kIpAddress = 0x40;
  constexpr std::uint8_t kTimeTicks = 0x43;
  BerReader in(content);
  const auto enterprise = ber_oid(in.take(ber::kOid));
  const Bytes agent = in.take(kIpAddress);
  const std::int64_t generic = in.integer();
  const std::int64_t specific = in.integer();
  in.integer(kTimeTicks);
  if (!in.ok()) return false;
  if (enterprise) record.add_text(kEnterprise, *enterprise);
  if (agent.size() == 4) record.add_address(kAgentAddress, base::IpAddress::v4(agent.data()));
  record.add_text(kGenericTrap, trap_name(generic));
  if (generic == 6) record.add_int(kSpecificTrap, specific);
  return variables(in.enter(ber::kSequence), record);
}

void security(const Message& message, model::RecordBuilder& record) {
  constexpr std::array<std::string_view, 4> kLevels{"noauth", "auth", "", "auth_priv"};
  record.add_int(kMessageId, message.id);
  const std::string_view level = kLevels[message.flags & 3];
  if (!level.empty()) record.add_text(kSecurity, level);
  BerReader outer(message.security);
  BerReader in = outer.enter(ber::kSequence);
  const Bytes engine = in.take(ber::kOctetString);
  const std::int64_t boots = in.integer();
  const std::int64_t time_s = in.integer();
  const Bytes user = in.take(ber::kOctetString);
  if (!in.ok()) return;  // another security model
  if (!engine.empty()) {
    record.add_bytes(kEngineId, engine);
    record.add_int(kEngineBoots, boots);
    record.add_int(kEngineTime, time_s);
  }
  if (!user.empty()) record.add_text(kUser, base::as_text(user));
  if (!message.context_name.empty()) {
    record.add_text(kContextName, base::as_text(message.context_name));
  }
}

void who(const Message& message, model::RecordBuilder& record) {
  record.add_text(kVersion, message.version == kV1 ? "1" : message.version == kV2c ? "2c" : "3");
  if (message.version == kV3) return security(message, record);
  if (message.community.empty()) return;
  record.add_text(kCommunity, kMask);
  const std::string_view community = base::as_text(message.community);
  if (community == "public" || community == "private") record.add_bool(kDefaultCommunity, true);
}

// False if what is inside does not add up.
bool SnmpDecoder::pdu(const Message& message, const model::StreamChunk& chunk, Context& context) {
  model::RecordBuilder& record = context.record();
  const auto kind = static_cast<std::uint8_t>(message.pdu_tag & 0x0F);
  if (kind == kTrap) return trap(message.pdu, record);
  BerReader in(message.pdu);
  const std::int64_t request = in.integer();
  const std::int64_t status = in.integer();  // of a bulk request: how many are asked once
  const std::int64_t index = in.integer();
  if (!in.ok()) return false;
  record.add_int(kRequestId, request);
  if (status != 0 && kind == kResponseKind) {
    record.add_text(kErrorStatus, error_name(status));
    record.add_int(kErrorIndex, index);
  }
  const bool whole = variables(in.enter(ber::kSequence), record);
  const bool answer = kind == kResponseKind || kind == kReport;
  // A report may not know the request's number, but it has the message's.
  const std::int64_t key = message.version == kV3 ? message.id : request;
  if (answer) {
    const base::TimeNs ns = waiting_.answer(key, chunk.side, chunk.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  } else if (kind != kTrap2) {
    waiting_.ask(key, chunk.side, chunk.time_ns);
  }
  context.set_originator(answer ? model::other(chunk.side) : chunk.side);
  return whole;
}

bool SnmpDecoder::message(Bytes bytes, const model::StreamChunk& chunk, Context& context) {
  Message message;
  if (!read_message(bytes, message)) return false;
  model::RecordBuilder& record = context.record();
  const auto kind = static_cast<std::uint8_t>(message.pdu_tag & 0x0F);
  record.start(kSnmpSchema, message.encrypted ? std::uint8_t{kEncrypted} : kind);
  who(message, record);
  bool whole = true;
  if (!message.encrypted) {
    whole = pdu(message, chunk, context);
  } else if (const base::TimeNs ns = waiting_.answer(message.id, chunk.side, chunk.time_ns);
             ns >= 0) {
    record.add_int(kLatency, ns);
  } else {
    waiting_.ask(message.id, chunk.side, chunk.time_ns);
  }
  context.emit(chunk.side);
  if (!whole) context.odd("bad_pdu");
  return true;
}

Step SnmpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  if (chunk.datagram) {
    const bool mine = message(chunk.bytes, chunk, context);
    return {.verdict = mine ? Verdict::kFine : Verdict::kNotMine, .consumed = chunk.bytes.size()};
  }
  Step step;
  while (step.consumed < chunk.bytes.size()) {
    const Bytes rest = chunk.bytes.subspan(static_cast<std::size_t>(step.consumed));
    BerHead head;
    const BerLook look = look_at_ber(rest, head);
    if (look == BerLook::kNo || rest[0] != ber::kSequence) return {.verdict = Verdict::kNotMine};
    if (look == BerLook::kMore) return step;
    step.wanted = head.head_bytes + head.content_bytes;
    if (step.wanted > kMaxHeldBytes) return {.verdict = Verdict::kNotMine};
    if (rest.size() < step.wanted) return step;
    if (!message(rest.first(step.wanted), chunk, context)) return {.verdict = Verdict::kNotMine};
    step.consumed += step.wanted;
    step.wanted = 0;
  }
  return step;
}

Probe probe_snmp(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  BerHead head;
  if (look_at_ber(bytes, head) != BerLook::kYes) return Probe::kNo;
  const std::size_t whole = head.head_bytes + head.content_bytes;
  Message message;
  if (whole < 20 || bytes.size() < head.head_bytes + 3) return Probe::kNo;
  if (read_message(bytes.first(std::min(whole, bytes.size())), message)) return Probe::kYes;
  // Over TCP more may come; what is there has to begin right.
  const Bytes inner = bytes.subspan(head.head_bytes);
  const bool begins = inner[0] == ber::kInteger && inner[1] == 1 &&
                      (inner[2] == kV1 || inner[2] == kV2c || inner[2] == kV3);
  return whole > bytes.size() && begins ? Probe::kMore : Probe::kNo;
}

constexpr std::uint16_t kUsualPorts[] = {161, 162};

}  // namespace

extern const ProtocolDef kSnmp;
constinit const ProtocolDef kSnmp{
    .name = "snmp",
    .transport = Transport::kBoth,
    .first = FirstBytes::of("\x30"),
    .usual_ports = kUsualPorts,
    .probe = probe_snmp,
    .schema = &kSnmpSchema,
    .state_bytes = sizeof(SnmpDecoder),
    .make = make_decoder<SnmpDecoder>,
};

}  // namespace netwatch::dpi
