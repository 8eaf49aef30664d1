// SIP over UDP and TCP: RFC 3261 (section 7 messages, 7.3.3 short forms of header names, 20 header
// fields), with the sessions it describes in SDP (RFC 8866): their media are expected (rtp.cpp). Of
// credentials only the user's name is reported.
#include <algorithm>
#include <array>

#include "dpi/parts/header_decoder.h"
#include "dpi/parts/http_message.h"
#include "dpi/parts/media_note.h"
#include "dpi/parts/shown_uri.h"
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
  kMethod,
  kUri,
  kStatus,
  kReason,
  kFrom,
  kTo,
  kCallId,
  kSequence,
  kUserAgent,
  kServer,
  kContact,
  kUser,
  kMedia,
  kMediaAddress,
};

constexpr string_view kKinds[] = {"request", "response"};
constexpr string_view kMethodAlias[] = {"sip.Method"};
constexpr string_view kUriAlias[] = {"sip.r-uri"};
constexpr string_view kStatusAlias[] = {"sip.Status-Code"};
constexpr string_view kFromAlias[] = {"sip.from.addr"};
constexpr string_view kToAlias[] = {"sip.to.addr"};
constexpr string_view kCallAlias[] = {"sip.Call-ID"};
constexpr string_view kSequenceAlias[] = {"sip.CSeq"};
constexpr string_view kAgentAlias[] = {"sip.User-Agent"};
constexpr string_view kServerAlias[] = {"sip.Server"};
constexpr string_view kMediaAlias[] = {"sdp.media"};
constexpr string_view kUserAlias[] = {"sip.auth.username"};
constexpr FieldDef kFields[] = {
    {.name = "sip.method",
     .help = "method of the request",
     .role = Role::kMethod,
     .aliases = kMethodAlias,
     .max_bytes = 32},
    {.name = "sip.uri",
     .help = "who or what is asked for",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kUriAlias},
    {.name = "sip.status",
     .type = FieldType::kUint,
     .help = "status code",
     .role = Role::kStatus,
     .aliases = kStatusAlias},
    {.name = "sip.reason", .help = "status in words", .max_bytes = 128},
    {.name = "sip.from",
     .help = "caller's address",
     .privacy = Privacy::kPersonal,
     .aliases = kFromAlias},
    {.name = "sip.to",
     .help = "callee's address",
     .privacy = Privacy::kPersonal,
     .aliases = kToAlias},
    {.name = "sip.call_id", .help = "joins the messages of a call", .aliases = kCallAlias},
    {.name = "sip.cseq", .help = "number and method", .aliases = kSequenceAlias, .max_bytes = 64},
    {.name = "sip.user_agent",
     .help = "program that asks",
     .role = Role::kUserAgent,
     .aliases = kAgentAlias},
    {.name = "sip.server",
     .help = "program that answers",
     .role = Role::kSubject,
     .aliases = kServerAlias},
    {.name = "sip.contact",
     .help = "where the sender can be reached",
     .privacy = Privacy::kPersonal},
    {.name = "sip.user",
     .help = "name in the credentials; never the rest of them",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "sip.media",
     .list = true,
     .help = "media of the session: kind, port, transport, formats",
     .aliases = kMediaAlias,
     .max_bytes = 256},
    {.name = "sip.media_address",
     .type = FieldType::kAddress,
     .help = "where the media are to be sent"},
};
constexpr model::Schema kSchema{.proto = "sip", .title = "SIP", .kinds = kKinds, .fields = kFields};

constexpr string_view kVersion = "SIP/2.0";

Probe classify(string_view bytes) {
  constexpr std::size_t kMaxStartBytes = 2048;
  const std::size_t end = bytes.find('\n');
  const std::size_t seen = std::min(bytes.size(), kVersion.size());
  if (bytes.substr(0, seen) == kVersion.substr(0, seen)) {
    if (end == string_view::npos) return Probe::kMore;
    const StatusLine status = parse_status_line(bytes.substr(0, end));
    return status.status_ok ? Probe::kYes : Probe::kNo;
  }
  const string_view line = bytes.substr(0, end);
  std::size_t method = 0;
  while (method < line.size() && is_token_char(line[method])) ++method;
  if (method < 2 || method > 20)
    return method == line.size() && method < 2 ? Probe::kMore : Probe::kNo;
  if (method == line.size()) return end == string_view::npos ? Probe::kMore : Probe::kNo;
  if (line[method] != ' ' || (line[0] >= 'a' && line[0] <= 'z')) return Probe::kNo;
  if (end == string_view::npos) {
    const string_view uri = line.substr(method + 1);
    const bool may = uri.size() < 4 || begins_ignoring_case(uri, "sip:") ||
                     begins_ignoring_case(uri, "sips") || begins_ignoring_case(uri, "tel:");
    return may && line.size() < kMaxStartBytes ? Probe::kMore : Probe::kNo;
  }
  const RequestLine request = parse_request_line(trim_blanks(line), "SIP/");
  return request.version == kVersion && !request.uri.empty() ? Probe::kYes : Probe::kNo;
}

