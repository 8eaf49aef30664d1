// MySQL and MariaDB: the client/server protocol as MySQL's internals manual has it ("Protocol::
// HandshakeV10", "HandshakeResponse41" and 320, "SSLRequest", "COM_QUERY", "ERR_Packet"). A client
// that asks for TLS is handed on; a connection that is compressed is let go. Rows are passed over.
// Told by the server's greeting only.
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

enum Kind : std::uint8_t { kGreeting, kLogin, kCommandKind, kResponse };
enum Field : std::uint8_t {
  kVersion,
  kPlugin,
  kUser,
  kSchemaName,
  kTls,
  kCommand,
  kQuery,
  kStatus,
  kError,
  kLatency,
};

constexpr string_view kKinds[] = {"greeting", "login", "command", "response"};
constexpr string_view kCommandAlias[] = {"mysql.command"};
constexpr string_view kErrorAlias[] = {"mysql.error.message"};
constexpr string_view kStatusAlias[] = {"mysql.error_code"};
constexpr string_view kPluginAlias[] = {"mysql.auth_plugin", "mysql.client_auth_plugin"};
constexpr FieldDef kFields[] = {
    {.name = "mysql.version", .help = "the server's version", .role = Role::kSubject},
    {.name = "mysql.plugin", .help = "authentication plugin", .aliases = kPluginAlias},
    {.name = "mysql.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "mysql.schema", .help = "database that is asked for", .privacy = Privacy::kPersonal},
    {.name = "mysql.tls", .type = FieldType::kBool, .help = "the client goes on with TLS"},
    {.name = "mysql.request", .help = "command", .role = Role::kMethod, .aliases = kCommandAlias},
    {.name = "mysql.query",
     .help = "SQL of a query or a prepared statement; passwords masked",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .max_bytes = SqlText::kMaxBytes},
    {.name = "mysql.status",
     .type = FieldType::kUint,
     .help = "0, or the number of the error",
     .role = Role::kStatus,
     .aliases = kStatusAlias},
    {.name = "mysql.error",
     .help = "the error's message",
     .privacy = Privacy::kPersonal,
     .aliases = kErrorAlias},
    {.name = "mysql.latency_us",
     .type = FieldType::kDuration,
     .help = "command to the begin of its answer",
     .role = Role::kLatency},
};
constexpr model::Schema kSchema{
    .proto = "mysql", .title = "MySQL", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kHeaderBytes = 4;
constexpr std::uint32_t kMaxPayload = 0xffffff;
constexpr std::uint8_t kErrPacket = 0xff;
constexpr std::uint8_t kProtocol10 = 10;
constexpr std::size_t kSslRequestBytes = 32;
constexpr std::uint32_t kConnectWithDb = 1U << 3;
constexpr std::uint32_t kCompress = 1U << 5;
constexpr std::uint32_t kProtocol41 = 1U << 9;
constexpr std::uint32_t kSsl = 1U << 11;
constexpr std::uint32_t kSecureConnection = 1U << 15;
constexpr std::uint32_t kPluginAuth = 1U << 19;
constexpr std::uint32_t kLenencAuth = 1U << 21;
constexpr std::uint32_t kQueryAttributes = 1U << 27;

constexpr std::array<string_view, 0x20> kCommands{"sleep",
                                                  "quit",
                                                  "init_db",
                                                  "query",
                                                  "field_list",
                                                  "create_db",
                                                  "drop_db",
                                                  "refresh",
                                                  "shutdown",
                                                  "statistics",
                                                  "process_info",
                                                  "connect",
                                                  "process_kill",
                                                  "debug",
                                                  "ping",
                                                  "time",
                                                  "delayed_insert",
                                                  "change_user",
                                                  "binlog_dump",
                                                  "table_dump",
                                                  "connect_out",
                                                  "register_slave",
                                                  "stmt_prepare",
                                                  "stmt_execute",
                                                  "stmt_send_long_data",
                                                  "stmt_close",
                                                  "stmt_reset",
                                                  "set_option",
                                                  "stmt_fetch",
                                                  "daemon",
                                                  "binlog_dump_gtid",
                                                  "reset_connection"};
constexpr std::uint8_t kInitDb = 2;
constexpr std::uint8_t kQueryCommand = 3;
constexpr std::uint8_t kChangeUser = 0x11;
constexpr std::uint8_t kPrepare = 0x16;

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

// Error packets before the handshake: too many connections, host blocked, host not allowed.
bool is_refusal(Bytes payload) {
  base::Cursor cursor(payload);
  const bool error = cursor.u8() == kErrPacket;
  const std::uint16_t code = cursor.u16le();
  return cursor.ok() && error && (code == 1040 || code == 1129 || code == 1130 || code == 1203) &&
         is_plain_text(base::as_text(cursor.rest()));
}

Probe probe_mysql(const ProbeInput& input) {
  for (Bytes bytes : input.sides) {
    base::Cursor cursor(bytes);
    const auto size = static_cast<std::size_t>(cursor.le(3));
    const std::uint8_t sequence = cursor.u8();
    const std::uint8_t protocol = cursor.u8();
    if (bytes.empty() || size > 512 || sequence != 0) continue;
    if (bytes.size() < 6) {
      const bool may = bytes.size() < 5 || protocol == kProtocol10 || protocol == kErrPacket;
      if (may && size >= 8) return Probe::kMore;
      continue;
    }
    const Bytes payload = bytes.subspan(kHeaderBytes);
    if (protocol == kErrPacket) {
      if (payload.size() < size) continue;
      if (is_refusal(payload.first(size))) return Probe::kYes;
    }
    if (protocol != kProtocol10 || size < 30) continue;
    const string_view version = take_nul_text(cursor);
    if (!cursor.ok()) return bytes.size() < 80 ? Probe::kMore : Probe::kNo;
    const bool number = !version.empty() && version[0] >= '0' && version[0] <= '9';
    if (number && version.size() < 80 && is_plain_text(version)) return Probe::kYes;
  }
  return Probe::kNo;
}

class MysqlDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side side) override;
  Onward on_frame(const Frame& frame) override;
  bool begins_with(Bytes bytes, Side side) override;
  void on_loss(Side side) override;

 private:
  void greeting(Bytes payload, const Frame& frame);
  Onward login(Bytes payload, const Frame& frame);
  void command(Bytes payload, const Frame& frame);
  void response(Bytes payload, const Frame& frame);

  base::TimeNs asked_ns_ = -1;  // of the command that waits; -1: none does
  std::uint32_t server_capabilities_ = 0;
  std::uint32_t capabilities_ = 0;  // of both
  bool greeted_ = false;
  bool logged_in_ = false;
  bool in_long_ = false;  // parts of a statement over 16 MiB
  Side client_ = Side::kOriginator;
};

