#pragma once

#include <array>
#include <cmath>
#include <memory>
#include <string_view>
#include <vector>

#include "model/snapshot.h"

// For tests only: made-up snapshots.
namespace netwatch::tui {

using model::NameSource;
using model::Quality;

inline constexpr base::TimeNs kNow = 1'795'000'000 * base::kNsPerSecond;

inline model::Endpoint end(std::string_view address, std::uint16_t port) {
  return {*base::IpAddress::parse(address), port};
}

// A snapshot being made up; texts given to it must be literals.
class SnapshotMaker {
 public:
  SnapshotMaker() {
    s.sequence = 1;
    s.time_ns = kNow;
    s.started_ns = kNow - 3723 * base::kNsPerSecond;
    s.source = "eth0";
    s.capturing = true;
    s.abilities = {{"capture", true, "", ""}, {"ebpf", true, "", ""}};
  }

  // A connection of the talker that the next call of talker() adds.
  model::ConnectionRow& row(model::Endpoint local, model::Endpoint remote, std::uint8_t proto) {
    rows_.emplace_back();
    model::ConnectionRow& row = rows_.back();
    row.vacant = false;
    row.flow = rows_.size();
    row.local = local;
    row.remote = remote;
    row.proto = proto;
    row.first_ns = kNow - 95 * base::kNsPerSecond;
    row.last_ns = kNow;
    if (proto == model::ip_proto::kTcp) row.state = model::TcpState::kEstablished;
    return row;
  }

  model::Talker& talker(std::string_view process, std::uint32_t pid, Quality quality,
                        std::string_view host, NameSource from, std::string_view app, double down,
                        double up) {
    auto talker = std::make_shared<model::Talker>();
    talker->process = process;
    talker->pid = pid;
    talker->processes = pid == 0 ? 0 : 1;
    talker->quality = quality;
    talker->host = host;
    talker->host_from = from;
    talker->app = app;
    talker->bytes_in = talker->rates_in =
        taken_ < rows_.size() ? rows_[taken_].bytes_in() : model::Measure::kWire;
    talker->down_rate = static_cast<float>(down);
    talker->up_rate = static_cast<float>(up);
    talker->down_bytes = static_cast<std::uint64_t>(down * 211);
    talker->up_bytes = static_cast<std::uint64_t>(up * 211);
    talker->rtt_us = static_cast<std::int32_t>(900 + pid * 7);
    for (std::size_t i = 0; i < talker->spark.size(); ++i) {
      const double wave = 0.55 + 0.45 * std::sin(static_cast<double>(i + pid) * 0.7);
      talker->spark[i] = static_cast<float>((down + up) * wave);
    }
    for (; taken_ < rows_.size(); ++taken_) {
      auto& row = rows_[taken_];
      row.name = from == NameSource::kNone ? std::string_view{} : host;
      row.name_from = from;
      row.apps[0] = app;
      row.owners[0] = {
          quality, quality == Quality::kUnknown ? model::OwnerVia::kNone : model::OwnerVia::kEbpf,
          pid, process};
      row.down_rate = static_cast<float>(down / 2);
      row.up_rate = static_cast<float>(up / 2);
      row.down.wire_bytes = static_cast<std::uint64_t>(down * 90);
      row.up.wire_bytes = static_cast<std::uint64_t>(up * 90);
      row.rtt_us = talker->rtt_us;
      talker->rows.push_back(static_cast<std::uint32_t>(taken_));
    }
    talker->connections = static_cast<std::uint32_t>(std::max<std::size_t>(1, talker->rows.size()));
    s.talkers.push_back(talker);
    s.attribution.bytes[static_cast<std::size_t>(quality)] += talker->down_bytes + talker->up_bytes;
    return *talker;
  }

  void throughput(int seconds) {
    s.throughput_of = "eth0";
    for (int i = 0; i < seconds; ++i) {
      const double t = i;
      const double down = 4e6 + 3.5e6 * std::sin(t / 23) + (i % 41 == 0 ? 9e6 : 0);
      const double up = 2.2e5 + 1.9e5 * std::sin(t / 11 + 1);
      s.throughput.push_back({static_cast<float>(up), static_cast<float>(down)});
    }
  }

