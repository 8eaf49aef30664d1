#include "pipeline/text_pool.h"

#include <algorithm>

namespace netwatch::pipeline {

std::string_view TextPool::intern(std::string_view text) {
  if (text.empty()) return {};
  text = text.substr(0, kBlockBytes);
  if (const auto found = known_.find(text); found != known_.end()) return *found;
  if (kBlockBytes - block_used_ < text.size()) {
    storage_->blocks.push_back(std::make_unique<char[]>(kBlockBytes));  // NOLINT(*-avoid-c-arrays)
    block_used_ = 0;
  }
  char* place = storage_->blocks.back().get() + block_used_;
  std::copy(text.begin(), text.end(), place);
  block_used_ += text.size();
  used_bytes_ += text.size();
  const std::string_view kept(place, text.size());
  known_.insert(kept);
  return kept;
}

}  // namespace netwatch::pipeline
