#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/time.h"
#include "collect/collect.h"

namespace netwatch::collect {

// What a host's files say of all its processes: the names of users, and when it was booted. Each is
// read at most once a round. Names come from the Root's etc/passwd and nowhere else: asking the
// name service could ask the network. Not thread-safe.
class ProcessFacts {
 public:
  explicit ProcessFacts(const Root& root);

  void begin_round() { ++round_; }
  std::string user_of(std::uint32_t uid);  // empty if there is none
  // When a process started, by the wall clock; 0: unknown.
  base::TimeNs started_ns(std::uint64_t start_ticks);

 private:
  std::string stat_path_;
  std::string passwd_path_;
  std::uint64_t round_ = 1;
  std::uint64_t users_round_ = 0;  // when each was last read
  std::uint64_t boot_round_ = 0;
  std::unordered_map<std::uint32_t, std::string> users_;
  std::optional<base::TimeNs> boot_ns_;
};

}  // namespace netwatch::collect
