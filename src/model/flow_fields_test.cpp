#include "model/flow_fields.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace netwatch::model {
namespace {

std::string show(const FieldValue& value) {
  switch (value.def->type) {
    case FieldType::kAddress:
      return value.address().to_string();
    case FieldType::kUint:
    case FieldType::kDuration:
    case FieldType::kTime:
      return std::to_string(value.uint());
    default:
      return std::string(value.text());
  }
}

// Every field of a flow by its name.
std::map<std::string, std::vector<std::string>> all_fields(const Flow& flow) {
  std::map<std::string, std::vector<std::string>> all;
  RecordBuilder builder;
  for (std::size_t i = 0; i < flow_schema().fields.size(); ++i) {
    builder.start(flow_schema(), 0);
    add_flow_field(builder, flow, static_cast<FlowField>(i));
    const Record record = builder.view();
    ValueCursor values(record);
    while (const auto value = values.next()) {
      EXPECT_EQ(value->def, &flow_schema().fields[i]);
      all[std::string(value->def->name)].push_back(show(*value));
    }
  }
  return all;
}

using Texts = std::vector<std::string>;

Flow sample_flow() {
  Flow flow;
  flow.id = 0x1f;
  flow.orig = {*base::IpAddress::parse("10.0.0.1"), 51514};
  flow.resp = {*base::IpAddress::parse("2001:db8::1"), 443};
  flow.proto = ip_proto::kTcp;
  flow.first_ns = 5'000;
  flow.last_ns = 9'000;
  flow.sides[0] = {.packets = 3,
                   .wire_bytes = 300,
                   .ip_bytes = 200,
                   .payload_bytes = 100,
                   .retransmitted = 1,
                   .lost_bytes = 7};
  flow.sides[1] = {.packets = 4,
                   .wire_bytes = 400,
                   .ip_bytes = 300,
                   .payload_bytes = 200,
                   .retransmitted = 2,
                   .lost_bytes = 8};
  flow.quality[0] = {.rtt_us = 1200, .rtt_min_us = 1100, .out_of_order = 1};
  flow.quality[1] = {.out_of_order = 2, .resets = 1};
  return flow;
}

using Named = std::pair<FlowField, std::string_view>;
constexpr std::array<Named, 92> kNames{{
    {FlowField::kIpAddr, "ip.addr"},
    {FlowField::kIpSrc, "ip.src"},
    {FlowField::kIpDst, "ip.dst"},
    {FlowField::kPort, "port"},
    {FlowField::kSrcPort, "srcport"},
    {FlowField::kDstPort, "dstport"},
    {FlowField::kTcpPort, "tcp.port"},
    {FlowField::kUdpPort, "udp.port"},
    {FlowField::kL4, "l4"},
    {FlowField::kApp, "app"},
    {FlowField::kName, "name"},
    {FlowField::kNameFrom, "name_from"},
    {FlowField::kPackets, "packets"},
    {FlowField::kWireBytes, "wire_bytes"},
    {FlowField::kIpBytes, "ip_bytes"},
    {FlowField::kPayloadBytes, "payload_bytes"},
    {FlowField::kRetransmitted, "retransmitted"},
    {FlowField::kLostBytes, "lost_bytes"},
    {FlowField::kRttUs, "rtt_us"},
    {FlowField::kConnState, "conn_state"},
    {FlowField::kHistory, "history"},
    {FlowField::kDurationUs, "duration_us"},
    {FlowField::kCommunityId, "community_id"},
    {FlowField::kOwnerName, "owner.name"},
    {FlowField::kOwnerPid, "owner.pid"},
    {FlowField::kOwnerExe, "owner.exe"},
    {FlowField::kOwnerUser, "owner.user"},
    {FlowField::kOwnerQuality, "owner.quality"},
    {FlowField::kFlowId, "flow"},
    {FlowField::kOutOfOrder, "out_of_order"},
    {FlowField::kDuplicateAcks, "duplicate_acks"},
    {FlowField::kZeroWindows, "zero_windows"},
    {FlowField::kSynRetries, "syn_retries"},
    {FlowField::kResets, "resets"},
    {FlowField::kOrigRttUs, "orig.rtt_us"},
    {FlowField::kRespRttUs, "resp.rtt_us"},
    {FlowField::kOrigRttMinUs, "orig.rtt_min_us"},
    {FlowField::kRespRttMinUs, "resp.rtt_min_us"},
    {FlowField::kAnswerUs, "answer_us"},
    {FlowField::kParent, "parent"},
    {FlowField::kMigratedFrom, "migrated_from"},
    {FlowField::kTunnel, "tunnel"},
    {FlowField::kTunnelId, "tunnel_id"},
    {FlowField::kEnd, "end"},
    {FlowField::kTs, "ts"},
    {FlowField::kTsEnd, "ts_end"},
    {FlowField::kOwnerVia, "owner.via"},
    {FlowField::kOwnerParent, "owner.parent"},
    {FlowField::kOwnerContainer, "owner.container"},
    {FlowField::kOwnerUnit, "owner.unit"},
    {FlowField::kOrigPackets, "orig.packets"},
    {FlowField::kRespPackets, "resp.packets"},
    {FlowField::kOrigWireBytes, "orig.wire_bytes"},
    {FlowField::kRespWireBytes, "resp.wire_bytes"},
    {FlowField::kOrigIpBytes, "orig.ip_bytes"},
    {FlowField::kRespIpBytes, "resp.ip_bytes"},
    {FlowField::kOrigPayloadBytes, "orig.payload_bytes"},
    {FlowField::kRespPayloadBytes, "resp.payload_bytes"},
    {FlowField::kOrigRetransmitted, "orig.retransmitted"},
    {FlowField::kRespRetransmitted, "resp.retransmitted"},
    {FlowField::kOrigLostBytes, "orig.lost_bytes"},
    {FlowField::kRespLostBytes, "resp.lost_bytes"},
    {FlowField::kOrigOutOfOrder, "orig.out_of_order"},
    {FlowField::kRespOutOfOrder, "resp.out_of_order"},
    {FlowField::kOrigDuplicateAcks, "orig.duplicate_acks"},
    {FlowField::kRespDuplicateAcks, "resp.duplicate_acks"},
    {FlowField::kOrigZeroWindows, "orig.zero_windows"},
    {FlowField::kRespZeroWindows, "resp.zero_windows"},
    {FlowField::kOrigSynRetries, "orig.syn_retries"},
    {FlowField::kRespSynRetries, "resp.syn_retries"},
    {FlowField::kOrigResets, "orig.resets"},
    {FlowField::kRespResets, "resp.resets"},
    {FlowField::kOrigWindowScale, "orig.window_scale"},
    {FlowField::kRespWindowScale, "resp.window_scale"},
    {FlowField::kOrigOwnerQuality, "orig.owner.quality"},
    {FlowField::kRespOwnerQuality, "resp.owner.quality"},
    {FlowField::kOrigOwnerVia, "orig.owner.via"},
    {FlowField::kRespOwnerVia, "resp.owner.via"},
    {FlowField::kOrigOwnerPid, "orig.owner.pid"},
    {FlowField::kRespOwnerPid, "resp.owner.pid"},
    {FlowField::kOrigOwnerName, "orig.owner.name"},
    {FlowField::kRespOwnerName, "resp.owner.name"},
    {FlowField::kOrigOwnerExe, "orig.owner.exe"},
    {FlowField::kRespOwnerExe, "resp.owner.exe"},
    {FlowField::kOrigOwnerUser, "orig.owner.user"},
    {FlowField::kRespOwnerUser, "resp.owner.user"},
    {FlowField::kOrigOwnerParent, "orig.owner.parent"},
    {FlowField::kRespOwnerParent, "resp.owner.parent"},
    {FlowField::kOrigOwnerContainer, "orig.owner.container"},
    {FlowField::kRespOwnerContainer, "resp.owner.container"},
    {FlowField::kOrigOwnerUnit, "orig.owner.unit"},
    {FlowField::kRespOwnerUnit, "resp.owner.unit"},
}};

TEST(FlowFields, NamesStandInTheOrderOfTheEnumeration) {
  ASSERT_EQ(kNames.size(), flow_schema().fields.size());
  std::set<std::string_view> spoken;
  for (const auto& [field, name] : kNames) {
    const FieldDef& def = flow_schema().fields[static_cast<std::size_t>(field)];
    EXPECT_EQ(def.name, name);
    EXPECT_FALSE(def.help.empty()) << name;
    EXPECT_TRUE(spoken.insert(def.name).second) << name;
    for (const std::string_view alias : def.aliases) {
      EXPECT_TRUE(spoken.insert(alias).second) << alias;
    }
  }
  for (const char* alias : {"ipv6.addr", "ipv6.src", "ipv6.dst", "tcp.srcport", "udp.dstport",
                            "ip.proto", "host", "communityid", "process", "owner.comm", "pid",
                            "user", "orig.ip", "resp.ip", "orig.port", "resp.port"}) {
    EXPECT_TRUE(spoken.contains(alias)) << alias;
  }
}

TEST(FlowFields, UnknownIsAbsent) {
  const std::map<std::string, Texts> expected{
      {"ip.addr", {"10.0.0.1", "2001:db8::1"}},
      {"ip.src", {"10.0.0.1"}},
      {"ip.dst", {"2001:db8::1"}},
      {"port", {"51514", "443"}},
      {"srcport", {"51514"}},
      {"dstport", {"443"}},
      {"tcp.port", {"51514", "443"}},
      {"l4", {"tcp"}},
      {"packets", {"7"}},
      {"wire_bytes", {"700"}},
      {"ip_bytes", {"500"}},
      {"payload_bytes", {"300"}},
      {"retransmitted", {"3"}},
      {"lost_bytes", {"15"}},
      {"out_of_order", {"3"}},
      {"duplicate_acks", {"0"}},
      {"zero_windows", {"0"}},
      {"syn_retries", {"0"}},
      {"resets", {"1"}},
      {"orig.rtt_us", {"1200000"}},
      {"orig.rtt_min_us", {"1100000"}},
      {"duration_us", {"4000"}},  // ns inside, us in its name and print
      {"owner.quality", {"unknown"}},
      {"flow", {"1f"}},
      {"ts", {"5000"}},
      {"ts_end", {"9000"}},
      {"orig.packets", {"3"}},
      {"resp.packets", {"4"}},
      {"orig.wire_bytes", {"300"}},
      {"resp.wire_bytes", {"400"}},
      {"orig.ip_bytes", {"200"}},
      {"resp.ip_bytes", {"300"}},
      {"orig.payload_bytes", {"100"}},
      {"resp.payload_bytes", {"200"}},
      {"orig.retransmitted", {"1"}},
      {"resp.retransmitted", {"2"}},
      {"orig.lost_bytes", {"7"}},
      {"resp.lost_bytes", {"8"}},
      {"orig.out_of_order", {"1"}},
      {"resp.out_of_order", {"2"}},
      {"orig.duplicate_acks", {"0"}},
      {"resp.duplicate_acks", {"0"}},
      {"orig.zero_windows", {"0"}},
      {"resp.zero_windows", {"0"}},
      {"orig.syn_retries", {"0"}},
      {"resp.syn_retries", {"0"}},
      {"orig.resets", {"0"}},
      {"resp.resets", {"1"}},
      {"orig.owner.quality", {"unknown"}},
      {"resp.owner.quality", {"unknown"}},
  };
  EXPECT_EQ(all_fields(sample_flow()), expected);
}

TEST(FlowFields, EverythingKnown) {
  Flow flow = sample_flow();
  flow.apps = {"tls", "http2"};
  flow.name = "example.org";
  flow.name_from = NameSource::kSni;
  flow.handshake_rtt_us = 12;
  flow.conn_state = "SF";
  flow.history = "ShADadFf";
  flow.community_id = "1:x";
  flow.parent = 0x2f;
  flow.migrated_from = 0x3f;
  auto curl = std::make_shared<Process>();
  curl->pid = 77;
  curl->comm = "curl";
  curl->exe = "/usr/bin/curl";
  curl->user = "alice";
  auto server = std::make_shared<Process>();
  server->pid = 78;
  server->comm = "nginx";
  server->container = "c1";
  server->unit = "web.service";
  flow.tunnels.push(TunnelKind::kGre);
  flow.tunnels.push(TunnelKind::kVxlan, 42);
  flow.end = FlowEnd::kReset;
  flow.quality[1].window_scale = 7;
  flow.owners[0] = {Quality::kInferred, OwnerVia::kSockDiag, 1, curl};
  flow.owners[1] = {Quality::kExact, OwnerVia::kEbpf, 1, server};
  auto all = all_fields(flow);
  EXPECT_EQ(all["app"], (Texts{"tls", "http2"}));
  EXPECT_EQ(all["name"], Texts{"example.org"});
  EXPECT_EQ(all["name_from"], Texts{"sni"});
  EXPECT_EQ(all["rtt_us"], Texts{"12000"});
  EXPECT_EQ(all["conn_state"], Texts{"SF"});
  EXPECT_EQ(all["history"], Texts{"ShADadFf"});
  EXPECT_EQ(all["community_id"], Texts{"1:x"});
  EXPECT_EQ(all["parent"], Texts{"2f"});
  EXPECT_EQ(all["migrated_from"], Texts{"3f"});
  EXPECT_EQ(all["owner.name"], (Texts{"curl", "nginx"}));
  EXPECT_EQ(all["owner.pid"], (Texts{"77", "78"}));
  EXPECT_EQ(all["owner.exe"], Texts{"/usr/bin/curl"});
  EXPECT_EQ(all["owner.user"], Texts{"alice"});
  EXPECT_EQ(all["owner.quality"], Texts{"exact"});
  EXPECT_EQ(all["owner.via"], (Texts{"sock_diag", "ebpf"}));
  EXPECT_EQ(all["orig.owner.quality"], Texts{"inferred"});
  EXPECT_EQ(all["resp.owner.quality"], Texts{"exact"});
  EXPECT_EQ(all["orig.owner.name"], Texts{"curl"});
  EXPECT_EQ(all["resp.owner.name"], Texts{"nginx"});
  EXPECT_EQ(all["orig.owner.pid"], Texts{"77"});
  EXPECT_EQ(all["resp.owner.via"], Texts{"ebpf"});
  EXPECT_EQ(all["owner.container"], Texts{"c1"});
  EXPECT_EQ(all["orig.owner.unit"], Texts{});
  EXPECT_EQ(all["resp.owner.unit"], Texts{"web.service"});
  EXPECT_EQ(all["tunnel"], (Texts{"gre", "vxlan"}));
  EXPECT_EQ(all["tunnel_id"], Texts{"42"});
  EXPECT_EQ(all["end"], Texts{"reset"});
  EXPECT_EQ(all["resp.window_scale"], Texts{"7"});
}

TEST(FlowFields, PortsOnlyWhereTheProtocolHasThem) {
  Flow flow = sample_flow();
  flow.proto = ip_proto::kUdp;
  auto udp = all_fields(flow);
  EXPECT_EQ(udp["udp.port"], (Texts{"51514", "443"}));
  EXPECT_FALSE(udp.contains("tcp.port"));
  EXPECT_FALSE(udp.contains("retransmitted"));
  EXPECT_FALSE(udp.contains("lost_bytes"));
  flow.proto = ip_proto::kIcmp;
  auto icmp = all_fields(flow);
  for (const char* name : {"port", "srcport", "dstport", "tcp.port", "udp.port"}) {
    EXPECT_FALSE(icmp.contains(name)) << name;
  }
  flow.proto = 89;
  EXPECT_EQ(all_fields(flow)["l4"], Texts{"ip-89"});
}

TEST(FlowFields, AClockThatSteppedBackGivesNoNegativeDuration) {
  Flow flow = sample_flow();
  flow.last_ns = flow.first_ns - 1;
  EXPECT_EQ(all_fields(flow)["duration_us"], Texts{"0"});
}

}  // namespace
}  // namespace netwatch::model
