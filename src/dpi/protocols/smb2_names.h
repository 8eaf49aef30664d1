#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace netwatch::dpi {

// "3.1.1"; empty if it is none that is known.
std::string_view dialect_name(std::uint16_t dialect);
// Of IOCTL; the number if it has no name.
std::string control_name(std::uint32_t code);

}  // namespace netwatch::dpi
