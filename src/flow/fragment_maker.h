#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

// For tests and fuzzers only: fragments as raw IP packets.
namespace netwatch::flow::testing {

using Frame = std::vector<std::uint8_t>;

inline void put_be16(Frame& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

// `at`: offset in bytes.
inline Frame fragment4(std::uint8_t proto, std::uint32_t id, std::size_t at, bool more,
                       base::Bytes part) {
  Frame out{0x45, 0};
  put_be16(out, 20 + part.size());
  put_be16(out, id);
  put_be16(out, at / 8 + (more ? 0x2000U : 0U));
  out.insert(out.end(), {64, proto, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2});
  out.insert(out.end(), part.begin(), part.end());
  return out;
}

inline Frame fragment6(std::uint8_t proto, std::uint32_t id, std::size_t at, bool more,
                       base::Bytes part) {
  Frame out{0x60, 0, 0, 0};
  put_be16(out, 8 + part.size());
  out.insert(out.end(), {44, 64});
  for (std::uint8_t host = 1; host <= 2; ++host) {
    out.insert(out.end(), {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host});
  }
  out.insert(out.end(), {proto, 0});
  put_be16(out, at + (more ? 1U : 0U));
  put_be16(out, id >> 16);
  put_be16(out, id);
  out.insert(out.end(), part.begin(), part.end());
  return out;
}

inline Frame udp_bytes(std::string_view payload) {
  Frame out;
  put_be16(out, 1000);
  put_be16(out, 2000);
  put_be16(out, 8 + payload.size());
  put_be16(out, 0);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

// With so many bytes of options.
inline Frame tcp_bytes(std::string_view payload, std::size_t options) {
  Frame out;
  put_be16(out, 1000);
  put_be16(out, 2000);
  out.insert(out.end(), {0, 0, 0, 1, 0, 0, 0, 0});
  out.push_back(static_cast<std::uint8_t>((20 + options) / 4 * 16));
  out.insert(out.end(), {0x10, 1, 0, 0, 0, 0, 0});
  out.insert(out.end(), options, 1);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

}  // namespace netwatch::flow::testing
