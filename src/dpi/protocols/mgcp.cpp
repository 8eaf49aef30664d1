// MGCP, the Media Gateway Control Protocol: RFC 3435 (section 3.2 commands, 3.3 responses, 3.5.5
// several messages in a datagram). A call agent tells gateways what to do with their lines; what a
// connection's session description says of media is reported, too.
#include <algorithm>
#include <array>

#include "dpi/parts/header_decoder.h"
#include "dpi/parts/http_message.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using std::string_view;

enum Kind : std::uint8_t { kRequest, kResponse };
enum Field : std::uint8_t {
  kVerb,
  kTransaction,
  kEndpoint,
  kVersion,
  kCallId,
  kConnection,
  kMode,
  kEvents,
  kSignals,
  kObserved,
  kRestart,
  kReason,
  kStatus,
  kText,
  kMedia,
  kMediaAddress,
  kLatency,
};

constexpr string_view kKinds[] = {"request", "response"};
constexpr string_view kVerbAlias[] = {"mgcp.req.verb"};
constexpr string_view kTransactionAlias[] = {"mgcp.transid"};
constexpr string_view kEndpointAlias[] = {"mgcp.req.endpoint"};
constexpr string_view kStatusAlias[] = {"mgcp.rsp.rspcode"};
constexpr string_view kTextAlias[] = {"mgcp.rsp.rspstring"};
constexpr string_view kCallAlias[] = {"mgcp.param.callid"};
constexpr string_view kConnectionAlias[] = {"mgcp.param.connectionid"};
constexpr string_view kModeAlias[] = {"mgcp.param.connectionmode"};
constexpr string_view kEventsAlias[] = {"mgcp.param.requestedevents"};
constexpr string_view kSignalsAlias[] = {"mgcp.param.signalrequests"};
constexpr string_view kObservedAlias[] = {"mgcp.param.observedevents"};
constexpr string_view kRestartAlias[] = {"mgcp.param.restartmethod"};
constexpr string_view kReasonAlias[] = {"mgcp.param.reasoncode"};
constexpr FieldDef kFields[] = {
    {.name = "mgcp.verb",
     .help = "command: CRCX, RQNT, NTFY, ...",
     .role = Role::kMethod,
     .aliases = kVerbAlias,
     .max_bytes = 8},
    {.name = "mgcp.transaction",
     .type = FieldType::kUint,
     .help = "joins a command and its response",
     .aliases = kTransactionAlias},
    {.name = "mgcp.endpoint",
     .help = "line or port that is meant, at which gateway",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kEndpointAlias},
    {.name = "mgcp.version", .help = "version of the protocol, and its profile", .max_bytes = 64},
    {.name = "mgcp.call_id", .help = "joins the connections of a call", .aliases = kCallAlias},
    {.name = "mgcp.connection", .help = "identifier of a connection", .aliases = kConnectionAlias},
    {.name = "mgcp.mode",
     .help = "of a connection: sendrecv, inactive, ...",
     .aliases = kModeAlias,
     .max_bytes = 32},
    {.name = "mgcp.events",
     .help = "events that are to be reported",
     .aliases = kEventsAlias,
     .max_bytes = 256},
    {.name = "mgcp.signals",
     .help = "what is to be played: ringing, a tone",
     .aliases = kSignalsAlias,
     .max_bytes = 256},
    {.name = "mgcp.observed",
     .help = "events that happened: off the hook, digits",
     .privacy = Privacy::kPersonal,
     .aliases = kObservedAlias,
     .max_bytes = 256},
    {.name = "mgcp.restart",
     .help = "why a gateway registers: restart, graceful, ...",
     .aliases = kRestartAlias,
     .max_bytes = 32},
    {.name = "mgcp.reason",
     .help = "why a connection or endpoint went",
     .aliases = kReasonAlias,
     .max_bytes = 128},
    {.name = "mgcp.status",
     .type = FieldType::kUint,
     .help = "code of the response",
     .role = Role::kStatus,
     .aliases = kStatusAlias},
    {.name = "mgcp.text", .help = "the same in words", .aliases = kTextAlias, .max_bytes = 128},
    {.name = "mgcp.media",
     .list = true,
     .help = "media of the connection: kind, port, transport, formats",
     .max_bytes = 256},
    {.name = "mgcp.media_address",
     .type = FieldType::kAddress,
     .help = "where the media are to be sent"},
    {.name = "mgcp.latency_us",
     .type = FieldType::kDuration,
     .help = "command to this response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "mgcp", .title = "MGCP", .kinds = kKinds, .fields = kFields};

// Section 2.3, and RFC 3435's predecessor's MESG.
constexpr std::array<string_view, 10> kVerbs{"EPCF", "CRCX", "MDCX", "DLCX", "RQNT",
                                             "NTFY", "AUEP", "AUCX", "RSIP", "MESG"};
constexpr std::uint64_t kMaxTransaction = 999'999'999;

struct Start {
  bool ok = false;
  string_view verb;  // empty: a response
  std::uint64_t transaction = 0;
  std::uint16_t status = 0;
  string_view endpoint, version, text;
};

// "RSIP 1201 *@gw.example.net MGCP 1.0", "200 1201 OK"; blanks divide, and may repeat.
Start read_start(string_view line) {
  Start start;
  string_view rest = line;
  const string_view first = take_word(rest);
  const auto transaction = parse_decimal(take_word(rest));
  start.ok = transaction && *transaction > 0 && *transaction <= kMaxTransaction;
  if (!start.ok) return start;
  start.transaction = *transaction;
  const auto is_first = [&](string_view verb) { return same_ignoring_case(verb, first); };
  const auto* const verb = std::ranges::find_if(kVerbs, is_first);
  if (verb == kVerbs.end()) {
    const auto status = first.size() == 3 ? parse_decimal(first) : std::nullopt;
    start.ok = status && *status < 1000;
    start.status = static_cast<std::uint16_t>(status.value_or(0));
    start.text = trim_blanks(rest);
    return start;
  }
  start.verb = *verb;
  start.endpoint = take_word(rest);
  start.version = trim_blanks(rest);
  start.ok = start.endpoint.find('@') != string_view::npos && is_plain_text(start.endpoint) &&
             begins_ignoring_case(start.version, "MGCP ");
  return start;
}

Probe probe_mgcp(const ProbeInput& input) {
  string_view rest = base::as_text(input.of(input.latest));
  string_view line;
  if (rest.size() < 12 || rest[4] != ' ' || !next_line(rest, line)) return Probe::kNo;
  const Start start = read_start(line);
  return start.ok && !start.verb.empty() ? Probe::kYes : Probe::kNo;
}

// Section 3.2.2: parameters that are reported.
struct Reported {
  string_view name;
  Field field;
};
constexpr Reported kReported[] = {
    {"C", kCallId},  {"I", kConnection}, {"M", kMode},     {"R", kEvents},
    {"S", kSignals}, {"O", kObserved},   {"RM", kRestart}, {"E", kReason},
};

class MgcpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  bool message(string_view text, const model::StreamChunk& chunk, Context& context);

  Waiting<std::uint32_t, 16> waiting_;
};

// Takes what stands before a line of a single dot, if there is one, off `rest`.
string_view next_message(string_view& rest) {
  const string_view all = rest;
  string_view line;
  std::size_t begin = 0;
  for (string_view after = all; next_line(after, line); begin = all.size() - after.size()) {
    if (line != ".") continue;
    rest = after;
    return all.substr(0, begin);
  }
  rest = {};
  return all;
}

Step MgcpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  constexpr int kMostMessages = 16;
  string_view rest = base::as_text(chunk.bytes);
  for (int i = 0; i < kMostMessages && !rest.empty(); ++i) {
    const bool ok = message(next_message(rest), chunk, context);
    if (!ok && i == 0) return {.verdict = Verdict::kNotMine};
    if (!ok) {
      context.odd("bad_message");
      return {.verdict = Verdict::kOdd, .consumed = chunk.bytes.size()};
    }
  }
  return {.consumed = chunk.bytes.size()};
}

