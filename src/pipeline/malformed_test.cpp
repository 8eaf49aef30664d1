// Damaged and hostile captures (public ones, where present beside the checkout) end cleanly: no
// crash, no sanitizer report, and every packet and flow accounted for.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "pipeline/file_run.h"

namespace netwatch::pipeline {
namespace {

namespace fs = std::filesystem;

class CountingSink final : public ResultSink {
 public:
  void on_flow(const model::Flow&) override { ++flows; }
  void on_record(const model::Record&) override { ++records; }
  std::uint64_t flows = 0;
  std::uint64_t records = 0;
};

TEST(MalformedCorpusTest, EveryDamagedCaptureEndsCleanly) {
  const fs::path corpus = fs::path(NETWATCH_SOURCE_DIR) / ".." / "shared" / "corpus";
  std::ifstream list(corpus / "malformed.tsv");
  if (!list) GTEST_SKIP() << "the public captures are not beside the checkout";
  std::string line;
  std::getline(list, line);  // the head
  std::size_t captures = 0;
  while (std::getline(list, line)) {
    const fs::path file = corpus / line.substr(0, line.find('\t'));
    if (!fs::exists(file)) continue;
    SCOPED_TRACE(file.string());
    CountingSink sink;
    FileRunOptions options;
    options.files = {file.string()};
    const FileRunOutcome outcome = run_files(options, sink);
    EXPECT_EQ(outcome.totals.flows, sink.flows);
    EXPECT_EQ(outcome.totals.records, sink.records);
    ++captures;
  }
  EXPECT_GT(captures, 400U);
}

}  // namespace
}  // namespace netwatch::pipeline
