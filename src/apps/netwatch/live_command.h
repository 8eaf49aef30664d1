#pragma once

#include <set>
#include <string>
#include <vector>

namespace netwatch::app {

struct LiveOptions {
  std::vector<std::string> files;  // -r: these instead of this host
  std::string interface = "any";
  std::string capture_filter;  // -f
  std::string filter;          // -Y
  std::string theme;
  std::string view;  // "full", "lite"; empty: the usual one
  std::string tab;   // of the full view, which it asks for
  bool no_capture = false;
  bool no_probes = false;
  std::string confine = "best-effort";  // a name of confine::Mode
  std::string config;                   // the file of settings; empty: the usual one
  bool print_config = false;            // show what it may say, and nothing else
  // Settings that the command line gives: they win over the file.
  std::set<std::string, std::less<>> given;
};

// `netwatch` without a subcommand: the screen, live or of capture files. Returns the exit status.
int run_live(const LiveOptions& given);

}  // namespace netwatch::app
