#include "base/config.h"

#include <algorithm>
#include <optional>

#include "base/config_toml.h"
#include "base/edit_distance.h"
#include "base/text.h"

namespace netwatch::base {
namespace {

constexpr std::size_t kHelpColumns = 98;

std::string_view table_of(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}
std::string_view key_of(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

ConfigError at(const TomlMark& mark, std::string message, std::string suggestion = {}) {
  return {mark.line, mark.column, std::move(message), std::move(suggestion)};
}

// --- the check -----------------------------------------------------------------------------------

ConfigError unknown_name(const TomlMark& mark, const std::string& what, std::string_view word,
                         const std::vector<std::string>& known) {
  const std::string_view meant = nearest(word, known);
  std::string message = "there is no " + what + " '" + std::string(word) + "'";
  if (meant.empty()) message += "; there are: " + listed(known);
  return at(mark, std::move(message), std::string(meant));
}

ConfigError wrong_type(const Setting& setting, const TomlItem& item) {
  static constexpr std::string_view kWanted[] = {"true or false", "a whole number",
                                                 "text in quotes", "a list of names in quotes",
                                                 "text in quotes"};
  std::string message = setting.name + " is " +
                        std::string(kWanted[static_cast<std::size_t>(setting.type)]) + ", not " +
                        std::string(item.kind);
  if (const std::string allowed = allowed_words(setting); !allowed.empty()) {
    message += ": " + allowed;
  }
  return at(item.value_at, std::move(message));
}

std::optional<ConfigError> check_text(const Setting& setting, const TomlItem& item) {
  const auto& text = std::get<std::string>(*item.value);
  const bool long_one = text.size() > static_cast<std::size_t>(setting.most);
  const bool odd = std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (!long_one && !odd) return std::nullopt;
  return at(item.value_at,
            setting.name + (odd ? " is one line of text, without control characters"
                                : " is at most " + std::to_string(setting.most) + " bytes"));
}

std::optional<ConfigError> check_names(const Setting& setting, const TomlItem& item) {
  const auto& names = std::get<std::vector<std::string>>(*item.value);
  if (names.empty()) return at(item.value_at, setting.name + " names at least one");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::ranges::find(setting.choices, names[i]) == setting.choices.end()) {
      return unknown_name(item.parts_at[i], "name in " + setting.name, names[i], setting.choices);
    }
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i)) {
      return at(item.parts_at[i], "'" + names[i] + "' is named twice");
    }
  }
  return std::nullopt;
}

std::optional<ConfigError> check_value(const Setting& setting, const TomlItem& item) {
  using Type = Setting::Type;
  const auto kind = setting.type == Type::kChoice ? Type::kText : setting.type;
  if (!item.value || item.value->index() != static_cast<std::size_t>(kind)) {
    return wrong_type(setting, item);
  }
  switch (setting.type) {
    case Type::kNumber: {
      const auto number = std::get<std::int64_t>(*item.value);
      if (number >= setting.least && number <= setting.most) return std::nullopt;
      return at(item.value_at,
                setting.name + " is " + allowed_words(setting) + ", not " + std::to_string(number));
    }
    case Type::kText:
      return check_text(setting, item);
    case Type::kNames:
      return check_names(setting, item);
    case Type::kChoice: {
      const auto& word = std::get<std::string>(*item.value);
      if (std::ranges::find(setting.choices, word) != setting.choices.end()) return std::nullopt;
      return unknown_name(item.value_at, setting.name, word, setting.choices);
    }
    case Type::kBool:
      break;
  }
  return std::nullopt;
}

std::expected<Config, ConfigError> check(const TomlText& file, std::span<const Setting> settings) {
  std::vector<std::string> known;
  for (const Setting& setting : settings) known.push_back(setting.name);
  Config out;
  for (const TomlItem& item : file.items) {
    const Setting* setting = find_setting(settings, item.name);
    if (setting == nullptr) {
      const std::string_view meant = nearest(item.name, known);
      return std::unexpected(at(
          item.key_at, "there is no setting '" + item.name + "'",
          meant.empty() ? std::string("netwatch --print-config shows all") : std::string(meant)));
    }
    if (auto wrong = check_value(*setting, item)) return std::unexpected(*std::move(wrong));
    out.emplace(item.name, ConfigEntry{*item.value, item.value_at.line, item.value_at.column});
  }
  return out;
}

// --- the text ------------------------------------------------------------------------------------

void add_comment(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, kHelpColumns);
    if (line.size() < text.size()) {
      if (const std::size_t space = line.rfind(' '); space != std::string_view::npos) {
        line = line.substr(0, space);
      }
    }
    out += "# " + std::string(line) + "\n";
    text.remove_prefix(line.size());
    while (text.starts_with(' ')) text.remove_prefix(1);
  }
}

std::string default_line(const Setting& setting) {
  ConfigValue value = setting.preset;
  auto* const names = std::get_if<std::vector<std::string>>(&value);
  if (names != nullptr && names->empty()) *names = setting.choices;
  return "# " + std::string(key_of(setting.name)) + " = " + toml_of(value);
}

// Byte offset of a place in a text that has been parsed, so is UTF-8.
std::size_t offset_of(std::string_view text, const TomlMark& mark) {
  std::size_t offset = 0;
  for (std::size_t line = 1; line < mark.line && offset < text.size(); ++line) {
    const std::size_t end = text.find('\n', offset);
    offset = end == std::string_view::npos ? text.size() : end + 1;
  }
  for (std::size_t column = 1; column < mark.column && offset < text.size(); ++column) {
    ++offset;
    while (offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80) {
      ++offset;
    }
  }
  return offset;
}

