#pragma once

#include <cstdint>
#include <string>

// Names of NTP's commands and extensions; a number without a common name stays a number.
namespace netwatch::dpi {

// Of control messages (mode 6), RFC 9327 section 2.
std::string ntp_control_name(std::uint8_t opcode);
// Of ntpd's private requests (mode 7), which were never specified.
std::string ntp_private_name(std::uint8_t code);
// Of extension fields: IANA, NTP Extension Field Types.
std::string ntp_extension_name(std::uint16_t type);

}  // namespace netwatch::dpi
