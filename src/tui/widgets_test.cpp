#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tui/bindings.h"
#include "tui/columns.h"
#include "tui/format.h"
#include "tui/graph.h"
#include "tui/row_flow.h"

namespace netwatch::tui {
namespace {

TEST(Format, BytesKeepTheirWidth) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.00 kB");
  EXPECT_EQ(format_bytes(999'499), "999 kB");
  EXPECT_EQ(format_bytes(999'500), "1.00 MB");
  EXPECT_EQ(format_bytes(12'345'678), "12.3 MB");
  EXPECT_EQ(format_bytes(-1), "–");
  EXPECT_EQ(format_bytes(std::nan("")), "–");
  for (int step = 0; step <= 680; ++step) {
    const double bytes = std::pow(1.07, step);  // to 1e20
    EXPECT_LE(text_columns(format_bytes(bytes)), kBytesColumns) << bytes;
  }
  EXPECT_EQ(format_rate_cell(0), "");
  EXPECT_EQ(format_rate(1500), "1.50 kB/s");
}

TEST(Format, DurationsAndShares) {
  EXPECT_EQ(format_rtt(-1), "–");
  EXPECT_EQ(format_rtt(999), "999 µs");
  EXPECT_EQ(format_rtt(12'345), "12 ms");
  for (std::int64_t us = 0; us < 900'000'000; us += 1 + us / 17) {
    EXPECT_LE(text_columns(format_rtt(us)), kRttColumns) << us;
  }
  EXPECT_EQ(format_age(59 * base::kNsPerSecond), "59s");
  EXPECT_EQ(format_age(245 * base::kNsPerSecond), "4m 05s");
  EXPECT_EQ(format_age(90'000 * base::kNsPerSecond), "1d 01h");
  EXPECT_EQ(format_clock(0, 3600), "01:00:00");
  EXPECT_EQ(format_clock(0, -1), "23:59:59");
  EXPECT_EQ(format_share(1, 1000), "<1%");
  EXPECT_EQ(format_share(999, 1000), ">99%");
  EXPECT_EQ(format_share(1000, 1000), "100%");
  EXPECT_EQ(format_share(0, 0), "–");
}

TEST(Graph, Ceilings) {
  EXPECT_DOUBLE_EQ(nice_ceiling(0), 1000);
  EXPECT_DOUBLE_EQ(nice_ceiling(1001), 2000);
  EXPECT_DOUBLE_EQ(nice_ceiling(2'000'001), 5'000'000);
  EXPECT_DOUBLE_EQ(nice_ceiling(5'100'000), 10'000'000);
}

TEST(Graph, MirroredHalvesGrowFromTheMiddle) {
  Canvas canvas(12, 5);
  const std::vector<model::RatePoint> points{{0, 500}, {500, 1000}};
  draw_throughput(canvas, {0, 0, 12, 5}, points, themes()[0]);
  // Down: half, then full height of eight dots. Up: nothing, then half.
  EXPECT_EQ(canvas.to_text(),
            "1.00 kB    ⢸\n"
            "           ⣿\n"
            "      0 ────\n"
            "           ⢸\n"
            "1.00 kB\n");
}

TEST(Graph, SparklineScalesToItself) {
  const std::vector<float> samples{0, 1, 2, 4, 8};
  EXPECT_EQ(sparkline(samples, 5), " ▁▂▄█");
  EXPECT_EQ(sparkline(samples, 2), "▁█");
  EXPECT_EQ(sparkline(std::vector<float>(5, 0.0F), 5), "     ");
  EXPECT_EQ(sparkline({}, 5), "");
}

TEST(Columns, FillEveryWidth) {
  for (int width = 76; width < 300; ++width) {
    const auto placed = place_columns(4, width);
    EXPECT_EQ(placed.back().x + placed.back().width, 4 + width);
    for (const auto& column : placed) EXPECT_GE(column.width, 4);
  }
}

TEST(Bindings, NoKeyTwice) {
  std::set<std::string_view> seen;
  for (const Binding& binding : bindings()) {
    EXPECT_FALSE(binding.help.empty());
    for (const auto key : binding.keys) {
      EXPECT_TRUE(key.empty() || seen.insert(key).second) << key;
    }
  }
  EXPECT_EQ(action_of({Key::kRune, 'j'}), Action::kDown);
  EXPECT_EQ(action_of({Key::kRune, 'c', true}), Action::kQuit);
  EXPECT_EQ(action_of({Key::kRune, 'x'}), std::nullopt);
}

TEST(Theme, NamesAreFound) {
  for (std::size_t i = 0; i < themes().size(); ++i) {
    EXPECT_EQ(find_theme(themes()[i].name), i);
  }
  EXPECT_EQ(find_theme("no such"), std::nullopt);
}

TEST(RowFlow, PutsTheLocalEndOnItsSide) {
  model::ConnectionRow row;
  row.local = {*base::IpAddress::parse("10.0.0.1"), 443};
  row.remote = {*base::IpAddress::parse("10.0.0.2"), 50'000};
  row.local_is_originator = false;
  row.proto = model::ip_proto::kTcp;
  row.has_socket_bytes = true;
  row.kernel_up_bytes = 7;
  row.owners[0] = {model::Quality::kExact, model::OwnerVia::kEbpf, 42, "nginx"};
  RowFlow flows;
  const model::Flow& flow = flows.of(row);
  EXPECT_EQ(flow.resp, row.local);
  EXPECT_EQ(flow.counters(model::Side::kResponder).payload_bytes, 7U);
  const auto& owner = flow.owners[index(model::Side::kResponder)];
  ASSERT_NE(owner.process, nullptr);
  EXPECT_EQ(owner.process->comm, "nginx");
  EXPECT_EQ(flow.owners[index(model::Side::kOriginator)].process, nullptr);
}

}  // namespace
}  // namespace netwatch::tui
