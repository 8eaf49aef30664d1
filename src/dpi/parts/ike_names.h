#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

// Names of what IKE negotiates: IANA, "Internet Key Exchange Version 2 (IKEv2) Parameters" and
// "Internet Key Exchange (IKE) Attributes". A number without a common name stays a number.
namespace netwatch::dpi {

struct IkeTransform {
  std::uint8_t version = 2;
  std::uint8_t type = 0;  // version 2: 1 encryption, 2 PRF, 3 integrity, 4 group, 5 ESN
  std::uint16_t id = 0;
  std::uint16_t key_bits = 0;  // 0: none is given
};
std::string ike_transform_name(const IkeTransform& transform);
// An attribute of RFC 2409 appendix A; empty if it names no algorithm.
std::string ike1_attribute_name(std::uint16_t type, std::uint16_t value);
std::string ike_notify_name(std::uint16_t code, std::uint8_t version);
// What is known of well-known vendor IDs; text if they are text; else hexadecimal.
std::string ike_vendor_name(base::Bytes id);

}  // namespace netwatch::dpi
