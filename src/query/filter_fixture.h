#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/flow_fields.h"
#include "model/record.h"
#include "query/filter.h"

// Two small protocols of every field type, and flows to ask about. For tests and fuzzing.
namespace netwatch::query::fixture {

using model::FieldDef;
using model::FieldType;
using model::Role;

inline constexpr std::array<std::string_view, 1> kKinds{"message"};
inline constexpr std::array<std::string_view, 1> kSniAlias{"tls.handshake.extensions_server_name"};
inline constexpr std::array<std::string_view, 1> kStatusAlias{"http.response.code"};

enum TlsField : std::uint8_t { kSni, kAlpn, kResumed, kRandom, kNotAfter, kOffset, kScore, kJa4 };
inline constexpr std::array<FieldDef, 8> kTlsFields{{
    {.name = "tls.sni", .role = Role::kServerName, .aliases = kSniAlias},
    {.name = "tls.alpn", .list = true},
    {.name = "tls.resumed", .type = FieldType::kBool},
    {.name = "tls.random", .type = FieldType::kBytes},
    {.name = "tls.not_after", .type = FieldType::kTime},
    {.name = "tls.offset", .type = FieldType::kInt},
    {.name = "tls.score", .type = FieldType::kReal},
    {.name = "ja4", .role = Role::kFingerprint},
}};
inline constexpr model::Schema kTls{"tls", "TLS", kKinds, kTlsFields};

enum HttpField : std::uint8_t { kHost, kStatus, kBody, kLatency, kAnswers, kWait, kHttpJa4, kAge };
inline constexpr std::array<FieldDef, 8> kHttpFields{{
    {.name = "http.host", .role = Role::kHostName},
    {.name = "http.status", .type = FieldType::kUint, .aliases = kStatusAlias},
    {.name = "http.body_bytes", .type = FieldType::kUint},
    {.name = "http.latency_us", .type = FieldType::kDuration},
    {.name = "http.answers", .type = FieldType::kAddress, .list = true},
    {.name = "http.wait_ms", .type = FieldType::kUint},
    {.name = "ja4", .role = Role::kFingerprint},
    {.name = "tls.score_s", .type = FieldType::kInt},
}};
inline constexpr model::Schema kHttp{"http", "HTTP", kKinds, kHttpFields};

inline Catalog catalog() { return Catalog({&model::flow_schema(), &kTls, nullptr, &kHttp}); }

// An HTTPS request by curl: 192.168.1.10:51514 -> 93.184.216.34:443.
inline model::Flow web_flow() {
  model::Flow flow;
  flow.id = 0x2f1;
  flow.orig = {*base::IpAddress::parse("192.168.1.10"), 51514};
  flow.resp = {*base::IpAddress::parse("93.184.216.34"), 443};
  flow.proto = model::ip_proto::kTcp;
  flow.first_ns = 1'000'000'000;
  flow.last_ns = 3'500'000'000;
  flow.sides[0] = {10, 2'000, 1'860, 1'200, 0, 0};
  flow.sides[1] = {30, 40'000, 39'580, 38'000, 2, 0};
  flow.handshake_rtt_us = 23'500;
  flow.conn_state = "SF";
  flow.apps = {"tls", "http2"};
  flow.name = "www.Example.org";
  auto process = std::make_shared<model::Process>();
  process->pid = 4711;
  process->comm = "curl";
  process->exe = "/usr/bin/curl";
  process->user = "ada";
  flow.owners[0] = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, std::move(process)};
  return flow;
}

// A DNS query over IPv6 that nobody owns, in VXLAN in GRE.
inline model::Flow dns_flow() {
  model::Flow flow;
  flow.id = 0x300;
  flow.orig = {*base::IpAddress::parse("2001:db8::10"), 40000};
  flow.resp = {*base::IpAddress::parse("2001:db8:ffff::53"), 53};
  flow.proto = model::ip_proto::kUdp;
  flow.apps = {"dns"};
  flow.first_ns = 1'000'000'000;
  flow.last_ns = 1'000'000'000;
  flow.tunnels.push(model::TunnelKind::kGre, 7);
  flow.tunnels.push(model::TunnelKind::kVxlan);
  return flow;
}

}  // namespace netwatch::query::fixture
