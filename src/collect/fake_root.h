#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "collect/collect.h"

namespace netwatch::collect {

// For tests: a root of its own for each, removed at its end.
class FakeRootTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto& test = *testing::UnitTest::GetInstance()->current_test_info();
    root_.path = testing::TempDir() + "netwatch-" + test.test_suite_name() + "-" + test.name();
    std::filesystem::remove_all(root_.path);
  }
  void TearDown() override { std::filesystem::remove_all(root_.path); }

  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = root_.join(file);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }

  Root root_;
};

}  // namespace netwatch::collect
