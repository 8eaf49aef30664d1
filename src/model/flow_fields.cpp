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
// What the NDJSON calls them comes first.
constexpr Names<2> kIpSrcNames{"orig.ip", "ipv6.src"};
constexpr Names<2> kIpDstNames{"resp.ip", "ipv6.dst"};
constexpr Names<4> kSrcPortNames{"orig.port", "tcp.srcport", "udp.srcport", "sctp.srcport"};
constexpr Names<4> kDstPortNames{"resp.port", "tcp.dstport", "udp.dstport", "sctp.dstport"};
constexpr Names<1> kL4Names{"ip.proto"};
constexpr Names<1> kNameNames{"host"};
constexpr Names<1> kCommunityIdNames{"communityid"};
constexpr Names<2> kOwnerNameNames{"process", "owner.comm"};
constexpr Names<1> kOwnerPidNames{"pid"};
constexpr Names<1> kOwnerUserNames{"user"};

constexpr std::size_t kFieldCount = static_cast<std::size_t>(FlowField::kRespOwnerUnit) + 1;

constexpr FieldDef number(std::string_view name, std::string_view help) {
  return {.name = name, .type = FieldType::kUint, .help = help};
}

constexpr FieldDef duration(std::string_view name, std::string_view help) {
  return {.name = name, .type = FieldType::kDuration, .help = help};
}

constexpr FieldDef time(std::string_view name, std::string_view help) {
  return {.name = name, .type = FieldType::kTime, .help = help};
}

constexpr FieldDef text(std::string_view name, std::string_view help) {
  return {.name = name, .help = help};
}

constexpr FieldDef personal(std::string_view name, std::string_view help) {
  return {.name = name, .help = help, .privacy = Privacy::kPersonal, .max_bytes = 1024};
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
    {.name = "l4",
     .help = "transport: tcp, udp, icmp, icmp6, igmp, sctp, ip-89",
     .aliases = kL4Names},
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
    {.name = "conn_state", .help = "how the connection went, in Zeek's names: SF, S0, REJ"},
    {.name = "history", .help = "what happened in the connection, in Zeek's letters (TCP, UDP)"},
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
    text("migrated_from",
         "id of the flow in which this one's connection began, at another address"),
    {.name = "tunnel", .list = true, .help = "what it was taken out of: gre, vxlan, gtp, ..."},
    number("tunnel_id", "VNI, key or session of the innermost tunnel that has one"),
    text("end", "why it ended: closed, reset, idle, evicted, end_of_input"),
    time("ts", "time of the first packet"),
    time("ts_end", "time of the last packet"),
    {.name = "owner.via", .list = true, .help = "who said which program: ebpf, sock_diag, ..."},
    {.name = "owner.parent", .list = true, .help = "program that started the one at either end"},
    {.name = "owner.container", .list = true, .help = "container of the program at either end"},
    {.name = "owner.unit", .list = true, .help = "systemd unit of the program at either end"},
    number("orig.packets", "packets of the originator"),
    number("resp.packets", "packets of the responder"),
    number("orig.wire_bytes", "link-layer bytes of the originator"),
    number("resp.wire_bytes", "link-layer bytes of the responder"),
    number("orig.ip_bytes", "IP bytes of the originator"),
    number("resp.ip_bytes", "IP bytes of the responder"),
    number("orig.payload_bytes", "bytes above the transport header of the originator"),
    number("resp.payload_bytes", "bytes above the transport header of the responder"),
    number("orig.retransmitted", "TCP segments that the originator sent again"),
    number("resp.retransmitted", "TCP segments that the responder sent again"),
    number("orig.lost_bytes", "TCP bytes of the originator that were never seen"),
    number("resp.lost_bytes", "TCP bytes of the responder that were never seen"),
    number("orig.out_of_order", "TCP segments of the originator behind later ones"),
    number("resp.out_of_order", "TCP segments of the responder behind later ones"),
    number("orig.duplicate_acks", "TCP acknowledgements of the originator that ask again"),
    number("resp.duplicate_acks", "TCP acknowledgements of the responder that ask again"),
    number("orig.zero_windows", "TCP segments that closed the originator's window"),
    number("resp.zero_windows", "TCP segments that closed the responder's window"),
    number("orig.syn_retries", "TCP SYNs that the originator sent again"),
    number("resp.syn_retries", "TCP SYN-ACKs that the responder sent again"),
    number("orig.resets", "TCP segments of the originator with RST"),
    number("resp.resets", "TCP segments of the responder with RST"),
    number("orig.window_scale", "TCP: the shift that the originator's SYN offered"),
    number("resp.window_scale", "TCP: the shift that the responder's SYN offered"),
    text("orig.owner.quality", "how sure the originator's program is: exact, inferred, unknown"),
    text("resp.owner.quality", "how sure the responder's program is: exact, inferred, unknown"),
    text("orig.owner.via", "who said which program the originator is"),
    text("resp.owner.via", "who said which program the responder is"),
    number("orig.owner.pid", "process id of the originator"),
    number("resp.owner.pid", "process id of the responder"),
    text("orig.owner.name", "program of the originator"),
    text("resp.owner.name", "program of the responder"),
    personal("orig.owner.exe", "executable of the originator"),
    personal("resp.owner.exe", "executable of the responder"),
    personal("orig.owner.user", "user that runs the originator's program"),
    personal("resp.owner.user", "user that runs the responder's program"),
    text("orig.owner.parent", "program that started the originator's"),
    text("resp.owner.parent", "program that started the responder's"),
    text("orig.owner.container", "container of the originator's program"),
    text("resp.owner.container", "container of the responder's program"),
    text("orig.owner.unit", "systemd unit of the originator's program"),
    text("resp.owner.unit", "systemd unit of the responder's program"),
}};

