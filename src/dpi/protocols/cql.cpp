// Cassandra's native protocol, versions 1 to 5 ("CQL BINARY PROTOCOL"). Statements are shown up to
// the first password in them; rows and values are passed over, and so is what is compressed.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/cql_envelope.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/sql_text.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using cql::Envelope;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::RecordBuilder;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kRequest, kResponse };
constexpr string_view kKinds[] = {"request", "response"};

enum Field : std::uint8_t {
  kVersion,
  kOperation,
  kStream,
  kDriver,
  kCompression,
  kAuthenticator,
  kUser,
  kQuery,
  kStatements,
  kPrepared,
  kConsistency,
  kResult,
  kKeyspace,
  kEvent,
  kError,
  kErrorCode,
  kMessage,
  kLatency,
};
constexpr string_view kVersionAlias[] = {"cql.protocol_version"};
constexpr string_view kPreparedAlias[] = {"cql.query_id"};
constexpr string_view kKeyspaceAlias[] = {"cql.result.rows.keyspace_name"};
constexpr string_view kLatencyAlias[] = {"cql.response_time"};
constexpr FieldDef kFields[] = {
    {.name = "cql.version",
     .type = FieldType::kUint,
     .help = "of the protocol",
     .role = Role::kVersion,
     .aliases = kVersionAlias},
    {.name = "cql.operation",
     .help = "startup, query, execute, result, ...",
     .role = Role::kMethod},
    {.name = "cql.stream", .type = FieldType::kInt, .help = "joins a request and its response"},
    {.name = "cql.driver", .help = "client's library with its version", .role = Role::kUserAgent},
    {.name = "cql.compression", .help = "what the client will compress with"},
    {.name = "cql.authenticator", .help = "how the server wants to be logged in to"},
    {.name = "cql.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "cql.query",
     .help = "statement, up to a password in it; of a batch its first",
     .privacy = Privacy::kPersonal,
     .max_bytes = SqlText::kMaxBytes},
    {.name = "cql.statements", .type = FieldType::kUint, .help = "of a batch"},
    {.name = "cql.prepared",
     .type = FieldType::kBytes,
     .help = "number of a prepared statement",
     .aliases = kPreparedAlias},
    {.name = "cql.consistency_level", .help = "one, quorum, local_one, ..."},
    {.name = "cql.result", .help = "void, rows, set_keyspace, prepared, schema_change"},
    {.name = "cql.keyspace",
     .help = "keyspace that is used or changed",
     .role = Role::kSubject,
     .aliases = kKeyspaceAlias},
    {.name = "cql.event", .help = "what the server says has changed"},
    {.name = "cql.error", .help = "why a request failed", .role = Role::kStatus},
    {.name = "cql.error_number", .type = FieldType::kUint, .help = "its number"},
    {.name = "cql.error_message", .help = "text of the error", .privacy = Privacy::kPersonal},
    {.name = "cql.latency_us",
     .type = FieldType::kDuration,
     .help = "request to response",
     .role = Role::kLatency,
     .aliases = kLatencyAlias},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "cql", .title = "Cassandra", .kinds = kKinds, .fields = kFields};

constexpr std::uint8_t kFramed = 5;  // the version that puts envelopes into frames
// Version 5 section 2.2: 17 bits of length, "self contained", six zeros; then a checksum.
constexpr std::size_t kFrameHead = 6, kFrameTail = 4;
constexpr std::uint32_t kLengthBits = 0x1FFFF, kSelfContained = 0x20000, kZeroBits = 0xFC0000;

// Whether `text` begins like a statement; of most databases, not only of this one.
bool is_statement(string_view text) {
  const string_view word = text.substr(0, text.find_first_of(" \t\r\n"));
  constexpr std::size_t kShortest = 3;
  constexpr std::size_t kLongest = 10;
  return word.size() >= kShortest && word.size() <= kLongest && word.size() < text.size() &&
         std::ranges::all_of(word, [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; });
}

class CqlDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side side) override;
  bool begins_with(Bytes bytes, Side side) override;
  Onward on_frame(const Frame& frame) override;
  void on_loss(Side side) override { rest_[model::index(side)] = 0; }

 private:
  Onward on_framed(const Frame& frame);
  Onward envelope(Bytes bytes, const Frame& frame);
  void request(const Envelope& envelope, Cursor in, RecordBuilder& record);
  void response(const Envelope& envelope, Cursor in, RecordBuilder& record);
  void startup(Cursor in, RecordBuilder& record);
  static void batch(Cursor in, RecordBuilder& record);
  static void result(Cursor in, RecordBuilder& record);
  void answered(const Envelope& envelope, const Frame& frame, RecordBuilder& record);

  Waiting<std::int16_t, 48> waiting_;
  std::array<bool, 2> framed_{};
  std::array<std::uint64_t, 2> rest_{};  // of an envelope that goes on in the next frames
  bool compressed_ = false;
};

