// Every capture of the public corpus holds as many packets as tshark counted in it.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "capture/source.h"

namespace netwatch::capture {
namespace {

namespace fs = std::filesystem;

// Where tshark counts otherwise, and why.
struct Difference {
  std::string_view file;
  std::string_view cause;
};
constexpr Difference kDifferences[] = {
    {"pcapng-gen/output_be/advanced/test102.pcapng", "it lists the custom blocks as packets"},
    {"pcapng-gen/output_be/difficult/test202.pcapng", "it lists the custom blocks as packets"},
    {"pcapng-gen/output_le/advanced/test102.pcapng", "it lists the custom blocks as packets"},
    {"pcapng-gen/output_le/difficult/test202.pcapng", "it lists the custom blocks as packets"},
    {"pcapplusplus/Fuzzers/RegressionTests/regression_samples/"
     "crash-exception-cast-constructed-record.pcap",
     "it takes the damage for another record layout; tcpdump reads both packets"},
};

// One line of truth, as far as it matters here; its keys are in alphabetical order.
struct Truth {
  std::string file;
  std::uint64_t packets = 0;
  bool unread = false;  // tshark gave up before the first packet
};

bool explained(const Truth& truth) {
  // A link type that tshark does not know is no reason not to count its packets.
  if (truth.unread) return true;
  return std::any_of(std::begin(kDifferences), std::end(kDifferences),
                     [&](const Difference& d) { return d.file == truth.file; });
}

Truth parse_truth(const std::string& line) {
  Truth out;
  const std::string file_key = "\"file\":\"";
  const std::string packets_key = "\"packets\":";
  const std::size_t file_at = line.find(file_key);
  if (file_at == std::string::npos) return out;
  const std::size_t start = file_at + file_key.size();
  const std::size_t end = line.find('"', start);
  const std::size_t packets_at = line.find(packets_key, end);
  if (packets_at == std::string::npos) return out;
  const char* digits = line.data() + packets_at + packets_key.size();
  std::from_chars(digits, line.data() + line.size(), out.packets);
  out.unread = out.packets == 0 && line.find("\"rc\":2") != std::string::npos;
  out.file = line.substr(start, end - start);
  return out;
}

std::string read_all(const std::string& path, std::uint64_t& packets) {
  packets = 0;
  auto source = open_file(path);
  if (!source) return source.error().message;
  while (true) {
    const auto batch = (*source)->next(0);
    if (!batch) return batch.error().message;
    if (*batch == nullptr) return "";
    packets += (*batch)->packets.size();
  }
}

TEST(Corpus, PacketCountsAreTsharks) {
  const fs::path corpus = fs::path(NETWATCH_SOURCE_DIR) / "../shared/corpus";
  if (!fs::exists(corpus / "truth")) GTEST_SKIP() << "no corpus beside the checkout";
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(corpus / "truth")) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(".jsonl") || name.find("ndpi42") != std::string::npos ||
        name.find("-expected") != std::string::npos)
      continue;
    std::ifstream lines(entry.path());
    for (std::string line; std::getline(lines, line);) {
      const Truth truth = parse_truth(line);
      if (truth.file.empty()) continue;
      std::uint64_t packets = 0;
      const std::string error = read_all(corpus / truth.file, packets);
      if (explained(truth)) continue;
      EXPECT_EQ(packets, truth.packets) << truth.file << ": " << error;
      ++files;
    }
  }
  EXPECT_GT(files, 0U);
}

}  // namespace
}  // namespace netwatch::capture
