// Messages of SIP and RTSP: RFC 3261 section 7 and 18.3, RFC 7826 section 5; SDP: RFC 8866
// section 5.
#include "dpi/parts/header_decoder.h"

#include <algorithm>

#include "base/ip_address.h"
#include "dpi/parts/http_message.h"

namespace netwatch::dpi {
namespace {

using std::string_view;

// The length that a header section gives for its body; nothing if it gives none.
std::optional<std::uint64_t> body_length(string_view fields) {
  HeaderCursor cursor(fields);
  HeaderCursor::Field field;
  while (cursor.next(field)) {
    if (same_ignoring_case(field.name, "Content-Length") || same_ignoring_case(field.name, "l")) {
      const auto length = parse_decimal(field.value);
      if (!length) return std::nullopt;
      return std::min(*length, kRestOfSide);
    }
  }
  return std::nullopt;
}

}  // namespace

Step HeaderDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  const string_view bytes = base::as_text(chunk.bytes);
  SideState& side = sides_[model::index(chunk.side)];
  if (side.lost && begins(bytes) != Probe::kYes) return {.consumed = bytes.size()};
  side.lost = false;
  Step step;
  while (step.consumed < bytes.size()) {
    const string_view rest = bytes.substr(static_cast<std::size_t>(step.consumed));
    const Move move = advance(rest, side, chunk, context);
    if (move.lost) {
      if (!confirmed_) return {.verdict = Verdict::kNotMine};
      side = {.lost = true};
      step.consumed = bytes.size();
      break;
    }
    step.consumed += move.consumed;
    if (move.consumed > 0) side = {};
    if (move.wait) {
      step.wanted = move.wanted;
      break;
    }
  }
  if (chunk.cut) {
    side = {.lost = !chunk.datagram};
    step.consumed = std::max<std::uint64_t>(step.consumed, bytes.size());
  }
  return step;
}

// A line that grows is asked about when it ends, and at each doubling before.
Probe HeaderDecoder::ask(string_view rest, SideState& side, bool last) const {
  if (side.begun) return Probe::kYes;
  const bool news = last || rest.size() / 2 >= side.asked || rest.size() >= kMaxHeadBytes ||
                    rest.find('\n', side.searched) != string_view::npos;
  if (!news) return Probe::kMore;
  const Probe probe = begins(rest);
  side.begun = probe == Probe::kYes;
  side.asked = static_cast<std::uint16_t>(std::min(rest.size(), kMaxHeadBytes));
  return probe;
}

HeaderDecoder::Move HeaderDecoder::advance(string_view rest, SideState& side,
                                           const model::StreamChunk& chunk, Context& context) {
  // Line ends between messages keep a connection alive.
  const std::size_t empty = std::min(rest.find_first_not_of("\r\n"), rest.size());
  if (empty > 0) return {.consumed = empty};
  const Aside other = aside(rest, chunk, context);
  if (other.wanted > rest.size() && !chunk.cut) return {.wait = true, .wanted = other.wanted};
  if (other.bytes > 0) return {.consumed = other.bytes};
  const bool last = chunk.datagram || chunk.cut;
  const Probe probe = ask(rest, side, last);
  if (probe == Probe::kNo) return {.lost = true};
  const std::size_t end = find_headers_end(rest, side.searched);
  if (end == 0) {
    const bool too_long = rest.size() >= kMaxHeadBytes;
    if (!last && !too_long) {
      side.searched = static_cast<std::uint16_t>(rest.size());
      return {.wait = true};
    }
    if (probe != Probe::kYes) return {.lost = true};
    if (too_long) context.odd("header_too_long");
    show(rest.substr(0, kMaxHeadBytes), {}, true, chunk, context);
    return {.consumed = rest.size(), .lost = !chunk.datagram};
  }
  string_view fields = rest.substr(0, end);
  string_view start;
  next_line(fields, start);
  const std::size_t behind = rest.size() - end;
  // In a datagram a body without a length goes on to its end (RFC 3261 section 18.3).
  const std::uint64_t length = body_length(fields).value_or(chunk.datagram ? behind : 0);
  const bool shown = length <= kMaxBodyBytes;
  if (shown && behind < length && !last) {
    return {.wait = true, .wanted = end + static_cast<std::size_t>(length)};
  }
  const auto there = static_cast<std::size_t>(std::min<std::uint64_t>(length, behind));
  show(rest.substr(0, end), shown ? rest.substr(end, there) : string_view(), false, chunk, context);
  return {.consumed = end + (last ? there : length)};
}

void HeaderDecoder::show(string_view head, string_view body, bool cut,
                         const model::StreamChunk& chunk, Context& context) {
  confirmed_ = true;
  string_view fields = head;
  string_view start;
  if (!next_line(fields, start)) return;
  on_message({start, fields, body, chunk.side, context, chunk.time_ns, cut});
}

Verdict HeaderDecoder::on_gap(const model::StreamChunk& chunk, Context& /*context*/) {
  sides_[model::index(chunk.side)] = {.lost = true};
  return Verdict::kFine;
}

string_view address_of(string_view value) {
  const std::size_t open = value.find('<');
  if (open != string_view::npos) {
    const string_view inner = value.substr(open + 1);
    return inner.substr(0, inner.find('>'));
  }
  return trim_blanks(value.substr(0, value.find(';')));
}

string_view quoted_parameter(string_view value, string_view name) {
  for (std::size_t at = 0; at + name.size() + 2 < value.size(); ++at) {
    if (at > 0 && value[at - 1] != ' ' && value[at - 1] != ',') continue;
    const string_view rest = value.substr(at);
    if (!begins_ignoring_case(rest, name)) continue;
    string_view quoted = rest.substr(name.size());
    if (!quoted.starts_with("=\"")) continue;
    quoted.remove_prefix(2);
    return quoted.substr(0, quoted.find('"'));
  }
  return {};
}

void add_sdp(string_view body, std::uint8_t media_field, std::uint8_t address_field,
             model::RecordBuilder& record) {
  constexpr unsigned kMaxMedia = 16;
  if (!body.starts_with("v=")) return;
  bool has_address = false;
  unsigned media = 0;
  string_view line;
  while (next_line(body, line)) {
    if (line.starts_with("m=") && media++ < kMaxMedia) record.add_text(media_field, line.substr(2));
    if (!line.starts_with("c=IN IP") || has_address) continue;
    string_view words = line;
    take_word(words);
    take_word(words);
    const auto address = base::IpAddress::parse(words.substr(0, words.find('/')));
    if (!address) continue;
    has_address = true;
    record.add_address(address_field, *address);
  }
}

}  // namespace netwatch::dpi