// Where a line begins that is this one; npos: there is none.
std::size_t find_line(std::string_view text, std::string_view line, std::size_t from) {
  for (std::size_t at = from; at < text.size();) {
    std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) end = text.size();
    if (text.substr(at, end - at) == line) return at;
    at = end + 1;
  }
  return std::string_view::npos;
}

// Lines are counted from what is known to stand in the file: its tables.
std::size_t place_for(const std::string& text, const TomlText& file, const Setting& setting) {
  const std::string_view table = table_of(setting.name);
  std::size_t from = 0;
  std::size_t end = text.size();
  for (const TomlTable& one : file.tables) {
    const std::size_t head = offset_of(text, one.at);
    if (!table.empty() && one.name == table) {
      from = text.find('\n', head);
      from = from == std::string::npos ? text.size() : from + 1;
      end = text.size();
    } else if (head >= from) {
      end = std::min(end, head);
    }
  }
  const std::size_t comment = find_line(text, default_line(setting), from);
  if (comment != std::string::npos && comment < end) {
    const std::size_t next = text.find('\n', comment);
    return next == std::string::npos ? text.size() : next + 1;
  }
  return table.empty() ? end : from;
}

void put_line(std::string& text, std::size_t place, std::string line) {
  if (place > 0 && text[place - 1] != '\n') line.insert(line.begin(), '\n');
  text.insert(place, line + "\n");
}

void change(std::string& text, const TomlText& file, const Setting& setting,
            const ConfigValue& value) {
  for (const TomlItem& item : file.items) {
    if (item.name != setting.name) continue;
    const std::size_t begin = offset_of(text, item.value_at);
    text.replace(begin, offset_of(text, item.value_end) - begin, toml_of(value));
    return;
  }
  const std::string_view table = table_of(setting.name);
  const std::string line = std::string(key_of(setting.name)) + " = " + toml_of(value);
  const bool there = table.empty() || std::ranges::any_of(file.tables, [&](const TomlTable& one) {
                       return one.name == table;
                     });
  if (!there) {
    put_line(text, text.size(), (text.empty() ? "[" : "\n[") + std::string(table) + "]\n" + line);
    return;
  }
  put_line(text, place_for(text, file, setting), line);
}

}  // namespace

std::string ConfigError::render(std::string_view path) const {
  std::string out = std::string(path) + ":" + std::to_string(line) + ":" + std::to_string(column) +
                    ": " + sanitised(message);
  if (!suggestion.empty()) out += "; try: " + sanitised(suggestion);
  return out;
}

std::expected<Config, ConfigError> parse_config(std::string_view text,
                                                std::span<const Setting> settings) {
  const auto file = read_toml(text);
  if (!file) return std::unexpected(file.error());
  return check(*file, settings);
}

std::string default_config(std::span<const Setting> settings) {
  std::string out =
      "# Settings of netwatch's live screen. What is not set here is as in the comments; the\n"
      "# command line wins over this file.\n";
  std::string_view table;
  for (const Setting& setting : settings) {
    out += "\n";
    if (table_of(setting.name) != table) {
      table = table_of(setting.name);
      out += "[" + std::string(table) + "]\n";
    }
    add_comment(out, setting.help);
    if (const std::string allowed = allowed_words(setting); !allowed.empty()) {
      add_comment(out, "Allowed: " + allowed);
    }
    out += default_line(setting) + "\n";
  }
  return out;
}

std::expected<std::string, ConfigError> changed_config(std::string_view text,
                                                       std::span<const Setting> settings,
                                                       std::span<const ConfigChange> changes) {
  std::string out(text);
  for (const auto& [name, value] : changes) {
    const Setting* setting = find_setting(settings, name);
    if (setting == nullptr) return std::unexpected(at({}, "there is no setting '" + name + "'"));
    const auto file = read_toml(out);
    if (!file) return std::unexpected(file.error());
    change(out, *file, *setting, value);
  }
  auto now = parse_config(out, settings);
  if (!now) return std::unexpected(std::move(now.error()));
  for (const auto& [name, value] : changes) {
    const auto found = now->find(name);
    if (found == now->end() || found->second.value != value) {
      return std::unexpected(at({}, "the file is written in a way that '" + name +
                                        "' cannot be changed in; change it by hand"));
    }
  }
  return out;
}

std::string toml_of(const ConfigValue& value) {
  const auto quoted = [](const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + "\"";
  };
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  std::string out;
  for (const std::string& name : std::get<std::vector<std::string>>(value)) {
    out += (out.empty() ? "" : ", ") + quoted(name);
  }
  return "[" + out + "]";
}

std::string allowed_words(const Setting& setting) {
  switch (setting.type) {
    case Setting::Type::kNumber:
      return std::to_string(setting.least) + " to " + std::to_string(setting.most) +
             (setting.unit.empty() ? "" : " (" + setting.unit + ")");
    case Setting::Type::kChoice:
    case Setting::Type::kNames:
      return listed(setting.choices);
    default:
      return {};
  }
}

const Setting* find_setting(std::span<const Setting> settings, std::string_view name) {
  const auto found = std::ranges::find(settings, name, &Setting::name);
  return found == settings.end() ? nullptr : &*found;
}

}  // namespace netwatch::base