FrameSize CqlDecoder::size_of(Bytes bytes, Side side) {
  if (framed_[model::index(side)]) {
    if (bytes.size() < kFrameHead) return {};
    const auto head = static_cast<std::uint32_t>(Cursor(bytes).le(3));
    if ((head & kZeroBits) != 0) return FrameSize::bad();
    return FrameSize::known(kFrameHead + (head & kLengthBits) + kFrameTail);
  }
  const std::size_t head = cql::head_bytes(bytes[0]);
  if (head == 0) return FrameSize::bad();
  if (bytes.size() < head) return {};
  Envelope envelope;
  if (!cql::read_envelope(bytes, envelope)) return FrameSize::bad();
  return FrameSize::known(head + std::uint64_t{envelope.length});
}

// Behind a gap: one envelope fills the segment, or another that can be one follows.
bool CqlDecoder::begins_with(Bytes bytes, Side side) {
  if (framed_[model::index(side)]) return false;
  Envelope envelope;
  if (!cql::read_envelope(bytes, envelope)) return false;
  const std::uint64_t size = envelope.head + std::uint64_t{envelope.length};
  Envelope next;
  return size == bytes.size() ||
         (size < bytes.size() &&
          cql::read_envelope(bytes.subspan(static_cast<std::size_t>(size)), next));
}

Onward CqlDecoder::on_frame(const Frame& frame) {
  if (framed_[model::index(frame.side)]) return on_framed(frame);
  return envelope(frame.bytes, frame);
}

// Several envelopes in one frame, or one in several.
Onward CqlDecoder::on_framed(const Frame& frame) {
  const auto head = static_cast<std::uint32_t>(Cursor(frame.bytes).le(3));
  Bytes payload = frame.bytes.subspan(kFrameHead);
  payload = payload.first(std::min<std::size_t>(payload.size(), head & kLengthBits));
  std::uint64_t& rest = rest_[model::index(frame.side)];
  if ((head & kSelfContained) == 0) {
    const std::uint32_t size = head & kLengthBits;
    if (rest > 0) {
      rest -= std::min<std::uint64_t>(rest, size);
      return {};
    }
    Envelope begun;
    if (!cql::read_envelope(payload, begun)) return {};
    const std::uint64_t whole = begun.head + std::uint64_t{begun.length};
    rest = whole - std::min<std::uint64_t>(whole, size);
    return envelope(payload, frame);
  }
  rest = 0;
  while (!payload.empty()) {
    Envelope next;
    if (!cql::read_envelope(payload, next)) {
      frame.context.odd("bad_envelope");
      return {};
    }
    const Onward onward = envelope(payload, frame);
    if (onward.what != Onward::What::kGoOn) return onward;
    const std::uint64_t whole = next.head + std::uint64_t{next.length};
    payload =
        payload.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(payload.size(), whole)));
  }
  return {};
}

Onward CqlDecoder::envelope(Bytes bytes, const Frame& frame) {
  Envelope envelope;
  if (!cql::read_envelope(bytes, envelope)) return Onward::not_mine();
  RecordBuilder& record = frame.context.record();
  record.start(kSchema, envelope.response ? kResponse : kRequest);
  record.add_uint(kVersion, envelope.version);
  record.add_text(kOperation, cql::opcode_name(envelope.opcode));
  record.add_int(kStream, envelope.stream);
  const Bytes shown = bytes.subspan(envelope.head);
  Cursor body(shown.first(std::min<std::size_t>(shown.size(), envelope.length)));
  if (body.remaining() < envelope.length) record.mark_cut();
  if ((envelope.flags & cql::kCompressed) == 0) {
    cql::skip_extras(body, envelope);
    if (envelope.response) {
      response(envelope, body, record);
    } else {
      request(envelope, body, record);
    }
  }
  answered(envelope, frame, record);
  frame.context.set_originator(envelope.response ? model::other(frame.side) : frame.side);
  frame.context.emit(frame.side);
  // From here on version 5 puts envelopes into frames, and what is compressed is not read.
  const bool begun = envelope.opcode == cql::kStartup || envelope.opcode == cql::kReady ||
                     envelope.opcode == cql::kAuthenticate;
  if (envelope.version == kFramed && begun) {
    framed_[model::index(frame.side)] = true;
    if (compressed_ && envelope.response) return Onward::done();
  }
  return {};
}

