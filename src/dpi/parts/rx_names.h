#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// Services of AFS over RX, their operations, and why calls are aborted; empty if there is no name.
namespace netwatch::dpi::rx {

struct Operation {
  std::string_view service;  // "fs", "cb", "prot", "vldb", ...
  std::string_view name;     // "fetch_data"
};

// Several services share the number 1: the operation tells them apart, and for those that the
// file server and the cache manager both number so, the bytes of its call (with the operation).
Operation operation_name(std::uint16_t service_id, std::uint32_t opcode, std::size_t call_bytes);
// Of a number that one service has for itself.
std::string_view service_name(std::uint16_t service_id);
bool is_known_service(std::uint16_t service_id);
std::string_view abort_name(std::int32_t code);

}  // namespace netwatch::dpi::rx
