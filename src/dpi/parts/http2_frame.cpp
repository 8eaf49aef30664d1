#include "dpi/parts/http2_frame.h"

#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/hpack.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;

// Section 4.2: what every peer takes without having said so.
constexpr std::uint32_t kUsualFrameBytes = 16384;

// Flags that section 6 defines, by type.
constexpr std::array<std::uint8_t, 10> kFlags{0x09, 0x2D, 0, 0, 0x01, 0x0C, 0x01, 0, 0, 0x04};

// Stricter than is_sound(), for bytes of which nothing else is known.
bool is_convincing(const Http2Frame& frame) {
  constexpr std::uint32_t kLikelyStreams = 1U << 24;
  const auto type = static_cast<std::size_t>(frame.type);
  return type < kFlags.size() && is_sound(frame) && (frame.flags & ~kFlags[type]) == 0 &&
         frame.payload_bytes <= kUsualFrameBytes && frame.stream < kLikelyStreams;
}

// Section 6.5.2, and what RFC 8441, RFC 9218 and gRPC added.
bool is_known_setting(std::uint16_t id, std::uint32_t value) {
  switch (id) {
    case 2:
    case 8:
    case 9:
      return value <= 1;
    case 4:
      return value < (1U << 31);
    case 5:
      return value >= kUsualFrameBytes && value < (1U << 24);
    default:
      return id >= 1 && id <= 6;
  }
}

Http2Start classify_settings(const Http2Frame& frame, Bytes bytes) {
  constexpr std::uint32_t kMostBytes = 32 * 6;
  if (frame.has(Http2Frame::kAck) || frame.payload_bytes > kMostBytes) return Http2Start::kNo;
  if (frame.payload_bytes == 0) {
    // Nine bytes, most of them zero, are nobody's signature: another frame must follow.
    const Bytes behind = bytes.subspan(kHttp2HeadBytes);
    if (behind.size() < kHttp2HeadBytes) return Http2Start::kMore;
    const Http2Frame next = parse_http2_frame(behind);
    const bool other = next.type != Http2Type::kData && next.type != Http2Type::kSettings;
    const bool sure = other || next.has(Http2Frame::kAck);
    return sure && is_convincing(next) ? Http2Start::kSettings : Http2Start::kNo;
  }
  if (bytes.size() < frame.size()) return Http2Start::kMore;
  Cursor settings(bytes.subspan(kHttp2HeadBytes, frame.payload_bytes));
  unsigned known = 0;
  while (!settings.at_end()) {
    const std::uint16_t id = settings.u16();
    const std::uint32_t value = settings.u32();
    constexpr std::uint16_t kFirstLikelyExtension = 0x0A00;  // reserved to be ignored, or gRPC's
    if (is_known_setting(id, value)) {
      ++known;
    } else if (id < kFirstLikelyExtension) {
      return Http2Start::kNo;
    }
  }
  return known > 0 ? Http2Start::kSettings : Http2Start::kNo;
}

}  // namespace

Http2Frame parse_http2_frame(Bytes bytes) {
  Cursor in(bytes);
  Http2Frame frame;
  frame.payload_bytes = in.u24();
  frame.type = static_cast<Http2Type>(in.u8());
  frame.flags = in.u8();
  const std::uint32_t stream = in.u32();
  frame.reserved = (stream >> 31) != 0;
  frame.stream = stream & 0x7FFFFFFF;
  return frame;
}