void CqlDecoder::answered(const Envelope& envelope, const Frame& frame, RecordBuilder& record) {
  if (!envelope.response) {
    waiting_.ask(envelope.stream, frame.side, frame.time_ns);
    return;
  }
  if (envelope.stream < 0) return;  // an event: nobody asked
  const base::TimeNs ns = waiting_.answer(envelope.stream, frame.side, frame.time_ns);
  if (ns >= 0) record.add_int(kLatency, ns);
}

void CqlDecoder::startup(Cursor in, RecordBuilder& record) {
  string_view driver;
  string_view version;
  for (std::size_t left = in.u16(); left > 0 && in.ok(); --left) {
    const string_view key = cql::short_text(in);
    const string_view value = cql::short_text(in);
    if (!in.ok()) break;
    if (key == "DRIVER_NAME") driver = value;
    if (key == "DRIVER_VERSION") version = value;
    if (key != "COMPRESSION") continue;
    compressed_ = true;
    record.add_text(kCompression, value);
  }
  if (driver.empty()) return;
  std::string text(driver);
  if (!version.empty()) text.append(" ").append(version);
  record.add_text(kDriver, text);
}

void add_consistency(Cursor& in, RecordBuilder& record) {
  const std::uint16_t level = in.u16();
  const string_view name = cql::consistency_name(level);
  if (in.ok() && !name.empty()) record.add_text(kConsistency, name);
}

void add_statement(string_view text, RecordBuilder& record) {
  if (text.empty()) return;
  const SqlText shown(text);
  record.add_text(kQuery, shown.text());
  if (shown.cut()) record.mark_cut();
}

// An error may quote the statement: a password in it is masked, too.
void add_message(string_view text, RecordBuilder& record) {
  const SqlText shown(text);
  record.add_text(kMessage, shown.text());
  if (shown.cut()) record.mark_cut();
}

// Section 4.1.7: statements and numbers of prepared ones; the first is shown.
void CqlDecoder::batch(Cursor in, RecordBuilder& record) {
  in.skip(1);
  const std::uint16_t count = in.u16();
  if (!in.ok()) return;
  record.add_uint(kStatements, count);
  if (count == 0) return;
  if (in.u8() == 0) {
    add_statement(cql::long_text(in), record);
  } else {
    const Bytes id = cql::short_bytes(in);
    if (!id.empty()) record.add_bytes(kPrepared, id);
  }
}

void CqlDecoder::request(const Envelope& envelope, Cursor in, RecordBuilder& record) {
  switch (envelope.opcode) {
    case cql::kStartup:
      return startup(in, record);
    case cql::kQuery:
    case cql::kPrepare: {
      // Of a statement that is not here whole, what there is.
      const std::uint32_t size = in.u32();
      add_statement(base::as_text(in.take_up_to(size)), record);
      if (envelope.opcode == cql::kQuery) add_consistency(in, record);
      return;
    }
    case cql::kExecute: {
      const Bytes id = cql::short_bytes(in);
      if (!id.empty()) record.add_bytes(kPrepared, id);
      if (envelope.version >= kFramed) cql::short_bytes(in);  // of the result's metadata
      if (envelope.version > 1) add_consistency(in, record);
      return;
    }
    case cql::kBatch:
      return batch(in, record);
    case cql::kAuthResponse: {
      // SASL PLAIN: an empty name, a NUL, the user, a NUL, the password, which is not looked at.
      const string_view token = cql::long_text(in);
      const std::size_t begin = token.find('\0');
      if (begin == string_view::npos) return;
      const string_view user = token.substr(begin + 1);
      const std::size_t end = user.find('\0');
      if (end != string_view::npos && end > 0) record.add_text(kUser, user.substr(0, end));
      return;
    }
    case cql::kCredentials:
      for (std::size_t left = in.u16(); left > 0 && in.ok(); --left) {
        const string_view key = cql::short_text(in);
        const string_view value = cql::short_text(in);
        if (in.ok() && key == "username") record.add_text(kUser, value);
      }
      return;
    default:
      return;
  }
}

