#pragma once

#include <array>
#include <cmath>
#include <memory>
#include <string_view>

#include "tui/snapshot_maker.h"

// For tests only: made-up probes and load.
namespace netwatch::tui {

inline model::HealthRow probed(model::ProbeKind kind, std::string_view address, double ms,
                               std::size_t probes) {
  model::HealthRow row;
  row.target = {kind, *base::IpAddress::parse(address), 0};
  for (std::size_t i = 0; i < probes; ++i) {
    const double wave = 0.7 + 0.3 * std::sin(static_cast<double>(i) * 0.9);
    row.rtts_ns.push_back(static_cast<base::TimeNs>(ms * wave * 1e6));
  }
  row.last_ns = row.rtts_ns.empty() ? -1 : row.rtts_ns.back();
  row.mean_ns = static_cast<base::TimeNs>(ms * 0.7e6);
  row.jitter_ns = static_cast<base::TimeNs>(ms * 0.2e6);
  row.loss = 0;
  return row;
}

// Both gateways and a resolver answer, another one does not; a host at work.
inline void add_health(SnapshotMaker& make) {
  auto table = std::make_shared<model::HealthTable>();
  table->rows.push_back(probed(model::ProbeKind::kIcmpEcho, "192.168.1.1", 1.3, 60));
  table->rows.push_back(probed(model::ProbeKind::kIcmpEcho, "fe80::1", 1.1, 60));
  table->rows.back().target.ifindex = 2;
  table->rows.push_back(probed(model::ProbeKind::kDnsQuery, "192.168.1.1", 71, 60));
  table->rows.push_back(probed(model::ProbeKind::kDnsQuery, "2001:db8::53", 9, 60));
  auto& silent = table->rows.back();
  for (std::size_t i = 40; i < 60; ++i) silent.rtts_ns[i] = -1;
  silent.last_ns = -1;
  silent.loss = 20.0 / 60;
  make.s.health = std::move(table);
  static constexpr std::array<std::string_view, 1> kWindow{"window"};
  static constexpr std::array<model::MetricDef, 6> kDefs{{
      {.name = "cpu.used", .unit = model::MetricUnit::kRatio, .help = {}},
      {.name = "cpu.cores", .help = {}},
      {.name = "memory.used_bytes", .unit = model::MetricUnit::kBytes, .help = {}},
      {.name = "memory.total_bytes", .unit = model::MetricUnit::kBytes, .help = {}},
      {.name = "load.average", .help = {}, .labels = kWindow},
      {.name = "host.uptime", .unit = model::MetricUnit::kSeconds, .help = {}},
  }};
  auto samples = std::make_shared<model::SampleTable>();
  samples->samples = {{kDefs.data(), {}, 0.117},  {&kDefs[1], {}, 8},
                      {&kDefs[2], {}, 6.6e9},     {&kDefs[3], {}, 16.4e9},
                      {&kDefs[4], {"1m"}, 0.52},  {&kDefs[4], {"5m"}, 0.61},
                      {&kDefs[4], {"15m"}, 0.58}, {&kDefs[5], {}, 277'000}};
  make.s.samples = std::move(samples);
}

}  // namespace netwatch::tui
