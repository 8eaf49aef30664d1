// BGP-4: RFC 4271; capabilities RFC 5492 (IANA's registry), four-octet AS numbers RFC 6793, other
// address families RFC 4760, long messages RFC 8654, shutdown communication RFC 9003. Of the
// families, unicast and multicast of IPv4 and IPv6; with additional paths (RFC 7911) prefixes are
// left out. Keep-alives are not reported.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kOpen, kUpdate, kNotification, kRefresh };
constexpr string_view kKinds[] = {"open", "update", "notification", "route_refresh"};

enum Field : std::uint8_t {
  kVersion,
  kAs,
  kHoldTime,
  kIdentifier,
  kCapability,
  kPrefix,
  kWithdrawn,
  kOrigin,
  kAsPath,
  kNextHop,
  kError,
  kErrorCode,
  kText,
  kFieldCount,
};

constexpr string_view kVersionAlias[] = {"bgp.open.version"};
constexpr string_view kAsAlias[] = {"bgp.open.myas"};
constexpr string_view kHoldTimeAlias[] = {"bgp.open.holdtime"};
constexpr string_view kIdentifierAlias[] = {"bgp.open.identifier"};
constexpr string_view kCapabilityAlias[] = {"bgp.cap.type"};
constexpr string_view kPrefixAlias[] = {"bgp.nlri_prefix", "bgp.mp_reach_nlri_ipv6_prefix"};
constexpr string_view kWithdrawnAlias[] = {"bgp.withdrawn_prefix"};
constexpr string_view kOriginAlias[] = {"bgp.update.path_attribute.origin"};
constexpr string_view kAsPathAlias[] = {"bgp.update.path_attribute.as_path_segment.as4"};
constexpr string_view kNextHopAlias[] = {"bgp.update.path_attribute.next_hop"};
constexpr string_view kErrorAlias[] = {"bgp.notify.major_error"};
constexpr string_view kTextAlias[] = {"bgp.notify.communication"};

constexpr FieldDef kFields[] = {
    {.name = "bgp.version",
     .type = FieldType::kUint,
     .help = "version of the protocol",
     .role = model::Role::kVersion,
     .aliases = kVersionAlias},
    {.name = "bgp.as",
     .type = FieldType::kUint,
     .help = "the sender's autonomous system",
     .aliases = kAsAlias},
    {.name = "bgp.hold_time_s",
     .type = FieldType::kUint,
     .help = "silence after which it gives the session up",
     .aliases = kHoldTimeAlias},
    {.name = "bgp.identifier",
     .type = FieldType::kAddress,
     .help = "the sender's identifier",
     .role = model::Role::kUser,
     .aliases = kIdentifierAlias},
    {.name = "bgp.capability",
     .list = true,
     .help = "what the sender can do; capability-N where IANA's name is not known here",
     .aliases = kCapabilityAlias},
    {.name = "bgp.prefix",
     .list = true,
     .help = "networks that are announced",
     .aliases = kPrefixAlias},
    {.name = "bgp.withdrawn",
     .list = true,
     .help = "networks that are no longer announced",
     .aliases = kWithdrawnAlias},
    {.name = "bgp.origin",
     .help = "where they come from: igp, egp, incomplete",
     .aliases = kOriginAlias},
    {.name = "bgp.as_path",
     .help = "the systems on the way; a set is in braces",
     .aliases = kAsPathAlias},
    {.name = "bgp.next_hop",
     .type = FieldType::kAddress,
     .help = "router to send to",
     .aliases = kNextHopAlias},
    {.name = "bgp.error",
     .help = "why the session ends",
     .role = model::Role::kStatus,
     .aliases = kErrorAlias},
    {.name = "bgp.error_code", .help = "the same as code.subcode"},
    {.name = "bgp.text", .help = "what the operator said of a shutdown", .aliases = kTextAlias},
};
static_assert(std::size(kFields) == kFieldCount);
constexpr model::Schema kSchema{
    .proto = "bgp", .title = "BGP-4", .kinds = kKinds, .fields = kFields};

enum Type : std::uint8_t {
  kOpenType = 1,
  kUpdateType,
  kNotificationType,
  kKeepalive,
  kRefreshType
};
constexpr std::size_t kMarkerBytes = 16;
constexpr std::size_t kHeaderBytes = 19;

