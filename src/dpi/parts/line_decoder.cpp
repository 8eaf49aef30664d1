// Lines of text protocols, and the replies that FTP and SMTP share (RFC 959 section 4.2, RFC 5321
// section 4.2.1).
#include "dpi/parts/line_decoder.h"

#include <algorithm>

#include "dpi/parts/http_message.h"

namespace netwatch::dpi {
namespace {

using std::string_view;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A TLS record of the handshake kind, version 3.x (RFC 8446 section 5.1).
bool begins_tls(string_view bytes) { return bytes.starts_with("\x16\x03"); }

}  // namespace

Step LineDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  SideState& side = sides_[model::index(chunk.side)];
  const string_view bytes = base::as_text(chunk.bytes);
  Step step;
  while (step.consumed < bytes.size()) {
    const string_view rest = bytes.substr(static_cast<std::size_t>(step.consumed));
    // What a side begins with may be TLS without any offer: a client that took the wrong port.
    if ((tls_offered_ || !side.begun) && begins_tls(rest)) {
      context.hand_on();
      return step;
    }
    const std::size_t end = rest.find('\n', side.searched);
    if (side.in_tail) {
      side.searched = 0;
      side.in_tail = end == string_view::npos;
      step.consumed += side.in_tail ? rest.size() : end + 1;
      continue;
    }
    const bool whole = end <= kMaxLineBytes;  // npos is more
    const bool too_long = !whole && rest.size() > kMaxLineBytes;
    if (!whole && !too_long && !chunk.cut) {
      side.searched = static_cast<std::uint16_t>(rest.size());
      break;
    }
    side.searched = 0;
    side.begun = true;
    const std::size_t shown = whole ? end : std::min(rest.size(), kMaxLineBytes);
    string_view text = rest.substr(0, shown);
    if (whole && text.ends_with('\r')) text.remove_suffix(1);
    if (too_long) context.odd("line_too_long");
    side.in_tail = !whole;
    if (too_long) step.verdict = Verdict::kOdd;
    const Onward next = on_line({text, chunk.side, context, chunk.time_ns, !whole});
    if (next.what == Onward::What::kNotMine) return {.verdict = Verdict::kNotMine};
    step.consumed += shown + (whole ? 1 : 0) + (whole ? next.skip : 0);
    if (next.what == Onward::What::kDone) step.verdict = Verdict::kDone;
    if (next.what == Onward::What::kHandOn) {
      context.hand_on();
      step.verdict = Verdict::kFine;
    }
    if (next.what != Onward::What::kGoOn) return step;
  }
  return step;
}

Verdict LineDecoder::on_gap(const model::StreamChunk& chunk, Context& /*context*/) {
  sides_[model::index(chunk.side)] = {.in_tail = true, .begun = true};
  on_loss(chunk.side);
  return Verdict::kFine;
}

std::optional<ReplyLine> parse_reply_line(string_view line) {
  if (line.size() < 3 || !std::ranges::all_of(line.substr(0, 3), is_digit)) return std::nullopt;
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return std::nullopt;
  ReplyLine reply;
  reply.code =
      static_cast<std::uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  if (reply.code < 100 || reply.code > 659) return std::nullopt;
  reply.more = line.size() > 3 && line[3] == '-';
  reply.text = trim_blanks(line.substr(std::min<std::size_t>(4, line.size())));
  return reply;
}

string_view take_word(string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const string_view word = text.substr(0, end);
  text.remove_prefix(std::min(text.find_first_not_of(' ', end), text.size()));
  return word;
}

bool begins_ignoring_case(string_view text, string_view prefix) {
  return text.size() >= prefix.size() && same_ignoring_case(text.substr(0, prefix.size()), prefix);
}

bool holds_word(string_view text, string_view word) {
  for (std::size_t at = 0; at + word.size() <= text.size(); ++at) {
    if (begins_ignoring_case(text.substr(at), word)) return true;
  }
  return false;
}

bool is_plain_text(string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\t';
  });
}

std::optional<string_view> first_line(string_view text) {
  string_view line;
  if (!next_line(text, line)) return std::nullopt;
  return line;
}

void WaitingRequests::push(base::TimeNs time_ns) {
  if (size_ == kCapacity || untimed_ > 0) {
    ++untimed_;
    return;
  }
  times_[(first_ + size_++) % kCapacity] = time_ns;
}

std::optional<base::TimeNs> WaitingRequests::answered(base::TimeNs now_ns) {
  if (size_ == 0) {
    if (untimed_ > 0) --untimed_;
    return std::nullopt;
  }
  const base::TimeNs asked = times_[first_];
  first_ = static_cast<std::uint8_t>((first_ + 1) % kCapacity);
  --size_;
  if (now_ns < asked) return std::nullopt;
  return now_ns - asked;
}

}  // namespace netwatch::dpi