  void interface(std::string_view name, bool is_default, bool up, float rx, float tx,
                 std::string_view address) {
    model::InterfaceRow row;
    row.interface.name = name;
    row.interface.is_default = is_default;
    row.interface.up = up;
    row.interface.ifindex = static_cast<std::uint32_t>(s.interfaces.size() + 1);
    row.interface.loopback = name == "lo";
    row.interface.speed_bits_per_s = row.interface.loopback ? -1 : 1'000'000'000;
    if (!address.empty()) row.interface.addresses.push_back(*base::IpAddress::parse(address));
    row.interface.ifindex = static_cast<std::uint32_t>(s.interfaces.size() + 1);
    row.rated = true;
    row.rx_rate = rx;
    row.tx_rate = tx;
    auto history = std::make_shared<std::vector<model::RatePoint>>();
    for (int i = 0; i < 300; ++i) {
      const auto wave = static_cast<float>(0.6 + 0.4 * std::sin(i / 13.0));
      history->push_back({.up = tx * wave, .down = rx * wave});
    }
    row.history = history;
    s.interfaces.push_back(std::move(row));
  }

  const model::Snapshot& done() {
    s.chunks.clear();
    for (std::size_t at = 0; at < rows_.size(); at += model::kRowsPerChunk) {
      auto chunk = std::make_shared<model::RowChunk>();
      const auto last = std::min(rows_.size(), at + model::kRowsPerChunk);
      chunk->rows.assign(rows_.begin() + static_cast<std::ptrdiff_t>(at),
                         rows_.begin() + static_cast<std::ptrdiff_t>(last));
      s.chunks.push_back(chunk);
    }
    return s;
  }

  model::Snapshot s;

 private:
  std::vector<model::ConnectionRow> rows_;
  std::size_t taken_ = 0;
};

inline constexpr std::uint8_t kTcp = model::ip_proto::kTcp;
inline constexpr std::uint8_t kUdp = model::ip_proto::kUdp;

inline void add_interfaces(SnapshotMaker& make) {
  make.interface("lo", false, true, 5200, 5200, "127.0.0.1");
  make.interface("eth0", true, true, 7.42e6F, 3.1e5F, "192.168.1.20");
  make.interface("wlan0", false, false, 0, 0, "");
}

// A busy desktop: five programs, six connections, one of them not owned.
inline void add_usual(SnapshotMaker& make) {
  make.throughput(600);
  add_interfaces(make);
  auto& first = make.row(end("192.168.1.20", 51'514), end("151.101.1.69", 443), kTcp);
  first.up.retransmitted = 3;
  make.row(end("192.168.1.20", 51'515), end("151.101.1.69", 443), kTcp).state =
      model::TcpState::kTimeWait;
  make.row(end("2001:db8:1::20", 40'022), end("2a04:4e42:200:1234:5678:9abc:def0:645", 443), kUdp);
  make.talker("firefox", 4242, Quality::kExact, "cdn.example.org", NameSource::kSni, "http2", 5.2e6,
              81'000);
  make.row(end("192.168.1.20", 40'000), end("192.0.2.17", 22), kTcp);
  make.talker("ssh", 991, Quality::kExact, "build.example.net", NameSource::kDns, "ssh", 14'000,
              92'000);
  make.row(end("192.168.1.20", 40'500), end("198.51.100.7", 6881), kTcp);
  make.talker("transmission-daemon", 777, Quality::kInferred, "198.51.100.7", NameSource::kNone,
              "bittorrent", 1.9e6, 120'000);
  make.row(end("192.168.1.20", 123), end("203.0.113.5", 123), kUdp);
  make.talker("", 0, Quality::kUnknown, "time.example.com", NameSource::kReverseDns, "ntp", 90, 90)
      .rtt_us = -1;
  make.row(end("192.168.1.20", 53'000), end("192.168.1.1", 53), kUdp);
  make.talker("systemd-resolved", 310, Quality::kExact, "router.lan", NameSource::kReverseDns,
              "dns", 0.2, 0);
  make.s.packets = 1'234'567;
  make.s.wire_bytes = 1'734'000'000;
  make.s.flows = 4321;
  make.s.records = 9876;
}

}  // namespace netwatch::tui
