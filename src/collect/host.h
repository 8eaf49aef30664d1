#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "collect/collect.h"

namespace netwatch::collect {

// A file system's room, as statvfs(3) tells. Inodes are 0 where it has none to count (btrfs).
struct FileSystemSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;       // root's reserve included
  std::uint64_t available_bytes = 0;  // to others than root
  std::uint64_t inodes = 0;
  std::uint64_t free_inodes = 0;
  bool read_only = false;
};

// The operating system as collectors see it. Paths are relative to the root: "proc/stat".
class Host {
 public:
  virtual ~Host() = default;
  // A whole text file, cut at `max_bytes`.
  [[nodiscard]] virtual base::Result<std::string> read(std::string_view file,
                                                       std::size_t max_bytes) const = 0;
  // The names in a folder, sorted and at most kMaxNames; none if it cannot be read.
  [[nodiscard]] virtual std::vector<std::string> list(std::string_view folder) const = 0;
  // Of the file system that is mounted there. May block as long as its device does.
  [[nodiscard]] virtual base::Result<FileSystemSpace> space(
      const std::string& mount_point) const = 0;
  [[nodiscard]] virtual base::Result<model::InterfaceTable> interfaces() const = 0;
  [[nodiscard]] virtual base::TimeNs wall_ns() const = 0;
  [[nodiscard]] virtual base::TimeNs monotonic_ns() const = 0;

  static constexpr std::size_t kMaxNames = 1U << 20;
};

// This host, or a fake root's files with this host's clocks.
class LocalHost : public Host {
 public:
  explicit LocalHost(Root root = {}) : root_(std::move(root)) {}
  // Errors name the file as it is called on a host: "/proc/stat: ...".
  [[nodiscard]] base::Result<std::string> read(std::string_view file,
                                               std::size_t max_bytes) const override;
  [[nodiscard]] std::vector<std::string> list(std::string_view folder) const override;
  [[nodiscard]] base::Result<FileSystemSpace> space(const std::string& mount_point) const override;
  [[nodiscard]] base::Result<model::InterfaceTable> interfaces() const override {
    return collect_interfaces(root_);
  }
  [[nodiscard]] base::TimeNs wall_ns() const override { return base::wall_clock_ns(); }
  [[nodiscard]] base::TimeNs monotonic_ns() const override { return base::monotonic_clock_ns(); }

 private:
  Root root_;
};

}  // namespace netwatch::collect
