#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "tui/snapshot_maker.h"

// For tests only: what the snapshots that are made up tell of processes and interfaces.
namespace netwatch::tui {

struct MadeProcess {
  const char* comm;
  std::uint32_t pid;
  const char* user;
  const char* unit;
  const char* container;
  float down;
  float up;
  std::uint64_t sockets;
  double cpu;
  std::uint64_t rss_bytes;
};

inline model::PayloadTotals made_totals(float down, float up, std::uint64_t sockets) {
  model::PayloadTotals totals;
  totals.received_rate = down;
  totals.sent_rate = up;
  totals.received_bytes = static_cast<std::uint64_t>(down * 190);
  totals.sent_bytes = static_cast<std::uint64_t>(up * 190);
  totals.bytes[2] = totals.received_bytes + totals.sent_bytes;
  totals.open_sockets = sockets;
  totals.connections = sockets * 3;
  return totals;
}

inline model::ProcessRow made_process(const MadeProcess& of) {
  auto process = std::make_shared<model::Process>();
  process->pid = of.pid;
  process->parent_pid = 1;
  process->parent = "systemd";
  process->start_ticks = std::uint64_t{of.pid} * 10;
  process->started_ns = kNow - of.pid * base::kNsPerSecond;
  process->comm = of.comm;
  process->exe = "/usr/bin/" + process->comm;
  process->cmdline = process->exe + " --quiet";
  process->user = of.user;
  process->unit = of.unit;
  process->container = of.container;
  if (!process->container.empty()) process->runtime = "docker";
  model::ProcessRow row;
  row.process = std::move(process);
  row.quality = model::Quality::kExact;
  row.via = model::OwnerVia::kEbpf;
  row.totals = made_totals(of.down, of.up, of.sockets);
  row.cpu = of.cpu;
  row.rss_bytes = of.rss_bytes;
  for (int i = 0; i < 60 && of.down > 0; ++i) {
    const auto wave = static_cast<float>(0.55 + 0.45 * std::sin(i * 0.3));
    row.rates.push_back({.up = of.up * wave, .down = of.down * wave});
  }
  return row;
}

// The programs of add_usual() and some that have no connection there.
inline std::shared_ptr<const model::OwnerTotals> usual_owners() {
  constexpr const char* kContainer =
      "4f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8";
  auto owners = std::make_shared<model::OwnerTotals>();
  for (const MadeProcess& of : {
           MadeProcess{"firefox", 4242, "anna", "", "", 4.9e6F, 77'000, 14, 0.183, 612'000'000},
           MadeProcess{"firefox", 4390, "anna", "", "", 310'000, 4'000, 3, 1.274, 288'000'000},
           MadeProcess{"transmission-daemon", 777, "debian-transmission", "transmission.service",
                       "", 1.7e6F, 110'000, 9, 0.041, 71'000'000},
           MadeProcess{"ssh", 991, "anna", "", "", 12'000, 88'000, 1, 0.003, 9'400'000},
           MadeProcess{"nginx", 5120, "www-data", "", kContainer, 2'100, 41'000, 6, 0, 18'200'000},
           MadeProcess{"nginx", 5121, "www-data", "", kContainer, 0, 0, 2, 0, 12'800'000},
           MadeProcess{"systemd-resolved", 310, "systemd-resolve", "systemd-resolved.service", "",
                       0, 0, 5, 0, 13'100'000},
           MadeProcess{"curl", 6001, "anna", "", "", 0, 0, 0, -1, 0},
       }) {
    owners->processes.push_back(made_process(of));
  }
  owners->processes[2].quality = model::Quality::kInferred;
  owners->processes[2].via = model::OwnerVia::kSockDiag;
  owners->processes[2].totals.uncounted_sockets = 2;
  owners->processes[6].totals.uncounted_sockets = 5;
  owners->processes[7].totals.received_bytes = 52'300;
  model::ProcessRow& unknown = owners->processes.emplace_back();
  unknown.kind = model::ProcessRow::Kind::kUnknown;
  unknown.totals = made_totals(80, 75, 1);
  model::ProcessRow& earlier = owners->processes.emplace_back();
  earlier.kind = model::ProcessRow::Kind::kEarlier;
  earlier.processes = 512;
  earlier.totals = made_totals(0, 0, 0);
  earlier.totals.received_bytes = 8'800'000;
  model::ContainerRow& container = owners->containers.emplace_back();
  container.container = kContainer;
  container.runtime = "docker";
  container.processes = 3;
  container.totals = made_totals(2'100, 41'000, 8);
  model::ContainerRow& unit = owners->containers.emplace_back();
  unit.unit = "transmission.service";
  unit.processes = 1;
  unit.totals = owners->processes[2].totals;
  model::UnownedTraffic& unowned = owners->unowned.emplace();
  unowned[model::UnownedTraffic::Kind::kForwarded] = {120, 98'000, 91'000};
  unowned[model::UnownedTraffic::Kind::kKernel] = {14, 1'176, 784};
  unowned[model::UnownedTraffic::Kind::kUnknown] = {31, 2'790, 1'900};
  unowned.non_ip_packets = 212;
  return owners;
}

// add_usual(), with what only some tabs show.
inline void add_usual_in_full(SnapshotMaker& make) {
  add_usual(make);
  make.s.owners = usual_owners();
  model::Interface& eth = make.s.interfaces[1].interface;
  eth.role = model::InterfaceRole::kPhysical;
  eth.state = model::LinkState::kUp;
  eth.mac = "52:54:00:12:34:56";
  eth.mtu = 1500;
  eth.addresses.push_back(*base::IpAddress::parse("2001:db8:1::20"));
  eth.addresses.push_back(*base::IpAddress::parse("fe80::5054:ff:fe12:3456"));
  eth.rx_bytes = 91'234'567'890;
  eth.tx_bytes = 4'321'098'765;
  eth.rx_packets = 71'234'567;
  eth.tx_packets = 30'456'789;
  eth.rx_dropped = 17;
  make.s.interfaces[0].interface.role = model::InterfaceRole::kLoopback;
  make.s.interfaces[2].interface.role = model::InterfaceRole::kWireless;
}

}  // namespace netwatch::tui
