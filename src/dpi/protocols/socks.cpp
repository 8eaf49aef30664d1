// SOCKS: version 5 (RFC 1928, and 1929 for names and passwords), version 4 and 4a (no RFC; the
// memo "SOCKS: A protocol for TCP proxy across firewalls" and its extension for names). What a
// granted request relays is handed on.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/line_decoder.h"
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

enum Kind : std::uint8_t { kMethods, kLogin, kRequest, kResponse };
enum Field : std::uint8_t {
  kVersion,
  kAuth,
  kUser,
  kPassword,
  kCommand,
  kHost,
  kAddress,
  kPort,
  kStatus,
};

constexpr string_view kKinds[] = {"method", "login", "request", "response"};
constexpr string_view kHostAlias[] = {"socks.remote_name"};
constexpr string_view kAddressAlias[] = {"socks.dst"};
constexpr string_view kPortAlias[] = {"socks.port"};
constexpr string_view kUserAlias[] = {"socks.username"};
constexpr FieldDef kFields[] = {
    {.name = "socks.version", .type = FieldType::kUint, .help = "4 or 5", .role = Role::kVersion},
    {.name = "socks.auth", .help = "method the server chose: none, gssapi, password, refused"},
    {.name = "socks.user",
     .help = "name the client gives",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "socks.password", .help = "always masked", .privacy = Privacy::kSecret},
    {.name = "socks.command", .help = "connect, bind, udp_associate", .role = Role::kMethod},
    {.name = "socks.host",
     .help = "host name that is asked for",
     .role = Role::kHostName,
     .privacy = Privacy::kPersonal,
     .aliases = kHostAlias},
    {.name = "socks.address",
     .type = FieldType::kAddress,
     .help = "address that is asked for, or that the proxy bound",
     .aliases = kAddressAlias},
    {.name = "socks.target_port",
     .type = FieldType::kUint,
     .help = "its port",
     .aliases = kPortAlias},
    {.name = "socks.status",
     .type = FieldType::kUint,
     .help = "0 (version 5) or 90 (version 4): granted",
     .role = Role::kStatus},
};
constexpr model::Schema kSchema{
    .proto = "socks", .title = "SOCKS", .kinds = kKinds, .fields = kFields};

constexpr std::array<string_view, 4> kCommands{"", "connect", "bind", "udp_associate"};
constexpr std::uint8_t kGranted4 = 90;
constexpr std::size_t kMaxUserBytes = 255;

// What a message is made of; `bytes` is 0 while it is not here whole.
struct Message {
  std::size_t bytes = 0;
  bool bad = false;
  std::uint8_t code = 0;  // command or reply
  string_view user;
  string_view host;
  base::IpAddress address;
  bool has_address = false;
  std::uint16_t port = 0;
};

bool is_host_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == ':';
}

// RFC 1928 sections 4 and 6: version, command or reply, 0, address type, address, port.
Message read_v5(Bytes bytes, bool request) {
  Message message;
  base::Cursor cursor(bytes);
  const std::uint8_t version = cursor.u8();
  message.code = cursor.u8();
  const std::uint8_t reserved = cursor.u8();
  const std::uint8_t type = cursor.u8();
  if (!cursor.ok()) return message;
  const bool known = type == 1 || type == 3 || type == 4;
  const bool code_fits = request ? message.code >= 1 && message.code <= 3 : message.code <= 8;
  message.bad = version != 5 || reserved != 0 || !known || !code_fits;
  if (message.bad) return message;
  if (type == 3) {
    message.host = base::as_text(cursor.take(cursor.u8()));
    message.bad = !std::ranges::all_of(message.host, is_host_char);
  } else {
    const Bytes address = cursor.take(type == 1 ? 4 : 16);
    message.has_address = cursor.ok();
    if (message.has_address) {
      message.address =
          type == 1 ? base::IpAddress::v4(address.data()) : base::IpAddress::v6(address.data());
    }
  }
  message.port = cursor.u16();
  if (cursor.ok()) message.bytes = cursor.offset();
  return message;
}

// Version 4: 4, command, port, address, user, 0; 4a: the address 0.0.0.x, then a name and 0.
Message read_v4(Bytes bytes) {
  Message message;
  base::Cursor cursor(bytes);
  const std::uint8_t version = cursor.u8();
  message.code = cursor.u8();
  message.port = cursor.u16();
  const Bytes address = cursor.take(4);
  if (!cursor.ok()) return message;
  message.bad = version != 4 || message.code < 1 || message.code > 2;
  const bool named = address[0] == 0 && address[1] == 0 && address[2] == 0 && address[3] != 0;
  message.has_address = !named;
  message.address = base::IpAddress::v4(address.data());
  const auto text = [&](string_view& value) {
    const string_view rest = base::as_text(cursor.rest());
    const std::size_t end = rest.find('\0');
    const std::size_t size = std::min(end, rest.size());
    message.bad |= size > kMaxUserBytes || !is_plain_text(rest.substr(0, size));
    if (message.bad || end == string_view::npos) return false;
    value = rest.substr(0, end);
    cursor.skip(end + 1);
    return true;
  };
  if (!text(message.user)) return message;
  if (named && !text(message.host)) return message;
  message.bad |= !std::ranges::all_of(message.host, is_host_char);
  message.bytes = cursor.offset();
  return message;
}