// RFC 4271 4.1: sixteen bytes of ones, length, type. A message that is too short for its type is
// one all the same: 6.1 has an error for it.
FrameSize frame_size(Bytes bytes) {
  const std::size_t marker = std::min(bytes.size(), kMarkerBytes);
  if (!std::ranges::all_of(bytes.first(marker), [](std::uint8_t b) { return b == 0xff; })) {
    return FrameSize::bad();
  }
  if (bytes.size() < kHeaderBytes) return {};
  const std::size_t len = std::size_t{bytes[16]} << 8 | bytes[17];
  const std::uint8_t type = bytes[18];
  if (type == 0 || type > kRefreshType || len < kHeaderBytes) return FrameSize::bad();
  if (type == kKeepalive && len != kHeaderBytes) return FrameSize::bad();
  return FrameSize::known(len);
}

// A marker is proof enough; an OPEN must be of version 4 beside, or lead to another marker.
Probe probe_open(Bytes bytes, std::size_t len) {
  if (bytes.size() == kHeaderBytes) return Probe::kMore;
  if (bytes[kHeaderBytes] == 4) return Probe::kYes;
  if (bytes.size() <= len) return Probe::kNo;
  const FrameSize next = frame_size(bytes.subspan(len));
  return next.what == FrameSize::What::kKnown ? Probe::kYes : Probe::kNo;
}

Probe probe_bgp(const ProbeInput& input) {
  return probe_sides(input, [](Bytes bytes) {
    const FrameSize size = frame_size(bytes);
    if (size.what == FrameSize::What::kMore) return Probe::kMore;
    if (size.what != FrameSize::What::kKnown) return Probe::kNo;
    if (bytes[18] != kOpenType) return Probe::kYes;
    return probe_open(bytes, static_cast<std::size_t>(size.bytes));
  });
}

std::string capability_name(std::uint8_t code) {
  switch (code) {
    case 1:
      return "multiprotocol";
    case 2:
      return "route_refresh";
    case 5:
      return "extended_next_hop";
    case 6:
      return "extended_message";
    case 9:
      return "role";
    case 64:
      return "graceful_restart";
    case 65:
      return "four_octet_as";
    case 69:
      return "add_path";
    case 70:
      return "enhanced_route_refresh";
    case 71:
      return "long_lived_graceful_restart";
    case 73:
      return "fqdn";
    default:
      return "capability-" + std::to_string(code);
  }
}

string_view error_name(std::uint8_t code, std::uint8_t subcode) {
  constexpr std::array<string_view, 9> kCodes{"",
                                              "message_header_error",
                                              "open_error",
                                              "update_error",
                                              "hold_timer_expired",
                                              "state_machine_error",
                                              "cease",
                                              "route_refresh_error",
                                              "send_hold_timer_expired"};
  // RFC 4486, RFC 8538, RFC 9384.
  constexpr std::array<string_view, 11> kCease{"cease",
                                               "maximum_prefixes",
                                               "administrative_shutdown",
                                               "peer_deconfigured",
                                               "administrative_reset",
                                               "connection_rejected",
                                               "configuration_change",
                                               "connection_collision",
                                               "out_of_resources",
                                               "hard_reset",
                                               "bfd_down"};
  if (code == 6 && subcode < kCease.size()) return kCease[subcode];
  return code < kCodes.size() ? kCodes[code] : string_view{};
}

enum Family : std::uint16_t { kIpv4 = 1, kIpv6 = 2 };

// The address whose first bytes are given; its family's length is filled up with zeros.
base::IpAddress address_of(Family family, Bytes bytes) {
  std::array<std::uint8_t, 16> whole{};
  std::copy_n(bytes.begin(), std::min<std::size_t>(bytes.size(), family == kIpv4 ? 4 : 16),
              whole.begin());
  return family == kIpv4 ? base::IpAddress::v4(whole.data()) : base::IpAddress::v6(whole.data());
}

// RFC 4271 4.3: a length in bits, and as many bytes as hold it.
bool add_prefixes(Field field, Family family, Cursor in, model::RecordBuilder& record) {
  const unsigned most = family == kIpv4 ? 32 : 128;
  while (!in.at_end()) {
    const unsigned bits = in.u8();
    const Bytes bytes = in.take((bits + 7) / 8);
    if (!in.ok() || bits > most) return false;
    record.add_text(field, address_of(family, bytes).to_string() + "/" + std::to_string(bits));
  }
  return in.ok();
}

