// PostgreSQL's frontend/backend protocol 3 (PostgreSQL manual, "Message Formats"): startup
// parameters, queries and errors. An SSLRequest or GSSENCRequest that is granted is handed on.
// Passwords and rows are passed over.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/sql_text.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kRequestKind, kStartup, kQueryKind, kResponse };
enum Field : std::uint8_t {
  kRequest,
  kUser,
  kDatabase,
  kApplication,
  kServerVersion,
  kAuth,
  kQuery,
  kStatus,
  kError,
  kLatency,
};

constexpr string_view kKinds[] = {"request", "startup", "query", "response"};
constexpr FieldDef kFields[] = {
    {.name = "pgsql.request", .help = "tls, gss or cancel", .role = Role::kMethod},
    {.name = "pgsql.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "pgsql.database", .help = "database that is asked for", .privacy = Privacy::kPersonal},
    {.name = "pgsql.application", .help = "program that asks", .role = Role::kUserAgent},
    {.name = "pgsql.server_version", .help = "the server's version", .role = Role::kSubject},
    {.name = "pgsql.auth", .help = "how the server wants the client to prove who it is"},
    {.name = "pgsql.query",
     .help = "SQL of a query or a prepared statement; passwords masked",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .max_bytes = SqlText::kMaxBytes},
    {.name = "pgsql.status", .help = "SQLSTATE of an error", .role = Role::kStatus},
    {.name = "pgsql.error", .help = "the error's message", .privacy = Privacy::kPersonal},
    {.name = "pgsql.latency_us",
     .type = FieldType::kDuration,
     .help = "query to the end of its answer",
     .role = Role::kLatency},
};
constexpr model::Schema kSchema{
    .proto = "pgsql", .title = "PostgreSQL", .kinds = kKinds, .fields = kFields};

constexpr std::uint32_t kVersion3 = 3U << 16;
constexpr std::uint32_t kCancel = 80877102;
constexpr std::uint32_t kSslRequest = 80877103;
constexpr std::uint32_t kGssRequest = 80877104;
constexpr std::uint32_t kMaxStartupBytes = 10000;  // the server's own limit
constexpr std::uint32_t kMaxMessageBytes = 1U << 30;
constexpr string_view kClientTypes = "BCDEFHPQSXcdfp";
constexpr string_view kServerTypes = "123ACDEGHIKNRSTVWZcdnstv";

string_view take_nul_text(base::Cursor& cursor) {
  const string_view rest = base::as_text(cursor.rest());
  const std::size_t end = rest.find('\0');
  if (end == string_view::npos) {
    cursor.fail();
    return {};
  }
  cursor.skip(end + 1);
  return rest.substr(0, end);
}

// Length and code of what a client begins with.
bool is_opening(Bytes bytes) {
  base::Cursor cursor(bytes);
  const std::uint32_t size = cursor.u32();
  const std::uint32_t code = cursor.u32();
  if (!cursor.ok()) return false;
  if (code == kSslRequest || code == kGssRequest) return size == 8;
  if (code == kCancel) return size == 16;
  const bool version = code >= kVersion3 && code <= kVersion3 + 9;
  return version && size >= 9 && size <= kMaxStartupBytes && cursor.peek() >= 0x20 &&
         cursor.peek() < 0x7f;
}

Probe probe_pgsql(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (std::size_t i = 0; i < 2; ++i) {
    const Bytes bytes = input.sides[i];
    if (bytes.empty() || bytes[0] != 0) continue;
    if (bytes.size() < 9) {
      if (bytes.size() == 8 && is_opening(bytes)) return Probe::kYes;
      base::Cursor cursor(bytes);
      const bool may = bytes.size() < 4 || cursor.u32() <= kMaxStartupBytes;
      if (may && bytes.size() < 9) best = Probe::kMore;
      continue;
    }
    if (is_opening(bytes)) return Probe::kYes;
  }
  return best;
}

class PgsqlDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side side) override;
  Onward on_frame(const Frame& frame) override;
  bool begins_with(Bytes bytes, Side side) override;
  void on_loss(Side /*side*/) override { waiting_.clear(); }

 private:
  Onward opening(const Frame& frame);
  void startup(base::Cursor cursor, const Frame& frame);
  void from_client(const Frame& frame);
  void from_server(const Frame& frame);
  void error(base::Cursor cursor, const Frame& frame);

  WaitingRequests waiting_;
  bool known_ = false;
  bool started_ = false;     // the startup message was seen
  bool asked_ = false;       // for encryption; the answer is one byte
  bool unanswered_ = false;  // a query was sent since the last ReadyForQuery
  Side client_ = Side::kOriginator;
};

FrameSize PgsqlDecoder::size_of(Bytes bytes, Side side) {
  base::Cursor cursor(bytes);
  if (!known_ || (side == client_ && !started_)) {
    // Behind a refusal the client goes on in clear; a TLS hello is another matter.
    if (bytes.size() < 8) return {};
    // Of a startup message the first name is not here yet.
    const bool begun = bytes.size() == 8 && cursor.peek() == 0;
    const std::uint32_t size = cursor.u32();
    if ((!is_opening(bytes) && !begun) || size < 8) return FrameSize::bad();
    return FrameSize::known(size);
  }
  if (side != client_ && asked_) return FrameSize::known(1);
  if (bytes.size() < 5) return {};
  const auto type = static_cast<char>(cursor.u8());
  const std::uint32_t size = cursor.u32();
  const string_view types = side == client_ ? kClientTypes : kServerTypes;
  if (types.find(type) == string_view::npos || size < 4 || size > kMaxMessageBytes) {
    return FrameSize::bad();
  }
  return FrameSize::known(std::uint64_t{size} + 1);
}

