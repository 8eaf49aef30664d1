#include "query/literal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <utility>

#include "base/time.h"
#include "query/lexer.h"
#include "query/timestamp.h"

namespace netwatch::query {
namespace {

using model::FieldDef;
using model::FieldType;
using model::FilterLiteral;
using Problem = std::unexpected<LiteralError>;

Problem problem(std::string message, std::string suggestion = {}) {
  return Problem(LiteralError{std::move(message), std::move(suggestion)});
}

struct UnitName {
  std::string_view name;  // lower case
  std::uint64_t factor;
};
// Decimal, as drives and links are sold; the -ib names are binary.
constexpr std::array<UnitName, 13> kByteUnits{{{"b", 1},
                                               {"k", 1'000},
                                               {"kb", 1'000},
                                               {"m", 1'000'000},
                                               {"mb", 1'000'000},
                                               {"g", 1'000'000'000},
                                               {"gb", 1'000'000'000},
                                               {"t", 1'000'000'000'000},
                                               {"tb", 1'000'000'000'000},
                                               {"kib", 1ULL << 10},
                                               {"mib", 1ULL << 20},
                                               {"gib", 1ULL << 30},
                                               {"tib", 1ULL << 40}}};
constexpr std::array<UnitName, 3> kCountUnits{
    {{"k", 1'000}, {"m", 1'000'000}, {"g", 1'000'000'000}}};
constexpr std::array<UnitName, 9> kTimeUnits{{{"ns", 1},
                                              {"us", 1'000},
                                              {"\xC2\xB5s", 1'000},
                                              {"ms", 1'000'000},
                                              {"s", 1'000'000'000},
                                              {"m", 60'000'000'000},
                                              {"min", 60'000'000'000},
                                              {"h", 3'600'000'000'000},
                                              {"d", 86'400'000'000'000}}};

template <std::size_t kCount>
std::optional<std::uint64_t> factor_of(const std::array<UnitName, kCount>& units,
                                       std::string_view name) {
  for (const UnitName& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

// A number as written: digits[.fraction] and what follows it.
struct Decimal {
  bool negative = false;
  std::uint64_t whole = 0;
  std::uint64_t fraction = 0;  // of kFractionScale
  std::string unit;            // lower case
};
constexpr std::size_t kFractionDigits = 6;
constexpr std::uint64_t kFractionScale = 1'000'000;

std::optional<Decimal> split_number(std::string_view text) {
  Decimal number;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    number.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const bool hex = text.size() > 2 && text[0] == '0' && to_lower(text[1]) == 'x';
  if (hex) text.remove_prefix(2);
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number.whole, hex ? 16 : 10);
  if (read.ec != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  if (hex) return text.empty() ? std::optional(number) : std::nullopt;
  if (text.size() > 1 && text[0] == '.' && text[1] >= '0' && text[1] <= '9') {
    text.remove_prefix(1);
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
      if (digits >= kFractionDigits) return std::nullopt;
      number.fraction = number.fraction * 10 + static_cast<std::uint64_t>(text[digits] - '0');
    }
    text.remove_prefix(digits);
    for (; digits < kFractionDigits; ++digits) number.fraction *= 10;
  }
  number.unit = to_lower(text);
  return number;
}

// number * factor / divisor, if that is a whole number that fits. The fraction of a larger unit is
// rounded down to the smaller one (1.1MiB is 1153433 bytes).
// No overflow: factors not divisible by kFractionScale are below 2^41.
std::optional<std::uint64_t> scale(const Decimal& number, std::uint64_t factor,
                                   std::uint64_t divisor) {
  const std::uint64_t part = std::gcd(factor, divisor);
  factor /= part;
  divisor /= part;
  std::uint64_t value = 0;
  if (__builtin_mul_overflow(number.whole, factor, &value)) return std::nullopt;
  std::uint64_t fraction = 0;
  if (number.fraction != 0) {
    if (factor == 1) return std::nullopt;
    const bool even = factor % kFractionScale == 0;
    fraction = even ? number.fraction * (factor / kFractionScale)
                    : number.fraction * factor / kFractionScale;
  }
  if (__builtin_add_overflow(value, fraction, &value)) return std::nullopt;
  if (value % divisor != 0) return std::nullopt;
  return value / divisor;
}

std::expected<std::uint64_t, LiteralError> magnitude(const FieldDef& field, const Decimal& number) {
  const Measure measure = measure_of(field);
  std::optional<std::uint64_t> factor;
  std::uint64_t divisor = 1;
  switch (measure.kind) {
    case Measure::Kind::kCount:
      factor = number.unit.empty() ? 1 : factor_of(kCountUnits, number.unit);
      if (!factor) return problem("is a count: it knows the units k, M and G only");
      break;
    case Measure::Kind::kBytes:
      factor = number.unit.empty() ? 1 : factor_of(kByteUnits, number.unit);
      if (!factor) return problem("is in bytes: it knows kB, MB, GB, KiB, MiB, GiB", "10MB");
      break;
    case Measure::Kind::kTime:
      factor = number.unit.empty() ? static_cast<std::uint64_t>(measure.bare_ns)
                                   : factor_of(kTimeUnits, number.unit);
      if (!factor) return problem("is a time: it knows ns, us, ms, s, min, h, d", "100ms");
      divisor = static_cast<std::uint64_t>(measure.stored_ns);
      break;
  }
  const auto value = scale(number, *factor, divisor);
  if (!value) return problem("wants a whole number that fits into 64 bits");
  return *value;
}

std::expected<std::int64_t, LiteralError> read_integer(const FieldDef& field,
                                                       std::string_view text) {
  const auto number = split_number(text);
  if (!number) return problem("wants " + std::string(wanted(field.type)));
  const auto value = magnitude(field, *number);
  if (!value) return std::unexpected(value.error());
  if (field.type == FieldType::kUint) {
    if (number->negative && *value != 0) return problem("is never negative", "0");
    if (field.name.ends_with("port") && *value > 65535) {
      return problem("is at most 65535", "65535");
    }
    return static_cast<std::int64_t>(*value);
  }
  if (*value > static_cast<std::uint64_t>(INT64_MAX)) {
    return problem("wants a whole number that fits into 64 bits");
  }
  const auto size = static_cast<std::int64_t>(*value);
  return number->negative ? -size : size;
}

std::expected<double, LiteralError> read_real(std::string_view text) {
  double value = 0;
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end || value != value) return problem("wants a number");
  return value;
}

// Durations are kept in ns and shown in us, rounded down: what looks equal is equal, unless a
// literal is itself in ns.
std::int64_t last_shown_as(const FieldDef& field, std::string_view text, std::int64_t value) {
  const bool exact = field.type != FieldType::kDuration || to_lower(text).ends_with("ns");
  return exact || value > INT64_MAX - (base::kNsPerUs - 1) ? value : value + (base::kNsPerUs - 1);
}

// The low and the high end of a number, time or duration, as the bits that are compared.
std::expected<FilterLiteral, LiteralError> read_scalar(const FieldDef& field,
                                                       const WrittenValue& value) {
  const auto one = [&](std::string_view text) -> std::expected<std::int64_t, LiteralError> {
    if (field.type != FieldType::kTime) return read_integer(field, text);
    const auto time = parse_timestamp(text);
    if (!time) return problem("wants a time in UTC", "2026-11-20T12:00:00Z");
    return *time;
  };
  FilterLiteral literal;
  const auto low = one(value.text);
  if (!low) return std::unexpected(low.error());
  literal.low = *low;
  literal.high = last_shown_as(field, value.text, *low);
  if (!value.high) return literal;
  const auto high = one(*value.high);
  if (!high) return std::unexpected(high.error());
  literal.high = last_shown_as(field, *value.high, *high);
  literal.range = true;
  const bool backwards = field.type == FieldType::kUint
                             ? static_cast<std::uint64_t>(*high) < static_cast<std::uint64_t>(*low)
                             : *high < *low;
  if (backwards) return problem("wants ranges that rise", *value.high + ".." + value.text);
  return literal;
}

std::expected<FilterLiteral, LiteralError> read_reals(const WrittenValue& value) {
  FilterLiteral literal;
  const auto low = read_real(value.text);
  if (!low) return std::unexpected(low.error());
  literal.real = literal.real_high = *low;
  if (!value.high) return literal;
  const auto high = read_real(*value.high);
  if (!high) return std::unexpected(high.error());
  literal.real_high = *high;
  literal.range = true;
  if (*high < *low) return problem("wants ranges that rise", *value.high + ".." + value.text);
  return literal;
}

std::expected<FilterLiteral, LiteralError> read_addresses(const WrittenValue& value) {
  auto low = read_network(value.text);
  if (!low) {
    const bool name = value.text.find_first_not_of("0123456789./:") != std::string::npos;
    return problem("wants an IP address or network",
                   name ? "host:" + shown(value.text) : std::string("10.0.0.0/8"));
  }
  if (!value.high) return *low;
  const auto high = base::IpAddress::parse(*value.high);
  if (!high || !base::IpAddress::parse(value.text)) {
    return problem("wants a range between two addresses", "10.0.0.1..10.0.0.9");
  }
  if (high->is_v4() != low->address.is_v4()) return problem("wants ranges of one IP version");
  if (*high < low->address) {
    return problem("wants ranges that rise", *value.high + ".." + value.text);
  }
  low->address_high = *high;
  low->range = true;
  return *low;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Pairs of hexadecimal digits, with or without : - . between them.
std::optional<std::string> read_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    if (!bytes.empty() && (text[at] == ':' || text[at] == '-' || text[at] == '.')) ++at;
    if (at + 1 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[at]);
    const int low = hex_digit(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
    at += 2;
  }
  if (bytes.empty()) return std::nullopt;
  return bytes;
}

std::expected<FilterLiteral, LiteralError> read_text(const FieldDef& field,
                                                     const WrittenValue& value) {
  if (value.high) return problem("has no ranges: it is " + std::string(wanted(field.type)));
  FilterLiteral literal;
  literal.text = value.text;
  if (value.quoted) return literal;
  if (field.type == FieldType::kBytes) {
    auto bytes = read_hex(value.text);
    if (!bytes) return problem("wants hexadecimal bytes or a quoted text", "16:03:01");
    literal.text = std::move(*bytes);
  } else if (value.text.find('*') != std::string::npos) {
    return problem("knows no wildcard *; a part of a text is found with contains or matches",
                   "\"" + shown(value.text) + "\"");
  }
  return literal;
}

std::expected<FilterLiteral, LiteralError> read_bool(const WrittenValue& value) {
  const std::string text = to_lower(value.text);
  FilterLiteral literal;
  if (value.high) return problem("wants true or false", "true");
  if (text == "true" || text == "1") {
    literal.low = literal.high = 1;
  } else if (text != "false" && text != "0") {
    return problem("wants true or false", "true");
  }
  return literal;
}

}  // namespace

Measure measure_of(const FieldDef& field) {
  Measure measure;
  if (field.type == FieldType::kDuration) {
    // Kept in ns, printed in us: a bare number means what is printed.
    return {Measure::Kind::kTime, 1, 1'000};
  }
  if (field.type != FieldType::kUint && field.type != FieldType::kInt) return measure;
  if (field.name.ends_with("_bytes")) measure.kind = Measure::Kind::kBytes;
  for (const auto& [ending, ns] : {std::pair<std::string_view, std::int64_t>{"_ns", 1},
                                   {"_us", 1'000},
                                   {"_ms", 1'000'000},
                                   {"_s", 1'000'000'000}}) {
    if (field.name.ends_with(ending)) measure = {Measure::Kind::kTime, ns, ns};
  }
  return measure;
}

std::string_view wanted(FieldType type) {
  switch (type) {
    case FieldType::kBool:
      return "true or false";
    case FieldType::kUint:
    case FieldType::kInt:
    case FieldType::kReal:
      return "a number";
    case FieldType::kText:
      return "a text";
    case FieldType::kBytes:
      return "bytes";
    case FieldType::kAddress:
      return "an IP address or network";
    case FieldType::kTime:
      return "a time";
    case FieldType::kDuration:
      return "a duration";
  }
  return "a value";
}

std::optional<FilterLiteral> read_network(std::string_view text) {
  FilterLiteral literal;
  const std::size_t slash = text.find('/');
  const auto address = base::IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned most = address->is_v4() ? 32 : 128;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view number = text.substr(slash + 1);
    const auto read = std::from_chars(number.data(), number.data() + number.size(), bits);
    if (number.empty() || read.ec != std::errc{} || bits > most ||
        read.ptr != number.data() + number.size()) {
      return std::nullopt;
    }
  }
  literal.address = literal.address_high = *address;
  literal.prefix_bits = static_cast<std::uint8_t>(bits);
  return literal;
}

std::expected<FilterLiteral, LiteralError> read_literal(const FieldDef& field,
                                                        const WrittenValue& value) {
  switch (field.type) {
    case FieldType::kBool:
      return read_bool(value);
    case FieldType::kReal:
      return read_reals(value);
    case FieldType::kText:
    case FieldType::kBytes:
      return read_text(field, value);
    case FieldType::kAddress:
      return read_addresses(value);
    case FieldType::kUint:
    case FieldType::kInt:
    case FieldType::kTime:
    case FieldType::kDuration:
      return read_scalar(field, value);
  }
  return problem("cannot be compared");
}

}  // namespace netwatch::query
