#include "tui/row_filter.h"

#include <gtest/gtest.h>

#include <array>

#include "model/flow_fields.h"

namespace netwatch::tui {
namespace {

constexpr std::array<std::string_view, 1> kKinds{"message"};
constexpr std::array<model::FieldDef, 1> kFields{{{.name = "tls.sni"}}};
constexpr model::Schema kTls{"tls", "TLS", kKinds, kFields};

FilterCompiler compiler() {
  return make_row_filter(std::make_shared<const query::Catalog>(
      std::vector<const model::Schema*>{&model::flow_schema(), &kTls}));
}

model::ConnectionRow curl_row() {
  model::ConnectionRow row;
  row.flow = 16;
  row.proto = model::ip_proto::kTcp;
  row.local = {*base::IpAddress::parse("10.0.0.1"), 50'000};
  row.remote = {*base::IpAddress::parse("192.0.2.7"), 443};
  row.name = "www.example.org";
  row.name_from = model::NameSource::kSni;
  row.apps[0] = "tls";
  row.owners[0] = {model::Quality::kExact, model::OwnerVia::kEbpf, 42, "curl"};
  row.down.payload_bytes = 5000;
  return row;
}

TEST(RowFilter, JudgesRowsInTheFilterLanguage) {
  const FilterCompiler compile = compiler();
  struct Case {
    std::string_view text;
    bool accepts;
  };
  for (const auto& [text, accepts] : std::initializer_list<Case>{
           {"tcp", true},
           {"udp", false},
           {"tcp.port == 443", true},
           {"ip.dst == 192.0.2.0/24 and not port == 53", true},
           {"ip.src == 192.0.2.7", false},
           {"owner.name == \"curl\"", true},
           {"owner.name == \"wget\" or owner.pid == 42", true},
           {"owner.quality == \"inferred\"", false},
       }) {
    const CompiledFilter filter = compile(text);
    ASSERT_FALSE(filter.problem) << text << ": " << filter.problem->message;
    EXPECT_EQ(filter.accepts(curl_row()), accepts) << text;
  }
}

TEST(RowFilter, PointsAtMistakes) {
  const CompiledFilter filter = compiler()("tcp and prot == 443");
  ASSERT_TRUE(filter.problem);
  EXPECT_EQ(filter.problem->column, 8U);
  EXPECT_FALSE(filter.problem->message.empty());
  EXPECT_FALSE(filter.accepts);
}

TEST(RowFilter, RefusesWhatRowsCannotAnswer) {
  const CompiledFilter filter = compiler()("tcp and not tls.sni == \"x\"");
  ASSERT_TRUE(filter.problem) << "'nothing has that name' would be a lie";
  EXPECT_EQ(filter.problem->column, 12U);
  EXPECT_NE(filter.problem->message.find("tls.sni"), std::string::npos);
}

}  // namespace
}  // namespace netwatch::tui
