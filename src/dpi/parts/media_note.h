#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "dpi/protocol.h"

// What a session description (SDP: RFC 8866, RFC 4566) says of the media that will flow, noted for
// the decoder of those flows. SIP and RTSP announce with it.
namespace netwatch::dpi {

// Lines: the profile and the call; then for each format its number, kind and encoding, as far as
// they fit: "RTP/AVP 1-2@192.0.2.1", "0 audio", "96 video H264/90000". Formats may be those of
// several media; nobody gives one number twice.
class MediaNote {
 public:
  // A call's name that is too long is left out.
  void begin(std::string_view profile, std::string_view call);
  void add_format(std::string_view format, std::string_view kind, std::string_view encoding);
  void read(base::Bytes note);

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] base::Bytes bytes() const { return base::as_bytes(text()); }
  [[nodiscard]] std::string_view call() const;
  [[nodiscard]] bool secure() const;  // RTP/SAVP, RTP/SAVPF: RFC 3711, RFC 5124
  struct Format {
    bool known = false;
    std::string_view kind;   // "audio"
    std::string_view codec;  // "opus/48000/2"; empty if only the number is known
  };
  [[nodiscard]] Format format(std::uint8_t payload_type) const;

 private:
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }
  bool append(std::string_view more);

  std::array<char, Expected::kMaxNoteBytes> text_;
  std::uint16_t size_ = 0;
};

// Announces the media of a description that `sender` sent: where it says that it will receive. (An
// address that is neither host's is not expected.)
void expect_media(std::string_view sdp, std::string_view call, Context& context);

// The formats of all media of a description, for a session whose ports are agreed on elsewhere
// (RTSP's SETUP).
void note_media(std::string_view sdp, std::string_view call, MediaNote& note);

}  // namespace netwatch::dpi
