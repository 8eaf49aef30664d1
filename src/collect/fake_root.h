#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "collect/collect.h"

namespace netwatch::collect {

// For tests: a root of its own, removed at its end.
class FakeRoot {
 public:
  FakeRoot() {
    std::string pattern = std::filesystem::temp_directory_path() / "netwatch-root-XXXXXX";
    root_.path = ::mkdtemp(pattern.data());
  }
  ~FakeRoot() { std::filesystem::remove_all(root_.path); }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;

  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = root_.join(file);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }

 protected:
  Root root_;
};

}  // namespace netwatch::collect
