// docs/protocols.md is made from the goldens' captures: what each protocol is shown to decode, by
// real peers and by scripted ones. A declared field that no capture fills is a promise nobody
// checked, and fails. NETWATCH_UPDATE_GOLDEN=1 rewrites the page.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "dpi/protocols.h"
#include "pipeline/file_run.h"

namespace netwatch::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHead = R"(# What is decoded

Made by a test from the captures in `testdata/dpi` (`NETWATCH_UPDATE_GOLDEN=1 build/asan/pipeline_test --gtest_filter='ProtocolsDoc*'`): do not edit. *Real* counts the captures in which packaged clients and servers speak the protocol, *scripted* those whose peers are scripts of ours, because none is packaged. Every field below is filled by one of them; of the kinds of records, those in brackets are in none. What is left out of a protocol: docs/dpi.md.

| protocol | over | real | scripted | records | fields |
|---|---|---|---|---|---|
)";

struct Shown {
  std::set<std::string> real;
  std::set<std::string> scripted;
  std::set<std::string_view> kinds;
};

class ShownSink final : public ResultSink {
 public:
  void begin(const fs::path& capture) { capture_ = capture.stem().string(); }
  void on_flow(const model::Flow& /*flow*/) override {}
  void on_record(const model::Record& record) override {
    Shown& shown = protocols[record.schema->proto];
    const bool scripted = capture_.ends_with("_scripted");
    (scripted ? shown.scripted : shown.real).insert(capture_);
    shown.kinds.insert(record.kind_name());
    model::ValueCursor values(record);
    while (const auto value = values.next()) filled.insert(value->def);
  }
  std::map<std::string_view, Shown> protocols;
  std::set<const model::FieldDef*> filled;  // protocols may share fields: DNS, mDNS, LLMNR

 private:
  std::string capture_;
};

void read_captures(ShownSink& sink) {
  for (const auto& entry : fs::recursive_directory_iterator(NETWATCH_SOURCE_DIR "/testdata/dpi")) {
    if (entry.path().extension() != ".pcapng") continue;
    FileRunOptions options;
    options.files = {entry.path().string()};
    sink.begin(entry.path());
    run_files(options, sink);
  }
}

struct Row {
  const model::Schema* schema = nullptr;
  unsigned transports = 0;
};

// Rows of the table that share a schema are one protocol to people.
std::map<std::string_view, Row> schemas() {
  std::map<std::string_view, Row> rows;
  for (const dpi::ProtocolDef* def : dpi::protocols()) {
    if (def->schema == nullptr) continue;
    Row& row = rows[def->schema->proto];
    row.schema = def->schema;
    row.transports |= static_cast<unsigned>(def->transport);
  }
  return rows;
}

std::string page(const std::map<std::string_view, Row>& rows, ShownSink& sink) {
  constexpr std::string_view kTransports[] = {"", "TCP", "UDP", "TCP, UDP"};
  std::string text(kHead);
  for (const auto& [proto, row] : rows) {
    const Shown& shown = sink.protocols[proto];
    std::string kinds;
    std::string fields;
    for (std::string_view kind : row.schema->kinds) {
      const bool seen = shown.kinds.contains(kind);
      kinds += fmt::format("{}{}{}{}", kinds.empty() ? "" : ", ", seen ? "" : "(", kind,
                           seen ? "" : ")");
    }
    for (const model::FieldDef& field : row.schema->fields) {
      fields += fmt::format("{}`{}`", fields.empty() ? "" : ", ", field.name);
    }
    text += fmt::format("| `{}` {} | {} | {} | {} | {} | {} |\n", proto, row.schema->title,
                        kTransports[row.transports], shown.real.size(), shown.scripted.size(),
                        kinds, fields);
  }
  text += fmt::format("\n{} protocols.\n", rows.size());
  return text;
}

TEST(ProtocolsDoc, EveryDeclaredFieldIsFilledByACapture) {
  ShownSink sink;
  read_captures(sink);
  for (const auto& [proto, row] : schemas()) {
    for (const model::FieldDef& field : row.schema->fields) {
      EXPECT_TRUE(sink.filled.contains(&field)) << "no capture fills " << field.name;
    }
    EXPECT_FALSE(sink.protocols[proto].kinds.empty()) << "no capture of " << proto;
  }
}

TEST(ProtocolsDoc, ThePageIsMadeFromTheCaptures) {
  ShownSink sink;
  read_captures(sink);
  const std::string made = page(schemas(), sink);
  const fs::path path = NETWATCH_SOURCE_DIR "/docs/protocols.md";
  if (std::getenv("NETWATCH_UPDATE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    std::ofstream(path, std::ios::binary) << made;
  }
  std::stringstream kept;
  kept << std::ifstream(path, std::ios::binary).rdbuf();
  EXPECT_EQ(made, kept.str());
}

}  // namespace
}  // namespace netwatch::pipeline
