// IGMP: RFC 1112 (version 1), RFC 2236 (2), RFC 3376 (3).
#include <array>

#include "base/cursor.h"
#include "dpi/parts/internet_message.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Cursor;
using model::FieldDef;
using model::FieldType;
using std::string_view;

enum Kind : std::uint8_t { kQuery, kReport, kLeave };
constexpr std::array<string_view, 3> kKinds{"query", "report", "leave"};

enum Field : std::uint8_t { kVersion, kGroup, kMode, kSource, kMaxResponse };

constexpr string_view kVersionAlias[] = {"igmp.version_number"};
constexpr string_view kGroupAlias[] = {"igmp.maddr"};
constexpr string_view kModeAlias[] = {"igmp.record_type"};
constexpr string_view kSourceAlias[] = {"igmp.saddr"};
constexpr string_view kMaxResponseAlias[] = {"igmp.max_resp"};

constexpr FieldDef kFields[] = {
    {.name = "igmp.version",
     .type = FieldType::kUint,
     .help = "version of the message",
     .role = model::Role::kVersion,
     .aliases = kVersionAlias},
    {.name = "igmp.group",
     .type = FieldType::kAddress,
     .list = true,
     .help = "groups asked about, joined or left; none in a query for all",
     .aliases = kGroupAlias},
    {.name = "igmp.mode",
     .list = true,
     .help = "per group of a version 3 report: is_in, is_ex, to_in, to_ex, allow, block",
     .aliases = kModeAlias},
    {.name = "igmp.source",
     .type = FieldType::kAddress,
     .list = true,
     .help = "sources asked about or named for the groups",
     .aliases = kSourceAlias},
    {.name = "igmp.max_response_us",
     .type = FieldType::kDuration,
     .help = "within which a query wants its answers",
     .aliases = kMaxResponseAlias},
};
static_assert(std::size(kFields) == kMaxResponse + 1);

const model::Schema kIgmpSchema{"igmp", "IGMP", kKinds, kFields};

enum Type : std::uint8_t {
  kMembershipQuery = 0x11,
  kReportV1 = 0x12,
  kReportV2 = 0x16,
  kLeaveGroup = 0x17,
  kReportV3 = 0x22,
};

void add_sources(Cursor& in, unsigned count, model::RecordBuilder& record) {
  for (; count > 0 && in.remaining() >= 4; --count) record.add_address(kSource, next_v4(in));
}

// Tenths of a second; from 128 on a mantissa and an exponent (RFC 3376 4.1.1).
base::TimeNs max_response_ns(std::uint8_t code, bool v3) {
  unsigned tenths = code;
  if (v3 && code >= 128) tenths = ((code & 15U) | 16U) << (((code >> 4) & 7U) + 3);
  return base::TimeNs{tenths} * (base::kNsPerSecond / 10);
}

void add_query(std::uint8_t code, Cursor in, model::RecordBuilder& record) {
  const bool v3 = in.remaining() >= 8;
  record.add_uint(kVersion, v3 ? 3 : code == 0 ? 1 : 2);
  const base::IpAddress group = next_v4(in);
  if (in.ok() && group != base::IpAddress::v4(std::array<std::uint8_t, 4>{}.data())) {
    record.add_address(kGroup, group);
  }
  if (v3) {
    in.skip(2);
    add_sources(in, in.u16(), record);
  }
  if (code != 0) record.add_int(kMaxResponse, max_response_ns(code, v3));
}

// RFC 3376 4.2.
bool add_group_records(Cursor in, model::RecordBuilder& record) {
  constexpr std::array<string_view, 7> kModes{"",      "is_in", "is_ex", "to_in",
                                              "to_ex", "allow", "block"};
  record.add_uint(kVersion, 3);
  in.skip(2);
  for (unsigned left = in.u16(); left > 0 && in.ok(); --left) {
    const std::uint8_t mode = in.u8();
    const std::size_t extra = std::size_t{in.u8()} * 4;
    const unsigned sources = in.u16();
    const base::IpAddress group = next_v4(in);
    if (!in.ok()) return false;
    record.add_address(kGroup, group);
    if (mode > 0 && mode < kModes.size()) record.add_text(kMode, kModes[mode]);
    Cursor list = in.sub(std::size_t{sources} * 4);
    add_sources(list, sources, record);
    in.skip(extra);
  }
  return in.ok();
}

class IgmpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
};

bool is_known(std::uint8_t type) {
  return type == kMembershipQuery || type == kReportV1 || type == kReportV2 ||
         type == kLeaveGroup || type == kReportV3;
}

Step IgmpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Cursor in(chunk.bytes);
  const std::uint8_t type = in.u8();
  const std::uint8_t code = in.u8();
  in.skip(2);
  if (chunk.bytes.size() < 8 || !is_known(type)) return {.verdict = Verdict::kNotMine};
  model::RecordBuilder& record = context.record();
  record.start(kIgmpSchema, type == kMembershipQuery ? kQuery
                            : type == kLeaveGroup    ? kLeave
                                                     : kReport);
  if (type == kMembershipQuery) {
    add_query(code, in, record);
  } else if (type == kReportV3) {
    if (!add_group_records(in, record) && !chunk.cut) context.odd("message_overrun");
  } else {
    record.add_uint(kVersion, type == kReportV1 ? 1 : 2);
    record.add_address(kGroup, next_v4(in));
  }
  if (chunk.cut) record.mark_cut();
  context.emit(chunk.side);
  return {.consumed = chunk.bytes.size()};
}

Probe probe_igmp(const ProbeInput& input) {
  const base::Bytes bytes = input.of(input.latest);
  return bytes.size() >= 8 && is_known(bytes[0]) ? Probe::kYes : Probe::kNo;
}

}  // namespace

extern const ProtocolDef kIgmp{.name = "igmp",
                               .transport = Transport::kIp,
                               .first = FirstBytes::any(),
                               .probe = probe_igmp,
                               .schema = &kIgmpSchema,
                               .state_bytes = sizeof(IgmpDecoder),
                               .make = make_decoder<IgmpDecoder>,
                               .ip_proto = model::ip_proto::kIgmp};

}  // namespace netwatch::dpi