// Section 4.2.5.
void CqlDecoder::result(Cursor in, RecordBuilder& record) {
  enum Result : std::uint8_t { kSetKeyspace = 3, kPreparedResult = 4, kSchemaChange = 5 };
  constexpr std::array<string_view, 6> kNames{"",         "void",         "rows", "set_keyspace",
                                              "prepared", "schema_change"};
  const std::uint32_t kind = in.u32();
  if (!in.ok() || kind == 0 || kind >= kNames.size()) return;
  record.add_text(kResult, kNames[kind]);
  if (kind == kSetKeyspace) {
    const string_view name = cql::short_text(in);
    if (in.ok()) record.add_text(kKeyspace, name);
  } else if (kind == kPreparedResult) {
    const Bytes id = cql::short_bytes(in);
    if (!id.empty()) record.add_bytes(kPrepared, id);
  } else if (kind == kSchemaChange) {
    cql::short_text(in);  // what was done
    cql::short_text(in);  // to what
    const string_view name = cql::short_text(in);
    if (in.ok()) record.add_text(kKeyspace, name);
  }
}

void CqlDecoder::response(const Envelope& envelope, Cursor in, RecordBuilder& record) {
  switch (envelope.opcode) {
    case cql::kError: {
      const std::uint32_t code = in.u32();
      const string_view message = cql::short_text(in);
      if (!in.ok()) return;
      if (!cql::error_name(code).empty()) record.add_text(kError, cql::error_name(code));
      record.add_uint(kErrorCode, code);
      add_message(message, record);
      return;
    }
    case cql::kAuthenticate: {
      const string_view name = cql::short_text(in);
      if (in.ok()) record.add_text(kAuthenticator, name);
      return;
    }
    case cql::kResult:
      return result(in, record);
    case cql::kEvent: {
      const string_view type = cql::short_text(in);
      const string_view change = cql::short_text(in);
      if (in.ok()) record.add_text(kEvent, std::string(type).append(" ").append(change));
      return;
    }
    default:
      return;
  }
}

// A client's first words, or a server's answer to them; where a capture begins late, a statement.
bool says_cql(Bytes bytes, const Envelope& envelope) {
  Cursor in(bytes.subspan(envelope.head));
  switch (envelope.opcode) {
    case cql::kOptions:
      return envelope.length == 0;
    case cql::kStartup: {
      constexpr std::uint16_t kMostOptions = 16;
      const std::uint16_t count = in.u16();
      cql::short_text(in);
      return in.ok() && count >= 1 && count <= kMostOptions &&
             base::as_text(bytes).contains("CQL_VERSION");
    }
    case cql::kSupported:
      return base::as_text(bytes).contains("CQL_VERSION");
    case cql::kAuthenticate:
      return cql::short_text(in).contains(".") && in.ok() && in.at_end();
    case cql::kQuery:
    case cql::kPrepare: {
      const std::uint32_t size = in.u32();
      return size + std::size_t{4} <= envelope.length &&
             is_statement(base::as_text(in.take_up_to(size)));
    }
    case cql::kError: {
      const std::uint32_t code = in.u32();
      const string_view text = cql::short_text(in);
      return in.ok() && !cql::error_name(code).empty() && is_plain_text(text);
    }
    default:
      return false;
  }
}

Probe probe_cql(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  const std::size_t head = bytes.empty() ? 0 : cql::head_bytes(bytes[0]);
  if (head == 0 || (bytes.size() > 1 && bytes[1] > 0x1F)) return Probe::kNo;
  if (bytes.size() < head) return Probe::kMore;
  Envelope envelope;
  if (!cql::read_envelope(bytes, envelope)) return Probe::kNo;
  if (says_cql(bytes, envelope)) return Probe::kYes;
  const bool more =
      bytes.size() < head + std::uint64_t{envelope.length} && bytes.size() < kProbeBytes;
  constexpr std::uint32_t kMostGreeting = 4096;
  const bool greeting = envelope.opcode == cql::kStartup || envelope.opcode == cql::kSupported ||
                        envelope.opcode == cql::kAuthenticate || envelope.opcode == cql::kError;
  return more && greeting && envelope.length < kMostGreeting ? Probe::kMore : Probe::kNo;
}

constexpr std::uint16_t kPorts[] = {9042};

}  // namespace

extern const ProtocolDef kCql;
constinit const ProtocolDef kCql{
    .name = "cql",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x01\x02\x03\x04\x05\x81\x82\x83\x84\x85"),
    .usual_ports = kPorts,
    .probe = probe_cql,
    .schema = &kSchema,
    .state_bytes = sizeof(CqlDecoder),
    .make = make_decoder<CqlDecoder>,
};

}  // namespace netwatch::dpi
