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
#include <utility>
#include <vector>

#include "dpi/protocols.h"
#include "pipeline/file_run.h"

namespace netwatch::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHead =
    R"(# What is decoded

Made by a test from the captures in `testdata/dpi`: do not edit, but run

    NETWATCH_UPDATE_GOLDEN=1 build/asan/pipeline_test --gtest_filter='ProtocolsDoc*'

*Real* counts the captures in which packaged clients and servers speak the protocol, *scripted*
those in which a peer is a script of ours, because none is packaged. Every field below is filled by
one of them, and the example is the first value there (none for times, and none where another
protocol's capture fills a field that both share). Any field can stand in a filter under its name or
the other names given (docs/filter.md). What is left out of a protocol: docs/dpi.md.

| protocol | | over | real | scripted | fields |
|---|---|---|---|---|---|
)";

constexpr std::string_view kFieldHead =
    "\n| field | type | example | meaning | other names |\n|---|---|---|---|---|\n";

using Place = std::pair<std::string_view, const model::FieldDef*>;  // protocols may share fields

// For a cell of a table: in one line, and not too long for it.
std::string cell(std::string_view text, std::size_t most) {
  std::string out;
  for (const char c : text) {
    const bool plain = c >= ' ' && c <= '~';
    if (c == '|') out += '\\';
    out += !plain ? '.' : c == '`' ? '\'' : c;
  }
  if (out.size() > most) out = out.substr(0, out.find_last_not_of("\\ ", most - 1) + 1) + "...";
  return out;
}

std::string example(const model::FieldValue& value) {
  constexpr std::size_t kMost = 36;
  std::string hex;
  switch (value.def->type) {
    case model::FieldType::kBool:
      return value.boolean() ? "true" : "false";
    case model::FieldType::kUint:
      return fmt::format("{}", value.uint());
    case model::FieldType::kInt:
      return fmt::format("{}", value.sint());
    case model::FieldType::kReal:
      return fmt::format("{}", value.real());
    case model::FieldType::kText:
      return cell(value.text(), kMost);
    case model::FieldType::kBytes:
      for (const std::uint8_t byte : value.raw) hex += fmt::format("{:02x}", byte);
      return cell(hex, kMost);
    case model::FieldType::kAddress:
      return value.address().to_string();
    case model::FieldType::kTime:
    case model::FieldType::kDuration:
      break;  // another with every making of a capture
  }
  return "";
}

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
    while (const auto value = values.next()) {
      filled.insert(value->def);
      std::string& first = examples[Place(record.schema->proto, value->def)];
      if (first.empty()) first = example(*value);
    }
  }
  std::map<std::string_view, Shown> protocols;
  std::set<const model::FieldDef*> filled;
  std::map<Place, std::string> examples;

 private:
  std::string capture_;
};

void read_captures(ShownSink& sink) {
  std::vector<fs::path> captures;
  for (const auto& entry : fs::recursive_directory_iterator(NETWATCH_SOURCE_DIR "/testdata/dpi")) {
    if (entry.path().extension() == ".pcapng") captures.push_back(entry.path());
  }
  std::ranges::sort(captures);
  for (const fs::path& capture : captures) {
    FileRunOptions options;
    options.files = {capture.string()};
    sink.begin(capture);
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

std::string type_name(const model::FieldDef& field) {
  constexpr std::string_view kNames[] = {"bool",  "number",  "number", "number",  "text",
                                         "bytes", "address", "time",   "duration"};
  const std::string_view name = kNames[static_cast<std::size_t>(field.type)];
  return fmt::format("{}{}", name, field.list ? " list" : "");
}

// The protocol whose name the fields have, if it is another: DNS of mDNS and LLMNR.
std::string_view lender(const std::map<std::string_view, Row>& rows, const model::Schema& schema) {
  for (const auto& [proto, row] : rows) {
    const bool same = row.schema->fields.data() == schema.fields.data();
    if (same && schema.fields[0].name.starts_with(fmt::format("{}.", proto))) return proto;
  }
  return schema.proto;
}

std::string fields_table(const model::Schema& schema, ShownSink& sink) {
  std::string text(kFieldHead);
  for (const model::FieldDef& field : schema.fields) {
    const std::string& shown = sink.examples[Place(schema.proto, &field)];
    std::string help = cell(field.help, 200);
    if (field.privacy == model::Privacy::kSecret) help += help.empty() ? "masked" : " (masked)";
    std::string others;
    for (const std::string_view alias : field.aliases) {
      others += fmt::format("{}`{}`", others.empty() ? "" : ", ", alias);
    }
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", field.name, type_name(field),
                        shown.empty() ? "" : fmt::format("`{}`", shown), help, others);
  }
  return text;
}

std::string section(const std::map<std::string_view, Row>& rows, const model::Schema& schema,
                    ShownSink& sink) {
  std::string seen;
  std::string unseen;
  std::set<std::string_view> done;  // a name may be there twice: IKE's, by version
  for (const std::string_view kind : schema.kinds) {
    if (!done.insert(kind).second) continue;
    std::string& list = sink.protocols[schema.proto].kinds.contains(kind) ? seen : unseen;
    list += fmt::format("{}`{}`", list.empty() ? "" : ", ", kind);
  }
  std::string text = fmt::format("\n## {}: {}\n\nRecords: {}.", schema.proto, schema.title, seen);
  if (!unseen.empty()) text += fmt::format(" In no capture: {}.", unseen);
  text += '\n';
  const std::string_view from = lender(rows, schema);
  if (from != schema.proto) return text + fmt::format("\nThe fields are those of `{}`.\n", from);
  return text + fields_table(schema, sink);
}

std::string page(const std::map<std::string_view, Row>& rows, ShownSink& sink) {
  constexpr std::string_view kTransports[] = {"", "TCP", "UDP", "TCP, UDP", "IP"};
  std::string text(kHead);
  for (const auto& [proto, row] : rows) {
    const Shown& shown = sink.protocols[proto];
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", proto, row.schema->title,
                        kTransports[row.transports], shown.real.size(), shown.scripted.size(),
                        row.schema->fields.size());
  }
  text += fmt::format("\n{} protocols.\n", rows.size());
  for (const auto& [proto, row] : rows) text += section(rows, *row.schema, sink);
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
  // Not EXPECT_EQ: a page of a thousand lines is no message.
  EXPECT_TRUE(made == kept.str()) << "docs/protocols.md is not what the captures show: rewrite it";
}

}  // namespace
}  // namespace netwatch::pipeline