FrameSize MysqlDecoder::size_of(Bytes bytes, Side /*side*/) {
  if (bytes.size() < kHeaderBytes) return {};
  base::Cursor cursor(bytes);
  return FrameSize::known(cursor.le(3) + kHeaderBytes);
}

// A client's command is its first packet, and ends where the segment does.
bool MysqlDecoder::begins_with(Bytes bytes, Side side) {
  if (!greeted_ || side != client_ || bytes.size() <= kHeaderBytes) return false;
  base::Cursor cursor(bytes);
  const std::uint64_t size = cursor.le(3);
  return size + kHeaderBytes == bytes.size() && cursor.u8() == 0 && cursor.u8() < kCommands.size();
}

void MysqlDecoder::on_loss(Side side) {
  asked_ns_ = -1;
  if (side == client_) in_long_ = false;
}

Onward MysqlDecoder::on_frame(const Frame& frame) {
  const Bytes payload = frame.bytes.subspan(kHeaderBytes);
  const std::uint8_t sequence = frame.bytes[3];
  if (payload.empty()) return {};
  if (!greeted_) {
    const bool greets = payload[0] == kProtocol10 || is_refusal(payload);
    if (!greets || sequence != 0) return Onward::not_mine();
    greeted_ = true;
    client_ = model::other(frame.side);
    frame.context.set_originator(client_);
    if (payload[0] == kErrPacket) {
      response(payload, frame);
      return Onward::done();
    }
    greeting(payload, frame);
    return {};
  }
  if (frame.side != client_) {
    if (sequence == 1 || !logged_in_ || payload[0] == kErrPacket) response(payload, frame);
    return {};
  }
  if (!logged_in_) return login(payload, frame);
  if (sequence == 0 && !in_long_) command(payload, frame);
  in_long_ = frame.size == std::uint64_t{kMaxPayload} + kHeaderBytes;
  return {};
}

void MysqlDecoder::greeting(Bytes payload, const Frame& frame) {
  base::Cursor cursor(payload);
  cursor.skip(1);
  const string_view version = take_nul_text(cursor);
  cursor.skip(4 + 8 + 1);  // thread, challenge, filler
  server_capabilities_ = cursor.u16le();
  cursor.skip(1 + 2);
  server_capabilities_ |= std::uint32_t{cursor.u16le()} << 16;
  const std::size_t challenge = cursor.u8();
  cursor.skip(10);
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kGreeting);
  record.add_text(kVersion, version);
  if (cursor.ok() && (server_capabilities_ & kPluginAuth) != 0) {
    cursor.skip(std::max<std::size_t>(13, challenge > 8 ? challenge - 8 : 0));
    string_view plugin = base::as_text(cursor.rest());
    plugin = plugin.substr(0, plugin.find('\0'));
    if (!plugin.empty()) record.add_text(kPlugin, plugin);
  }
  frame.context.emit(frame.side);
}

