#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// What numbers of OPC UA mean.
namespace netwatch::dpi::opcua {

// Of the encoding of a request or a response in binary; empty if it is none.
struct Service {
  std::string_view name;
  bool response = false;
};
Service find_service(std::uint32_t type_id);
inline constexpr std::uint32_t kOpenSecureChannel = 446, kCreateSession = 461,
                               kActivateSession = 467, kRead = 631, kWrite = 673, kCall = 712,
                               kPublish = 826, kServiceFault = 397;
std::string status_name(std::uint32_t status);  // hexadecimal if it has no name
std::string_view security_mode_name(std::uint32_t mode);

}  // namespace netwatch::dpi::opcua
