// HTTP/1.0 and HTTP/1.1 over TCP: RFC 9112 (message format, pipelining, bodies), RFC 9110 sections
// 9 (methods), 15 (status codes) and 7.8 (upgrade). Told by content on any port. Bodies are passed
// over, not read. HTTP/0.9 has nothing to be told by and is not spoken.
#include <algorithm>
#include <array>

#include "dpi/parts/http_message.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/protocol.h"
#include "dpi/protocols/http_report.h"

namespace netwatch::dpi {
namespace {

using std::string_view;

// "All the rest of this side": more than any flow carries.
constexpr std::uint64_t kRestOfStream = std::uint64_t{1} << 62;
constexpr std::size_t kMaxChunkLineBytes = 4096;
constexpr std::size_t kMaxTrailerLineBytes = std::size_t{32} * 1024;

enum class Phase : std::uint8_t {
  kStart,      // a message begins here
  kHead,       // in a header section whose start line is good
  kSkipHead,   // in one that was too long; its first part is reported
  kChunkSize,  // RFC 9112 section 7.1
  kChunkEnd,   // the line end behind a chunk's data
  kTrailers,   // behind the last chunk
  kTunnel,     // behind CONNECT, or an offer to upgrade, that was not answered yet
  kRest,       // a body until the connection closes
  kResync,     // looks for the next start line
};

// A request that waits for its response.
struct Outstanding {
  base::TimeNs time_ns = 0;
  bool connect = false;
  bool head = false;
};

// Requests in the order of their responses (RFC 9112 section 9.3.2).
class OutstandingQueue {
 public:
  void push(const Outstanding& request);
  // The oldest; false if none is known.
  bool pop(Outstanding& request);
  void clear() { first_ = size_ = 0, uncounted_ = 0; }

 private:
  static constexpr std::uint8_t kCapacity = 16;
  std::array<Outstanding, kCapacity> ring_;
  std::uint8_t first_ = 0;
  std::uint8_t size_ = 0;
  std::uint32_t uncounted_ = 0;  // sent while the ring was full; answered after it
};

void OutstandingQueue::push(const Outstanding& request) {
  if (size_ == kCapacity || uncounted_ > 0) {
    ++uncounted_;
    return;
  }
  ring_[(first_ + size_++) % kCapacity] = request;
}

bool OutstandingQueue::pop(Outstanding& request) {
  if (size_ == 0) {
    if (uncounted_ > 0) --uncounted_;
    return false;
  }
  request = ring_[first_];
  first_ = static_cast<std::uint8_t>((first_ + 1) % kCapacity);
  --size_;
  return true;
}

// The row of the table whose protocol an Upgrade field names; the server takes the first it likes
// (RFC 9110 section 7.8).
string_view row_of_upgrade(string_view protocols) {
  if (list_holds(protocols, "websocket")) return "websocket";  // RFC 6455 section 4.2.2
  if (list_holds(protocols, "h2c")) return "http2";            // RFC 7540 section 3.2
  return {};
}

// A request that was sent to a server of SSH, which names itself without waiting for it (RFC 4253
// section 4.2).
bool is_ssh(string_view rest) { return rest.starts_with("SSH-"); }

class HttpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override;

 private:
  struct SideState {
    Phase phase = Phase::kStart;
    std::uint32_t searched = 0;  // bytes of a header section that do not hold its end
  };
  // One step inside on_bytes().
  struct Move {
    std::uint64_t consumed = 0;
    bool wait = false;  // for more bytes
  };
  // What one call works with.
  struct Call {
    const model::StreamChunk& chunk;
    Context& context;
    SideState& side;
    bool odd = false;
    bool over = false;  // the flow was handed on

    void breach(string_view what) {
      context.odd(what);
      odd = true;
    }
  };

  Move advance(string_view rest, Call& call);
  Move at_start(string_view rest, Call& call);
  Move in_head(string_view rest, Call& call);
  Move skip_head(string_view rest, Call& call);
  Move chunk_size(string_view rest, Call& call);
  Move chunk_end(string_view rest, Call& call);
  Move trailers(string_view rest, Call& call);
  Move tunnel(string_view rest, Call& call);
  Move resync(string_view rest, Call& call);
  Move lose(string_view what, Call& call);