Onward MysqlDecoder::login(Bytes payload, const Frame& frame) {
  base::Cursor cursor(payload);
  std::uint32_t capabilities = cursor.u16le();
  const bool new_form = (capabilities & kProtocol41) != 0;
  if (new_form) {
    capabilities |= std::uint32_t{cursor.u16le()} << 16;
    cursor.skip(4 + 1 + 23);
  } else {
    cursor.skip(3);
  }
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kLogin);
  const bool tls = (capabilities & kSsl) != 0 && payload.size() <= kSslRequestBytes;
  if (tls) {
    record.add_bool(kTls, true);
    frame.context.emit(frame.side);
    return Onward::hand_on();
  }
  const string_view user = take_nul_text(cursor);
  if (cursor.ok()) record.add_text(kUser, user);
  if (new_form) {
    if ((capabilities & kLenencAuth) != 0) {
      const std::uint8_t size = cursor.u8();
      cursor.skip(size < 0xfb ? size : cursor.u16le());
    } else if ((capabilities & kSecureConnection) != 0) {
      cursor.skip(cursor.u8());
    } else {
      take_nul_text(cursor);
    }
    if ((capabilities & kConnectWithDb) != 0) {
      const string_view schema = take_nul_text(cursor);
      if (cursor.ok() && !schema.empty()) record.add_text(kSchemaName, schema);
    }
    if ((capabilities & kPluginAuth) != 0) {
      const string_view plugin = take_nul_text(cursor);
      if (cursor.ok() && !plugin.empty()) record.add_text(kPlugin, plugin);
    }
  }
  frame.context.emit(frame.side);
  logged_in_ = true;
  asked_ns_ = frame.time_ns;
  capabilities_ = capabilities & server_capabilities_;
  const bool compressed = (capabilities_ & kCompress) != 0;
  return compressed ? Onward::done() : Onward{};
}

void MysqlDecoder::command(Bytes payload, const Frame& frame) {
  const std::uint8_t code = payload[0];
  if (code >= kCommands.size()) return;
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kCommandKind);
  record.add_text(kCommand, kCommands[code]);
  const string_view argument = base::as_text(payload.subspan(1));
  if (code == kInitDb) record.add_text(kSchemaName, argument);
  if (code == kQueryCommand || code == kPrepare) {
    // With query attributes, their number and a 1 come first; if there are any, where the
    // statement begins is told by their values, which are not read.
    const bool attributes = code == kQueryCommand && (capabilities_ & kQueryAttributes) != 0;
    const bool none = argument.starts_with(string_view("\0\1", 2));
    if (!attributes || none) {
      const SqlText sql(attributes ? argument.substr(2) : argument);
      record.add_text(kQuery, sql.text());
      if (sql.cut()) record.mark_cut();
    }
  }
  if (code == kChangeUser) record.add_text(kUser, argument.substr(0, argument.find('\0')));
  frame.context.emit(frame.side);
  asked_ns_ = frame.time_ns;
}

void MysqlDecoder::response(Bytes payload, const Frame& frame) {
  const bool error = payload[0] == kErrPacket;
  const bool ok = payload[0] == 0;
  if (!error && asked_ns_ < 0) return;
  if (!logged_in_ && !error) return;
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kResponse);
  if (error) {
    base::Cursor cursor(payload);
    cursor.skip(1);
    record.add_uint(kStatus, cursor.u16le());
    if (cursor.peek() == '#') cursor.skip(6);  // SQLSTATE
    // It may quote the statement.
    record.add_text(kError, SqlText(base::as_text(cursor.rest())).text());
  } else if (ok) {
    record.add_uint(kStatus, 0);
  }
  if (asked_ns_ >= 0 && frame.time_ns >= asked_ns_) {
    record.add_int(kLatency, frame.time_ns - asked_ns_);
  }
  asked_ns_ = -1;
  frame.context.emit(frame.side);
}

constexpr std::uint16_t kPorts[] = {3306};

}  // namespace

extern const ProtocolDef kMysql;
constinit const ProtocolDef kMysql{
    .name = "mysql",
    .transport = Transport::kTcp,
    .first = FirstBytes::any(),
    .usual_ports = kPorts,
    .probe = probe_mysql,
    .schema = &kSchema,
    .state_bytes = sizeof(MysqlDecoder),
    .make = make_decoder<MysqlDecoder>,
};

}  // namespace netwatch::dpi
