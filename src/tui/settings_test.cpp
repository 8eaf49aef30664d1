// Settings on the screen: the overlay, the columns of a tab, what is saved; words that are proposed
// for a filter.
#include "tui/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "model/flow_fields.h"
#include "tui/row_filter.h"
#include "tui/screen_maker.h"
#include "tui/settings_overlay.h"
#include "tui/tabs.h"

namespace netwatch::tui {
namespace {

using base::ConfigChange;
using base::ConfigValue;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::size_t place_of(std::string_view name) {
  for (std::size_t i = 0; i < settings().size(); ++i) {
    if (settings()[i].name == name) return i;
  }
  ADD_FAILURE() << name;
  return 0;
}

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    add_usual(make_);
    screen_.save = [this](const std::vector<ConfigChange>& changes) {
      saved_ = changes;
      return base::ok_status();
    };
  }
  [[nodiscard]] ConfigValue value(std::string_view name) const {
    return setting_value(place_of(name), screen_.view);
  }
  // The overlay with a setting chosen.
  void choose(std::string_view name) { screen_.type("," + std::string(place_of(name), 'j')); }

  SnapshotMaker make_;
  Screen screen_{make_.done(), 120, 35};
  std::vector<ConfigChange> saved_;
};

TEST_F(SettingsTest, Golden) {
  EXPECT_EQ(golden_difference(make_.done(), "settings", ",jl"), "");
  EXPECT_EQ(golden_difference(make_.done(), "columns",
                              std::to_string(*find_tab("connections") + 1) + "cjj "),
            "");
}

TEST_F(SettingsTest, TheTableIsInOrder) {
  for (const base::Setting& setting : settings()) {
    EXPECT_FALSE(setting.help.empty()) << setting.name;
    const std::string file =
        setting.name.substr(setting.name.find('.') + 1) + " = " + base::toml_of(setting.preset);
    const std::string table = setting.name.find('.') == std::string::npos ? "" : "[columns]\n";
    const auto parsed = base::parse_config(table + file, settings());
    ASSERT_TRUE(parsed) << parsed.error().render(setting.name);
    ViewState state;
    apply_config(*parsed, state);
    EXPECT_EQ(setting_value(place_of(setting.name), state), setting.preset) << setting.name;
  }
}

TEST_F(SettingsTest, TheDocsHaveAllOfThem) {
  std::ifstream file(std::string(NETWATCH_SOURCE_DIR) + "/docs/config.md");
  std::stringstream text;
  text << file.rdbuf();
  for (std::size_t i = 0; i < setting_rows(); ++i) {
    EXPECT_THAT(text.str(), HasSubstr("\n| `" + settings()[i].name + "` | ")) << settings()[i].name;
    EXPECT_THAT(text.str(), HasSubstr(settings()[i].help)) << settings()[i].name;
  }
  EXPECT_THAT(text.str(), HasSubstr("\n| `columns.TAB` | "));
}

TEST_F(SettingsTest, ChangesAreSeenAtOnceAndSavedWhenAsked) {
  const std::size_t theme = screen_.view.theme;
  choose("theme");
  screen_.type("l");
  EXPECT_EQ(screen_.view.theme, theme + 1);
  screen_.type("h");
  EXPECT_EQ(screen_.view.theme, theme);
  screen_.type("\r");
  EXPECT_EQ(screen_.view.theme, theme + 1);
  EXPECT_TRUE(saved_.empty()) << "not before it is asked for";
  EXPECT_THAT(screen_.text(), HasSubstr("changed"));
  screen_.type("s");
  EXPECT_THAT(saved_, ElementsAre(ConfigChange("theme", std::string(themes()[theme + 1].name))));
  EXPECT_THAT(screen_.text(), HasSubstr("saving ..."));
  take_saved([] { return base::Result<std::string>(std::string("/home/a/config.toml")); },
             screen_.view);
  EXPECT_THAT(screen_.text(), HasSubstr("saved to /home/a/config.toml"));
  EXPECT_TRUE(unsaved(screen_.view).empty());
}

TEST_F(SettingsTest, NumbersStopAtTheirEnds) {
  choose("refresh_ms");
  screen_.type("h");
  EXPECT_EQ(value("refresh_ms"), ConfigValue(std::int64_t{250}));
  for (int i = 0; i < 30; ++i) screen_.type("l");
  EXPECT_EQ(value("refresh_ms"), ConfigValue(std::int64_t{5000}));
}

TEST_F(SettingsTest, TheFilterInForceBecomesTheOneOfTheNextStart) {
  screen_.type("/app:tls\r");
  choose("filter");
  EXPECT_EQ(value("filter"), ConfigValue(std::string()));
  screen_.type("l");
  EXPECT_EQ(value("filter"), ConfigValue(std::string("app:tls")));
  screen_.type("l");
  EXPECT_EQ(value("filter"), ConfigValue(std::string()));
}

TEST_F(SettingsTest, WhatCannotBeSavedSaysWhyAndWaits) {
  choose("capture");
  screen_.type("ls");
  EXPECT_EQ(value("capture"), ConfigValue(false));
  take_saved(
      [] { return base::Result<std::string>(base::Error{base::ErrorCode::kDenied, "no room"}); },
      screen_.view);
  EXPECT_THAT(screen_.text(), HasSubstr("not saved: no room"));
  EXPECT_THAT(unsaved(screen_.view), ElementsAre(ConfigChange("capture", false)));
  screen_.save = {};
  screen_.type("s");
  EXPECT_THAT(screen_.text(), HasSubstr("cannot be saved here"));
}

