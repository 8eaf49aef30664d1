#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

// One message of the Common Industrial Protocol: a service, what it is about, and how it went.
namespace netwatch::dpi {

struct CipMessage {
  std::uint8_t service = 0;  // without the bit of a response
  bool response = false;
  // Of a request: numbers of its path that are there, and a symbol's name.
  std::int64_t class_id = -1;
  std::int64_t instance = -1;
  std::int64_t attribute = -1;
  std::string symbol;
  // Of a response.
  std::uint8_t status = 0;
  std::uint16_t extended = 0;
  bool has_extended = false;
  base::Bytes data;
};

// False if `bytes` end inside its head.
bool read_cip(base::Bytes bytes, CipMessage& message);
// What an Unconnected Send carries; empty if `message` is none.
base::Bytes routed_message(const CipMessage& message);

// All below: the number if it has no name.
std::string cip_service_name(std::uint8_t service, std::int64_t class_id);
std::string cip_class_name(std::int64_t class_id);
std::string cip_status_name(std::uint8_t status);

}  // namespace netwatch::dpi
