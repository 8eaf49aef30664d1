// TDS, the protocol of Microsoft SQL Server (and Sybase): [MS-TDS] 2.2. Pre-login, login without
// its password, SQL up to the first password in it, procedures called, errors. TLS inside of
// pre-login packets, and behind them, is the child.
#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/ntlm.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/parts/sql_text.h"
#include "dpi/parts/tds_packet.h"
#include "dpi/parts/utf16.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using namespace tds;
using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

constexpr string_view kKinds[] = {"prelogin", "login", "login_ack", "request", "response", "error"};
enum Kind : std::uint8_t { kPrelogin, kLogin, kLoginAck, kRequest, kResponse, kError };
enum Field : std::uint8_t {
  kVersion,
  kEncryption,
  kInstance,
  kHost,
  kUser,
  kDomain,
  kApplication,
  kServer,
  kLibrary,
  kDatabase,
  kProgram,
  kCommand,
  kSql,
  kProcedure,
  kErrorNumber,
  kErrorClass,
  kMessage,
  kLatency,
};
constexpr string_view kHostAlias[] = {"tds.7login.clientname"};
constexpr string_view kUserAlias[] = {"tds.7login.username"};
constexpr string_view kApplicationAlias[] = {"tds.7login.appname"};
constexpr string_view kServerAlias[] = {"tds.7login.servername"};
constexpr string_view kLibraryAlias[] = {"tds.7login.libraryname"};
constexpr string_view kDatabaseAlias[] = {"tds.7login.databasename"};
constexpr FieldDef kFields[] = {
    {.name = "tds.version",
     .help = "of the program that speaks; in login and its answer of the protocol",
     .role = Role::kVersion},
    {.name = "tds.encryption", .help = "off, on, not_supported, required"},
    {.name = "tds.instance", .help = "of the server, that the client asks for"},
    {.name = "tds.host",
     .help = "name of the client's computer",
     .privacy = Privacy::kPersonal,
     .aliases = kHostAlias},
    {.name = "tds.user",
     .help = "who logs in",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "tds.domain", .help = "of a user of NTLM", .privacy = Privacy::kPersonal},
    {.name = "tds.application",
     .help = "program that logs in",
     .role = Role::kUserAgent,
     .aliases = kApplicationAlias},
    {.name = "tds.server",
     .help = "name that the client has for the server",
     .role = Role::kServerName,
     .aliases = kServerAlias},
    {.name = "tds.library", .help = "of the client", .aliases = kLibraryAlias},
    {.name = "tds.database", .help = "asked for or entered", .aliases = kDatabaseAlias},
    {.name = "tds.program", .help = "what the server calls itself", .role = Role::kSubject},
    {.name = "tds.command",
     .help = "sql_batch, rpc, attention, bulk_load, transaction",
     .role = Role::kMethod},
    {.name = "tds.sql",
     .help = "statement, up to the first password in it",
     .privacy = Privacy::kPersonal,
     .max_bytes = 1024},
    {.name = "tds.procedure", .help = "that is called: sp_executesql, ..."},
    {.name = "tds.error_number", .type = FieldType::kUint, .role = Role::kStatus},
    {.name = "tds.error_class", .type = FieldType::kUint, .help = "how severe it is"},
    {.name = "tds.message", .help = "the server's words about an error"},
    {.name = "tds.latency_us",
     .type = FieldType::kDuration,
     .help = "request to the first of its answer",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{.proto = "tds", .title = "TDS", .kinds = kKinds, .fields = kFields};

constexpr std::uint8_t kTlsData = 0x17;
constexpr std::uint8_t kTlsHandshake = 0x16;

// Only what begins a session is proof, and an answer to it.
Probe look(Bytes bytes) {
  if (bytes[0] != kPreloginType && bytes[0] != kLogin7 && bytes[0] != kTabular) return Probe::kNo;
  if (bytes.size() < kHeadBytes)
    return bytes.size() > 1 && bytes[1] > 1 ? Probe::kNo : Probe::kMore;
  const std::size_t size = packet_bytes(bytes);
  if (size == 0 || bytes[1] > 1) return Probe::kNo;
  const Bytes body = bytes.subspan(kHeadBytes);
  if (bytes[0] == kLogin7) {
    if (body.size() < 8) return Probe::kMore;
    return is_login(body, size - kHeadBytes) ? Probe::kYes : Probe::kNo;
  }
  if (size > 1024) return Probe::kNo;
  if (body.size() < size - kHeadBytes) return Probe::kMore;
  return is_prelogin(body.first(size - kHeadBytes)) ? Probe::kYes : Probe::kNo;
}

Probe probe_tds(const ProbeInput& input) { return probe_sides(input, look); }

class TdsDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override;
  Onward on_frame(const Frame& frame) override;

 private:
  void prelogin(Bytes body, const Frame& frame);
  static void login(Bytes body, const Frame& frame);
  void request(std::uint8_t type, Bytes body, const Frame& frame);
  static void sspi(Bytes body, const Frame& frame);
  void response(Bytes body, const Frame& frame);
  static void login_ack(Cursor token, model::RecordBuilder& record);
  void error(Cursor token, const Frame& frame);
  void add_latency(const Frame& frame);
  static void carried(Bytes bytes, const Frame& frame);

  std::array<bool, 2> in_message_{};  // packets of a message whose first one was read
  base::TimeNs asked_ns_ = -1;
  bool prelogin_done_ = false;
};

FrameSize TdsDecoder::size_of(Bytes bytes, Side /*side*/) {
  constexpr std::size_t kRecordHead = 5;
  // The login behind a handshake is a record of TLS, not a packet.
  if (bytes[0] == kTlsData || bytes[0] == kTlsHandshake) {
    if (bytes.size() < kRecordHead) return {};
    return bytes[1] == 3 && prelogin_done_
               ? FrameSize::known(kRecordHead + std::uint64_t{Cursor(bytes.subspan(3)).u16()})
               : FrameSize::bad();
  }
  if (bytes.size() < kHeadBytes) return is_type(bytes[0]) ? FrameSize{} : FrameSize::bad();
  const std::size_t size = packet_bytes(bytes);
  return size == 0 ? FrameSize::bad() : FrameSize::known(size);
}

void TdsDecoder::carried(Bytes bytes, const Frame& frame) {
  frame.context.child({.side = frame.side, .time_ns = frame.time_ns, .bytes = bytes});
  if (frame.cut())
    frame.context.child({.side = frame.side,
                         .time_ns = frame.time_ns,
                         .bytes = {},
                         .gap_bytes = frame.size - frame.bytes.size()});
}

Onward TdsDecoder::on_frame(const Frame& frame) {
  constexpr std::uint8_t kEndOfMessage = 1;
  const std::uint8_t type = frame.bytes[0];
  if (type == kTlsData || type == kTlsHandshake) {
    carried(frame.bytes, frame);
    return {};
  }
  if (frame.bytes.size() < kHeadBytes) return {};
  const Bytes body = frame.bytes.subspan(kHeadBytes);
  bool& in_message = in_message_[model::index(frame.side)];
  const bool first = !in_message;
  in_message = (frame.bytes[1] & kEndOfMessage) == 0;
  if (type == kPreloginType && !body.empty() && !is_prelogin(body)) {
    carried(body, frame);
    return {};
  }
  if (!first || body.empty()) return {};
  if (type != kTabular) frame.context.set_originator(frame.side);
  if (type == kPreloginType || (type == kTabular && is_prelogin(body))) {
    prelogin(body, frame);
  } else if (type == kTabular) {
    response(body, frame);
  } else if (type == kLogin7) {
    asked_ns_ = frame.time_ns;
    login(body, frame);
  } else if (type == kSspi) {
    asked_ns_ = frame.time_ns;
    sspi(body, frame);
  } else {
    asked_ns_ = frame.time_ns;
    request(type, body, frame);
  }
  return {};
}

void TdsDecoder::prelogin(Bytes body, const Frame& frame) {
  constexpr std::array<string_view, 4> kEncryptions{"off", "on", "not_supported", "required"};
  enum Token : std::uint8_t { kVersionToken, kEncryptionToken, kInstanceToken };
  prelogin_done_ = true;
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kPrelogin);
  Cursor in(body);
  while (in.ok() && in.peek() != 0xFF) {
    const std::uint8_t token = in.u8();
    const std::size_t at = in.u16();
    const Bytes value = body.subspan(std::min(at, body.size()));
    Cursor data(value.first(std::min<std::size_t>(value.size(), in.u16())));
    if (token == kVersionToken) {
      const unsigned major = data.u8();
      const unsigned minor = data.u8();
      const unsigned build = data.u16();
      record.add_text(kVersion, std::to_string(major) + "." + std::to_string(minor) + "." +
                                    std::to_string(build));
    } else if (token == kEncryptionToken) {
      const std::uint8_t encryption = data.u8();
      if (encryption < kEncryptions.size()) record.add_text(kEncryption, kEncryptions[encryption]);
    } else if (token == kInstanceToken) {
      const string_view name = until_nul(data.rest());
      if (!name.empty() && is_plain_text(name)) record.add_text(kInstance, name);
    }
  }
  frame.context.emit(frame.side);
}