constexpr Names<1> kKinds{"flow"};
constexpr Schema kSchema{.proto = "flow", .title = "Flow", .kinds = kKinds, .fields = kFields};

constexpr std::uint8_t id_of(FlowField field) { return static_cast<std::uint8_t>(field); }

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
      const FlowId other = field == FlowField::kParent ? flow.parent : flow.migrated_from;
      const FlowId id_shown = field == FlowField::kFlowId ? flow.id : other;
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

// One field of one end, named by that of either end.
void add_owner(RecordBuilder& builder, std::uint8_t id, const Owner& owner, FlowField field) {
  if (owner.process == nullptr) return;
  const Process& process = *owner.process;
  switch (field) {
    case FlowField::kOwnerVia:
      return add_text_if(builder, id, owner_via_name(owner.via));
    case FlowField::kOwnerName:
      return add_text_if(builder, id, process.comm);
    case FlowField::kOwnerExe:
      return add_text_if(builder, id, process.exe);
    case FlowField::kOwnerUser:
      return add_text_if(builder, id, process.user);
    case FlowField::kOwnerParent:
      return add_text_if(builder, id, process.parent);
    case FlowField::kOwnerContainer:
      return add_text_if(builder, id, process.container);
    case FlowField::kOwnerUnit:
      return add_text_if(builder, id, process.unit);
    default:
      if (process.pid != 0) builder.add_uint(id, process.pid);
  }
}

void add_owner_field(RecordBuilder& builder, const Flow& flow, FlowField field) {
  const auto id = static_cast<std::uint8_t>(field);
  if (field == FlowField::kOwnerQuality) {
    const Quality surer = std::max(flow.owners[0].quality, flow.owners[1].quality);
    return builder.add_text(id, quality_name(surer));
  }
  for (const Owner& owner : flow.owners) add_owner(builder, id, owner, field);
}