bool MgcpDecoder::message(string_view text, const model::StreamChunk& chunk, Context& context) {
  string_view line;
  string_view rest = text;
  if (!next_line(rest, line)) std::swap(line, rest);
  const Start start = read_start(line);
  if (!start.ok) return false;
  const bool asks = !start.verb.empty();
  model::RecordBuilder& record = context.record();
  record.start(kSchema, asks ? kRequest : kResponse);
  record.add_uint(kTransaction, start.transaction);
  if (asks) {
    record.add_text(kVerb, start.verb);
    record.add_text(kEndpoint, start.endpoint);
    record.add_text(kVersion, start.version.substr(start.version.find(' ') + 1));
  } else {
    record.add_uint(kStatus, start.status);
    if (!start.text.empty()) record.add_text(kText, start.text);
  }
  std::uint32_t seen = 0;
  while (next_line(rest, line) && !line.empty()) {
    const std::size_t colon = line.find(':');
    if (colon == string_view::npos) continue;
    const string_view value = trim_blanks(line.substr(colon + 1));
    for (const Reported& one : kReported) {
      const bool named = same_ignoring_case(one.name, line.substr(0, colon));
      if (!named || value.empty() || (seen >> one.field & 1) != 0) continue;
      seen |= 1U << one.field;
      record.add_text(one.field, value);
    }
  }
  add_sdp(rest, kMedia, kMediaAddress, record);
  const auto key = static_cast<std::uint32_t>(start.transaction);
  if (asks) {
    waiting_.ask(key, chunk.side, chunk.time_ns);
  } else {
    const base::TimeNs ns = waiting_.answer(key, chunk.side, chunk.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  }
  if (chunk.cut) record.mark_cut();
  context.emit(chunk.side);
  return true;
}

constexpr std::uint16_t kPorts[] = {2427, 2727};

}  // namespace

extern const ProtocolDef kMgcp;
constinit const ProtocolDef kMgcp{
    .name = "mgcp",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("ACDEMNRacdemnr"),
    .usual_ports = kPorts,
    .probe = probe_mgcp,
    .schema = &kSchema,
    .state_bytes = sizeof(MgcpDecoder),
    .make = make_decoder<MgcpDecoder>,
};

}  // namespace netwatch::dpi