// Names lie behind a table of offsets and lengths in characters; the third is the password.
void TdsDecoder::login(Bytes body, const Frame& frame) {
  constexpr std::size_t kTableAt = 36;
  struct Place {
    std::size_t number;
    Field field;
  };
  constexpr std::array<Place, 6> kPlaces{
      {{0, kHost}, {1, kUser}, {3, kApplication}, {4, kServer}, {6, kLibrary}, {8, kDatabase}}};
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kLogin);
  Cursor head(body);
  head.skip(4);
  const string_view version = protocol_version(head.u32le());
  if (!version.empty()) record.add_text(kVersion, version);
  for (const Place& place : kPlaces) {
    Cursor in(body.subspan(std::min(kTableAt + place.number * 4, body.size())));
    const std::size_t at = in.u16le();
    const std::size_t size = in.u16le() * std::size_t{2};
    if (!in.ok() || at > body.size() || size > body.size() - at) continue;
    const std::string text = utf16_text(body.subspan(at, size));
    if (!text.empty()) record.add_text(place.field, text);
  }
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
}

void TdsDecoder::sspi(Bytes body, const Frame& frame) {
  const SecurityToken token = read_security_token(body);
  if (token.user.empty()) return;
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kLogin);
  record.add_text(kUser, token.user);
  if (!token.domain.empty()) record.add_text(kDomain, token.domain);
  if (!token.workstation.empty()) record.add_text(kHost, token.workstation);
  frame.context.emit(frame.side);
}