TEST_F(SettingsTest, ColumnsOfATabAreTurnedOnAndOff) {
  screen_.type(std::to_string(*find_tab("connections") + 1));
  const Table* table = screen_.full.table(screen_.view);
  ASSERT_NE(table, nullptr);
  screen_.type("c \x1b");
  EXPECT_TRUE(table->is_shown(0)) << "the first has the tree";
  screen_.type("cj ");
  EXPECT_FALSE(table->is_shown(1));
  EXPECT_THAT(screen_.text(), HasSubstr("[ ] "));
  screen_.type("s\x1b");
  ASSERT_EQ(saved_.size(), 1U);
  EXPECT_EQ(saved_[0].first, "columns.connections");
  const auto& names = std::get<std::vector<std::string>>(saved_[0].second);
  EXPECT_EQ(names.size(), table->columns().size() - 1);
  EXPECT_THAT(names, Not(Contains(std::string(table->columns()[1].name))));
  screen_.type("cj \x1b");
  EXPECT_TRUE(table->is_shown(1));
}

TEST_F(SettingsTest, TheMouseChoosesAndChanges) {
  screen_.type(",");
  const OverlayFrame overlay{screen_.frame(), screen_.shown(), screen_.area};
  const Rect inside = overlay_area(overlay).inset(1);
  const auto press = [&](int line) {
    screen_.send(MouseEvent{MouseEvent::Action::kPress, 0, inside.x + 3, inside.y + line});
  };
  const int capture = static_cast<int>(place_of("capture"));
  press(capture);
  EXPECT_EQ(value("capture"), ConfigValue(true));
  press(capture);
  EXPECT_EQ(value("capture"), ConfigValue(false));
  press(inside.height - 1);
  EXPECT_EQ(screen_.view.overlay, Overlay::kSettings) << "what is below is no setting";
  screen_.send(MouseEvent{MouseEvent::Action::kPress, 0, 0, 0});
  EXPECT_EQ(screen_.view.overlay, Overlay::kNone);
}

// --- the filter ----------------------------------------------------------------------------------

class CompletionTest : public SettingsTest {
 protected:
  CompletionTest() {
    screen_.complete = [](std::string_view text, std::size_t cursor) -> Completion {
      if (text.substr(0, cursor) != "app:t") return {};
      return {4, {"tls", "tlsv", "tld"}};
    };
  }
  [[nodiscard]] const std::string& text() const { return screen_.view.filter.editor.text(); }
};

TEST_F(CompletionTest, Golden) {
  Screen small(make_.done(), 80, 24);
  small.complete = screen_.complete;
  small.type("/app:t\t\t");
  EXPECT_EQ(golden_difference(small.draw(), "filter-completion-80x24"), "");
}

TEST_F(CompletionTest, TabPutsInWhatAllHaveInCommonThenOneAfterTheOther) {
  screen_.type("/app:t\t");
  EXPECT_EQ(text(), "app:tl");
  EXPECT_THAT(screen_.text(), HasSubstr(" tls   tlsv   tld "));
  screen_.type("\t");
  EXPECT_EQ(text(), "app:tls");
  EXPECT_THAT(screen_.text(), HasSubstr("[tls]"));
  EXPECT_EQ(screen_.view.filter.text, "app:tls") << "in force at once";
  screen_.type("\t\t\t");
  EXPECT_EQ(text(), "app:tls") << "round";
  screen_.type("\x1b[Z");
  EXPECT_EQ(text(), "app:tld");
  screen_.type("x");
  EXPECT_EQ(text(), "app:tldx");
  EXPECT_THAT(screen_.text(), Not(HasSubstr("[tld]")));
}

TEST_F(CompletionTest, TabDoesNothingWhereThereIsNothing) {
  screen_.type("/app:x\t");
  EXPECT_EQ(text(), "app:x");
  screen_.complete = {};
  screen_.type("\t");
  EXPECT_EQ(text(), "app:x");
}

TEST(RowCompletion, ProposesWhatConnectionsCanAnswer) {
  static constexpr model::FieldDef kFields[] = {{.name = "owner.secret", .help = "of messages"}};
  static constexpr std::string_view kKinds[] = {"a"};
  static constexpr model::Schema kSchema{
      .proto = "owl", .title = "Owl", .kinds = kKinds, .fields = kFields};
  const std::vector<const model::Schema*> schemas{&model::flow_schema(), &kSchema};
  const auto complete = make_row_completer(std::make_shared<const query::Catalog>(schemas));
  const Completion found = complete("port == 80 and owner.", 21);
  EXPECT_EQ(found.start, 15U);
  EXPECT_THAT(found.words, Contains("owner.name"));
  EXPECT_THAT(complete("owner.s", 7).words, Not(Contains("owner.secret")));
  EXPECT_THAT(complete("ow", 2).words, Contains("owner.name"));
  EXPECT_THAT(complete("owl", 3).words, Contains("owl"));
}

}  // namespace
}  // namespace netwatch::tui
