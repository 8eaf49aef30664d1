#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dpi/parts/line_decoder.h"
#include "dpi/protocol.h"

// Base of the decoders of protocols whose messages look like HTTP's and always say how long their
// body is (SIP, RTSP): over a stream or in datagrams, both sides may ask.
namespace netwatch::dpi {

class HeaderDecoder : public Decoder {
 public:
  static constexpr std::size_t kMaxHeadBytes = 16384;
  static constexpr std::size_t kMaxBodyBytes = 8192;  // longer ones are passed over unread

  Step on_bytes(const model::StreamChunk& chunk, Context& context) final;
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) final;

 protected:
  struct Message {
    std::string_view start;   // the first line
    std::string_view fields;  // the header section behind it
    std::string_view body;    // empty if it was too long
    model::Side side;
    Context& context;
    base::TimeNs time_ns;
    bool cut;  // the header section was too long, or the capture did not keep it
  };
  virtual void on_message(const Message& message) = 0;
  // Does a message begin here? kYes needs its first line whole.
  [[nodiscard]] virtual Probe begins(std::string_view bytes) const = 0;
  // Something else that lies between messages: how long it is (0 if it is none), and how much of it
  // must be here before it is asked again.
  struct Aside {
    std::uint64_t bytes = 0;
    std::size_t wanted = 0;
  };
  virtual Aside aside(std::string_view /*bytes*/, const model::StreamChunk& /*chunk*/,
                      Context& /*context*/) {
    return {};
  }

 private:
  struct Move {
    std::uint64_t consumed = 0;
    bool wait = false;
    std::size_t wanted = 0;  // with `wait`: bytes from the message's start; 0: any more
    bool lost = false;
  };
  // What is known of the message that a side has begun: bytes are looked at once, however small
  // the pieces are that they come in.
  struct SideState {
    bool lost = false;           // where messages begin is not known
    bool begun = false;          // begins() said kYes
    std::uint16_t asked = 0;     // bytes that begins() was shown when it last said kMore
    std::uint16_t searched = 0;  // bytes that hold no end of a header section
  };
  Move advance(std::string_view rest, SideState& side, const model::StreamChunk& chunk,
               Context& context);
  [[nodiscard]] Probe ask(std::string_view rest, SideState& side, bool last) const;
  void show(std::string_view head, std::string_view body, bool cut, const model::StreamChunk& chunk,
            Context& context);

  std::array<SideState, 2> sides_;
  bool confirmed_ = false;
};

// Text that a header field gives before its parameters: <sip:a@example.org>;tag=1 and
// "A" <sip:a@example.org> are sip:a@example.org.
std::string_view address_of(std::string_view value);
// The value of a quoted parameter: username="alice".
std::string_view quoted_parameter(std::string_view value, std::string_view name);

// Session descriptions (RFC 8866): media lines without "m=", and the first connection address.
void add_sdp(std::string_view body, std::uint8_t media_field, std::uint8_t address_field,
             model::RecordBuilder& record);

}  // namespace netwatch::dpi
