// Every collector of the table over every host in testdata/root: two looks, 15 s apart, compared
// with samples.ndjson beside them. What "second" holds is what has changed until the second look;
// "statvfs" holds what file systems answer. NETWATCH_UPDATE_GOLDEN=1 rewrites the goldens: read the
// difference.
#include "collect/collectors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/json_writer.h"
#include "collect/probes/health.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

namespace fs = std::filesystem;

class FakeHost final : public Host {
 public:
  explicit FakeHost(const fs::path& folder)
      : first_(Root{folder}), second_(Root{folder / "second"}) {}

  void pass(base::TimeNs time_ns) { time_ns_ += time_ns; }

  [[nodiscard]] base::Result<std::string> read(std::string_view file,
                                               std::size_t max_bytes) const override {
    if (is_second()) {
      if (auto text = second_.read(file, max_bytes)) return text;
    }
    return first_.read(file, max_bytes);
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view folder) const override {
    return first_.list(folder);
  }
  // "/home/a b|size|free|available|inodes|free inodes|read-only"
  [[nodiscard]] base::Result<FileSystemSpace> space(const std::string& mount_point) const override {
    std::istringstream lines(read("statvfs", 65536).ok() ? *read("statvfs", 65536) : "");
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with(mount_point + "|")) continue;
      std::istringstream words(line.substr(mount_point.size() + 1));
      FileSystemSpace space;
      for (std::uint64_t* value : {&space.total_bytes, &space.free_bytes, &space.available_bytes,
                                   &space.inodes, &space.free_inodes}) {
        char bar = 0;
        words >> *value >> bar;
      }
      words >> space.read_only;
      return space;
    }
    return base::Error{base::ErrorCode::kIo, mount_point + ": Input/output error"};
  }
  // Whole at either look, since folders of interfaces come and go as a whole.
  [[nodiscard]] base::Result<model::InterfaceTable> interfaces() const override {
    if (is_second() && !second_.list("sys/class/net").empty()) return second_.interfaces();
    auto table = first_.interfaces();
    if (table) return table;
    base::Error error = table.error();
    error.message = "/sys/class/net" + error.message.substr(error.message.rfind(": "));
    return error;
  }
  [[nodiscard]] base::TimeNs wall_ns() const override { return time_ns_; }
  [[nodiscard]] base::TimeNs monotonic_ns() const override { return time_ns_; }

 private:
  [[nodiscard]] bool is_second() const { return time_ns_ > base::kNsPerSecond; }

  LocalHost first_;
  LocalHost second_;
  base::TimeNs time_ns_ = base::kNsPerSecond;
};

void append_sample(std::string& out, const model::Sample& sample) {
  base::JsonWriter json(out);
  json.begin_object();
  json.key("metric");
  json.string(sample.def->name);
  for (std::size_t i = 0; i < sample.def->labels.size(); ++i) {
    json.key(sample.def->labels[i]);
    json.string(sample.labels[i]);
  }
  json.key("value");
  if (sample.def->kind == model::MetricKind::kState) {
    json.string(sample.def->states[static_cast<std::size_t>(sample.value)]);
  } else {
    json.real(sample.value);
  }
  json.end_object();
  out += '\n';
}

void append_table(std::string& out, int look, const model::SampleTable& table) {
  base::JsonWriter json(out);
  json.begin_object();
  json.key("look");
  json.integer(look);
  json.key("counter_wraps");
  json.uint(table.counter_wraps);
  json.key("counter_resets");
  json.uint(table.counter_resets);
  json.end_object();
  out += '\n';
  for (const model::Ability& ability : table.abilities) {
    base::JsonWriter line(out);
    line.begin_object();
    line.key("ability");
    line.string(ability.name);
    line.key("on");
    line.boolean(ability.on);
    line.key("why");
    line.string(ability.why);
    line.end_object();
    out += '\n';
  }
  for (const model::Sample& sample : table.samples) append_sample(out, sample);
}

