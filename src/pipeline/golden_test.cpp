// Every capture in testdata/dpi through the whole engine, compared with the NDJSON beside it, for
// one thread and for several; packets needed until each decision stand in them ("packet").
// NETWATCH_UPDATE_GOLDEN=1 rewrites the goldens: read the difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "export/ndjson.h"
#include "pipeline/file_run.h"

namespace netwatch::pipeline {
namespace {

namespace fs = std::filesystem;

class LineSink final : public ResultSink {
 public:
  void on_record(const model::Record& record) override {
    exporting::append_record(lines, record);
    if (record.cut) ++cut;
  }
  void on_flow(const model::Flow& flow) override { exporting::append_flow(lines, flow); }
  std::string lines;
  std::uint64_t cut = 0;
};

class CountingSink final : public ResultSink {
 public:
  void on_record(const model::Record& /*record*/) override { ADD_FAILURE(); }
  void on_flow(const model::Flow& /*flow*/) override { ADD_FAILURE(); }
  [[nodiscard]] bool wants_results() const override { return false; }
};

Totals totals_of(const fs::path& capture, ResultSink& sink) {
  FileRunOptions options;
  options.files = {capture.string()};
  return run_files(options, sink).totals;
}

std::string run(const fs::path& capture, unsigned threads) {
  LineSink sink;
  FileRunOptions options;
  options.files = {capture.string()};
  options.engine.threads = threads;
  options.engine.community_ids = true;
  const FileRunOutcome outcome = run_files(options, sink);
  for (const base::Error& error : outcome.errors) {
    sink.lines += "error: " + error.message.substr(capture.string().size()) + "\n";
  }
  return sink.lines;
}

std::vector<fs::path> captures() {
  std::vector<fs::path> found;
  const fs::path folder = fs::path(NETWATCH_SOURCE_DIR) / "testdata" / "dpi";
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".pcapng") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

class GoldenTest : public testing::TestWithParam<fs::path> {};

TEST_P(GoldenTest, RecordsAndFlowsAreAsBefore) {
  const std::string lines = run(GetParam(), 1);
  fs::path golden = GetParam();
  golden.replace_extension(".ndjson");
  if (std::getenv("NETWATCH_UPDATE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    std::ofstream(golden, std::ios::binary) << lines;
  }
  std::stringstream expected;
  expected << std::ifstream(golden, std::ios::binary).rdbuf();
  EXPECT_EQ(lines, expected.str());
}

TEST_P(GoldenTest, ThreadsDoNotChangeTheResult) {
  EXPECT_EQ(run(GetParam(), 1), run(GetParam(), 3));
}

// `read -q` works out less; what it counts is the same.
TEST_P(GoldenTest, WhatIsOnlyCountedIsCountedTheSame) {
  LineSink described;
  CountingSink counted;
  const Totals expected = totals_of(GetParam(), described);
  Totals totals = totals_of(GetParam(), counted);
  EXPECT_EQ(expected.drops[model::Drop::kRecordCut], described.cut);
  EXPECT_EQ(totals.records, expected.records);
  EXPECT_EQ(totals.flows, expected.flows);
  for (std::size_t i = 0; i < static_cast<std::size_t>(model::Drop::kCount); ++i) {
    const auto drop = static_cast<model::Drop>(i);
    EXPECT_EQ(totals.drops[drop], expected.drops[drop]) << model::drop_name(drop);
  }
}

std::string case_name(const testing::TestParamInfo<fs::path>& capture) {
  std::string name =
      capture.param.parent_path().filename().string() + "_" + capture.param.stem().string();
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Captures, GoldenTest, testing::ValuesIn(captures()), case_name);

}  // namespace
}  // namespace netwatch::pipeline
