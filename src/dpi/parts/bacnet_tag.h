#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/cursor.h"

// Values in BACnet's application messages: ASHRAE 135 clause 20.2.
namespace netwatch::dpi::bacnet {

// A tag, 20.2.1: its number, whether the context gives its meaning, and what it encloses.
struct Tag {
  std::uint8_t number = 0;
  bool context = false;
  bool opening = false;
  bool closing = false;
  base::Bytes value;
  [[nodiscard]] bool is(std::uint8_t context_number) const {
    return context && number == context_number && !opening && !closing;
  }
  [[nodiscard]] std::uint32_t uint() const {
    return value.size() <= 4 ? static_cast<std::uint32_t>(base::Cursor(value).be(value.size())) : 0;
  }
};

inline constexpr std::uint8_t kIdentifierTag = 12;  // an object's, in the application's class

bool take_tag(base::Cursor& in, Tag& tag);
// Of a value with an application tag; empty if it is of a kind that is not shown.
std::string value_text(const Tag& tag);

}  // namespace netwatch::dpi::bacnet
