// What the dashboard says of health and load, and what keys do to its talkers.
#include <gtest/gtest.h>

#include "tui/health.h"
#include "tui/health_maker.h"
#include "tui/screen_maker.h"

namespace netwatch::tui {
namespace {

struct Dashboard {
  SnapshotMaker make;
  Screen screen;
  Dashboard(int width, int height) : screen(usual(make), width, height) {
    screen.view.view = ViewKind::kFull;
    screen.view.tab = find_tab("dashboard").value_or(99);
    screen.settle();
  }
  static const model::Snapshot& usual(SnapshotMaker& make) {
    add_usual(make);
    add_health(make);
    return make.done();
  }
  bool shows(std::string_view words) { return screen.text().find(words) != std::string::npos; }
};

TEST(DashboardTab, Golden) {
  SnapshotMaker make;
  EXPECT_EQ(golden_difference(Dashboard::usual(make), "dashboard", "1"), "");
}

// What cannot be asked says why and what helps; a round trip of 0 is never made up.
TEST(DashboardTab, ProbesThatCannotBeMadeSayWhy) {
  SnapshotMaker make;
  add_usual(make);
  auto table = std::make_shared<model::HealthTable>();
  for (const std::string_view address : {"192.168.1.1", "fe80::1"}) {
    auto& row = table->rows.emplace_back(probed(model::ProbeKind::kIcmpEcho, address, 1, 0));
    row.jitter_ns = row.mean_ns = -1;
    row.loss = -1;
    row.why = "net.ipv4.ping_group_range does not let this group send ICMP echo requests";
    row.fix = "sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'";
  }
  table->rows.push_back(probed(model::ProbeKind::kDnsQuery, "192.168.1.1", 9, 3));
  table->rows.back().rcode = 2;
  make.s.health = std::move(table);
  EXPECT_EQ(golden_difference(make.done(), "dashboard-not-asked", "1"), "");
}

TEST(DashboardTab, NoHealthAtAllSaysWhetherProbesAreOff) {
  SnapshotMaker make;
  add_usual(make);
  make.s.abilities.push_back({"health probes", false, "turned off", "netwatch, not --no-probes"});
  Screen screen(make.done(), 80, 24);
  screen.type("1");
  EXPECT_NE(screen.text().find("not asked: turned off"), std::string::npos) << screen.text();
  make.s.abilities.pop_back();
  EXPECT_NE(screen.text().find("no probe yet"), std::string::npos);
  make.s.health = std::make_shared<model::HealthTable>();
  EXPECT_NE(screen.text().find("neither a gateway nor a resolver is known"), std::string::npos);
}

TEST(DashboardTab, MarksTellHowItIsByShape) {
  model::HealthRow row = probed(model::ProbeKind::kIcmpEcho, "192.0.2.1", 2, 60);
  EXPECT_EQ(health_mark(row).text, "●");
  row.loss = 0.1;
  EXPECT_EQ(health_mark(row).text, "!") << "some are lost";
  row.loss = 0;
  row.last_ns = probe_budget_ns(row.target.kind) + 1;
  EXPECT_EQ(health_mark(row).text, "!") << "late";
  row.target.kind = model::ProbeKind::kDnsQuery;
  EXPECT_EQ(health_mark(row).text, "●") << "not late for a resolver";
  row.rcode = 2;
  EXPECT_EQ(health_mark(row).text, "!") << "it cannot resolve";
  row.last_ns = -1;
  EXPECT_EQ(health_mark(row).text, "✗");
  row.why = "not allowed";
  EXPECT_EQ(health_mark(row).text, "–");
}

TEST(DashboardTab, ALostProbeIsSeenHoweverFewColumnsThereAre) {
  model::HealthRow row = probed(model::ProbeKind::kIcmpEcho, "192.0.2.1", 2, 60);
  row.rtts_ns[30] = -1;
  for (const int columns : {1, 7, 60, 100}) {
    const Spans spark = probe_spark(row, columns);
    EXPECT_EQ(columns_of(spark), std::min(columns, 60));
    std::string text;
    for (const Span& span : spark) text += span.text;
    EXPECT_NE(text.find("✗"), std::string::npos) << columns;
    EXPECT_EQ(text.find("✗"), text.rfind("✗")) << columns;
  }
  EXPECT_TRUE(probe_spark(row, 0).empty());
}

TEST(DashboardTab, EnterShowsTheConnectionsOfATalker) {
  Dashboard tab(120, 35);
  EXPECT_FALSE(tab.shows(":51514"));
  tab.screen.type("\r");
  EXPECT_TRUE(tab.shows("├ :51514"));
  EXPECT_TRUE(tab.shows("→ 151.101.1.69:443"));
  tab.screen.type("\r");
  EXPECT_FALSE(tab.shows(":51514"));
}

TEST(DashboardTab, TheFilterHoldsForItsTalkers) {
  Dashboard tab(80, 24);
  tab.screen.type("/app:ssh\r");
  EXPECT_TRUE(tab.shows("Top talkers 1 of 5"));
  EXPECT_FALSE(tab.shows("firefox"));
}

}  // namespace
}  // namespace netwatch::tui