  std::uint64_t message(string_view section, bool complete, Call& call);
  std::uint64_t after_request(const HttpHead& head, Call& call);
  std::uint64_t after_response(const HttpHead& head, Call& call);
  std::uint64_t begin_body(const HttpHead& head, Call& call);

  OutstandingQueue outstanding_;
  std::array<SideState, 2> sides_;
  string_view offered_;  // the row of the last offer to upgrade
  bool origin_known_ = false;
};
static_assert(sizeof(HttpDecoder) <= 512);

Step HttpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Call call{chunk, context, sides_[model::index(chunk.side)]};
  const string_view bytes = base::as_text(chunk.bytes);
  Step step;
  while (step.consumed < bytes.size() && !call.over) {
    const Move move = advance(bytes.substr(static_cast<std::size_t>(step.consumed)), call);
    step.consumed += move.consumed;
    if (move.wait) break;
  }
  // What the capture did not keep cannot be waited for.
  if (chunk.cut && step.consumed < bytes.size() && !call.over) {
    step.consumed = bytes.size();
    call.side = {Phase::kResync, 0};
  }
  step.verdict = call.odd && !call.over ? Verdict::kOdd : Verdict::kFine;
  return step;
}

Verdict HttpDecoder::on_gap(const model::StreamChunk& chunk, Context& context) {
  SideState& side = sides_[model::index(chunk.side)];
  const bool lost_already = side.phase == Phase::kResync;
  if (lost_already || side.phase == Phase::kRest || side.phase == Phase::kTunnel) {
    return Verdict::kFine;
  }
  // What was kept of a message is all there will ever be of it.
  const string_view kept = base::as_text(chunk.bytes);
  const bool begun = side.phase == Phase::kStart && is_cut_request_line(kept);
  const bool in_head = (side.phase == Phase::kHead && !kept.empty()) || begun;
  if (in_head) {
    Call call{chunk, context, side};
    call.breach("gap_in_header");
    (void)message(kept, false, call);
  }
  side = {Phase::kResync, 0};
  // A message may have been in the gap, so which response answers which request is not known.
  outstanding_.clear();
  return in_head ? Verdict::kOdd : Verdict::kFine;
}

HttpDecoder::Move HttpDecoder::advance(string_view rest, Call& call) {
  switch (call.side.phase) {
    case Phase::kStart:
      return at_start(rest, call);
    case Phase::kHead:
      return in_head(rest, call);
    case Phase::kSkipHead:
      return skip_head(rest, call);
    case Phase::kChunkSize:
      return chunk_size(rest, call);
    case Phase::kChunkEnd:
      return chunk_end(rest, call);
    case Phase::kTrailers:
      return trailers(rest, call);
    case Phase::kTunnel:
      return tunnel(rest, call);
    case Phase::kRest:
      return {kRestOfStream, true};
    case Phase::kResync:
      return resync(rest, call);
  }
  return {rest.size(), true};
}

HttpDecoder::Move HttpDecoder::lose(string_view what, Call& call) {
  call.breach(what);
  call.side = {Phase::kResync, 0};
  return {0, false};
}

HttpDecoder::Move HttpDecoder::at_start(string_view rest, Call& call) {
  // RFC 9112 section 2.2: empty lines before a start line are ignored.
  const std::size_t empty = std::min(rest.find_first_not_of("\r\n"), rest.size());
  if (empty > 0) return {empty, false};
  switch (classify_http_start(rest)) {
    case HttpStart::kMore:
      if (call.chunk.cut && is_cut_request_line(rest)) break;
      return {0, true};
    case HttpStart::kNo:
      if (is_ssh(rest)) {
        call.context.hand_on();
        call.over = true;
        return {0, true};
      }
      return lose("bad_start_line", call);
    case HttpStart::kRequest:
    case HttpStart::kResponse:
      break;
  }
  call.side = {Phase::kHead, 0};
  return {0, false};
}

