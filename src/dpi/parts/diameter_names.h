#pragma once

#include <cstdint>
#include <string_view>

// Names of Diameter's numbers; empty if there is none.
namespace netwatch::dpi::diameter {

std::string_view command_name(std::uint32_t code);
std::string_view application_name(std::uint32_t id);
std::string_view result_name(std::uint32_t code);
// Of results that vendors define; those of 3GPP (10415) are known.
std::string_view experimental_name(std::uint32_t vendor, std::uint32_t code);

}  // namespace netwatch::dpi::diameter
