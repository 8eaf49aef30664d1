// The examples of docs/ndjson.md are what the code writes.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "export/ndjson.h"

namespace netwatch::exporting {
namespace {

constexpr base::TimeNs kNoon = 1'795'176'000 * base::kNsPerSecond;  // 2026-11-20T12:00:00Z

constexpr std::string_view kKinds[] = {"client_hello"};
constexpr model::FieldDef kFields[] = {
    {.name = "tls.version"},
    {.name = "tls.sni"},
    {.name = "tls.alpn", .list = true},
    {.name = "ja4"},
};
constexpr model::Schema kTls{.proto = "tls", .title = "TLS", .kinds = kKinds, .fields = kFields};

std::shared_ptr<const model::Process> curl(bool whole) {
  auto process = std::make_shared<model::Process>();
  process->pid = 4242;
  process->comm = "curl";
  if (whole) {
    process->exe = "/usr/bin/curl";
    process->user = "alice";
  }
  return process;
}

void expect_in_docs(const std::string& line) {
  std::ifstream in(NETWATCH_SOURCE_DIR "/docs/ndjson.md");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(page.find("    " + line), std::string::npos) << "docs/ndjson.md lacks: " << line;
}

TEST(NdjsonDocs, Meta) {
  const std::uint16_t linktypes[] = {1};
  std::string out;
  append_meta(out, {.program = "netwatch 0.1.0", .source = "a.pcapng", .linktypes = linktypes},
              [](std::uint16_t) -> std::string_view { return "EN10MB"; });
  expect_in_docs(out);
}

TEST(NdjsonDocs, Record) {
  model::RecordBuilder builder;
  builder.start(kTls, 0);
  builder.add_text(0, "TLS 1.3");
  builder.add_text(1, "example.org");
  builder.add_text(2, "h2");
  builder.add_text(2, "http/1.1");
  builder.add_text(3, "t13d1516h2_8daaf6152771_e5627efa2ab1");
  model::Record record = builder.view();
  record.flow = 0x2a;
  record.packet = 7;
  record.time_ns = kNoon + 12'345'678;
  std::string out;
  append_record(out, record);
  expect_in_docs(out);
}

TEST(NdjsonDocs, Flow) {
  model::Flow flow;
  flow.id = 0x2a;
  flow.orig = {*base::IpAddress::parse("192.168.1.10"), 51514};
  flow.resp = {*base::IpAddress::parse("192.0.2.7"), 443};
  flow.proto = model::ip_proto::kTcp;
  flow.end = model::FlowEnd::kClosed;
  flow.first_ns = kNoon;
  flow.last_ns = kNoon + 1'500'000'000;
  flow.community_id = "1:03LpM9gC/op8jkSndRh5Z2G0RVY=";
  flow.sides[0] = {.packets = 12,
                   .wire_bytes = 2068,
                   .ip_bytes = 1900,
                   .payload_bytes = 1260,
                   .retransmitted = 0,
                   .lost_bytes = 0};
  flow.sides[1] = {.packets = 10,
                   .wire_bytes = 9140,
                   .ip_bytes = 9000,
                   .payload_bytes = 8464,
                   .retransmitted = 1,
                   .lost_bytes = 0};
  flow.owners[0] = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, curl(true)};
  flow.apps = {"tls", "http2"};
  flow.name = "example.org";
  flow.name_from = model::NameSource::kSni;
  flow.handshake_rtt_us = 18'250;
  flow.quality[0] = {.rtt_us = 18'411, .rtt_min_us = 18'002, .window_scale = 7};
  flow.quality[1] = {.rtt_us = 97, .rtt_min_us = 61, .window_scale = 9, .duplicate_acks = 2};
  flow.conn_state = "SF";
  flow.history = "ShADadFf";
  std::string out;
  append_flow(out, flow);
  expect_in_docs(out);
}

TEST(NdjsonDocs, Socket) {
  model::Socket socket;
  socket.local = {*base::IpAddress::parse("192.168.1.10"), 51514};
  socket.remote = {*base::IpAddress::parse("192.0.2.7"), 443};
  socket.proto = model::ip_proto::kTcp;
  socket.state = model::TcpState::kEstablished;
  socket.uid = 1000;
  socket.inode = 918'273;
  socket.owner = {model::Quality::kInferred, model::OwnerVia::kSockDiag, 1, curl(false)};
  socket.rtt_us = 18'250;
  socket.bytes_sent = 1260;
  socket.bytes_received = 8464;
  socket.retransmits = 0;
  std::string out;
  append_socket(out, socket, kNoon);
  expect_in_docs(out);
}

TEST(NdjsonDocs, SocketEvent) {
  model::Socket socket;
  socket.local = {*base::IpAddress::parse("192.168.1.10"), 51514};
  socket.remote = {*base::IpAddress::parse("192.0.2.7"), 443};
  socket.proto = model::ip_proto::kTcp;
  socket.uid = 1000;
  socket.cookie = 77;
  socket.owner = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, curl(false)};
  socket.bytes_sent = 1260;
  socket.bytes_received = 8464;
  std::string out;
  append_socket_event(out, {.kind = model::SocketEvent::Kind::kClosed,
                            .socket = &socket,
                            .time_ns = kNoon + 1'500'000'000,
                            .opened_ns = kNoon});
  expect_in_docs(out);
}

