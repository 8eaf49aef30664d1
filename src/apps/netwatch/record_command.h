#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace netwatch::app {

struct RecordOptions {
  std::string write_path;  // -w
  std::string interface = "any";
  std::string capture_filter;         // -f
  std::string filter;                 // -Y
  std::vector<std::string> rotation;  // -b
  std::uint64_t max_packets = 0;
  std::string annotate = "both";        // or comments, blocks
  std::string confine = "best-effort";  // or strict, off
};

// `netwatch record`: packets of this host as pcapng, each with its process, until a signal, -c, a
// closed pipe or a full disk ends it. Returns the exit status.
int run_record(const RecordOptions& options);

}  // namespace netwatch::app