// Whether segments of numbers of that many bytes fill it exactly.
bool path_fits(Cursor in, std::size_t number_bytes) {
  while (!in.at_end()) {
    const std::uint8_t type = in.u8();
    in.skip(std::size_t{in.u8()} * number_bytes);
    if (!in.ok() || type == 0 || type > 4) return false;
  }
  return true;
}

std::string path_text(Cursor in, std::size_t number_bytes) {
  constexpr std::uint8_t kSet = 1;
  constexpr std::size_t kMaxText = 512;
  std::string text;
  while (!in.at_end() && text.size() < kMaxText) {
    const bool set = in.u8() == kSet;
    unsigned left = in.u8();
    text += text.empty() ? "" : " ";
    if (set) text += '{';
    for (bool first = true; left > 0 && in.ok() && text.size() < kMaxText; --left, first = false) {
      if (!first) text += set ? ',' : ' ';
      text += std::to_string(in.be(number_bytes));
    }
    if (set) text += '}';
  }
  return text;
}

class BgpDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override { return frame_size(bytes); }
  Onward on_frame(const Frame& frame) override;
  bool begins_with(Bytes bytes, Side /*side*/) override {
    return frame_size(bytes).what == FrameSize::What::kKnown;
  }

 private:
  void open(Cursor in, const Frame& frame);
  void capabilities(Cursor in, Side side, std::uint32_t& as, model::RecordBuilder& record);
  void update(Cursor in, const Frame& frame);
  bool attribute(std::uint8_t type, Cursor in, model::RecordBuilder& record) const;
  bool reach(Cursor in, model::RecordBuilder& record) const;
  bool unreach(Cursor in, model::RecordBuilder& record) const;
  static void notification(Cursor in, const Frame& frame);
  static void finish(const Frame& frame, bool fine);
  [[nodiscard]] bool shows_prefixes() const { return !(add_path_[0] && add_path_[1]); }

  std::array<bool, 2> add_path_{};
};

Onward BgpDecoder::on_frame(const Frame& frame) {
  Cursor in(frame.bytes.subspan(kHeaderBytes));
  switch (frame.bytes[18]) {
    case kOpenType:
      open(in, frame);
      break;
    case kUpdateType:
      update(in, frame);
      break;
    case kNotificationType:
      notification(in, frame);
      break;
    case kRefreshType:
      frame.context.record().start(kSchema, kRefresh);
      finish(frame, true);
      break;
    default:
      break;
  }
  return {};
}

void BgpDecoder::finish(const Frame& frame, bool fine) {
  if (!fine && !frame.cut()) frame.context.odd("message_overrun");
  if (frame.cut()) frame.context.record().mark_cut();
  frame.context.emit(frame.side);
}

void BgpDecoder::open(Cursor in, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kOpen);
  record.add_uint(kVersion, in.u8());
  std::uint32_t as = in.u16();
  record.add_uint(kHoldTime, in.u16());
  const Bytes identifier = in.take(4);
  if (in.ok()) record.add_address(kIdentifier, address_of(kIpv4, identifier));
  constexpr std::uint8_t kCapabilities = 2;
  Cursor parameters = in.sub(in.u8());
  while (parameters.ok() && !parameters.at_end()) {
    const std::uint8_t type = parameters.u8();
    const Cursor value = parameters.sub(parameters.u8());
    if (type == kCapabilities && value.ok()) capabilities(value, frame.side, as, record);
  }
  record.add_uint(kAs, as);
  finish(frame, parameters.ok());
}

void BgpDecoder::capabilities(Cursor in, Side side, std::uint32_t& as,
                              model::RecordBuilder& record) {
  enum : std::uint8_t { kFourOctetAs = 65, kAddPath = 69 };
  while (!in.at_end()) {
    const std::uint8_t code = in.u8();
    Cursor value = in.sub(in.u8());
    if (!in.ok()) return;
    record.add_text(kCapability, capability_name(code));
    if (code == kFourOctetAs && value.remaining() == 4) as = value.u32();
    if (code == kAddPath) add_path_[model::index(side)] = true;
  }
}

