#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

// The types of ASDUs of IEC 60870-5-101 and -104, and what their objects hold.
namespace netwatch::dpi::iec104 {

enum class Shape : std::uint8_t {
  kNone,
  kSingle,
  kDouble,
  kStep,
  kBits,
  kNormalized,
  kScaled,
  kFloat,
  kCounter,
  kRegulate,       // lower, higher
  kInterrogation,  // a qualifier only
  kNumber,
  kClock,
};
inline constexpr std::uint8_t kAnySize = 255;

struct Type {
  std::uint8_t id = 0;
  std::uint8_t bytes = 0;  // of one object, without its address
  Shape shape = Shape::kNone;
  std::string_view name;
  [[nodiscard]] bool monitored() const { return name.starts_with("M_"); }
  [[nodiscard]] bool control() const { return id >= 45 && id <= 64; }
};

const Type* find_type(std::uint8_t id);      // nothing if the standards know none
std::string cause_name(std::uint8_t cause);  // its number if it has no name
std::string value_text(const Type& type, base::Bytes element);      // empty if there is none
std::string qualifier_text(const Type& type, base::Bytes element);  // of commands; may be empty

}  // namespace netwatch::dpi::iec104
