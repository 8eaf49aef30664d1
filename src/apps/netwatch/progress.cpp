#include "apps/netwatch/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "apps/netwatch/complaint.h"
#include "tui/format.h"

namespace netwatch::app {
namespace {

constexpr base::TimeNs kQuietNs = base::kNsPerSecond / 2;
constexpr base::TimeNs kEveryNs = base::kNsPerSecond / 10;
constexpr std::size_t kBarColumns = 30;

}  // namespace

Progress::Progress()
    : on_terminal_(::isatty(STDERR_FILENO) == 1), next_ns_(base::monotonic_clock_ns() + kQuietNs) {}

void Progress::show(std::uint64_t done, std::uint64_t total) {
  if (!on_terminal_) return;
  const base::TimeNs now_ns = base::monotonic_clock_ns();
  if (now_ns < next_ns_) return;
  next_ns_ = now_ns + kEveryNs;
  shown_ = true;
  const auto bytes = [](std::uint64_t n) { return tui::format_bytes(static_cast<double>(n)); };
  if (total == 0) {
    say(fmt::format("\r\x1b[K{} read", bytes(done)));
    return;
  }
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(kBarColumns));
  say(fmt::format("\r\x1b[K[{:<{}}] {:3.0f}%  {} of {}", std::string(filled, '#'), kBarColumns,
                  100 * share, bytes(done), bytes(total)));
}

void Progress::clear() {
  if (shown_) say("\r\x1b[K");
  shown_ = false;
}

}  // namespace netwatch::app