void TdsDecoder::request(std::uint8_t type, Bytes body, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kRequest);
  const Bytes what = without_headers(body);
  switch (type) {
    case kSqlBatch: {
      record.add_text(kCommand, "sql_batch");
      const SqlText sql(utf16_text(what));
      record.add_text(kSql, sql.text());
      if (sql.cut()) record.mark_cut();
      break;
    }
    case kRpc: {
      record.add_text(kCommand, "rpc");
      const std::string name = procedure_name(what);
      if (!name.empty()) record.add_text(kProcedure, name);
      break;
    }
    case kAttention:
      record.add_text(kCommand, "attention");
      break;
    case kBulk:
      record.add_text(kCommand, "bulk_load");
      break;
    default:
      record.add_text(kCommand, "transaction");
      break;
  }
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
}

void TdsDecoder::add_latency(const Frame& frame) {
  if (asked_ns_ >= 0 && frame.time_ns >= asked_ns_)
    frame.context.record().add_int(kLatency, frame.time_ns - asked_ns_);
  asked_ns_ = -1;
}

// Tokens that say how long they are, up to the first that does not (2.2.4).
void TdsDecoder::response(Bytes body, const Frame& frame) {
  enum Token : std::uint8_t {
    kErrorToken = 0xAA,
    kInformation = 0xAB,
    kLoginAckToken = 0xAD,
    kEnvironment = 0xE3,
    kSspiToken = 0xED,
  };
  constexpr std::uint8_t kDatabaseChange = 1;
  constexpr int kMostTokens = 16;
  frame.context.set_originator(model::other(frame.side));
  Cursor in(body);
  std::string database;
  bool told = false;  // by a record of its own, or not worth one
  bool logged_in = false;
  Cursor ack;
  for (int i = 0; i < kMostTokens && !in.at_end(); ++i) {
    const std::uint8_t token = in.u8();
    if (token != kErrorToken && token != kInformation && token != kLoginAckToken &&
        token != kEnvironment && token != kSspiToken)
      break;
    Cursor value = in.sub(in.u16le());
    if (!in.ok()) break;
    if (token == kErrorToken) error(value, frame);
    told = told || token == kErrorToken || token == kSspiToken;
    if (token == kLoginAckToken) {
      logged_in = true;
      ack = value;
    }
    if (token == kEnvironment && value.u8() == kDatabaseChange)
      database = utf16_text(value.take(value.u8() * std::size_t{2}));
  }
  if (told && !logged_in) return;
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, logged_in ? kLoginAck : kResponse);
  if (logged_in) login_ack(ack, record);
  if (!database.empty()) record.add_text(kDatabase, database);
  add_latency(frame);
  frame.context.emit(frame.side);
}

// 2.2.7.14: the protocol's version, the program's name and version.
void TdsDecoder::login_ack(Cursor token, model::RecordBuilder& record) {
  token.skip(1);
  const string_view version = protocol_version(token.u32());
  const std::string program = utf16_text(token.take(token.u8() * std::size_t{2}));
  if (!token.ok()) return;
  if (!version.empty()) record.add_text(kVersion, version);
  if (!program.empty()) record.add_text(kProgram, program);
}

// 2.2.7.10: number, state, class, then the message and who says it.
void TdsDecoder::error(Cursor token, const Frame& frame) {
  const std::uint32_t number = token.u32le();
  token.skip(1);
  const std::uint8_t severity = token.u8();
  const std::string message = utf16_text(token.take(token.u16le() * std::size_t{2}));
  if (!token.ok()) return;
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kError);
  record.add_uint(kErrorNumber, number);
  record.add_uint(kErrorClass, severity);
  if (!message.empty()) record.add_text(kMessage, message);
  add_latency(frame);
  frame.context.emit(frame.side);
}

constexpr std::uint16_t kPorts[] = {1433};

}  // namespace

extern const ProtocolDef kTds;
constinit const ProtocolDef kTds{
    .name = "tds",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x04\x10\x12"),
    .usual_ports = kPorts,
    .probe = probe_tds,
    .schema = &kSchema,
    .state_bytes = sizeof(TdsDecoder),
    .make = make_decoder<TdsDecoder>,
};

}  // namespace netwatch::dpi
