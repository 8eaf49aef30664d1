// Diameter, RFC 6733, over TCP and (as what it carries) SCTP. Of the attributes those are reported
// that the base protocol and credit control share; passwords and keys are never among them.
#include <algorithm>

#include "base/cursor.h"
#include "dpi/parts/diameter_names.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::RecordBuilder;
using model::Role;
using std::string_view;

enum Kind : std::uint8_t { kRequest, kAnswer };
constexpr string_view kKinds[] = {"request", "answer"};

enum Field : std::uint8_t {
  kCommand,
  kCommandCode,
  kApplication,
  kApplicationId,
  kHopByHop,
  kSession,
  kOriginHost,
  kOriginRealm,
  kDestinationHost,
  kDestinationRealm,
  kUser,
  kSubscriber,
  kService,
  kProduct,
  kResult,
  kResultCode,
  kErrorMessage,
  kLatency,
};
constexpr string_view kCodeAlias[] = {"diameter.cmd.code"};
constexpr string_view kApplicationAlias[] = {"diameter.applicationId"};
constexpr string_view kHopAlias[] = {"diameter.hopbyhopid"};
constexpr string_view kSessionAlias[] = {"diameter.Session-Id"};
constexpr string_view kHostAlias[] = {"diameter.Origin-Host"};
constexpr string_view kRealmAlias[] = {"diameter.Origin-Realm"};
constexpr string_view kToHostAlias[] = {"diameter.Destination-Host"};
constexpr string_view kToRealmAlias[] = {"diameter.Destination-Realm"};
constexpr string_view kUserAlias[] = {"diameter.User-Name"};
constexpr string_view kSubscriberAlias[] = {"diameter.Subscription-Id-Data"};
constexpr string_view kServiceAlias[] = {"diameter.Called-Station-Id"};
constexpr string_view kProductAlias[] = {"diameter.Product-Name"};
constexpr string_view kResultAlias[] = {"diameter.Result-Code"};
constexpr string_view kErrorAlias[] = {"diameter.Error-Message"};
constexpr string_view kLatencyAlias[] = {"diameter.resp_time"};
constexpr FieldDef kFields[] = {
    {.name = "diameter.command",
     .help = "credit_control, device_watchdog, ...",
     .role = Role::kMethod},
    {.name = "diameter.command_code",
     .type = FieldType::kUint,
     .help = "number of the command",
     .aliases = kCodeAlias},
    {.name = "diameter.application", .help = "base, credit_control, s6a, gx, ..."},
    {.name = "diameter.application_id",
     .type = FieldType::kUint,
     .help = "number of the application",
     .aliases = kApplicationAlias},
    {.name = "diameter.hop_by_hop",
     .type = FieldType::kUint,
     .help = "joins a request and its answer on this connection",
     .aliases = kHopAlias},
    {.name = "diameter.session_id",
     .help = "session of a user",
     .privacy = Privacy::kPersonal,
     .aliases = kSessionAlias},
    {.name = "diameter.origin_host", .help = "who wrote the message", .aliases = kHostAlias},
    {.name = "diameter.origin_realm", .help = "realm of its writer", .aliases = kRealmAlias},
    {.name = "diameter.destination_host",
     .help = "whom it is for",
     .role = Role::kHostName,
     .aliases = kToHostAlias},
    {.name = "diameter.destination_realm",
     .help = "realm that it is for",
     .aliases = kToRealmAlias},
    {.name = "diameter.user_name",
     .help = "user, in mobile networks mostly the IMSI",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "diameter.subscriber",
     .list = true,
     .help = "numbers and addresses of a subscriber",
     .privacy = Privacy::kPersonal,
     .aliases = kSubscriberAlias},
    {.name = "diameter.called_station",
     .help = "access point or service that is used",
     .aliases = kServiceAlias},
    {.name = "diameter.product",
     .help = "software of a peer",
     .role = Role::kSubject,
     .aliases = kProductAlias},
    {.name = "diameter.result", .help = "success, or why not", .role = Role::kStatus},
    {.name = "diameter.result_code",
     .type = FieldType::kUint,
     .help = "its number",
     .aliases = kResultAlias},
    {.name = "diameter.error_message", .help = "text of an error", .aliases = kErrorAlias},
    {.name = "diameter.latency_us",
     .type = FieldType::kDuration,
     .help = "request to answer",
     .role = Role::kLatency,
     .aliases = kLatencyAlias},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "diameter", .title = "Diameter", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kHeaderBytes = 20;
// Section 3: R, P, E, T, and four bits that are zero.
constexpr std::uint8_t kIsRequest = 0x80, kIsError = 0x20, kReserved = 0x0F;
constexpr std::size_t kMostShown = 4;  // subscriber's numbers

// Section 11, RFC 8506: codes of attributes.
enum Attribute : std::uint32_t {
  kAttUser = 1,
  kAttCalledStation = 30,
  kAttSession = 263,
  kAttOriginHost = 264,
  kAttVendor = 266,
  kAttResult = 268,
  kAttProduct = 269,
  kAttErrorMessage = 281,
  kAttDestinationRealm = 283,
  kAttDestinationHost = 293,
  kAttOriginRealm = 296,
  kAttExperimental = 297,
  kAttExperimentalCode = 298,
  kAttSubscription = 443,
  kAttSubscriptionData = 444,
};

struct Header {
  std::uint32_t length = 0;
  std::uint8_t flags = 0;
  std::uint32_t command = 0;
  std::uint32_t application = 0;
  std::uint32_t hop_by_hop = 0;
};

bool read_header(Cursor& in, Header& header) {
  constexpr std::uint32_t kMostBytes = 1U << 20;
  const std::uint8_t version = in.u8();
  header.length = in.u24();
  header.flags = in.u8();
  header.command = in.u24();
  header.application = in.u32();
  header.hop_by_hop = in.u32();
  in.skip(4);  // end to end
  const bool both = (header.flags & kIsRequest) != 0 && (header.flags & kIsError) != 0;
  return in.ok() && version == 1 && (header.flags & kReserved) == 0 && !both &&
         header.length >= kHeaderBytes && header.length % 4 == 0 && header.length <= kMostBytes;
}

struct Avp {
  std::uint32_t code = 0;
  std::uint32_t vendor = 0;
  Bytes value;
};

// Section 4.1; false at the end, and of what cannot be one.
bool read_avp(Cursor& in, Avp& avp) {
  constexpr std::uint8_t kHasVendor = 0x80;
  constexpr std::uint8_t kReservedBits = 0x1F;
  avp.code = in.u32();
  const std::uint8_t flags = in.u8();
  const std::uint32_t length = in.u24();
  const bool has_vendor = (flags & kHasVendor) != 0;
  avp.vendor = has_vendor ? in.u32() : 0;
  const std::uint32_t head = has_vendor ? 12 : 8;
  if (!in.ok() || (flags & kReservedBits) != 0 || length < head) return false;
  avp.value = in.take(length - head);
  // The last one's padding may be left out.
  in.take_up_to((4 - length % 4) % 4);
  return in.ok();
}

template <typename Visit>
bool for_each_avp(Bytes bytes, Visit visit) {
  Cursor in(bytes);
  while (!in.at_end()) {
    Avp avp;
    if (!read_avp(in, avp)) return false;
    visit(avp);
  }
  return true;
}

class DiameterDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, model::Side side) override;
  bool begins_with(Bytes bytes, model::Side side) override;
  Onward on_frame(const Frame& frame) override;

 private:
  Waiting<std::uint32_t, 32> waiting_;
};