bool is_sound(const Http2Frame& frame) {
  if (frame.reserved) return false;
  const std::uint32_t bytes = frame.payload_bytes;
  const bool of_stream = frame.stream != 0;
  switch (frame.type) {
    case Http2Type::kData:
    case Http2Type::kContinuation:
      return of_stream;
    case Http2Type::kHeaders:
      return of_stream && bytes >= 1;
    case Http2Type::kPushPromise:
      return of_stream && bytes >= 5;
    case Http2Type::kPriority:
      return of_stream && bytes == 5;
    case Http2Type::kRstStream:
      return of_stream && bytes == 4;
    case Http2Type::kSettings:
      return !of_stream && bytes % 6 == 0 && (bytes == 0 || !frame.has(Http2Frame::kAck));
    case Http2Type::kPing:
      return !of_stream && bytes == 8;
    case Http2Type::kGoaway:
      return !of_stream && bytes >= 8;
    case Http2Type::kWindowUpdate:
      return bytes == 4;
  }
  return true;
}

Http2Fragment fragment_of(const Http2Frame& frame, Bytes payload) {
  Cursor in(payload);
  std::size_t padding = 0;
  std::size_t fixed = 0;
  if (frame.has(Http2Frame::kPadded)) {
    padding = in.u8();
    ++fixed;
  }
  Http2Fragment fragment;
  if (frame.type == Http2Type::kPushPromise) {
    fragment.promised_stream = in.u32() & 0x7FFFFFFF;
    fixed += 4;
  } else if (frame.has(Http2Frame::kPriority)) {
    in.skip(5);
    fixed += 5;
  }
  if (!in.ok() || fixed + padding > frame.payload_bytes) return {};
  fragment.bytes = in.take_up_to(frame.payload_bytes - fixed - padding);
  fragment.ok = true;
  return fragment;
}

Http2Start classify_http2(Bytes bytes) {
  const std::string_view text = base::as_text(bytes);
  if (text.starts_with(kHttp2Preface)) return Http2Start::kPreface;
  if (!text.empty() && kHttp2Preface.starts_with(text)) return Http2Start::kMore;
  constexpr int kMostFrames = 8;
  for (int i = 0; i < kMostFrames; ++i) {
    if (bytes.empty()) return Http2Start::kNo;
    if (bytes.size() < kHttp2HeadBytes) {
      // Half a head behind whole frames promises nothing.
      return i == 0 && bytes[0] == 0 ? Http2Start::kMore : Http2Start::kNo;
    }
    const Http2Frame frame = parse_http2_frame(bytes);
    if (!is_convincing(frame)) return Http2Start::kNo;
    if (i == 0 && frame.type == Http2Type::kSettings) {
      const Http2Start settings = classify_settings(frame, bytes);
      if (settings != Http2Start::kNo) return settings;
    }
    const bool whole = bytes.size() >= frame.size();
    if (frame.type == Http2Type::kHeaders && frame.has(Http2Frame::kEndHeaders)) {
      if (!whole) return Http2Start::kMore;
      const auto payload = bytes.subspan(kHttp2HeadBytes, frame.payload_bytes);
      const Http2Fragment fragment = fragment_of(frame, payload);
      const HpackLook look = look_at_hpack(fragment.bytes);
      const bool header = fragment.ok && look.well_formed;
      return header && (look.request || look.response) ? Http2Start::kMiddle : Http2Start::kNo;
    }
    if (!whole) return Http2Start::kNo;
    bytes = bytes.subspan(frame.size());
  }
  return Http2Start::kNo;
}

std::string_view http2_error_name(std::uint32_t code) {
  static constexpr std::array<std::string_view, 14> kNames{"NO_ERROR",
                                                           "PROTOCOL_ERROR",
                                                           "INTERNAL_ERROR",
                                                           "FLOW_CONTROL_ERROR",
                                                           "SETTINGS_TIMEOUT",
                                                           "STREAM_CLOSED",
                                                           "FRAME_SIZE_ERROR",
                                                           "REFUSED_STREAM",
                                                           "CANCEL",
                                                           "COMPRESSION_ERROR",
                                                           "CONNECT_ERROR",
                                                           "ENHANCE_YOUR_CALM",
                                                           "INADEQUATE_SECURITY",
                                                           "HTTP_1_1_REQUIRED"};
  return code < kNames.size() ? kNames[code] : std::string_view();
}

}  // namespace netwatch::dpi