HttpDecoder::Move HttpDecoder::in_head(string_view rest, Call& call) {
  const std::size_t end = find_headers_end(rest, call.side.searched);
  if (end != 0) return {end + message(rest.substr(0, end), true, call), call.over};
  const bool too_long = rest.size() >= kMaxHeldBytes;
  if (!too_long && !call.chunk.cut) {
    call.side.searched = static_cast<std::uint32_t>(rest.size());
    return {0, true};
  }
  (void)message(rest, false, call);
  if (too_long) call.breach("header_too_long");
  call.side = {too_long ? Phase::kSkipHead : Phase::kResync, 0};
  return {rest.size(), true};
}

HttpDecoder::Move HttpDecoder::skip_head(string_view rest, Call& call) {
  const std::size_t end = find_headers_end(rest);
  // Its framing was in the part that is gone.
  if (end != 0) {
    call.side = {Phase::kResync, 0};
    return {end, false};
  }
  constexpr std::size_t kLongestEnd = 4;  // "\n\r\r\n" less its last byte, kept for the next call
  return {rest.size() - std::min(rest.size(), kLongestEnd - 1), true};
}

HttpDecoder::Move HttpDecoder::chunk_size(string_view rest, Call& call) {
  string_view after = rest;
  string_view line;
  if (!next_line(after, line)) {
    return rest.size() <= kMaxChunkLineBytes ? Move{0, true} : lose("bad_chunk_size", call);
  }
  const auto size = parse_chunk_size(line);
  if (!size) return lose("bad_chunk_size", call);
  call.side.phase = *size == 0 ? Phase::kTrailers : Phase::kChunkEnd;
  return {(rest.size() - after.size()) + std::min(*size, kRestOfStream), false};
}

HttpDecoder::Move HttpDecoder::chunk_end(string_view rest, Call& call) {
  const std::size_t line_end = rest.starts_with('\r') ? 1 : 0;
  if (line_end == rest.size()) return {0, true};
  if (rest[line_end] != '\n') return lose("bad_chunk_end", call);
  call.side.phase = Phase::kChunkSize;
  return {line_end + 1, false};
}

HttpDecoder::Move HttpDecoder::trailers(string_view rest, Call& call) {
  string_view after = rest;
  string_view line;
  if (!next_line(after, line)) {
    return rest.size() <= kMaxTrailerLineBytes ? Move{0, true} : lose("trailer_too_long", call);
  }
  if (line.empty()) call.side.phase = Phase::kStart;
  return {rest.size() - after.size(), false};
}

// The client may speak at once. Its bytes are kept for the next protocol until the server agrees;
// if no answer is seen (a capture of one side), they are evidence enough.
HttpDecoder::Move HttpDecoder::tunnel(string_view rest, Call& call) {
  if (classify_http_start(rest) == HttpStart::kRequest) {
    call.side = {Phase::kHead, 0};
    return {0, false};
  }
  if (rest.size() >= kProbeBytes) {
    call.context.hand_on(offered_);
    call.over = true;
  }
  return {0, true};
}

// A start line may be where a segment begins or where a line does.
HttpDecoder::Move HttpDecoder::resync(string_view rest, Call& call) {
  for (std::size_t at = 0; at < rest.size();) {
    const HttpStart start = classify_http_start(rest.substr(at));
    if (start == HttpStart::kMore) return {at, true};
    if (start != HttpStart::kNo) {
      call.side = {Phase::kHead, 0};
      return {at, false};
    }
    const std::size_t line_end = rest.find('\n', at);
    if (line_end == string_view::npos) break;
    at = line_end + 1;
  }
  return {rest.size(), true};
}

// Reports one message; returns the bytes of its body that are passed over.
std::uint64_t HttpDecoder::message(string_view section, bool complete, Call& call) {
  model::RecordBuilder& record = call.context.record();
  const HttpHead head = report_http_head(section, complete, record);
  if (!origin_known_) {
    origin_known_ = true;
    call.context.set_originator(head.request ? call.chunk.side : model::other(call.chunk.side));
  }
  if (!head.odd.empty()) call.breach(head.odd);
  call.side = {Phase::kStart, 0};
  return head.request ? after_request(head, call) : after_response(head, call);
}