TEST(NdjsonDocs, SocketWithPeers) {
  model::SocketPeers peers;
  peers.peers = {{{*base::IpAddress::parse("192.0.2.7"), 5353}, 40, 120},
                 {{*base::IpAddress::parse("192.0.2.9"), 53}, 35, 0}};
  peers.unknown_received = 12;
  model::Socket socket;
  socket.local = {*base::IpAddress::parse("0.0.0.0"), 41641};
  socket.proto = model::ip_proto::kUdp;
  socket.uid = 1000;
  socket.cookie = 78;
  socket.owner = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, curl(false)};
  socket.bytes_sent = 75;
  socket.bytes_received = 132;
  socket.peers = std::make_shared<const model::SocketPeers>(peers);
  std::string out;
  append_socket_event(
      out, {.kind = model::SocketEvent::Kind::kClosed, .socket = &socket, .time_ns = kNoon});
  expect_in_docs(out);
}

TEST(NdjsonDocs, Drop) {
  std::string out;
  append_drop(out, kNoon, model::Drop::kKernel, 12, 30);
  expect_in_docs(out);
}

// One string of several lines, each of which has to be there.
void expect_lines_in_docs(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n') + 1;
    expect_in_docs(std::string(lines.substr(0, end)));
    lines.remove_prefix(end);
  }
}

TEST(NdjsonDocs, Processes) {
  model::OwnerTotals totals;
  auto process = std::make_shared<model::Process>(*curl(true));
  process->start_ticks = 918'273;
  process->started_ns = kNoon - 60 * base::kNsPerSecond;
  model::PayloadTotals payload{.sent_bytes = 1260,
                               .received_bytes = 8464,
                               .bytes = {0, 0, 9724},
                               .open_sockets = 1,
                               .connections = 3};
  totals.processes = {{.process = process,
                       .quality = model::Quality::kExact,
                       .via = model::OwnerVia::kEbpf,
                       .ended_ns = kNoon,
                       .totals = payload},
                      {.kind = model::ProcessRow::Kind::kEarlier,
                       .process = nullptr,
                       .processes = 512,
                       .totals = {.sent_bytes = 80, .bytes = {0, 80, 0}, .connections = 600}},
                      {.kind = model::ProcessRow::Kind::kUnknown,
                       .process = nullptr,
                       .totals = {.open_sockets = 1, .uncounted_sockets = 1}}};
  std::string out;
  append_totals(out, kNoon, totals);
  expect_lines_in_docs(out);
}

