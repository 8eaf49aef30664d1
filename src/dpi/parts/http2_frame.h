#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

// Frames of HTTP/2: RFC 9113 sections 4 and 6.
namespace netwatch::dpi {

inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::size_t kHttp2HeadBytes = 9;

enum class Http2Type : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation,  // what comes behind is an extension: ignored (section 5.5)
};

struct Http2Frame {
  static constexpr std::uint8_t kEndStream = 0x01;
  static constexpr std::uint8_t kAck = 0x01;
  static constexpr std::uint8_t kEndHeaders = 0x04;
  static constexpr std::uint8_t kPadded = 0x08;
  static constexpr std::uint8_t kPriority = 0x20;

  std::uint32_t payload_bytes = 0;
  Http2Type type = Http2Type::kData;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  bool reserved = false;  // the bit that must not be set is

  [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  [[nodiscard]] std::size_t size() const { return kHttp2HeadBytes + payload_bytes; }
};
// `bytes` holds at least kHttp2HeadBytes.
Http2Frame parse_http2_frame(base::Bytes bytes);
// Whether its length and stream are those of its type.
bool is_sound(const Http2Frame& frame);

// The part of a HEADERS or PUSH_PROMISE frame that belongs to its header block.
struct Http2Fragment {
  bool ok = false;  // padding and fixed fields fit
  base::Bytes bytes;
  std::uint32_t promised_stream = 0;
};
// `payload` may be cut: then so is the fragment.
Http2Fragment fragment_of(const Http2Frame& frame, base::Bytes payload);

// What one side's bytes begin with, by content alone.
enum class Http2Start : std::uint8_t {
  kNo,
  kMore,
  kPreface,   // the client's
  kSettings,  // with which the server begins
  kMiddle,    // frames, among them one with header fields: a capture may begin anywhere
};
Http2Start classify_http2(base::Bytes bytes);

// Section 7; "0x..." is for the caller: empty if it has no name.
std::string_view http2_error_name(std::uint32_t code);

}  // namespace netwatch::dpi