std::uint64_t HttpDecoder::after_request(const HttpHead& head, Call& call) {
  call.context.emit(call.chunk.side);
  outstanding_.push({call.chunk.time_ns, head.connect, head.head});
  if (head.connect || head.upgrade) call.side.phase = Phase::kTunnel;
  offered_ = head.connect ? string_view() : row_of_upgrade(head.upgrade_to);
  const HttpFraming& framing = head.framing;
  if (framing.chunked) {
    call.side.phase = Phase::kChunkSize;
  } else if (framing.length && !framing.has_encoding) {
    return std::min(*framing.length, kRestOfStream);
  }
  return 0;
}

std::uint64_t HttpDecoder::after_response(const HttpHead& head, Call& call) {
  const bool switches = head.status == 101;
  const bool interim = head.status >= 100 && head.status < 200 && !switches;
  Outstanding request;
  const bool matched = !interim && outstanding_.pop(request);
  if (matched && call.chunk.time_ns >= request.time_ns) {
    add_http_latency(call.context.record(), call.chunk.time_ns - request.time_ns);
  }
  call.context.emit(call.chunk.side);
  const bool opens_tunnel = matched && request.connect && head.status / 100 == 2;
  if (switches || opens_tunnel) {
    call.context.hand_on(switches ? row_of_upgrade(head.upgrade_to) : string_view());
    call.over = true;
    return 0;
  }
  SideState& requests = sides_[model::index(model::other(call.chunk.side))];
  if (!interim && requests.phase == Phase::kTunnel) requests.phase = Phase::kStart;
  const bool bodiless = interim || head.status == 204 || head.status == 304;
  if (bodiless || (matched && request.head)) return 0;
  return begin_body(head, call);
}

// RFC 9112 section 6.3, for responses.
std::uint64_t HttpDecoder::begin_body(const HttpHead& head, Call& call) {
  const HttpFraming& framing = head.framing;
  if (framing.chunked) {
    call.side.phase = Phase::kChunkSize;
    return 0;
  }
  if (framing.length && !framing.has_encoding) return std::min(*framing.length, kRestOfStream);
  // Until the connection closes; unless the sender says that it will not.
  call.side.phase = head.keep_alive ? Phase::kResync : Phase::kRest;
  return 0;
}

// What one side's first bytes say. Text that names HTTP without being it is worth another look:
// the answer to it may be a proper one.
Probe probe_side(string_view bytes) {
  const std::size_t empty = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
  bytes.remove_prefix(empty);
  if (bytes.empty()) return empty > 0 ? Probe::kMore : Probe::kNo;
  switch (classify_http_start(bytes)) {
    case HttpStart::kRequest:
    case HttpStart::kResponse:
      return Probe::kYes;
    case HttpStart::kMore:
      return is_cut_request_line(bytes) ? Probe::kYes : Probe::kMore;
    case HttpStart::kNo:
      break;
  }
  const string_view line = bytes.substr(0, std::min(bytes.find('\n'), std::size_t{256}));
  return line.find("HTTP/1.") != string_view::npos ? Probe::kMore : Probe::kNo;
}

Probe probe_http(const ProbeInput& input) {
  return probe_sides(input, [](base::Bytes bytes) { return probe_side(base::as_text(bytes)); });
}

constexpr std::uint16_t kPorts[] = {80, 8080, 3128, 8000};

}  // namespace

extern const ProtocolDef kHttp;

const ProtocolDef kHttp{
    .name = "http",
    .transport = Transport::kTcp,
    // Printable ASCII, and the line ends that may come first.
    .first = {{(1ULL << '\r') | (1ULL << '\n') | (~0ULL << 33), ~0ULL >> 1, 0, 0}},
    .usual_ports = kPorts,
    .probe = probe_http,
    .schema = &kHttpSchema,
    .state_bytes = sizeof(HttpDecoder),
    .make = make_decoder<HttpDecoder>,
    .late = true,  // a whole start line, so that what a SOCKS proxy relays is read
};

}  // namespace netwatch::dpi
