#pragma once

#include <vector>

#include "base/config.h"

// For tests only: a setting of each type.
namespace netwatch::base {

inline const std::vector<Setting>& fixture_settings() {
  using Type = Setting::Type;
  static const std::vector<Setting> kAll{
      {.name = "theme",
       .type = Type::kChoice,
       .preset = std::string("dark"),
       .help = "Colours.",
       .choices = {"dark", "light"}},
      {.name = "capture", .type = Type::kBool, .preset = true, .help = "Capture packets."},
      {.name = "refresh_ms",
       .type = Type::kNumber,
       .preset = std::int64_t{250},
       .help = "How often the screen is drawn.",
       .least = 250,
       .most = 5000,
       .unit = "ms"},
      {.name = "filter",
       .type = Type::kText,
       .preset = std::string(),
       .help = "What is shown.",
       .most = 1024},
      {.name = "columns.connections",
       .type = Type::kNames,
       .preset = std::vector<std::string>{"rtt", "age"},
       .help = "Columns.",
       .choices = {"rtt", "age"}},
  };
  return kAll;
}

}  // namespace netwatch::base