Probe probe_sip(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (base::Bytes side : input.sides) {
    string_view bytes = base::as_text(side);
    bytes.remove_prefix(std::min(bytes.find_first_not_of("\r\n"), bytes.size()));
    if (bytes.empty()) continue;
    const Probe probe = classify(bytes);
    if (probe == Probe::kYes) return probe;
    if (probe == Probe::kMore) best = probe;
  }
  return best;
}

// Names of header fields that are reported, with their short forms.
struct Reported {
  string_view name;
  string_view short_form;
  Field field;
  bool address;
};
constexpr Reported kReported[] = {
    {"From", "f", kFrom, true},
    {"To", "t", kTo, true},
    {"Call-ID", "i", kCallId, false},
    {"CSeq", "", kSequence, false},
    {"User-Agent", "", kUserAgent, false},
    {"Server", "", kServer, false},
    {"Contact", "m", kContact, true},
};

class SipDecoder final : public HeaderDecoder {
 protected:
  void on_message(const Message& message) override;
  [[nodiscard]] Probe begins(string_view bytes) const override { return classify(bytes); }
  // Four zeros, or so, keep a way through a NAT open.
  Aside aside(string_view bytes, const model::StreamChunk& /*chunk*/,
              Context& /*context*/) override {
    return {.bytes = std::min(bytes.find_first_not_of('\0'), bytes.size())};
  }

 private:
  bool known_ = false;
};

void SipDecoder::on_message(const Message& message) {
  model::RecordBuilder& record = message.context.record();
  const bool request = !message.start.starts_with(kVersion);
  if (!known_) {
    message.context.set_originator(request ? message.side : model::other(message.side));
  }
  known_ = true;
  record.start(kSchema, request ? kRequest : kResponse);
  if (request) {
    const RequestLine line = parse_request_line(message.start, "SIP/");
    record.add_text(kMethod, line.method);
    record.add_text(kUri, ShownUri(line.uri).text());
  } else {
    const StatusLine line = parse_status_line(message.start);
    record.add_uint(kStatus, line.status);
    if (!line.reason.empty()) record.add_text(kReason, line.reason);
  }
  std::uint32_t seen = 0;  // the first of several counts
  HeaderCursor cursor(message.fields);
  HeaderCursor::Field field;
  string_view call;
  while (cursor.next(field, message.cut)) {
    const bool credentials = same_ignoring_case(field.name, "Authorization") ||
                             same_ignoring_case(field.name, "Proxy-Authorization");
    if (credentials && (seen >> kUser & 1) == 0) {
      const string_view user = quoted_parameter(field.value, "username");
      if (!user.empty()) record.add_text(kUser, user);
      seen |= 1U << kUser;
    }
    for (const Reported& one : kReported) {
      const bool named =
          same_ignoring_case(field.name, one.name) ||
          (!one.short_form.empty() && same_ignoring_case(field.name, one.short_form));
      if (!named || (seen >> one.field & 1) != 0) continue;
      seen |= 1U << one.field;
      if (one.field == kCallId) call = field.value;
      if (one.address) {
        record.add_text(one.field, ShownUri(address_of(field.value)).text());
      } else {
        record.add_text(one.field, field.value);
      }
    }
  }
  add_sdp(message.body, kMedia, kMediaAddress, record);
  if (message.cut) record.mark_cut();
  message.context.emit(message.side);
  expect_media(message.body, call, message.context);
}

constexpr std::uint16_t kPorts[] = {5060};

}  // namespace

extern const ProtocolDef kSip;
constinit const ProtocolDef kSip{
    .name = "sip",
    .transport = Transport::kBoth,
    .first = FirstBytes::of("\r\nABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    .usual_ports = kPorts,
    .probe = probe_sip,
    .schema = &kSchema,
    .state_bytes = sizeof(SipDecoder),
    .make = make_decoder<SipDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
