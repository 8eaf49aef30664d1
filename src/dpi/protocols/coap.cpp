// CoAP over UDP: RFC 7252; observing (RFC 7641), blocks (RFC 7959), more methods and options
// (RFC 8132, RFC 8613, RFC 8768, RFC 9175).
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/shown_uri.h"
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

enum Kind : std::uint8_t { kRequest, kResponse, kEmpty };
constexpr std::array<std::string_view, 3> kKinds{"request", "response", "empty"};

enum Field : std::uint8_t {
  kType,
  kCode,
  kMethod,
  kStatus,
  kMessageId,
  kToken,
  kHost,
  kUri,
  kProxy,
  kContentFormat,
  kObserve,
  kBlock,
  kPayload,
  kLatency,
};

constexpr std::string_view kCodeAlias[] = {"coap.code"};
constexpr std::string_view kMidAlias[] = {"coap.mid"};
constexpr std::string_view kTokenAlias[] = {"coap.token"};
constexpr std::string_view kUriAlias[] = {"coap.opt.uri_path_recon"};
constexpr std::string_view kHostAlias[] = {"coap.opt.uri_host"};
constexpr std::string_view kFormatAlias[] = {"coap.opt.ctype"};
constexpr std::string_view kTypeAlias[] = {"coap.type"};

