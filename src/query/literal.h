#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "model/field.h"
#include "model/filter.h"

// Values on the right side of a comparison, read as the type of their field asks.
namespace netwatch::query {

// A value as written. Its low..high form has `high`.
struct WrittenValue {
  std::string text;
  bool quoted = false;
  std::uint32_t column = 0;
  std::optional<std::string> high;
};

struct LiteralError {
  std::string message;  // without the field's name: "wants a number"
  std::string suggestion;
};

// What a field counts, by its type and its name's last part ("_bytes", "_us").
struct Measure {
  enum class Kind : std::uint8_t { kCount, kBytes, kTime };
  Kind kind = Kind::kCount;
  std::int64_t stored_ns = 1;  // kTime: what one stored unit is
  std::int64_t bare_ns = 1;    // kTime: what a number without a unit means

  friend bool operator==(const Measure&, const Measure&) = default;
};
Measure measure_of(const model::FieldDef& field);

std::expected<model::FilterLiteral, LiteralError> read_literal(const model::FieldDef& field,
                                                               const WrittenValue& value);

// "a number", "an IP address or network", ...: what a value of this type is called.
std::string_view wanted(model::FieldType type);

// An address or a network in CIDR form; nothing if `text` is neither.
std::optional<model::FilterLiteral> read_network(std::string_view text);

}  // namespace netwatch::query
