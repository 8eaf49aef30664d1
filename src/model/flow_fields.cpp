#include "model/flow_fields.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

namespace netwatch::model {
namespace {

template <std::size_t kCount>
using Names = std::array<std::string_view, kCount>;

constexpr Names<1> kIpAddrNames{"ipv6.addr"};
constexpr Names<1> kIpSrcNames{"ipv6.src"};
constexpr Names<1> kIpDstNames{"ipv6.dst"};
constexpr Names<3> kSrcPortNames{"tcp.srcport", "udp.srcport", "sctp.srcport"};
constexpr Names<3> kDstPortNames{"tcp.dstport", "udp.dstport", "sctp.dstport"};
constexpr Names<1> kL4Names{"ip.proto"};
constexpr Names<1> kNameNames{"host"};
constexpr Names<1> kCommunityIdNames{"communityid"};
constexpr Names<2> kOwnerNameNames{"process", "owner.comm"};
constexpr Names<1> kOwnerPidNames{"pid"};
constexpr Names<1> kOwnerUserNames{"user"};

constexpr std::size_t kFieldCount = static_cast<std::size_t>(FlowField::kParent) + 1;

constexpr FieldDef number(std::string_view name, std::string_view help) {
  return {.name = name, .type = FieldType::kUint, .help = help};
}

constexpr FieldDef duration(std::string_view name, std::string_view help) {
  return {.name = name, .type = FieldType::kDuration, .help = help};
}

// In the order of FlowField.
constexpr std::array<FieldDef, kFieldCount> kFields{{
    {.name = "ip.addr",
     .type = FieldType::kAddress,
     .list = true,
     .help = "address of either end",
     .aliases = kIpAddrNames},
    {.name = "ip.src",
     .type = FieldType::kAddress,
     .help = "address of the originator",
     .aliases = kIpSrcNames},
    {.name = "ip.dst",
     .type = FieldType::kAddress,
     .help = "address of the responder",
     .aliases = kIpDstNames},
    {.name = "port", .type = FieldType::kUint, .list = true, .help = "port of either end"},
    {.name = "srcport",
     .type = FieldType::kUint,
     .help = "port of the originator",
     .aliases = kSrcPortNames},
    {.name = "dstport",
     .type = FieldType::kUint,
     .help = "port of the responder",
     .aliases = kDstPortNames},
    {.name = "tcp.port", .type = FieldType::kUint, .list = true, .help = "TCP port of either end"},
    {.name = "udp.port", .type = FieldType::kUint, .list = true, .help = "UDP port of either end"},
    {.name = "l4", .help = "transport: tcp, udp, icmp, icmp6, igmp, sctp, ip-89", .aliases = kL4Names},
    {.name = "app", .list = true, .help = "application protocols, innermost last"},
    {.name = "name",
     .help = "what the responder is called",
     .privacy = Privacy::kPersonal,
     .aliases = kNameNames},
    {.name = "name_from", .help = "where the name comes from: sni, host, dns, ptr, other"},
    number("packets", "packets of both directions"),
    number("wire_bytes", "link-layer bytes of both directions"),
    number("ip_bytes", "IP bytes of both directions"),
    number("payload_bytes", "bytes above the transport header, both directions"),
    number("retransmitted", "TCP segments that were sent again"),
    number("lost_bytes", "TCP bytes that were never seen"),
    {.name = "rtt_us", .type = FieldType::kDuration, .help = "round trip of the TCP handshake"},
    {.name = "conn_state", .help = "how the TCP connection went, in Zeek's names: SF, S0, REJ"},
    {.name = "history", .help = "what happened in the TCP connection, in Zeek's letters"},
    {.name = "duration_us", .type = FieldType::kDuration, .help = "first to last packet"},
    {.name = "community_id", .help = "Community ID v1", .aliases = kCommunityIdNames},
    {.name = "owner.name",
     .list = true,
     .help = "program at either end",
     .aliases = kOwnerNameNames},
    {.name = "owner.pid",
     .type = FieldType::kUint,
     .list = true,
     .help = "process id at either end",
     .aliases = kOwnerPidNames},
    {.name = "owner.exe",
     .list = true,
     .help = "executable at either end",
     .privacy = Privacy::kPersonal,
     .max_bytes = 1024},
    {.name = "owner.user",
     .list = true,
     .help = "user that runs the program at either end",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kOwnerUserNames},
    {.name = "owner.quality", .help = "the surer owner of both ends: exact, inferred, unknown"},
    {.name = "flow", .help = "id of the flow in this run"},
    number("out_of_order", "TCP segments that came behind later ones, but were not sent again"),
    number("duplicate_acks", "TCP acknowledgements that say again what is missing"),
    number("zero_windows", "TCP segments that closed their sender's window"),
    number("syn_retries", "TCP SYNs and their answers that were sent again"),
    number("resets", "TCP segments with RST"),
    duration("orig.rtt_us", "from what the originator sent to its answer, smoothed"),
    duration("resp.rtt_us", "from what the responder sent to its answer, smoothed"),
    duration("orig.rtt_min_us", "from what the originator sent to its answer, smallest"),
    duration("resp.rtt_min_us", "from what the responder sent to its answer, smallest"),
    duration("answer_us", "UDP, ICMP: first packet to the other side's first"),
    {.name = "parent", .help = "id of the flow that announced this one's address and port"},
}};

constexpr Names<1> kKinds{"flow"};
constexpr Schema kSchema{.proto = "flow", .title = "Flow", .kinds = kKinds, .fields = kFields};

std::uint64_t sum(const Flow& flow, std::uint64_t DirectionCounters::* counter) {
  return flow.sides[0].*counter + flow.sides[1].*counter;
}

void add_text_if(RecordBuilder& builder, std::uint8_t id, std::string_view text) {
  if (!text.empty()) builder.add_text(id, text);
}

void add_endpoint_field(RecordBuilder& builder, const Flow& flow, FlowField field) {
  const auto id = static_cast<std::uint8_t>(field);
  const bool of_tcp = flow.proto == ip_proto::kTcp;
  const bool of_udp = flow.proto == ip_proto::kUdp;
  const bool orig = field != FlowField::kIpDst && field != FlowField::kDstPort;
  const bool resp = field != FlowField::kIpSrc && field != FlowField::kSrcPort;
  switch (field) {
    case FlowField::kIpAddr:
    case FlowField::kIpSrc:
    case FlowField::kIpDst:
      if (orig) builder.add_address(id, flow.orig.address);
      if (resp) builder.add_address(id, flow.resp.address);
      return;
    case FlowField::kTcpPort:
      if (!of_tcp) return;
      break;
    case FlowField::kUdpPort:
      if (!of_udp) return;
      break;
    default:
      if (!ip_proto::has_ports(flow.proto)) return;
  }
  if (orig) builder.add_uint(id, flow.orig.port);
  if (resp) builder.add_uint(id, flow.resp.port);
}

void add_name_field(RecordBuilder& builder, const Flow& flow, FlowField field) {
  const auto id = static_cast<std::uint8_t>(field);
  switch (field) {
    case FlowField::kL4:
      return builder.add_text(id, ip_proto_name(flow.proto));
    case FlowField::kApp:
      for (const std::string_view app : flow.apps) add_text_if(builder, id, app);
      return;
    case FlowField::kName:
      return add_text_if(builder, id, flow.name);
    case FlowField::kNameFrom:
      return add_text_if(builder, id, name_source_name(flow.name_from));
    case FlowField::kConnState:
      return add_text_if(builder, id, flow.conn_state);
    case FlowField::kHistory:
      return add_text_if(builder, id, flow.history);
    case FlowField::kCommunityId:
      return add_text_if(builder, id, flow.community_id);
    default: {
      const FlowId id_shown = field == FlowField::kParent ? flow.parent : flow.id;
      if (id_shown == kNoFlow) return;
      std::string text;  // an id is short: no allocation
      append_flow_id(text, id_shown);
      return builder.add_text(id, text);
    }
  }
}

void add_counter_field(RecordBuilder& builder, const Flow& flow, FlowField field) {
  const auto id = static_cast<std::uint8_t>(field);
  const bool of_tcp = flow.proto == ip_proto::kTcp;
  switch (field) {
    case FlowField::kPackets:
      return builder.add_uint(id, sum(flow, &DirectionCounters::packets));
    case FlowField::kWireBytes:
      return builder.add_uint(id, sum(flow, &DirectionCounters::wire_bytes));
    case FlowField::kIpBytes:
      return builder.add_uint(id, sum(flow, &DirectionCounters::ip_bytes));
    case FlowField::kPayloadBytes:
      return builder.add_uint(id, sum(flow, &DirectionCounters::payload_bytes));
    case FlowField::kRetransmitted:
      if (of_tcp) builder.add_uint(id, sum(flow, &DirectionCounters::retransmitted));
      return;
    case FlowField::kLostBytes:
      if (of_tcp) builder.add_uint(id, sum(flow, &DirectionCounters::lost_bytes));
      return;
    case FlowField::kRttUs:
      if (flow.handshake_rtt_us >= 0) builder.add_int(id, flow.handshake_rtt_us * base::kNsPerUs);
      return;
    default:
      return builder.add_int(id, std::max<base::TimeNs>(flow.last_ns - flow.first_ns, 0));
  }
}

void add_quality_field(RecordBuilder& builder, const Flow& flow, FlowField field) {
  const auto id = static_cast<std::uint8_t>(field);
  const auto known = [&](std::int64_t us) {
    if (us >= 0) builder.add_int(id, us * base::kNsPerUs);
  };
  const auto both = [&](std::uint32_t SideQuality::* counter) {
    if (flow.proto != ip_proto::kTcp) return;
    builder.add_uint(id, std::uint64_t{flow.quality[0].*counter} + flow.quality[1].*counter);
  };
  switch (field) {
    case FlowField::kOutOfOrder:
      return both(&SideQuality::out_of_order);
    case FlowField::kDuplicateAcks:
      return both(&SideQuality::duplicate_acks);
    case FlowField::kZeroWindows:
      return both(&SideQuality::zero_windows);
    case FlowField::kSynRetries:
      return both(&SideQuality::syn_retries);
    case FlowField::kResets:
      return both(&SideQuality::resets);
    case FlowField::kOrigRttUs:
      return known(flow.quality[0].rtt_us);
    case FlowField::kRespRttUs:
      return known(flow.quality[1].rtt_us);
    case FlowField::kOrigRttMinUs:
      return known(flow.quality[0].rtt_min_us);
    case FlowField::kRespRttMinUs:
      return known(flow.quality[1].rtt_min_us);
    default:
      return known(flow.answer_us);
  }
}

void add_owner_field(RecordBuilder& builder, const Flow& flow, FlowField field) {
  const auto id = static_cast<std::uint8_t>(field);
  if (field == FlowField::kOwnerQuality) {
    const Quality surer = std::max(flow.owners[0].quality, flow.owners[1].quality);
    return builder.add_text(id, quality_name(surer));
  }
  for (const Owner& owner : flow.owners) {
    if (owner.process == nullptr) continue;
    const Process& process = *owner.process;
    switch (field) {
      case FlowField::kOwnerName:
        add_text_if(builder, id, process.comm);
        break;
      case FlowField::kOwnerExe:
        add_text_if(builder, id, process.exe);
        break;
      case FlowField::kOwnerUser:
        add_text_if(builder, id, process.user);
        break;
      default:
        if (process.pid != 0) builder.add_uint(id, process.pid);
    }
  }
}

}  // namespace

const Schema& flow_schema() { return kSchema; }

void add_flow_field(RecordBuilder& builder, const Flow& flow, FlowField field) {
  switch (field) {
    case FlowField::kIpAddr:
    case FlowField::kIpSrc:
    case FlowField::kIpDst:
    case FlowField::kPort:
    case FlowField::kSrcPort:
    case FlowField::kDstPort:
    case FlowField::kTcpPort:
    case FlowField::kUdpPort:
      return add_endpoint_field(builder, flow, field);
    case FlowField::kL4:
    case FlowField::kApp:
    case FlowField::kName:
    case FlowField::kNameFrom:
    case FlowField::kConnState:
    case FlowField::kHistory:
    case FlowField::kCommunityId:
    case FlowField::kFlowId:
    case FlowField::kParent:
      return add_name_field(builder, flow, field);
    case FlowField::kPackets:
    case FlowField::kWireBytes:
    case FlowField::kIpBytes:
    case FlowField::kPayloadBytes:
    case FlowField::kRetransmitted:
    case FlowField::kLostBytes:
    case FlowField::kRttUs:
    case FlowField::kDurationUs:
      return add_counter_field(builder, flow, field);
    case FlowField::kOwnerName:
    case FlowField::kOwnerPid:
    case FlowField::kOwnerExe:
    case FlowField::kOwnerUser:
    case FlowField::kOwnerQuality:
      return add_owner_field(builder, flow, field);
    case FlowField::kOutOfOrder:
    case FlowField::kDuplicateAcks:
    case FlowField::kZeroWindows:
    case FlowField::kSynRetries:
    case FlowField::kResets:
    case FlowField::kOrigRttUs:
    case FlowField::kRespRttUs:
    case FlowField::kOrigRttMinUs:
    case FlowField::kRespRttMinUs:
    case FlowField::kAnswerUs:
      return add_quality_field(builder, flow, field);
  }
}

}  // namespace netwatch::model