FrameSize DiameterDecoder::size_of(Bytes bytes, model::Side /*side*/) {
  if (bytes.size() < kHeaderBytes) return {};
  Cursor in(bytes);
  Header header;
  return read_header(in, header) ? FrameSize::known(header.length) : FrameSize::bad();
}

// A header, and behind it attributes as far as they are there.
bool DiameterDecoder::begins_with(Bytes bytes, model::Side /*side*/) {
  Cursor in(bytes);
  Header header;
  if (!read_header(in, header)) return false;
  return bytes.size() >= header.length &&
         for_each_avp(in.take(header.length - kHeaderBytes), [](const Avp&) {});
}

void add_number(RecordBuilder& record, Field field, Bytes value) {
  Cursor in(value);
  const std::uint32_t number = in.u32();
  if (in.ok() && in.at_end()) record.add_uint(field, number);
}

// Section 7.6: a vendor's result.
void add_experimental(RecordBuilder& record, Bytes group) {
  std::uint32_t vendor = 0;
  std::uint32_t code = 0;
  for_each_avp(group, [&](const Avp& avp) {
    if (avp.code == kAttVendor) vendor = Cursor(avp.value).u32();
    if (avp.code == kAttExperimentalCode) code = Cursor(avp.value).u32();
  });
  if (code == 0) return;
  record.add_uint(kResultCode, code);
  const string_view name = diameter::experimental_name(vendor, code);
  if (!name.empty()) record.add_text(kResult, name);
}

void add_result(RecordBuilder& record, Bytes value) {
  add_number(record, kResultCode, value);
  const string_view name = diameter::result_name(Cursor(value).u32());
  if (!name.empty()) record.add_text(kResult, name);
}

