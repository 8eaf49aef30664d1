#include "export/ndjson.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace netwatch::exporting {
namespace {

using model::FieldDef;
using model::FieldType;

enum Id : std::uint8_t {
  kSni,
  kJa3,
  kAlpn,
  kDeepA,
  kDeepB,
  kRaw,
  kAnswers,
  kLatency,
  kNotAfter,
  kEch,
  kDelta,
  kRatio,
  kTlsx,
};
constexpr FieldDef kFields[] = {
    {.name = "tls.sni"},
    {.name = "ja3"},
    {.name = "tls.alpn", .list = true},
    {.name = "tls.cert.issuer"},
    {.name = "tls.cert.subject"},
    {.name = "tls.random", .type = FieldType::kBytes},
    {.name = "dns.answers", .type = FieldType::kAddress, .list = true},
    {.name = "dns.latency_us", .type = FieldType::kDuration},
    {.name = "tls.cert.not_after", .type = FieldType::kTime},
    {.name = "tls.ech", .type = FieldType::kBool},
    {.name = "delta", .type = FieldType::kInt},
    {.name = "ratio", .type = FieldType::kReal},
    {.name = "tlsx.a", .type = FieldType::kUint},
};
constexpr std::string_view kKinds[] = {"client_hello"};
constexpr model::Schema kSchema{
    .proto = "tls", .title = "TLS handshake", .kinds = kKinds, .fields = kFields};

base::IpAddress ip(std::string_view text) { return base::IpAddress::parse(text).value(); }

std::string record_line(model::RecordBuilder& builder, bool decrypted = false) {
  model::Record record = builder.view();
  record.flow = 0x2a;
  record.time_ns = 1'600'000'000'123'456'789;
  if (decrypted) record.origin = model::RecordOrigin::kDecrypted;
  std::string out;
  append_record(out, record);
  return out;
}

constexpr std::string_view kHead =
    R"({"type":"record","ts":"2020-09-13T12:26:40.123456789Z","flow":"2a","proto":"tls",)"
    R"("kind":"client_hello")";

std::string line(std::string_view rest) { return std::string(kHead) + std::string(rest) + "\n"; }

TEST(Ndjson, EveryTypeOfValue) {
  const std::uint8_t raw[] = {0x00, 0xab, 0xff};
  model::RecordBuilder builder;
  builder.start(kSchema, 0);
  builder.add_text(kJa3, "e7d705a3286e19ea42f587b344ee6865");
  builder.add_bytes(kRaw, raw);
  builder.add_bool(kEch, false);
  builder.add_int(kDelta, -3);
  builder.add_real(kRatio, 0.5);
  builder.add_uint(kTlsx, 18446744073709551615ULL);
  builder.add_int(kNotAfter, 0);
  builder.add_int(kLatency, 12'345'678);
  EXPECT_EQ(record_line(builder),
            line(R"(,"ja3":"e7d705a3286e19ea42f587b344ee6865","tls":{"random":"00abff",)"
                 R"("ech":false,"cert":{"not_after":"1970-01-01T00:00:00.000000000Z"}},)"
                 R"("delta":-3,"ratio":0.5,"tlsx":{"a":18446744073709551615},)"
                 R"("dns":{"latency_us":12345}})"));
}

TEST(Ndjson, PacketAndSender) {
  model::RecordBuilder builder;
  builder.start(kSchema, 0);
  model::Record record = builder.view();
  record.packet = 12;
  record.side = model::Side::kResponder;
  std::string out;
  append_record(out, record);
  EXPECT_NE(out.find(R"("packet":12,"from":"resp",)"), std::string::npos);
}

TEST(Ndjson, PrefixesMergeInAnyOrder) {
  model::RecordBuilder builder;
  builder.start(kSchema, 0);
  builder.add_text(kDeepB, "CN=b");
  builder.add_text(kAlpn, "h2");
  builder.add_uint(kTlsx, 1);  // "tlsx" only starts like "tls"
  builder.add_text(kJa3, "j");
  builder.add_text(kSni, "example.org");
  builder.add_address(kAnswers, ip("10.0.0.1"));
  builder.add_text(kAlpn, "http/1.1");
  builder.add_text(kDeepA, "CN=a");
  builder.add_address(kAnswers, ip("2001:db8::1"));
  EXPECT_EQ(record_line(builder),
            line(R"(,"tls":{"cert":{"subject":"CN=b","issuer":"CN=a"},"alpn":["h2","http/1.1"],)"
                 R"("sni":"example.org"},"tlsx":{"a":1},"ja3":"j",)"
                 R"("dns":{"answers":["10.0.0.1","2001:db8::1"]}})"));
}

TEST(Ndjson, AListOfOneIsAnArrayAndASecondValueOfNoListIsNotWritten) {
  model::RecordBuilder builder;
  builder.start(kSchema, 0);
  builder.add_text(kAlpn, "");
  builder.add_text(kSni, "first");
  builder.add_text(kSni, "second");
  EXPECT_EQ(record_line(builder), line(R"(,"tls":{"alpn":[""],"sni":"first"}})"));
}

TEST(Ndjson, FlagsAndHostileText) {
  model::RecordBuilder builder;
  builder.start(kSchema, 0);
  EXPECT_EQ(record_line(builder), line("}"));
  builder.add_text(kSni, "a\"\\\n\x1b[2J\xff\xe2\x80\xae");
  builder.mark_cut();
  EXPECT_EQ(record_line(builder, true),
            line(R"(,"origin":"decrypted","cut":true,)"
                 R"("tls":{"sni":"a\"\\\\x0a\\x1b[2J\\xff\\u{202e}"}})"));
}

