// The counters and states of interfaces, as collect_interfaces() reads them.
#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "collect/collectors.h"

namespace netwatch::collect {
namespace {

enum Metric : std::uint8_t {
  kRxBytes,
  kTxBytes,
  kRxPackets,
  kTxPackets,
  kRxDropped,
  kTxDropped,
  kRxErrors,
  kTxErrors,
  kState,
  kUp,
  kSpeed,
  kMtu
};
constexpr std::size_t kCounters = kTxErrors + 1;

constexpr std::string_view kLabels[] = {"interface", "role"};
// RFC 2863, in the order of model::LinkState.
constexpr std::string_view kStates[] = {"unknown", "notpresent", "down", "lowerlayerdown",
                                        "testing", "dormant",    "up"};
constexpr std::string_view kUpStates[] = {"down", "up"};
constexpr auto kCounter = model::MetricKind::kCounter;
constexpr auto kBytes = model::MetricUnit::kBytes;
constexpr auto kPackets = model::MetricUnit::kPackets;
constexpr model::MetricDef kMetrics[] = {
    {.name = "interface.rx_bytes",
     .kind = kCounter,
     .unit = kBytes,
     .help = "received",
     .labels = kLabels},
    {.name = "interface.tx_bytes",
     .kind = kCounter,
     .unit = kBytes,
     .help = "sent",
     .labels = kLabels},
    {.name = "interface.rx_packets",
     .kind = kCounter,
     .unit = kPackets,
     .help = "received",
     .labels = kLabels},
    {.name = "interface.tx_packets",
     .kind = kCounter,
     .unit = kPackets,
     .help = "sent",
     .labels = kLabels},
    {.name = "interface.rx_dropped",
     .kind = kCounter,
     .unit = kPackets,
     .help = "received, and thrown away for want of room or of a taker",
     .labels = kLabels},
    {.name = "interface.tx_dropped",
     .kind = kCounter,
     .unit = kPackets,
     .help = "not sent for want of room",
     .labels = kLabels},
    {.name = "interface.rx_errors",
     .kind = kCounter,
     .unit = kPackets,
     .help = "received damaged",
     .labels = kLabels},
    {.name = "interface.tx_errors",
     .kind = kCounter,
     .unit = kPackets,
     .help = "not sent because of an error",
     .labels = kLabels},
    {.name = "interface.state",
     .kind = model::MetricKind::kState,
     .help = "operational state (RFC 2863); loopback and tunnels stay unknown",
     .labels = kLabels,
     .states = kStates},
    {.name = "interface.up",
     .kind = model::MetricKind::kState,
     .help = "switched on, and working as far as the driver tells",
     .labels = kLabels,
     .states = kUpStates},
    {.name = "interface.speed",
     .unit = model::MetricUnit::kBitsPerSecond,
     .help = "speed of the link, where the driver says it",
     .labels = kLabels},
    {.name = "interface.mtu_bytes",
     .unit = kBytes,
     .help = "largest IP packet of the link",
     .labels = kLabels},
};
constexpr std::string_view kNeeds[] = {"rtnetlink", "/sys/class/net"};

class InterfacesCollector final : public Collector {
 public:
  void collect(Look& look) override {
    const auto table = look.host().interfaces();
    if (!table) return look.lacks(table.error().message);
    ++looks_;
    for (const model::Interface& interface : table->interfaces) add(look, interface);
    std::erase_if(known_, [this](const auto& one) { return one.second.seen_in != looks_; });
  }

 private:
  struct Known {
    std::array<Counter, kCounters> counters;
    std::uint64_t seen_in = 0;
  };

  void add(Look& look, const model::Interface& interface) {
    const std::string_view role = model::interface_role_name(interface.role);
    const auto put = [&](Metric metric, auto value) {
      look.add(kMetrics[metric], value, {interface.name, role});
    };
    Known& known = known_[interface.ifindex];
    known.seen_in = looks_;
    const std::array<std::uint64_t, kCounters> values{
        interface.rx_bytes,   interface.tx_bytes,   interface.rx_packets, interface.tx_packets,
        interface.rx_dropped, interface.tx_dropped, interface.rx_errors,  interface.tx_errors};
    for (std::size_t i = 0; i < kCounters; ++i) {
      (void)known.counters[i].advance(values[i], look.faults());
      put(static_cast<Metric>(i), values[i]);
    }
    put(kState, std::uint64_t{static_cast<std::uint8_t>(interface.state)});
    put(kUp, std::uint64_t{interface.up ? 1U : 0U});
    if (interface.speed_bits_per_s > 0)
      put(kSpeed, static_cast<double>(interface.speed_bits_per_s));
    if (interface.mtu > 0) put(kMtu, std::uint64_t{interface.mtu});
  }

  std::unordered_map<std::uint32_t, Known> known_;  // by index: a name may come again
  std::uint64_t looks_ = 0;
};

}  // namespace

extern const CollectorDef kInterfaces{.name = "interfaces",
                                      .needs = kNeeds,
                                      .metrics = kMetrics,
                                      .make = make_collector<InterfacesCollector>};

}  // namespace netwatch::collect
