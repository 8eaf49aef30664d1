#pragma once

#include <cstdint>
#include <string_view>

// Names of GTP's numbers; empty if there is none. Version 2 has its own, all others share theirs.
namespace netwatch::dpi::gtp {

std::string_view message_name(std::uint8_t version, std::uint8_t type);
std::string_view cause_name(std::uint8_t version, std::uint8_t cause);
std::string_view interface_name(std::uint8_t type);  // of a fully qualified TEID
std::string_view access_name(std::uint8_t type);     // radio access technology

}  // namespace netwatch::dpi::gtp
