// The tracker of a build without clang, bpftool or libbpf.
#include <utility>

#include "ebpf/tracker.h"

namespace netwatch::ebpf {

class Tracker::Impl {};

OpenedTracker Tracker::open(const TrackerOptions&) {
  OpenedTracker opened;
  opened.abilities.push_back(
      {.name = "exact owners",
       .on = false,
       .why = "this netwatch was built without eBPF",
       .fix = "sudo apt-get install clang bpftool libbpf-dev, and build again"});
  return opened;
}

bool Tracker::built_in() { return false; }

Tracker::Tracker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tracker::~Tracker() = default;
void Tracker::learn_programs(const std::vector<model::Process>&) {}
void Tracker::drain(std::vector<model::ClosedSocket>&, std::vector<model::ProcessEnd>*) {}
base::Result<model::SocketHoldings> Tracker::holdings() { return model::SocketHoldings{}; }
std::uint64_t Tracker::lost_events() const { return 0; }
base::Status Tracker::count_costs() { return base::ok_status(); }
std::vector<ProgramCost> Tracker::costs() const { return {}; }

}  // namespace netwatch::ebpf