// 5, count, methods: at most what IANA lists, and each once.
bool is_offer(Bytes bytes) {
  if (bytes.size() < 2 || bytes[0] != 5 || bytes[1] == 0 || bytes[1] > 10) return false;
  const std::size_t methods = std::min<std::size_t>(bytes[1], bytes.size() - 2);
  std::uint32_t seen = 0;
  for (std::uint8_t method : bytes.subspan(2, methods)) {
    if (method > 9 && method < 0x80) return false;
    if (method >= 0x80) continue;
    if ((seen >> method & 1) != 0) return false;
    seen |= 1U << method;
  }
  return true;
}

Probe probe_v5(Bytes client, Bytes server) {
  if (client.size() == 1) return Probe::kMore;
  if (!is_offer(client)) return Probe::kNo;
  const std::size_t offer = 2U + client[1];
  if (client.size() < offer) return Probe::kMore;
  const bool answered = server.size() >= 2 && server[0] == 5;
  if (!server.empty() && server[0] != 5) return Probe::kNo;
  if (answered) {
    const bool offered = std::ranges::find(client.subspan(2, client[1]), server[1]) !=
                         client.begin() + static_cast<std::ptrdiff_t>(offer);
    return offered || server[1] == 0xff ? Probe::kYes : Probe::kNo;
  }
  const Bytes rest = client.subspan(offer);
  if (rest.empty()) return Probe::kMore;
  // The other side is not in the capture: a request, or a login before it.
  if (rest[0] == 1 && rest.size() > 2 && rest[1] > 0) return Probe::kMore;
  const Message request = read_v5(rest, true);
  if (request.bad || (rest[0] != 5 && rest[0] != 1)) return Probe::kNo;
  return request.bytes > 0 ? Probe::kYes : Probe::kMore;
}

Probe probe_v4(Bytes client, Bytes server) {
  const Message request = read_v4(client);
  if (request.bad || request.port == 0) return Probe::kNo;
  if (request.bytes == 0) return client.size() <= 2 * kMaxUserBytes ? Probe::kMore : Probe::kNo;
  if (!request.host.empty()) return Probe::kYes;
  if (server.empty()) return client.size() == request.bytes ? Probe::kMore : Probe::kNo;
  const bool answers =
      server.size() >= 2 && server[0] == 0 && server[1] >= kGranted4 && server[1] <= kGranted4 + 3;
  if (answers) return Probe::kYes;
  return server.size() < 2 && server[0] == 0 ? Probe::kMore : Probe::kNo;
}

Probe probe_socks(const ProbeInput& input) {
  for (std::size_t i = 0; i < 2; ++i) {
    const Bytes client = input.sides[i];
    const Bytes server = input.sides[1 - i];
    if (client.empty()) continue;
    // A server's first words are two bytes, or begin with 0.
    const bool other_asks = server.size() > client.size() && server[0] == client[0];
    if (other_asks) continue;
    if (client[0] == 5) return probe_v5(client, server);
    if (client[0] == 4) return probe_v4(client, server);
  }
  return Probe::kNo;
}

class SocksDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  enum class Await : std::uint8_t { kOffer, kChoice, kLogin, kVerdict, kRequest, kReply, kLate };

  // One message; its size, or 0 to wait.
  std::size_t read(Bytes bytes, Side side, Context& context, Verdict& verdict);
  std::size_t from_client(Bytes bytes, Context& context, Verdict& verdict);
  std::size_t from_server(Bytes bytes, Context& context, Verdict& verdict);
  std::size_t login(Bytes bytes, Context& context);
  std::size_t request(const Message& message, std::uint8_t version, Context& context);
  std::size_t reply(Bytes bytes, Context& context, Verdict& verdict);

  bool known_ = false;
  bool over_ = false;
  std::uint8_t version_ = 5;
  std::uint8_t command_ = 1;
  std::uint8_t replies_ = 0;
  Await client_next_ = Await::kOffer;
  Await server_next_ = Await::kChoice;
  Side client_ = Side::kOriginator;
};

Step SocksDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  if (!known_) {
    // A server's first message begins with 0, or is two bytes long; so may be the first part of a
    // client's, but that one opened the connection.
    const bool two = chunk.bytes[0] == 5 && chunk.bytes.size() == 2;
    const bool server = chunk.bytes[0] == 0 || (two && chunk.side == Side::kResponder);
    known_ = true;
    client_ = server ? model::other(chunk.side) : chunk.side;
    context.set_originator(client_);
  }
  Step step;
  while (step.consumed < chunk.bytes.size() && !over_) {
    const Bytes rest = chunk.bytes.subspan(static_cast<std::size_t>(step.consumed));
    const std::size_t used = read(rest, chunk.side, context, step.verdict);
    step.consumed += used;
    if (step.verdict != Verdict::kFine || used == 0) break;
  }
  return step;
}