// TCP only, and for all else what the transport has.
void add_side_counter(RecordBuilder& builder, std::uint8_t id, const Flow& flow, Side side,
                      FlowField field) {
  const DirectionCounters& sent = flow.counters(side);
  const SideQuality& quality = flow.quality[index(side)];
  switch (field) {
    case FlowField::kOrigPackets:
      return builder.add_uint(id, sent.packets);
    case FlowField::kOrigWireBytes:
      return builder.add_uint(id, sent.wire_bytes);
    case FlowField::kOrigIpBytes:
      return builder.add_uint(id, sent.ip_bytes);
    case FlowField::kOrigPayloadBytes:
      return builder.add_uint(id, sent.payload_bytes);
    default:
      break;
  }
  if (flow.proto != ip_proto::kTcp) return;
  switch (field) {
    case FlowField::kOrigRetransmitted:
      return builder.add_uint(id, sent.retransmitted);
    case FlowField::kOrigLostBytes:
      return builder.add_uint(id, sent.lost_bytes);
    case FlowField::kOrigOutOfOrder:
      return builder.add_uint(id, quality.out_of_order);
    case FlowField::kOrigDuplicateAcks:
      return builder.add_uint(id, quality.duplicate_acks);
    case FlowField::kOrigZeroWindows:
      return builder.add_uint(id, quality.zero_windows);
    case FlowField::kOrigSynRetries:
      return builder.add_uint(id, quality.syn_retries);
    case FlowField::kOrigResets:
      return builder.add_uint(id, quality.resets);
    default:
      if (quality.window_scale >= 0) {
        builder.add_uint(id, static_cast<std::uint64_t>(quality.window_scale));
      }
  }
}

// The field of either end that says the same as this one of the originator.
FlowField of_either_end(FlowField field) {
  switch (field) {
    case FlowField::kOrigOwnerVia:
      return FlowField::kOwnerVia;
    case FlowField::kOrigOwnerPid:
      return FlowField::kOwnerPid;
    case FlowField::kOrigOwnerName:
      return FlowField::kOwnerName;
    case FlowField::kOrigOwnerExe:
      return FlowField::kOwnerExe;
    case FlowField::kOrigOwnerUser:
      return FlowField::kOwnerUser;
    case FlowField::kOrigOwnerParent:
      return FlowField::kOwnerParent;
    case FlowField::kOrigOwnerContainer:
      return FlowField::kOwnerContainer;
    default:
      return FlowField::kOwnerUnit;
  }
}

void add_side_field(RecordBuilder& builder, const Flow& flow, FlowField field) {
  const auto id = static_cast<std::uint8_t>(field);
  const unsigned place = id - static_cast<unsigned>(FlowField::kOrigPackets);
  const Side side = place % 2 == 0 ? Side::kOriginator : Side::kResponder;
  const auto of_originator = static_cast<FlowField>(id - place % 2);
  if (of_originator < FlowField::kOrigOwnerQuality) {
    return add_side_counter(builder, id, flow, side, of_originator);
  }
  const Owner& owner = flow.owners[index(side)];
  if (of_originator == FlowField::kOrigOwnerQuality) {
    return builder.add_text(id, quality_name(owner.quality));
  }
  add_owner(builder, id, owner, of_either_end(of_originator));
}

void add_tunnel(RecordBuilder& builder, const Flow& flow) {
  for (unsigned i = 0; i < flow.tunnels.size(); ++i) {
    builder.add_text(static_cast<std::uint8_t>(FlowField::kTunnel), tunnel_name(flow.tunnels[i]));
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
    case FlowField::kMigratedFrom:
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
    case FlowField::kOwnerVia:
    case FlowField::kOwnerParent:
    case FlowField::kOwnerContainer:
    case FlowField::kOwnerUnit:
      return add_owner_field(builder, flow, field);
    case FlowField::kTunnel:
      return add_tunnel(builder, flow);
    case FlowField::kTunnelId:
      if (flow.tunnels.has_id()) builder.add_uint(id_of(field), flow.tunnels.id());
      return;
    case FlowField::kEnd:
      if (flow.end != FlowEnd::kOpen) builder.add_text(id_of(field), flow_end_name(flow.end));
      return;
    case FlowField::kTs:
      return builder.add_int(id_of(field), flow.first_ns);
    case FlowField::kTsEnd:
      return builder.add_int(id_of(field), flow.last_ns);
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
    default:
      return add_side_field(builder, flow, field);
  }
}

}  // namespace netwatch::model
