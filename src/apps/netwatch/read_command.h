#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace netwatch::app {

struct ReadOptions {
  std::vector<std::string> files;
  std::string filter;                 // -Y
  std::string write_path;             // -w
  std::vector<std::string> rotation;  // -b
  std::uint64_t max_packets = 0;
  unsigned threads = 1;
  bool json = false;
  bool flows = false;
  bool records = false;
  bool quiet = false;
  bool follow = false;
  std::string confine = "best-effort";  // a name of confine::Mode
};

// `netwatch read`: returns the exit status.
int run_read(const ReadOptions& options);

}  // namespace netwatch::app