std::vector<fs::path> hosts() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(NETWATCH_SOURCE_DIR "/testdata/root")) {
    if (entry.is_directory()) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

class CollectorsTest : public testing::TestWithParam<fs::path> {};

TEST_P(CollectorsTest, SamplesAreAsBefore) {
  auto made = std::make_unique<FakeHost>(GetParam());
  FakeHost& host = *made;
  SampleCollector collector(std::move(made));
  std::string lines;
  append_table(lines, 1, collector.collect());
  host.pass(15 * base::kNsPerSecond);
  append_table(lines, 2, collector.collect());
  const fs::path golden = GetParam() / "samples.ndjson";
  if (std::getenv("NETWATCH_UPDATE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    std::ofstream(golden, std::ios::binary) << lines;
  }
  std::stringstream expected;
  expected << std::ifstream(golden, std::ios::binary).rdbuf();
  EXPECT_EQ(lines, expected.str());
}

INSTANTIATE_TEST_SUITE_P(Hosts, CollectorsTest, testing::ValuesIn(hosts()), [](const auto& host) {
  std::string name = host.param.filename().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(CollectorTable, NamesAreUniqueAndEveryMetricIsDescribed) {
  std::set<std::string_view> names;
  std::set<std::string_view> metrics;
  for (const CollectorDef* def : collectors()) {
    EXPECT_TRUE(names.insert(def->name).second) << def->name;
    EXPECT_FALSE(def->needs.empty()) << def->name;
    for (const model::MetricDef& metric : def->metrics) {
      EXPECT_TRUE(metrics.insert(metric.name).second) << metric.name;
      EXPECT_FALSE(metric.help.empty()) << metric.name;
      EXPECT_LE(metric.labels.size(), model::kMaxLabels) << metric.name;
      EXPECT_EQ(metric.kind == model::MetricKind::kState, !metric.states.empty()) << metric.name;
    }
  }
}

// A metric that no host of testdata/root has is one that nobody has ever seen.
TEST(CollectorTable, EveryMetricIsInSomeGolden) {
  std::set<std::string> seen;
  for (const fs::path& host : hosts()) {
    std::ifstream lines(host / "samples.ndjson");
    for (std::string line; std::getline(lines, line);) {
      constexpr std::string_view kBegin = "{\"metric\":\"";
      if (!line.starts_with(kBegin)) continue;
      seen.insert(line.substr(kBegin.size(), line.find('"', kBegin.size()) - kBegin.size()));
    }
  }
  for (const CollectorDef* def : collectors()) {
    for (const model::MetricDef& metric : def->metrics) {
      EXPECT_TRUE(seen.contains(std::string(metric.name))) << metric.name;
    }
  }
}

// docs/collect.md lists every metric, in the words of the table.
TEST(CollectorTable, TheDocumentationHasEveryMetric) {
  std::stringstream page;
  page << std::ifstream(NETWATCH_SOURCE_DIR "/docs/collect.md").rdbuf();
  std::vector<std::span<const model::MetricDef>> tables{health_metrics()};
  for (const CollectorDef* def : collectors()) tables.push_back(def->metrics);
  for (const auto& table : tables) {
    for (const model::MetricDef& metric : table) {
      std::string row = "| `";
      row.append(metric.name).append("` | ");
      row.append(model::metric_kind_name(metric.kind)).append(" | ");
      row.append(model::metric_unit_name(metric.unit)).append(" | ");
      for (std::size_t i = 0; i < metric.labels.size(); ++i) {
        row.append(i == 0 ? "" : ", ").append(metric.labels[i]);
      }
      row.append(" | ").append(metric.help).append(" |\n");
      EXPECT_NE(page.str().find(row), std::string::npos) << row;
    }
  }
}

double sum_of(const model::SampleTable& table, std::string_view metric) {
  double sum = 0;
  for (const model::Sample& sample : table.samples) {
    if (sample.def->name == metric) sum += sample.value;
  }
  return sum;
}

TEST(LiveCollectors, ThisHost) {
  SampleCollector collector;
  (void)collector.collect();
  const base::TimeNs until = base::monotonic_clock_ns() + (200 * base::kNsPerMs);
  while (base::monotonic_clock_ns() < until) {
  }
  const model::SampleTable table = collector.collect();
  EXPECT_NEAR(sum_of(table, "cpu.share"), 1, 1e-9);
  EXPECT_GT(sum_of(table, "cpu.used"), 0) << "this test has just worked";
  EXPECT_GT(sum_of(table, "memory.total_bytes"), sum_of(table, "memory.used_bytes"));
  EXPECT_GT(sum_of(table, "filesystem.total_bytes"), 0);
  EXPECT_GT(sum_of(table, "host.uptime"), 0);
  ASSERT_EQ(table.abilities.size(), collectors().size());
  for (const model::Ability& ability : table.abilities) {
    EXPECT_EQ(ability.on, ability.why.empty()) << ability.name;
  }
}

}  // namespace
}  // namespace netwatch::collect
