#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// What numbers of DCE RPC mean: interfaces and their operations, why calls fail, who authenticates.
namespace netwatch::dpi::dcerpc {

// A row of the table of well-known interfaces; -1 if `uuid` (in its text form) is none.
int find_interface(std::string_view uuid);
// Empty if there is none.
std::string_view interface_name(int interface);
std::string_view operation_name(int interface, std::uint16_t opnum);
inline constexpr std::string_view kEpmapperUuid = "e1af8308-5d1f-11c9-91a4-08002b14a0fa";

// "ndr", "ndr64"; the UUID if it is another.
std::string_view transfer_name(std::string_view uuid);
// Whether a UUID offers features instead of a transfer syntax ([MS-RPCE] 2.2.2.14).
bool is_feature_negotiation(std::string_view uuid);

// All below: the number if it has no name.
std::string status_name(std::uint32_t status);
std::string reject_reason_name(std::uint16_t reason);
std::string result_name(std::uint16_t result, std::uint16_t reason);
std::string auth_type_name(std::uint8_t type);
std::string auth_level_name(std::uint8_t level);

}  // namespace netwatch::dpi::dcerpc