TEST(Ndjson, AFullRecordIsWrittenWhole) {
  model::RecordBuilder builder;
  builder.start(kSchema, 0);
  for (int i = 0; i < 3000; ++i) builder.add_text(kAlpn, "");  // 1365 fit
  std::string expected = R"(,"cut":true,"tls":{"alpn":[)";
  for (int i = 0; i < 1024; ++i) expected += R"("",)";
  const std::string out = record_line(builder);
  EXPECT_TRUE(out.starts_with(line(expected).substr(0, kHead.size() + expected.size())));
  EXPECT_TRUE(out.ends_with("\"\"]}}\n"));
}

model::Flow tcp_flow() {
  model::Flow flow;
  flow.id = 0x51;
  flow.orig = {ip("10.0.0.1"), 51514};
  flow.resp = {ip("2001:db8::1"), 443};
  flow.proto = model::ip_proto::kTcp;
  flow.end = model::FlowEnd::kClosed;
  flow.first_ns = 1'000'000'000;
  flow.last_ns = 2'500'000'001;
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
                   .retransmitted = 0,
                   .lost_bytes = 0};
  return flow;
}

std::string flow_line(const model::Flow& flow) {
  std::string out;
  append_flow(out, flow);
  return out;
}

TEST(Ndjson, FlowWithEverythingKnown) {
  model::Flow flow = tcp_flow();
  flow.community_id = "1:abc=";
  flow.apps = {"tls", "http2"};
  flow.tunnels.push(model::TunnelKind::kGre);
  flow.tunnels.push(model::TunnelKind::kVxlan, 42);
  flow.name = "example.org";
  flow.name_from = model::NameSource::kSni;
  flow.handshake_rtt_us = 0;
  flow.quality[0] = {.rtt_us = 1200,
                     .rtt_min_us = 1100,
                     .window_scale = 7,
                     .out_of_order = 1,
                     .duplicate_acks = 2,
                     .zero_windows = 3,
                     .syn_retries = 4,
                     .resets = 5};
  flow.conn_state = "SF";
  flow.history = "ShADadFf";
  auto curl = std::make_shared<model::Process>();
  curl->pid = 4242;
  curl->comm = "curl";
  curl->exe = "/usr/bin/curl";
  curl->user = "alice";
  curl->parent = "bash";
  curl->container = "c0ffee";
  curl->unit = "app.service";
  flow.owners[0] = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, curl};
  flow.owners[1] = {model::Quality::kInferred, model::OwnerVia::kNone, 0, nullptr};
  EXPECT_EQ(
      flow_line(flow),
      R"({"type":"flow","ts":"1970-01-01T00:00:01.000000000Z",)"
      R"("ts_end":"1970-01-01T00:00:02.500000001Z","flow":"51","community_id":"1:abc=",)"
      R"("l4":"tcp","orig":{"ip":"10.0.0.1","port":51514,"packets":3,"wire_bytes":300,)"
      R"("ip_bytes":200,"payload_bytes":100,"retransmitted":1,"lost_bytes":7,)"
      R"("rtt_us":1200,"rtt_min_us":1100,"out_of_order":1,"duplicate_acks":2,)"
      R"("zero_windows":3,"syn_retries":4,"resets":5,"window_scale":7,)"
      R"("owner":{"quality":"exact","via":"ebpf","pid":4242,"name":"curl",)"
      R"("exe":"/usr/bin/curl","user":"alice","parent":"bash","container":"c0ffee",)"
      R"("unit":"app.service"}},"resp":{"ip":"2001:db8::1","port":443,"packets":4,)"
      R"("wire_bytes":400,"ip_bytes":300,"payload_bytes":200,"retransmitted":0,)"
      R"("lost_bytes":0,"out_of_order":0,"duplicate_acks":0,"zero_windows":0,)"
      R"("syn_retries":0,"resets":0,"owner":{"quality":"inferred"}},"tunnel":["gre","vxlan"],)"
      R"("tunnel_id":42,"app":["tls","http2"],)"
      R"("name":"example.org","name_from":"sni","rtt_us":0,"conn_state":"SF",)"
      R"("history":"ShADadFf","end":"closed"})"
      "\n");
}

