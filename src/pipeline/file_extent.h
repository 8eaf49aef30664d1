#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace netwatch::pipeline {

// How far packets reach, and how much there is when: bytes in equal parts of their time, which grow
// so that there are never more than kParts.
class FileExtent {
 public:
  static constexpr std::size_t kParts = 512;

  // What is older than one before it counts as of that one's time.
  void add(base::TimeNs time_ns, std::uint32_t wire_bytes);

  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] base::TimeNs first_ns() const { return first_ns_; }
  [[nodiscard]] base::TimeNs last_ns() const { return last_ns_; }
  [[nodiscard]] base::TimeNs part_ns() const { return part_ns_; }
  [[nodiscard]] const std::vector<float>& load() const { return load_; }

 private:
  std::uint64_t packets_ = 0;
  base::TimeNs first_ns_ = 0;
  base::TimeNs last_ns_ = 0;
  base::TimeNs part_ns_ = base::kNsPerMs;
  std::vector<float> load_;
};

}  // namespace netwatch::pipeline