bool PgsqlDecoder::begins_with(Bytes bytes, Side side) {
  if (!started_ || bytes.size() < 5) return false;
  base::Cursor cursor(bytes);
  const std::uint8_t type = cursor.u8();
  const std::uint32_t size = cursor.u32();
  return side == client_ ? type == 'Q' && size + 1 == bytes.size() && bytes.back() == 0
                         : (type == 'T' || type == 'E' || type == 'C') && size < 4096;
}

Onward PgsqlDecoder::on_frame(const Frame& frame) {
  if (!known_) {
    known_ = true;
    client_ = frame.side;
    frame.context.set_originator(client_);
  }
  if (frame.side == client_) {
    if (!started_) return opening(frame);
    from_client(frame);
    return {};
  }
  if (asked_) {
    asked_ = false;
    const std::uint8_t answer = frame.bytes[0];
    return answer == 'S' || answer == 'G' ? Onward::hand_on() : Onward{};
  }
  from_server(frame);
  return {};
}

Onward PgsqlDecoder::opening(const Frame& frame) {
  base::Cursor cursor(frame.bytes);
  cursor.skip(4);
  const std::uint32_t code = cursor.u32();
  if (code >= kVersion3 && code <= kVersion3 + 9) {
    startup(cursor, frame);
    started_ = true;
    return {};
  }
  frame.context.record().start(kSchema, kRequestKind);
  const string_view name = code == kSslRequest ? "tls" : code == kGssRequest ? "gss" : "cancel";
  frame.context.record().add_text(kRequest, name);
  frame.context.emit(frame.side);
  asked_ = code != kCancel;
  return code == kCancel ? Onward::done() : Onward{};
}

void PgsqlDecoder::startup(base::Cursor cursor, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kStartup);
  while (!cursor.at_end() && cursor.peek() != 0) {
    const string_view name = take_nul_text(cursor);
    const string_view value = take_nul_text(cursor);
    if (!cursor.ok()) {
      frame.context.odd("startup_cut");
      break;
    }
    if (name == "user") record.add_text(kUser, value);
    if (name == "database") record.add_text(kDatabase, value);
    if (name == "application_name") record.add_text(kApplication, value);
  }
  frame.context.emit(frame.side);
}

void PgsqlDecoder::from_client(const Frame& frame) {
  base::Cursor cursor(frame.bytes);
  const std::uint8_t type = cursor.u8();
  cursor.skip(4);
  if (type != 'Q' && type != 'P') return;
  if (type == 'P') take_nul_text(cursor);  // the statement's name
  string_view statement = base::as_text(cursor.rest());
  statement = statement.substr(0, statement.find('\0'));
  const SqlText sql(statement);
  frame.context.record().start(kSchema, kQueryKind);
  frame.context.record().add_text(kQuery, sql.text());
  if (sql.cut()) frame.context.record().mark_cut();
  frame.context.emit(frame.side);
  if (type == 'Q' || !unanswered_) waiting_.push(frame.time_ns);
  unanswered_ = true;
}

void PgsqlDecoder::from_server(const Frame& frame) {
  base::Cursor cursor(frame.bytes);
  const std::uint8_t type = cursor.u8();
  cursor.skip(4);
  model::RecordBuilder& record = frame.context.record();
  if (type == 'E') {
    error(cursor, frame);
  } else if (type == 'S') {
    if (take_nul_text(cursor) != "server_version") return;
    record.start(kSchema, kResponse);
    record.add_text(kServerVersion, take_nul_text(cursor));
    frame.context.emit(frame.side);
  } else if (type == 'R') {
    constexpr std::array<string_view, 13> kNames{
        "", "", "kerberos", "password", "", "md5", "scm", "gss", "", "sspi", "sasl", "", ""};
    const std::uint32_t method = cursor.u32();
    if (method >= kNames.size() || kNames[method].empty()) return;
    record.start(kSchema, kResponse);
    record.add_text(kAuth, kNames[method]);
    frame.context.emit(frame.side);
  } else if (type == 'Z') {
    if (!unanswered_) return;
    unanswered_ = false;
    if (const auto latency = waiting_.answered(frame.time_ns)) {
      record.start(kSchema, kResponse);
      record.add_int(kLatency, *latency);
      frame.context.emit(frame.side);
    }
    unanswered_ = false;
  }
}

void PgsqlDecoder::error(base::Cursor cursor, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kResponse);
  while (!cursor.at_end() && cursor.peek() != 0) {
    const std::uint8_t field = cursor.u8();
    const string_view value = take_nul_text(cursor);
    if (!cursor.ok()) break;
    if (field == 'C') record.add_text(kStatus, value);
    if (field == 'M') record.add_text(kError, value);
  }
  frame.context.emit(frame.side);
}

constexpr std::uint16_t kPorts[] = {5432};

}  // namespace

extern const ProtocolDef kPgsql;
constinit const ProtocolDef kPgsql{
    .name = "pgsql",
    .transport = Transport::kTcp,
    .first = FirstBytes::of(string_view("\0", 1)),
    .usual_ports = kPorts,
    .probe = probe_pgsql,
    .schema = &kSchema,
    .state_bytes = sizeof(PgsqlDecoder),
    .make = make_decoder<PgsqlDecoder>,
};

}  // namespace netwatch::dpi