void BgpDecoder::update(Cursor in, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kUpdate);
  const Cursor withdrawn = in.sub(in.u16());
  Cursor attributes = in.sub(in.u16());
  bool fine = in.ok();
  if (shows_prefixes()) fine = add_prefixes(kWithdrawn, kIpv4, withdrawn, record) && fine;
  constexpr std::uint8_t kExtendedLength = 0x10;
  while (fine && !attributes.at_end()) {
    const std::uint8_t flags = attributes.u8();
    const std::uint8_t type = attributes.u8();
    const bool extended = (flags & kExtendedLength) != 0;
    const std::size_t len = extended ? std::size_t{attributes.u16()} : std::size_t{attributes.u8()};
    const Cursor value = attributes.sub(len);
    fine = attributes.ok() && attribute(type, value, record);
  }
  if (fine && shows_prefixes()) fine = add_prefixes(kPrefix, kIpv4, Cursor(in.rest()), record);
  finish(frame, fine);
}

bool BgpDecoder::attribute(std::uint8_t type, Cursor in, model::RecordBuilder& record) const {
  enum : std::uint8_t { kOriginType = 1, kAsPathType = 2, kNextHopType = 3, kReach = 14, kUnreach };
  switch (type) {
    case kOriginType: {
      constexpr std::array<string_view, 3> kOrigins{"igp", "egp", "incomplete"};
      const std::uint8_t origin = in.u8();
      if (in.ok() && origin < kOrigins.size()) record.add_text(kOrigin, kOrigins[origin]);
      return in.ok();
    }
    case kAsPathType: {
      // How long a number is was agreed on in the OPENs, which may not be in the capture.
      const std::size_t number_bytes = path_fits(in, 4) ? 4 : 2;
      if (!path_fits(in, number_bytes)) return false;
      if (!in.at_end()) record.add_text(kAsPath, path_text(in, number_bytes));
      return true;
    }
    case kNextHopType:
      if (in.remaining() == 4) record.add_address(kNextHop, address_of(kIpv4, in.rest()));
      return true;
    case kReach:
      return reach(in, record);
    case kUnreach:
      return unreach(in, record);
    default:
      return true;
  }
}

// RFC 4760 3: family, subsequent family, next hop, a reserved byte, prefixes.
bool BgpDecoder::reach(Cursor in, model::RecordBuilder& record) const {
  const std::uint16_t family = in.u16();
  const std::uint8_t subsequent = in.u8();
  const Bytes next_hop = in.take(in.u8());
  in.skip(1);
  const bool known = (family == kIpv4 || family == kIpv6) && (subsequent == 1 || subsequent == 2);
  if (!in.ok() || !known) return in.ok();
  if (next_hop.size() == 4 || next_hop.size() >= 16) {
    record.add_address(kNextHop, address_of(next_hop.size() == 4 ? kIpv4 : kIpv6, next_hop));
  }
  if (!shows_prefixes()) return true;
  return add_prefixes(kPrefix, static_cast<Family>(family), Cursor(in.rest()), record);
}

bool BgpDecoder::unreach(Cursor in, model::RecordBuilder& record) const {
  const std::uint16_t family = in.u16();
  const std::uint8_t subsequent = in.u8();
  const bool known = (family == kIpv4 || family == kIpv6) && (subsequent == 1 || subsequent == 2);
  if (!in.ok() || !known || !shows_prefixes()) return in.ok();
  return add_prefixes(kWithdrawn, static_cast<Family>(family), Cursor(in.rest()), record);
}

void BgpDecoder::notification(Cursor in, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kNotification);
  const std::uint8_t code = in.u8();
  const std::uint8_t subcode = in.u8();
  if (const string_view name = error_name(code, subcode); !name.empty()) {
    record.add_text(kError, name);
  }
  record.add_text(kErrorCode, std::to_string(code) + "." + std::to_string(subcode));
  const bool may_say = code == 6 && (subcode == 2 || subcode == 4);
  const Bytes said = may_say ? in.take(in.u8()) : Bytes{};
  if (!said.empty()) record.add_text(kText, base::as_text(said));
  finish(frame, in.ok());
}

constexpr std::uint16_t kPorts[] = {179};

}  // namespace

extern const ProtocolDef kBgp{.name = "bgp",
                              .transport = Transport::kTcp,
                              .first = FirstBytes::of("\xff"),
                              .usual_ports = kPorts,
                              .probe = probe_bgp,
                              .schema = &kSchema,
                              .state_bytes = sizeof(BgpDecoder),
                              .make = make_decoder<BgpDecoder>};

}  // namespace netwatch::dpi