TEST(NdjsonDocs, Containers) {
  model::OwnerTotals totals;
  model::ContainerRow& container = totals.containers.emplace_back();
  container.container = "4f1d2c";
  container.runtime = "docker";
  container.processes = 2;
  container.totals = {.sent_bytes = 500, .bytes = {0, 0, 500}, .connections = 4};
  model::ContainerRow& unit = totals.containers.emplace_back();
  unit.unit = "ssh.service";
  unit.processes = 1;
  unit.totals = {.sent_bytes = 96, .received_bytes = 48, .bytes = {0, 144, 0}, .open_sockets = 2};
  std::string out;
  append_totals(out, kNoon, totals);
  expect_lines_in_docs(out);
}

TEST(NdjsonDocs, Unowned) {
  using Kind = model::UnownedTraffic::Kind;
  model::OwnerTotals totals;
  model::UnownedTraffic& unowned = totals.unowned.emplace();
  unowned[Kind::kForwarded] = {.packets = 20, .ip_bytes = 9000, .payload_bytes = 8200};
  unowned[Kind::kKernel] = {.packets = 4, .ip_bytes = 336, .payload_bytes = 224};
  unowned[Kind::kNoPort] = {.packets = 1, .ip_bytes = 32, .payload_bytes = 8};
  unowned.non_ip_packets = 3;
  std::string out;
  append_totals(out, kNoon, totals);
  expect_lines_in_docs(out);
}

TEST(NdjsonDocs, Ability) {
  std::string out;
  append_ability(out, {.name = "capture",
                       .on = false,
                       .why = "opening a packet socket needs CAP_NET_RAW",
                       .fix = "sudo setcap cap_net_raw=ep /usr/bin/netwatch"});
  expect_in_docs(out);
}

TEST(NdjsonDocs, SocketStats) {
  std::string out;
  append_socket_stats(
      out, {.seen = 3, .written = 2, .owners = {0, 0, 1}, .ended = 1, .taken_ns = kNoon});
  expect_in_docs(out);
}

TEST(NdjsonDocs, Stats) {
  Totals totals;
  totals.packets = 22;
  totals.wire_bytes = 11'208;
  totals.flows = 1;
  totals.records = 2;
  totals.first_ns = kNoon;
  totals.last_ns = kNoon + 9 * base::kNsPerSecond;
  std::string out;
  append_stats(out, totals);
  expect_in_docs(out);
}

TEST(NdjsonDocs, SamplesAndLinks) {
  static constexpr std::string_view kLabels[] = {"interface", "role"};
  static constexpr std::string_view kStates[] = {"unknown", "up"};
  static constexpr model::MetricDef kBytes{.name = "interface.rx_bytes",
                                           .kind = model::MetricKind::kCounter,
                                           .unit = model::MetricUnit::kBytes,
                                           .help = {},
                                           .labels = kLabels};
  static constexpr model::MetricDef kState{.name = "interface.state",
                                           .kind = model::MetricKind::kState,
                                           .help = {},
                                           .labels = kLabels,
                                           .states = kStates};
  std::string out;
  append_sample(out, {.def = &kBytes, .labels = {"eth0", "physical"}, .value = 734003200}, kNoon);
  expect_in_docs(out);
  out.clear();
  append_sample(out, {.def = &kState, .labels = {"eth0", "physical"}, .value = 1}, kNoon);
  expect_in_docs(out);
  out.clear();
  model::LinkEvent event{
      .kind = model::LinkEvent::Kind::kAddresses, .time_ns = kNoon, .interface = {}};
  event.interface.name = "eth0";
  event.interface.ifindex = 2;
  event.interface.role = model::InterfaceRole::kPhysical;
  event.interface.up = event.interface.is_default = true;
  event.interface.addresses = {*base::IpAddress::parse("192.0.2.7")};
  append_link_event(out, event);
  expect_in_docs(out);
  out.clear();
  append_ability(out, {.name = "capture", .on = true, .why = {}, .fix = {}}, kNoon);
  expect_in_docs(out);
}

}  // namespace
}  // namespace netwatch::exporting