TEST(Ndjson, UnknownIsAbsent) {
  model::Flow flow = tcp_flow();
  flow.proto = model::ip_proto::kUdp;
  flow.end = model::FlowEnd::kOpen;
  EXPECT_EQ(flow_line(flow),
            R"({"type":"flow","ts":"1970-01-01T00:00:01.000000000Z",)"
            R"("ts_end":"1970-01-01T00:00:02.500000001Z","flow":"51","l4":"udp",)"
            R"("orig":{"ip":"10.0.0.1","port":51514,"packets":3,"wire_bytes":300,)"
            R"("ip_bytes":200,"payload_bytes":100},"resp":{"ip":"2001:db8::1","port":443,)"
            R"("packets":4,"wire_bytes":400,"ip_bytes":300,"payload_bytes":200},"open":true})"
            "\n");
  flow.proto = model::ip_proto::kIcmp;
  EXPECT_EQ(flow_line(flow).find("port"), std::string::npos);
}

TEST(Ndjson, Meta) {
  const std::uint16_t linktypes[] = {1, 113};
  const auto name = [](std::uint16_t linktype) -> std::string_view {
    return linktype == 1 ? "EN10MB" : "LINUX_SLL";
  };
  std::string out;
  append_meta(out, {.program = "netwatch 0.1.0", .source = "a\n.pcapng", .linktypes = linktypes},
              name);
  append_meta(out, {.program = "netwatch 0.1.0", .source = "sockets"}, name);
  EXPECT_EQ(out,
            R"({"_meta":{"schema":"netwatch.v1","program":"netwatch 0.1.0",)"
            R"("source":"a\\x0a.pcapng","linktypes":["EN10MB","LINUX_SLL"]}})"
            "\n"
            R"({"_meta":{"schema":"netwatch.v1","program":"netwatch 0.1.0","source":"sockets"}})"
            "\n");
}

TEST(Ndjson, Socket) {
  model::Socket socket;
  socket.local = {ip("127.0.0.1"), 22};
  socket.proto = model::ip_proto::kTcp;
  socket.state = model::TcpState::kListen;
  socket.inode = 99;
  std::string out;
  append_socket(out, socket, 0);
  socket.state = model::TcpState::kEstablished;
  socket.remote = {ip("10.0.0.9"), 40000};
  socket.rtt_us = 55;
  socket.bytes_sent = 1;
  socket.bytes_received = 2;
  socket.retransmits = 0;
  socket.uid = 1000;
  socket.owner.quality = model::Quality::kExact;
  socket.owner.via = model::OwnerVia::kSockDiag;
  append_socket(out, socket, 0);
  EXPECT_EQ(out, R"({"type":"socket","ts":"1970-01-01T00:00:00.000000000Z","l4":"tcp",)"
                 R"("state":"LISTEN","local":{"ip":"127.0.0.1","port":22},"uid":0,"inode":99})"
                 "\n"
                 R"({"type":"socket","ts":"1970-01-01T00:00:00.000000000Z","l4":"tcp",)"
                 R"("state":"ESTAB","local":{"ip":"127.0.0.1","port":22},)"
                 R"("remote":{"ip":"10.0.0.9","port":40000},)"
                 R"("owner":{"quality":"exact","via":"sock_diag"},"rtt_us":55,"sent_bytes":1,)"
                 R"("received_bytes":2,"retransmitted":0,"uid":1000,"inode":99})"
                 "\n");
}