std::size_t SocksDecoder::read(Bytes bytes, Side side, Context& context, Verdict& verdict) {
  return side == client_ ? from_client(bytes, context, verdict)
                         : from_server(bytes, context, verdict);
}

std::size_t SocksDecoder::from_client(Bytes bytes, Context& context, Verdict& verdict) {
  if (client_next_ == Await::kOffer && bytes[0] == 5) {
    if (bytes.size() < 2 || bytes.size() < 2U + bytes[1]) return 0;
    client_next_ = Await::kLogin;
    return 2U + bytes[1];
  }
  if (client_next_ == Await::kLogin && bytes[0] == 1) return login(bytes, context);
  if (client_next_ == Await::kLate) {
    // The answer is not in the capture: what the client sends is evidence enough.
    if (bytes.size() < kProbeBytes) return 0;
    context.hand_on();
    over_ = true;
    return 0;
  }
  const Message message = bytes[0] == 4 ? read_v4(bytes) : read_v5(bytes, true);
  if (message.bad) verdict = Verdict::kNotMine;
  if (message.bad || message.bytes == 0) return 0;
  return request(message, bytes[0], context);
}

// RFC 1929 section 2.
std::size_t SocksDecoder::login(Bytes bytes, Context& context) {
  base::Cursor cursor(bytes);
  cursor.skip(1);
  const string_view user = base::as_text(cursor.take(cursor.u8()));
  cursor.skip(cursor.u8());
  if (!cursor.ok()) return 0;
  context.record().start(kSchema, kLogin);
  context.record().add_text(kUser, user);
  context.record().add_text(kPassword, kMasked);
  context.emit(client_);
  client_next_ = Await::kRequest;
  return cursor.offset();
}

std::size_t SocksDecoder::request(const Message& message, std::uint8_t version, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kSchema, kRequest);
  record.add_uint(kVersion, version);
  record.add_text(kCommand, kCommands[message.code & 3]);
  if (!message.host.empty()) record.add_text(kHost, message.host);
  if (message.has_address) record.add_address(kAddress, message.address);
  record.add_uint(kPort, message.port);
  if (!message.user.empty()) record.add_text(kUser, message.user);
  context.emit(client_);
  version_ = version;
  command_ = message.code;
  client_next_ = Await::kLate;
  if (version == 4) server_next_ = Await::kReply;
  return message.bytes;
}

std::size_t SocksDecoder::from_server(Bytes bytes, Context& context, Verdict& verdict) {
  if (server_next_ == Await::kChoice && bytes[0] == 5) {
    if (bytes.size() < 2) return 0;
    const std::uint8_t method = bytes[1];
    constexpr std::array<string_view, 3> kNames{"none", "gssapi", "password"};
    context.record().start(kSchema, kMethods);
    context.record().add_uint(kVersion, 5);
    if (method < kNames.size()) context.record().add_text(kAuth, kNames[method]);
    if (method == 0xff) context.record().add_text(kAuth, "refused");
    context.emit(model::other(client_));
    // What other methods than these say is not known.
    if (method != 0 && method != 2) verdict = Verdict::kDone;
    server_next_ = method == 2 ? Await::kVerdict : Await::kReply;
    return 2;
  }
  if (server_next_ == Await::kVerdict) {
    if (bytes.size() < 2) return 0;
    server_next_ = Await::kReply;
    if (bytes[1] != 0) verdict = Verdict::kDone;
    return 2;
  }
  return reply(bytes, context, verdict);
}

std::size_t SocksDecoder::reply(Bytes bytes, Context& context, Verdict& verdict) {
  Message message;
  if (version_ == 4 || bytes[0] == 0) {
    if (bytes.size() < 8) return 0;
    message.bytes = 8;
    message.code = bytes[1];
    message.bad = bytes[0] != 0 || message.code < kGranted4 || message.code > kGranted4 + 3;
  } else {
    message = read_v5(bytes, false);
  }
  if (message.bad) verdict = Verdict::kNotMine;
  if (message.bad || message.bytes == 0) return 0;
  model::RecordBuilder& record = context.record();
  record.start(kSchema, kResponse);
  record.add_uint(kStatus, message.code);
  if (message.has_address) {
    record.add_address(kAddress, message.address);
    record.add_uint(kPort, message.port);
  }
  context.emit(model::other(client_));
  const bool granted = message.code == 0 || message.code == kGranted4;
  ++replies_;
  if (!granted || command_ == 3) {
    verdict = Verdict::kDone;
  } else if (command_ == 1 || replies_ == 2) {  // BIND is answered twice
    context.hand_on();
    over_ = true;
  }
  return message.bytes;
}

constexpr std::uint16_t kPorts[] = {1080};

}  // namespace

extern const ProtocolDef kSocks;
constinit const ProtocolDef kSocks{
    .name = "socks",
    .transport = Transport::kTcp,
    .first = FirstBytes::of(string_view("\x04\x05\x00", 3)),
    .usual_ports = kPorts,
    .probe = probe_socks,
    .schema = &kSchema,
    .state_bytes = sizeof(SocksDecoder),
    .make = make_decoder<SocksDecoder>,
};

}  // namespace netwatch::dpi
