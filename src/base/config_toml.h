#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"

// What toml++ says of a file, without its types.
namespace netwatch::base {

struct TomlMark {
  std::size_t line = 1;
  std::size_t column = 1;
};

struct TomlItem {
  std::string name;  // with the name of its table before it: "columns.processes"
  TomlMark key_at;
  TomlMark value_at;
  TomlMark value_end;                // behind its last character
  std::optional<ConfigValue> value;  // nothing: of none of these kinds
  std::string_view kind;             // for people: "a number"
  std::vector<TomlMark> parts_at;    // of a list
};

struct TomlTable {
  std::string name;
  TomlMark at;  // of its heading, or of what made it
};

// In the order of the file.
struct TomlText {
  std::vector<TomlItem> items;
  std::vector<TomlTable> tables;
};

// A text of more than kMaxConfigBytes or nested too deeply is refused.
std::expected<TomlText, ConfigError> read_toml(std::string_view text);

}  // namespace netwatch::base