// A server of many peers: a line has those that moved most, and the sum of the rest.
TEST(Ndjson, SocketWithVeryManyPeers) {
  model::SocketPeers peers;
  for (std::uint16_t port = 1; port <= 3000; ++port) {
    peers.peers.push_back({{ip("192.0.2.7"), port}, port % 3 == 0 ? 1000U : 1U, 2});
  }
  model::Socket socket;
  socket.proto = model::ip_proto::kUdp;
  socket.peers = std::make_shared<const model::SocketPeers>(peers);
  std::string out;
  append_socket(out, socket, 0);
  EXPECT_LT(out.size(), 100'000U);
  EXPECT_NE(out.find(R"("peers":[{"ip":"192.0.2.7","port")"), std::string::npos);
  std::size_t big = 0;
  for (std::size_t at = 0; (at = out.find(R"("sent_bytes":1000,)", at)) != std::string::npos;
       ++at) {
    ++big;
  }
  EXPECT_EQ(big, 1000U);
  EXPECT_NE(out.find(R"("more_peers":{"peers":1976,"sent_bytes":1976,"received_bytes":3952})"),
            std::string::npos);
  EXPECT_EQ(out.find("unknown_peers"), std::string::npos);
}

TEST(Ndjson, Stats) {
  Totals totals;
  totals.packets = 10;
  totals.wire_bytes = 1000;
  totals.flows = 2;
  totals.records = 3;
  totals.last_ns = 1;
  totals.clock_steps = 4;
  totals.non_ip = 5;
  totals.drops[model::Drop::kMalformed] = 6;
  totals.drops[model::Drop::kKernel] = 7;
  std::string out;
  append_stats(out, totals);
  const std::string head =
      R"({"type":"stats","ts":"1970-01-01T00:00:00.000000000Z",)"
      R"("ts_end":"1970-01-01T00:00:00.000000001Z","packets":10,"wire_bytes":1000,)"
      R"("malformed":6,"non_ip":5,"clock_steps":4,"dropped":{"kernel":7,"queue":0,)";
  EXPECT_EQ(out.substr(0, head.size()), head);
  EXPECT_TRUE(out.ends_with("},\"flows\":2,\"records\":3}\n")) << out;
  EXPECT_EQ(out.find("malformed", head.find("malformed") + 1), std::string::npos);
  out.clear();
  append_stats(out, {});
  EXPECT_TRUE(out.starts_with(R"({"type":"stats","packets":0,)")) << out;
}

TEST(Ndjson, NumbersOfSamplesAreWholeWhereTheyCanBe) {
  static constexpr model::MetricDef kPlain{.name = "load.tasks", .help = {}};
  const auto value_of = [](double value) {
    std::string out;
    append_sample(out, {.def = &kPlain, .labels = {}, .value = value}, 0);
    const std::size_t at = out.find("\"value\":");
    return out.substr(at, out.find('}', at) - at);
  };
  EXPECT_EQ(value_of(0), "\"value\":0");
  EXPECT_EQ(value_of(1e15), "\"value\":1000000000000000") << "no exponent";
  EXPECT_EQ(value_of(0.25), "\"value\":0.25");
  EXPECT_EQ(value_of(-1.5), "\"value\":-1.5");
}

TEST(Ndjson, LabelsAreStrangersText) {
  static constexpr std::string_view kLabels[] = {"mount"};
  static constexpr model::MetricDef kMount{
      .name = "filesystem.used", .help = {}, .labels = kLabels};
  std::string out;
  append_sample(out, {.def = &kMount, .labels = {"/mnt/\x1b[2J\"x"}, .value = 1}, 0);
  EXPECT_NE(out.find(R"("mount":"/mnt/\\x1b[2J\"x")"), std::string::npos) << out;
}

}  // namespace
}  // namespace netwatch::exporting
