#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// Settings, and the TOML file (toml.io, version 1.0) that holds them: the seam over toml++. What a
// file may say, its check, the file with all defaults and what changes in a file that is there all
// come from one table of settings.
namespace netwatch::base {

using ConfigValue = std::variant<bool, std::int64_t, std::string, std::vector<std::string>>;

struct Setting {
  // In the order of ConfigValue's kinds, but for kChoice, which is text as well.
  enum class Type : std::uint8_t { kBool, kNumber, kText, kNames, kChoice };
  std::string name;  // "theme", or "columns.processes": of the table [columns]
  Type type = Type::kText;
  ConfigValue preset;  // in force where the file says nothing
  std::string help;    // of people
  std::vector<std::string> choices =
      {};                  // kChoice: one of these; kNames: some of these, at least one
  std::int64_t least = 0;  // kNumber
  std::int64_t most = 0;   // kNumber; of kText: bytes
  std::string unit = {};   // kNumber
};

inline constexpr std::size_t kMaxConfigBytes = std::size_t{64} * 1024;

// Where a file is wrong: 1-based; column in characters.
struct ConfigError {
  std::size_t line = 1;
  std::size_t column = 1;
  std::string message;
  std::string suggestion;  // may be empty

  // "config.toml:3:1: there is no setting 'them'; try: theme"
  [[nodiscard]] std::string render(std::string_view path) const;
};

struct ConfigEntry {
  ConfigValue value;
  std::size_t line = 1;
  std::size_t column = 1;
};

// What a file says, by the names of settings.
using Config = std::map<std::string, ConfigEntry, std::less<>>;

// All of it is right or the first mistake is told: unknown settings, values of another type or out
// of range. Nothing is clamped or left out.
std::expected<Config, ConfigError> parse_config(std::string_view text,
                                                std::span<const Setting> settings);

// A file that says nothing: each setting with its help, what is allowed, and its default, as a
// comment.
std::string default_config(std::span<const Setting> settings);

// The text with other values; all else in it stays as it is, comments too. What is not in it yet
// goes behind its default in a comment, else to the end of its table. The result says what is
// wanted, or it is an error.
using ConfigChange = std::pair<std::string, ConfigValue>;
std::expected<std::string, ConfigError> changed_config(std::string_view text,
                                                       std::span<const Setting> settings,
                                                       std::span<const ConfigChange> changes);

// As TOML writes it.
std::string toml_of(const ConfigValue& value);
// "dark, light, ..." or "250 to 5000 (ms)"; empty if anything goes.
std::string allowed_words(const Setting& setting);
// Null if there is none of that name.
const Setting* find_setting(std::span<const Setting> settings, std::string_view name);

}  // namespace netwatch::base
