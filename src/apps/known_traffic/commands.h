#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace netwatch::known_traffic {

// NAME=VALUE words of the command line. Numbers have no other use than of tests: a bad one ends the
// program.
class Options {
 public:
  Options(int argc, char** argv);
  [[nodiscard]] std::string text(const std::string& name, std::string_view otherwise = "") const;
  [[nodiscard]] std::uint64_t number(const std::string& name, std::uint64_t otherwise) const;

 private:
  std::map<std::string, std::string> values_;
};

// Programs that talk to each other within this network namespace. Prints "ready" when the older
// sockets are there, goes on with a line of standard input, and ends with the ledger.
int run_owned(const Options& options);
// The program that an inherited socket is handed to across execve.
int run_heir(const Options& options);
// Traffic that no process of the namespace in the middle owns: through it, to its closed ports, and
// echoes that its kernel answers. Prints what it was, a line each.
int run_unowned(const Options& options);
// Frames straight to an interface, past its queue.
int run_flood(const Options& options);
// Connections, requests and bytes per second over loopback.
int run_rates(const Options& options);

}  // namespace netwatch::known_traffic
