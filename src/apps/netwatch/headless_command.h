#pragma once

#include <cstdint>
#include <string>

namespace netwatch::app {

struct HeadlessOptions {
  std::string interface = "any";
  std::string capture_filter;  // -f
  std::string filter;          // -Y
  std::uint64_t max_packets = 0;
  bool json = false;
  bool quiet = false;
  bool no_probes = false;
  std::int64_t sample_every_s = 15;     // with json; 0: no samples
  std::string confine = "best-effort";  // or strict, off
};

// `netwatch live`: what the live screen sees, as lines, until a signal, -c or a closed pipe ends
// it. Returns the exit status.
int run_headless(const HeadlessOptions& options);

}  // namespace netwatch::app