constexpr FieldDef kFields[] = {
    {.name = "coap.message_type", .help = "con, non, ack or rst", .aliases = kTypeAlias},
    {.name = "coap.code_number",
     .type = FieldType::kUint,
     .help = "class and detail in one byte",
     .aliases = kCodeAlias},
    {.name = "coap.method", .help = "GET, POST, ...", .role = Role::kMethod},
    {.name = "coap.status", .help = "2.05, 4.04, ...", .role = Role::kStatus},
    {.name = "coap.message_id",
     .type = FieldType::kUint,
     .help = "number that an acknowledgement repeats",
     .aliases = kMidAlias},
    {.name = "coap.token_id",
     .type = FieldType::kBytes,
     .help = "joins a request and its responses",
     .aliases = kTokenAlias},
    {.name = "coap.host",
     .help = "Uri-Host",
     .role = Role::kHostName,
     .privacy = Privacy::kPersonal,
     .aliases = kHostAlias},
    {.name = "coap.uri",
     .help = "path and query",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kUriAlias,
     .max_bytes = 1024},
    {.name = "coap.proxy_uri", .help = "what a proxy shall ask for", .privacy = Privacy::kPersonal},
    {.name = "coap.content_format", .help = "media type of the payload", .aliases = kFormatAlias},
    {.name = "coap.observe",
     .type = FieldType::kUint,
     .help = "0: subscribe, or a number of order"},
    {.name = "coap.block", .type = FieldType::kUint, .help = "number of the block"},
    {.name = "coap.payload_bytes", .type = FieldType::kUint, .help = "length of the payload"},
    {.name = "coap.latency_us",
     .type = FieldType::kDuration,
     .help = "request to this response, by token",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kCoapSchema{"coap", "CoAP", kKinds, kFields};

// RFC 7252 section 5.10 and the RFCs above: number and lengths of each option.
struct OptionRule {
  std::uint16_t number;
  std::uint16_t least;
  std::uint16_t most;
};
enum Option : std::uint16_t {
  kOptHost = 3,
  kOptObserve = 6,
  kOptPath = 11,
  kOptFormat = 12,
  kOptQuery = 15,
  kOptBlock2 = 23,
  kOptBlock1 = 27,
  kOptProxyUri = 35,
};
constexpr std::array<OptionRule, 24> kRules{
    {{1, 0, 8},          {kOptHost, 1, 255},  {4, 1, 8},
     {5, 0, 0},          {kOptObserve, 0, 3}, {7, 0, 2},
     {8, 0, 255},        {9, 0, 255},         {kOptPath, 0, 255},
     {kOptFormat, 0, 2}, {14, 0, 4},          {kOptQuery, 0, 255},
     {16, 1, 1},         {17, 0, 2},          {19, 0, 3},
     {20, 0, 255},       {kOptBlock2, 0, 3},  {kOptBlock1, 0, 3},
     {28, 0, 4},         {31, 0, 3},          {kOptProxyUri, 1, 1034},
     {39, 1, 255},       {60, 0, 4},          {252, 1, 40}}};
constexpr std::uint16_t kNoResponse = 258, kRequestTag = 292;

bool is_option(std::uint32_t number, std::size_t length) {
  if (number == kNoResponse) return length <= 1;
  if (number == kRequestTag) return length <= 8;
  const auto* const rule = std::ranges::find(kRules, number, &OptionRule::number);
  if (rule != kRules.end()) return length >= rule->least && length <= rule->most;
  // What is not known may be passed over if it is elective (RFC 7252 section 5.4.1), or somebody's
  // own (from 2048 on).
  return number >= 2048 && number <= 65535;
}

bool is_text_option(std::uint32_t number) {
  return number == kOptHost || number == kOptPath || number == kOptQuery || number == 8 ||
         number == 20 || number == kOptProxyUri || number == 39;
}

struct Message {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t id = 0;
  Bytes token;
  Bytes options;
  std::size_t payload_bytes = 0;
};

std::uint32_t extended(Cursor& in, std::uint32_t nibble) {
  if (nibble == 13) return in.u8() + 13U;
  if (nibble == 14) return in.u16() + 269U;
  if (nibble == 15) in.fail();
  return nibble;
}

// Calls visit(number, value) for each option; what is left is the payload, behind its marker.
// False if something is not as it has to be.
template <typename Visit>
bool for_each_option(Bytes bytes, std::size_t& payload_bytes, Visit visit) {
  Cursor in(bytes);
  std::uint32_t number = 0;
  payload_bytes = 0;
  while (in.ok() && !in.at_end()) {
    const std::uint8_t head = in.u8();
    if (head == 0xFF) {
      payload_bytes = in.remaining();
      return payload_bytes > 0;
    }
    number += extended(in, head >> 4);
    const Bytes value = in.take(extended(in, head & 15U));
    if (!in.ok() || !is_option(number, value.size())) return false;
    if (is_text_option(number) && !is_text(value)) return false;
    visit(number, value);
  }
  return in.ok();
}

bool is_request(std::uint8_t code) { return code >= 1 && code <= 7; }
bool is_response(std::uint8_t code) {
  const unsigned cls = code >> 5;
  const unsigned detail = code & 31;
  if (cls == 2) return (detail >= 1 && detail <= 5) || detail == 31;
  if (cls == 4) return detail <= 15 || detail == 22 || detail == 29;
  return cls == 5 && detail <= 8;
}

bool read_message(Bytes bytes, Message& message, unsigned& options) {
  Cursor in(bytes);
  const std::uint8_t first = in.u8();
  message.type = (first >> 4) & 3;
  message.code = in.u8();
  message.id = in.u16();
  message.token = in.take(first & 15U);
  message.options = in.rest();
  if (!in.ok() || first >> 6 != 1 || message.token.size() > 8) return false;
  // RFC 7252 section 4.3: table 1.
  if (message.code == 0) {
    return message.token.empty() && message.options.empty() && message.type != 1;
  }
  if (!is_request(message.code) && !is_response(message.code)) return false;
  if (is_request(message.code) && message.type > 1) return false;
  if (message.type == 3) return false;
  return for_each_option(message.options, message.payload_bytes,
                         [&](std::uint32_t, Bytes) { ++options; });
}

// A message may be four bytes long. Alone, one is believed if it has an option (all are checked),
// or is a whole request without one, with a token; the rest belong to flows that are known.
Probe probe_coap(const ProbeInput& input) {
  Message message;
  unsigned options = 0;
  if (!read_message(input.of(input.latest), message, options)) return Probe::kNo;
  if (message.code == 0) return Probe::kNo;
  if (options == 0 && message.payload_bytes > 0) return Probe::kNo;
  const bool bare = !is_request(message.code) || message.token.size() < 2;
  if (options == 0 && bare) return Probe::kNo;
  return Probe::kYes;
}

class CoapDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  Waiting<std::uint64_t, 6> waiting_;
};

std::string status_text(std::uint8_t code) {
  const unsigned detail = code & 31;
  return std::to_string(code >> 5) + "." + (detail < 10 ? "0" : "") + std::to_string(detail);
}

// IANA, CoAP Content-Formats.
std::string format_name(std::uint64_t format) {
  switch (format) {
    case 0:
      return "text/plain";
    case 40:
      return "application/link-format";
    case 41:
      return "application/xml";
    case 42:
      return "application/octet-stream";
    case 50:
      return "application/json";
    case 60:
      return "application/cbor";
    case 110:
      return "application/senml+json";
    case 112:
      return "application/senml+cbor";
    default:
      return std::to_string(format);
  }
}

void add_options(const Message& message, model::RecordBuilder& record) {
  std::string path;
  std::string query;
  std::size_t payload_bytes = 0;
  for_each_option(message.options, payload_bytes, [&](std::uint32_t number, Bytes value) {
    const auto as_number = [value] { return Cursor(value).be(value.size()); };
    switch (number) {
      case kOptHost:
        return record.add_text(kHost, base::as_text(value));
      case kOptPath:
        path.append("/").append(base::as_text(value));
        return;
      case kOptQuery:
        query.append(query.empty() ? "?" : "&").append(base::as_text(value));
        return;
      case kOptProxyUri:
        return record.add_text(kProxy, ShownUri(base::as_text(value)).text());
      case kOptFormat:
        return record.add_text(kContentFormat, format_name(as_number()));
      case kOptObserve:
        return record.add_uint(kObserve, as_number());
      case kOptBlock1:
      case kOptBlock2:
        return record.add_uint(kBlock, as_number() >> 4);
      default:
        return;
    }
  });
  if (is_request(message.code)) record.add_text(kUri, (path.empty() ? "/" : path) + query);
  if (payload_bytes > 0) record.add_uint(kPayload, payload_bytes);
}

Step CoapDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  constexpr std::array<std::string_view, 4> kTypes{"con", "non", "ack", "rst"};
  constexpr std::array<std::string_view, 8> kMethods{"",       "GET",   "POST",  "PUT",
                                                     "DELETE", "FETCH", "PATCH", "iPATCH"};
  Message message;
  unsigned options = 0;
  if (!read_message(chunk.bytes, message, options)) return {.verdict = Verdict::kNotMine};
  // A bare acknowledgement tells nothing.
  if (message.code == 0 && message.type == 2) return {.consumed = chunk.bytes.size()};
  model::RecordBuilder& record = context.record();
  const bool request = is_request(message.code);
  record.start(kCoapSchema, message.code == 0 ? kEmpty : request ? kRequest : kResponse);
  record.add_text(kType, kTypes[message.type]);
  record.add_uint(kCode, message.code);
  if (request) record.add_text(kMethod, kMethods[message.code]);
  if (!request && message.code != 0) record.add_text(kStatus, status_text(message.code));
  record.add_uint(kMessageId, message.id);
  if (!message.token.empty()) record.add_bytes(kToken, message.token);
  add_options(message, record);
  const std::uint64_t key =
      Cursor(message.token).be(message.token.size()) ^ std::uint64_t{message.token.size()} << 60;
  if (request) {
    waiting_.ask(key, chunk.side, chunk.time_ns);
    context.set_originator(chunk.side);
  } else if (message.code != 0) {
    const base::TimeNs ns = waiting_.answer(key, chunk.side, chunk.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  }
  context.emit(chunk.side);
  return {.consumed = chunk.bytes.size()};
}

constexpr std::uint16_t kUsualPorts[] = {5683};

}  // namespace

extern const ProtocolDef kCoap;
constinit const ProtocolDef kCoap{
    .name = "coap",
    .transport = Transport::kUdp,
    .first = FirstBytes{{0, ~0ULL, 0, 0}},  // version 1 in the two upper bits
    .usual_ports = kUsualPorts,
    .probe = probe_coap,
    .schema = &kCoapSchema,
    .state_bytes = sizeof(CoapDecoder),
    .make = make_decoder<CoapDecoder>,
};

}  // namespace netwatch::dpi
