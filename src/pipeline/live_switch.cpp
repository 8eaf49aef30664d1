// Another interface while a session runs: the command, and how one source of packets follows the
// other.
#include <algorithm>
#include <utility>

#include "pipeline/abilities.h"
#include "pipeline/live_session.h"

namespace netwatch::pipeline {
namespace {

// The kernel hands a block over 10 ms after its first packet, or a tick or two later.
constexpr base::TimeNs kHandOverNs = 50 * base::kNsPerMs;
constexpr int kHandOverWaitMs = 10;
// A clock that is set meanwhile makes all packets old, or none: neither may last.
constexpr base::TimeNs kHandOverMostNs = 2 * base::kNsPerSecond;
constexpr base::TimeNs kSkipNs = base::kNsPerSecond;

// A view of the packets of `batch` that `keep` says yes to.
template <typename Keep>
std::shared_ptr<model::PacketBatch> view_of(model::PacketBatchPtr batch, const Keep& keep) {
  auto view = std::make_shared<model::PacketBatch>();
  view->packets.reserve(batch->packets.size());
  std::copy_if(batch->packets.begin(), batch->packets.end(), std::back_inserter(view->packets),
               keep);
  view->kernel_dropped = batch->kernel_dropped;
  view->kernel_frozen = batch->kernel_frozen;
  view->backing = std::move(batch);
  return view;
}

}  // namespace

void LiveSession::switch_interface(std::string interface) {
  const std::lock_guard lock(mutex_);
  wanted_interface_ = std::move(interface);
}

void LiveSession::take_command() {
  std::optional<std::string> wanted;
  {
    const std::lock_guard lock(mutex_);
    wanted = std::exchange(wanted_interface_, std::nullopt);
  }
  if (!wanted) return;
  const bool lost = options_.capture && source_ == nullptr;
  if (*wanted == options_.interface && !lost) return;
  const auto changed = options_.capture ? capture_on(*wanted) : look_only_at(*wanted);
  table_.set_notice(
      changed.ok() ? std::string() : "not switched to " + *wanted + ": " + changed.error().message,
      base::monotonic_clock_ns());
}

// What is there stays in force until the other one is open.
base::Status LiveSession::capture_on(const std::string& interface) {
  auto opened = options_.open_capture({.interface = interface, .filter = options_.capture_filter});
  if (!opened.ok()) return opened.error();
  if (source_ != nullptr) {
    // Both capture now. Where they see the same packets, each is taken from one of them.
    const base::TimeNs until_ns = base::wall_clock_ns();
    hand_over(until_ns);
    skip_until_ns_ = until_ns;
    skip_over_ns_ = base::monotonic_clock_ns() + kSkipNs;
  }
  // Its numbers begin anew.
  if (report_) report_->tell_all_packets();
  source_ = std::move(*opened);
  engine_.set_first_sighting_only(interface == "any");
  options_.interface = interface;
  table_.set_interface(interface, interface);
  change({.name = "capture", .on = true, .why = {}, .fix = {}});
  table_.set_capturing(true);
  return base::ok_status();
}

// Without capture: only whose counters are shown.
base::Status LiveSession::look_only_at(const std::string& interface) {
  if (auto known = check_interface(interface, options_.root); !known.ok()) return known;
  options_.interface = interface;
  table_.set_interface("sockets", interface);
  return base::ok_status();
}

// What the source that ends has seen until `until_ns`. What it lost after that is no loss: it was
// not asked for any more.
void LiveSession::hand_over(base::TimeNs until_ns) {
  const base::TimeNs begun_ns = base::monotonic_clock_ns();
  for (int wait_ms = 0; !full(); wait_ms = kHandOverWaitMs) {
    auto batch = source_->next(wait_ms);
    if (!batch.ok() || *batch == nullptr) return;
    // As in capture_once().
    take_closed_sockets();
    const bool later = (*batch)->packets.empty() || (*batch)->packets.back().time_ns > until_ns;
    auto view = view_of(since_switch(std::move(*batch)),
                        [&](const auto& packet) { return packet.time_ns <= until_ns; });
    if (wait_ms > 0) view->kernel_dropped = view->kernel_frozen = 0;
    if (!view->packets.empty() || view->kernel_dropped > 0) push(std::move(view));
    const base::TimeNs spent_ns = base::monotonic_clock_ns() - begun_ns;
    if ((later && spent_ns >= kHandOverNs) || spent_ns >= kHandOverMostNs) return;
  }
}

// Without what the source before it has told.
model::PacketBatchPtr LiveSession::since_switch(model::PacketBatchPtr batch) {
  if (skip_until_ns_ == 0) return batch;
  if (base::monotonic_clock_ns() >= skip_over_ns_) {
    skip_until_ns_ = 0;
    return batch;
  }
  return view_of(std::move(batch),
                 [this](const auto& packet) { return packet.time_ns > skip_until_ns_; });
}

}  // namespace netwatch::pipeline
