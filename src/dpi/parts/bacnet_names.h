#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// What numbers of BACnet mean; the number itself if it has no name here.
namespace netwatch::dpi::bacnet {

std::string_view link_function_name(std::uint8_t function);  // empty if there is none
std::string link_result_name(std::uint16_t result);
std::string network_message_name(std::uint8_t type);
std::string confirmed_service_name(std::uint8_t service);
std::string unconfirmed_service_name(std::uint8_t service);
// "analog_input:3" of an object identifier.
std::string object_text(std::uint32_t identifier);
std::string property_name(std::uint32_t property);
std::string error_text(std::uint32_t error_class, std::uint32_t code);
std::string reject_name(std::uint8_t reason);
std::string abort_name(std::uint8_t reason);

}  // namespace netwatch::dpi::bacnet