// `shown` counts the subscriber's numbers.
void add_avp(RecordBuilder& record, const Avp& avp, std::size_t& shown) {
  if (avp.vendor != 0) return;
  const auto text = [&](Field field) { record.add_text(field, base::as_text(avp.value)); };
  switch (avp.code) {
    case kAttUser:
      return text(kUser);
    case kAttCalledStation:
      return text(kService);
    case kAttSession:
      return text(kSession);
    case kAttOriginHost:
      return text(kOriginHost);
    case kAttOriginRealm:
      return text(kOriginRealm);
    case kAttDestinationHost:
      return text(kDestinationHost);
    case kAttDestinationRealm:
      return text(kDestinationRealm);
    case kAttProduct:
      return text(kProduct);
    case kAttErrorMessage:
      return text(kErrorMessage);
    case kAttResult:
      return add_result(record, avp.value);
    case kAttExperimental:
      return add_experimental(record, avp.value);
    case kAttSubscription:
      for_each_avp(avp.value, [&](const Avp& inner) {
        if (inner.code != kAttSubscriptionData || shown++ >= kMostShown) return;
        record.add_text(kSubscriber, base::as_text(inner.value));
      });
      return;
    default:
      return;
  }
}

Onward DiameterDecoder::on_frame(const Frame& frame) {
  Cursor in(frame.bytes);
  Header header;
  if (!read_header(in, header)) return {};
  const bool asks = (header.flags & kIsRequest) != 0;
  RecordBuilder& record = frame.context.record();
  record.start(kSchema, asks ? kRequest : kAnswer);
  const string_view command = diameter::command_name(header.command);
  if (!command.empty()) record.add_text(kCommand, command);
  record.add_uint(kCommandCode, header.command);
  const string_view application = diameter::application_name(header.application);
  if (!application.empty()) record.add_text(kApplication, application);
  record.add_uint(kApplicationId, header.application);
  record.add_uint(kHopByHop, header.hop_by_hop);
  std::size_t shown = 0;
  std::uint64_t seen = 0;  // a base attribute may come once
  const bool whole = for_each_avp(in.rest(), [&](const Avp& avp) {
    constexpr std::uint32_t kFirst = 256;
    const std::uint32_t place = avp.code - kFirst;
    if (place < 64) {
      if ((seen >> place & 1) != 0) return;
      seen |= std::uint64_t{1} << place;
    }
    add_avp(record, avp, shown);
  });
  if (asks) {
    waiting_.ask(header.hop_by_hop, frame.side, frame.time_ns);
  } else {
    const base::TimeNs ns = waiting_.answer(header.hop_by_hop, frame.side, frame.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  }
  if (frame.cut()) record.mark_cut();
  if (!whole && !frame.cut()) frame.context.odd("avp_length");
  // Either peer may ask; the first to do so is who connected (section 5.3).
  frame.context.set_originator(asks ? frame.side : model::other(frame.side));
  frame.context.emit(frame.side);
  return {};
}

// The first message must add up, to its last attribute; a long one as far as it is kept.
Probe probe_diameter(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  if (bytes.size() >= 5 && (bytes[4] & kReserved) != 0) return Probe::kNo;
  if (bytes.size() < kHeaderBytes) return bytes[0] == 1 ? Probe::kMore : Probe::kNo;
  Cursor in(bytes);
  Header header;
  if (!read_header(in, header) || header.length == kHeaderBytes) return Probe::kNo;
  Cursor body(in.rest().first(std::min<std::size_t>(in.remaining(), header.length - kHeaderBytes)));
  constexpr std::size_t kHeadBytes = 8;
  bool any = false;
  while (body.remaining() >= kHeadBytes) {
    Cursor head(body.rest());
    head.skip(4);
    const bool flags = (head.u8() & 0x1F) == 0;
    const std::uint32_t length = head.u24();
    if (!flags || length < kHeadBytes || length > header.length) return Probe::kNo;
    const std::size_t padded = (length + std::size_t{3}) & ~std::size_t{3};
    any = true;
    body.take_up_to(padded);
  }
  if (bytes.size() >= header.length) return body.at_end() && any ? Probe::kYes : Probe::kNo;
  return bytes.size() < kProbeBytes ? Probe::kMore : any ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kPorts[] = {3868};

}  // namespace

extern const ProtocolDef kDiameter;
constinit const ProtocolDef kDiameter{
    .name = "diameter",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x01"),
    .usual_ports = kPorts,
    .probe = probe_diameter,
    .schema = &kSchema,
    .state_bytes = sizeof(DiameterDecoder),
    .make = make_decoder<DiameterDecoder>,
};

}  // namespace netwatch::dpi
