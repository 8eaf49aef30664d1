#include "pipeline/file_extent.h"

#include <algorithm>

namespace netwatch::pipeline {

void FileExtent::add(base::TimeNs time_ns, std::uint32_t wire_bytes) {
  if (packets_++ == 0) first_ns_ = time_ns;
  time_ns = last_ns_ = std::max(last_ns_, time_ns);
  while ((time_ns - first_ns_) / part_ns_ >= static_cast<std::int64_t>(kParts)) {
    part_ns_ *= 2;
    for (std::size_t i = 0; i < load_.size(); i += 2) {
      load_[i / 2] = load_[i] + (i + 1 < load_.size() ? load_[i + 1] : 0.0F);
    }
    load_.resize((load_.size() + 1) / 2);
  }
  const auto part = static_cast<std::size_t>((time_ns - first_ns_) / part_ns_);
  if (part >= load_.size()) load_.resize(part + 1);
  load_[part] += static_cast<float>(wire_bytes);
}

}  // namespace netwatch::pipeline
