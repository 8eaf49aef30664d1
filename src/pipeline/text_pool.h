#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace netwatch::pipeline {

// Interned text with stable addresses. Snapshots share the storage, so a view stays valid as long
// as any snapshot that was published while the pool was in use. Written by one thread only.
class TextPool {
 public:
  TextPool() : storage_(std::make_shared<Storage>()) {}

  std::string_view intern(std::string_view text);
  [[nodiscard]] std::size_t used_bytes() const { return used_bytes_; }
  [[nodiscard]] std::shared_ptr<const void> storage() const { return storage_; }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{64} << 10;
  struct Storage {
    std::vector<std::unique_ptr<char[]>> blocks;  // NOLINT(*-avoid-c-arrays)
  };

  std::shared_ptr<Storage> storage_;
  std::size_t block_used_ = kBlockBytes;
  std::size_t used_bytes_ = 0;
  std::unordered_set<std::string_view> known_;
};

}  // namespace netwatch::pipeline
