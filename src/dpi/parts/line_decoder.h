#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dpi/protocol.h"

// Base of the decoders of protocols that talk in lines (FTP, SMTP, IMAP, POP3, IRC, ...). It cuts
// both sides into lines, with a bound: of a longer line only the first part is seen, the rest is
// passed over. Nothing is copied; a line that is not here whole stays with the engine.
namespace netwatch::dpi {

// What stands for a secret in a record: its length is not told either.
inline constexpr std::string_view kMasked = "***";

// What follows a line or a frame.
struct Onward {
  enum class What : std::uint8_t { kGoOn, kHandOn, kDone, kNotMine };
  What what = What::kGoOn;
  std::uint64_t skip = 0;  // bytes behind it that are passed over
  static constexpr Onward hand_on() { return {.what = What::kHandOn}; }
  static constexpr Onward done() { return {.what = What::kDone}; }
  static constexpr Onward not_mine() { return {.what = What::kNotMine}; }
};

// "All the rest of this side": more than any flow carries.
inline constexpr std::uint64_t kRestOfSide = std::uint64_t{1} << 62;

class LineDecoder : public Decoder {
 public:
  static constexpr std::size_t kMaxLineBytes = 8192;

  Step on_bytes(const model::StreamChunk& chunk, Context& context) final;
  // Lines begin anew behind the next line end.
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) final;

 protected:
  struct Line {
    std::string_view text;  // without its end (CRLF or LF)
    model::Side side;
    Context& context;
    base::TimeNs time_ns;
    bool cut;  // only its first part
  };
  virtual Onward on_line(const Line& line) = 0;
  // Bytes of `side` are missing: what was expected of it is not known any more.
  virtual void on_loss(model::Side /*side*/) {}

  // An offer of TLS was made: the first bytes of a TLS handshake end the lines even if the answer
  // to the offer is not in the capture.
  void expect_tls() { tls_offered_ = true; }
  void refuse_tls() { tls_offered_ = false; }

 private:
  struct SideState {
    bool in_tail = false;        // of a line that is passed over
    bool begun = false;          // a line was read
    std::uint16_t searched = 0;  // bytes of a begun line that hold no end
  };
  std::array<SideState, 2> sides_;
  bool tls_offered_ = false;
};

// "250-text": a reply of FTP and SMTP (RFC 959 section 4.2, RFC 5321 section 4.2.1).
struct ReplyLine {
  std::uint16_t code = 0;
  bool more = false;      // other lines of the same reply follow
  std::string_view text;  // behind the code and its separator
};
// Nothing if the line does not begin with three digits and a blank or hyphen (or its end).
std::optional<ReplyLine> parse_reply_line(std::string_view line);

// Takes the next word (what stands before a blank) and the blanks behind it off `text`.
std::string_view take_word(std::string_view& text);
// Whether `text` begins with `prefix`, ASCII case ignored.
bool begins_ignoring_case(std::string_view text, std::string_view prefix);
// Whether `word` stands anywhere in `text`, ASCII case ignored.
bool holds_word(std::string_view text, std::string_view word);
// Whether all of it is printable ASCII, blanks, or bytes over 127.
bool is_plain_text(std::string_view text);
// The first line without its end; nothing while it has none.
std::optional<std::string_view> first_line(std::string_view text);

// The times of requests that wait for their answers, which come in the same order.
class WaitingRequests {
 public:
  void push(base::TimeNs time_ns);
  // Time from the oldest request to `now_ns`; nothing if it is not known.
  std::optional<base::TimeNs> answered(base::TimeNs now_ns);
  void clear() { *this = {}; }

 private:
  static constexpr std::uint8_t kCapacity = 8;
  std::array<base::TimeNs, kCapacity> times_{};
  std::uint8_t first_ = 0;
  std::uint8_t size_ = 0;
  std::uint32_t untimed_ = 0;  // sent while the ring was full
};

}  // namespace netwatch::dpi
