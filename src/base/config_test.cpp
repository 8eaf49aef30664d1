#include "base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/config_fixture.h"

namespace netwatch::base {
namespace {

using testing::HasSubstr;

std::string complaint(std::string_view text) {
  const auto parsed = parse_config(text, fixture_settings());
  return parsed ? "" : parsed.error().render("c.toml");
}

ConfigValue value_of(std::string_view text, std::string_view name) {
  const auto parsed = parse_config(text, fixture_settings());
  if (!parsed || !parsed->contains(name)) return std::string("absent");
  return parsed->find(name)->second.value;
}

TEST(Config, HoldsWhatTheFileSays) {
  constexpr std::string_view kText =
      "theme = 'light' # a comment\ncapture = false\nrefresh_ms = 1_000\n"
      "filter = \"owner.name == \\\"curl\\\"\"\n[columns]\nconnections = [ 'rtt',\n 'age' ]\n";
  EXPECT_EQ(value_of(kText, "theme"), ConfigValue(std::string("light")));
  EXPECT_EQ(value_of(kText, "capture"), ConfigValue(false));
  EXPECT_EQ(value_of(kText, "refresh_ms"), ConfigValue(std::int64_t{1000}));
  EXPECT_EQ(value_of(kText, "filter"), ConfigValue(std::string("owner.name == \"curl\"")));
  EXPECT_EQ(value_of(kText, "columns.connections"),
            ConfigValue(std::vector<std::string>{"rtt", "age"}));
  EXPECT_EQ(value_of("columns.connections = ['age']", "columns.connections"),
            ConfigValue(std::vector<std::string>{"age"}));
  EXPECT_EQ(value_of("columns = {connections = ['age']}", "columns.connections"),
            ConfigValue(std::vector<std::string>{"age"}));
  EXPECT_EQ(value_of("", "theme"), ConfigValue(std::string("absent")));
}

TEST(Config, SaysWhereItIsWrongAndWhatIsAllowed) {
  EXPECT_EQ(complaint("capture = true\ntehme = 'dark'\n"),
            "c.toml:2:1: there is no setting 'tehme'; try: theme");
  EXPECT_EQ(complaint("colour_of_the_sky = 1\n"),
            "c.toml:1:1: there is no setting 'colour_of_the_sky'; try: netwatch --print-config "
            "shows all");
  EXPECT_EQ(complaint("[columns]\nconections = ['age']"),
            "c.toml:2:1: there is no setting 'columns.conections'; try: columns.connections");
  EXPECT_EQ(complaint("theme = 'drak'"), "c.toml:1:9: there is no theme 'drak'; try: dark");
  EXPECT_EQ(complaint("theme = 'mauve'"),
            "c.toml:1:9: there is no theme 'mauve'; there are: dark, light");
  EXPECT_EQ(complaint("theme = 3"),
            "c.toml:1:9: theme is text in quotes, not a whole number: dark, light");
  EXPECT_EQ(complaint("capture = 'yes'"), "c.toml:1:11: capture is true or false, not text");
  EXPECT_EQ(complaint("refresh_ms = 10"), "c.toml:1:14: refresh_ms is 250 to 5000 (ms), not 10");
  EXPECT_EQ(complaint("refresh_ms = 5001"),
            "c.toml:1:14: refresh_ms is 250 to 5000 (ms), not 5001");
  EXPECT_EQ(complaint("refresh_ms = 500.0"),
            "c.toml:1:14: refresh_ms is a whole number, not a number with a fraction: 250 to 5000 "
            "(ms)");
  EXPECT_EQ(complaint("[columns]\nconnections = [\n 'rtt',\n 'agee']"),
            "c.toml:4:2: there is no name in columns.connections 'agee'; try: age");
  EXPECT_EQ(complaint("columns.connections = []"),
            "c.toml:1:23: columns.connections names at least one");
  EXPECT_EQ(complaint("columns.connections = ['age', 'age']"), "c.toml:1:31: 'age' is named twice");
  EXPECT_THAT(complaint("columns.connections = [1]"), HasSubstr("not a list of something else"));
  EXPECT_THAT(complaint("filter = \"a\\u0007\""), HasSubstr("without control characters"));
  EXPECT_THAT(complaint("filter = '" + std::string(1025, 'x') + "'"), HasSubstr("1024 bytes"));
}

TEST(Config, RefusesWhatIsNoToml) {
  EXPECT_THAT(complaint("theme = dark"), HasSubstr("try: text stands in quotes"));
  EXPECT_THAT(complaint("theme = 'dark'\ntheme = 'light'"), HasSubstr("c.toml:2:"));
  EXPECT_NE(complaint("theme = "), "");
  EXPECT_NE(complaint("theme \u00e9 'dark'"), "");
  EXPECT_NE(complaint("theme = \u00e9"), "");
  EXPECT_NE(complaint(std::string("theme = '\xFF'")), "");
  EXPECT_NE(complaint("a = " + std::string(5000, '[')), "");
  EXPECT_THAT(complaint(std::string(kMaxConfigBytes + 1, '\n')), HasSubstr("at most 65536 bytes"));
}

// The parser beneath goes one call deeper with each part.
TEST(Config, RefusesNamesOfTooManyParts) {
  std::string name = "a";
  for (int i = 0; i < 30'000; ++i) name += ".a";
  for (const std::string& text :
       {name + " = 1\n", "[" + name + "]\n", "x = {" + name + " = 1}\n"}) {
    const auto parsed = parse_config("\n" + text, fixture_settings());
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().line, 2U);
  }
}

TEST(Config, TheDefaultFileSaysNothingAndEveryLineOfItIsRight) {
  const std::string text = default_config(fixture_settings());
  EXPECT_THAT(text, HasSubstr("# Allowed: dark, light\n# theme = \"dark\"\n"));
  EXPECT_THAT(text, HasSubstr("[columns]\n"));
  const auto parsed = parse_config(text, fixture_settings());
  ASSERT_TRUE(parsed) << parsed.error().render("default");
  EXPECT_TRUE(parsed->empty());
  std::string all = text;
  for (const Setting& setting : fixture_settings()) {
    const std::string key = setting.name.substr(setting.name.find('.') + 1);
    const std::size_t line = all.find("# " + key + " = ");
    ASSERT_NE(line, std::string::npos) << key;
    all.erase(line, 2);
  }
  const auto spelled = parse_config(all, fixture_settings());
  ASSERT_TRUE(spelled) << spelled.error().render("default");
  EXPECT_EQ(spelled->size(), fixture_settings().size());
}

std::string changed(std::string_view text, std::vector<ConfigChange> changes) {
  const auto out = changed_config(text, fixture_settings(), changes);
  return out ? *out : out.error().render("c.toml");
}

TEST(Config, ChangesOneValueAndLeavesTheRest) {
  EXPECT_EQ(changed("# mine\ntheme   =   'light'   # é, too\ncapture = true\n",
                    {{"theme", std::string("dark")}, {"refresh_ms", std::int64_t{500}}}),
            "# mine\ntheme   =   \"dark\"   # é, too\ncapture = true\nrefresh_ms = 500\n");
  EXPECT_EQ(changed("[columns]\nconnections = [\n 'rtt',\n]\n", {{"capture", false}}),
            "capture = false\n[columns]\nconnections = [\n 'rtt',\n]\n");
  EXPECT_EQ(changed("capture = true", {{"columns.connections", std::vector<std::string>{"age"}}}),
            "capture = true\n\n[columns]\nconnections = [\"age\"]\n");
  EXPECT_EQ(
      changed("[columns]\n# all\n", {{"columns.connections", std::vector<std::string>{"age"}}}),
      "[columns]\nconnections = [\"age\"]\n# all\n");
  EXPECT_EQ(changed("filter = 'é' # é\n", {{"filter", std::string("a \"b\\\" c")}}),
            "filter = \"a \\\"b\\\\\\\" c\" # é\n");
}

TEST(Config, ANewFileIsTheDefaultOneWithValuesBehindTheirComments) {
  const std::string text = changed(
      default_config(fixture_settings()),
      {{"theme", std::string("light")}, {"columns.connections", std::vector<std::string>{"rtt"}}});
  EXPECT_THAT(text, HasSubstr("# theme = \"dark\"\ntheme = \"light\"\n"));
  EXPECT_THAT(text, HasSubstr("\nconnections = [\"rtt\"]\n"));
  EXPECT_EQ(changed(text, {{"theme", std::string("dark")}}).find("theme = \"light\""),
            std::string::npos);
}

TEST(Config, WritesNothingWrong) {
  EXPECT_THAT(changed("", {{"theme", std::string("mauve")}}), HasSubstr("no theme 'mauve'"));
  EXPECT_THAT(changed("theme = ", {{"theme", std::string("dark")}}), HasSubstr("c.toml:1:"));
  EXPECT_THAT(changed("columns = {}\n", {{"columns.connections", std::vector<std::string>{"age"}}}),
              HasSubstr("c.toml:"));
}

}  // namespace
}  // namespace netwatch::base
