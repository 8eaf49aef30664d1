// FTP's control connection: RFC 959 (commands, replies, PORT and PASV), RFC 2228 and 4217 (AUTH
// TLS, after which TLS is handed on), RFC 2428 (EPRT, EPSV). Commands and replies are records of
// their own. Data connections are announced (Context::expect) with the command that they are for,
// and are flows of their own (ftp_data.cpp). An address that is neither peer's (RFC 2577: a bounce;
// an address behind a translator) is only reported.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/ip_address.h"
#include "dpi/parts/http_message.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/protocol.h"
#include "dpi/protocols/ftp_note.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kRequest, kResponse };
enum Field : std::uint8_t {
  kCommand,
  kArgument,
  kUser,
  kPassword,
  kFile,
  kStatus,
  kText,
  kDataAddress,
  kDataPort,
  kLatency,
};

constexpr string_view kKinds[] = {"request", "response"};
constexpr string_view kCommandAlias[] = {"ftp.request.command"};
constexpr string_view kArgumentAlias[] = {"ftp.request.arg"};
constexpr string_view kStatusAlias[] = {"ftp.response.code"};
constexpr string_view kTextAlias[] = {"ftp.response.arg"};

constexpr FieldDef kFields[] = {
    {.name = "ftp.command",
     .help = "command, in upper case",
     .role = Role::kMethod,
     .aliases = kCommandAlias,
     .max_bytes = 16},
    {.name = "ftp.argument",
     .help = "its argument",
     .privacy = Privacy::kPersonal,
     .aliases = kArgumentAlias},
    {.name = "ftp.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "ftp.password", .help = "always masked", .privacy = Privacy::kSecret},
    {.name = "ftp.file",
     .help = "path of a file or folder that a command is about",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .max_bytes = 1024},
    {.name = "ftp.status",
     .type = FieldType::kUint,
     .help = "reply code",
     .role = Role::kStatus,
     .aliases = kStatusAlias},
    {.name = "ftp.text", .help = "first line of the reply", .aliases = kTextAlias},
    {.name = "ftp.data_address",
     .type = FieldType::kAddress,
     .help = "where the data connection will go to"},
    {.name = "ftp.data_port", .type = FieldType::kUint, .help = "its port"},
    {.name = "ftp.latency_us",
     .type = FieldType::kDuration,
     .help = "command to the first line of its reply",
     .role = Role::kLatency},
};
constexpr model::Schema kSchema{.proto = "ftp", .title = "FTP", .kinds = kKinds, .fields = kFields};

// kFirstWord: what follows it may be a password (SITE GPASS).
enum class Argument : std::uint8_t {
  kPlain,
  kUser,
  kSecret,
  kFirstWord,
  kFile,
  kPort,
  kExtendedPort,
  kTls,
};
struct Command {
  string_view name;
  Argument argument = Argument::kPlain;
  bool told_by = true;  // no other line protocol has it
};
// RFC 5797's registry, without what nobody sends. QUIT, NOOP, HELP, ... are SMTP's or POP3's too.
constexpr Command kCommands[] = {
    {"ABOR"},
    {"ACCT", Argument::kSecret},
    {"ADAT", Argument::kSecret},
    {"ALLO"},
    {"APPE", Argument::kFile},
    {"AUTH", Argument::kTls, false},
    {"CCC"},
    {"CDUP"},
    {"CLNT"},
    {"CWD", Argument::kFile},
    {"DELE", Argument::kFile, false},
    {"EPRT", Argument::kExtendedPort},
    {"EPSV"},
    {"FEAT"},
    {"HASH", Argument::kFile},
    {"HELP", Argument::kPlain, false},
    {"HOST", Argument::kPlain},
    {"LANG"},
    {"LIST", Argument::kFile, false},
    {"MDTM", Argument::kFile},
    {"MFMT", Argument::kFile},
    {"MKD", Argument::kFile},
    {"MLSD", Argument::kFile},
    {"MLST", Argument::kFile},
    {"MODE", Argument::kPlain, false},
    {"NLST", Argument::kFile},
    {"NOOP", Argument::kPlain, false},
    {"OPTS"},
    {"PASS", Argument::kSecret, false},
    {"PASV"},
    {"PBSZ"},
    {"PORT", Argument::kPort},
    {"PROT"},
    {"PWD"},
    {"QUIT", Argument::kPlain, false},
    {"REIN"},
    {"REST"},
    {"RETR", Argument::kFile, false},
    {"RMD", Argument::kFile},
    {"RNFR", Argument::kFile},
    {"RNTO", Argument::kFile},
    {"SITE", Argument::kFirstWord},
    {"SIZE", Argument::kFile},
    {"SMNT", Argument::kFile},
    {"STAT", Argument::kFile, false},
    {"STOR", Argument::kFile},
    {"STOU", Argument::kFile},
    {"STRU"},
    {"SYST"},
    {"TYPE"},
    {"USER", Argument::kUser, false},
    {"XCRC", Argument::kFile},
    {"XCUP"},
    {"XCWD", Argument::kFile},
    {"XMD5", Argument::kFile},
    {"XMKD", Argument::kFile},
    {"XPWD"},
    {"XRMD", Argument::kFile},
};

const Command* find_command(string_view word) {
  const auto* const found = std::ranges::find_if(
      kCommands, [&](const Command& one) { return same_ignoring_case(one.name, word); });
  return found == std::end(kCommands) ? nullptr : found;
}

struct Endpoint {
  base::IpAddress address;
  bool has_address = false;
  std::uint16_t port = 0;
};

// "h1,h2,h3,h4,p1,p2" (RFC 959 section 3.2), wherever the digits begin.
std::optional<Endpoint> parse_port_list(string_view text) {
  std::array<std::uint8_t, 6> numbers{};
  const std::size_t start = text.find_first_of("0123456789");
  if (start == string_view::npos) return std::nullopt;
  const char* at = text.data() + start;
  const char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) {
      if (at == end || *at != ',') return std::nullopt;
      ++at;
    }
    const auto [next, error] = std::from_chars(at, end, numbers[i]);
    if (error != std::errc()) return std::nullopt;
    at = next;
  }
  return Endpoint{.address = base::IpAddress::v4(numbers.data()),
                  .has_address = true,
                  .port = static_cast<std::uint16_t>(numbers[4] * 256 + numbers[5])};
}

// "|1|192.0.2.1|6275|" or "(|||6446|)" (RFC 2428); any character may be the bar.
std::optional<Endpoint> parse_extended(string_view text) {
  if (text.size() < 5) return std::nullopt;
  const char bar = text.front();
  std::array<string_view, 3> parts;
  text.remove_prefix(1);
  for (string_view& part : parts) {
    const std::size_t end = text.find(bar);
    if (end == string_view::npos) return std::nullopt;
    part = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  const auto port = parse_decimal(parts[2]);
  if (!port || *port == 0 || *port > 0xffff) return std::nullopt;
  Endpoint endpoint;
  endpoint.port = static_cast<std::uint16_t>(*port);
  if (const auto address = base::IpAddress::parse(parts[1])) {
    endpoint.address = *address;
    endpoint.has_address = true;
  } else if (!parts[1].empty()) {
    return std::nullopt;
  }
  return endpoint;
}

std::optional<Endpoint> passive_endpoint(const ReplyLine& reply) {
  const std::size_t open = reply.text.find('(');
  if (reply.code == 229 && open != string_view::npos) {
    return parse_extended(reply.text.substr(open + 1));
  }
  if (reply.code != 227) return std::nullopt;
  if (open != string_view::npos) return parse_port_list(reply.text.substr(open));
  // Without brackets, the numbers are at the end.
  const std::size_t blank = reply.text.rfind(' ');
  return parse_port_list(reply.text.substr(blank == string_view::npos ? 0 : blank));
}

void add_endpoint(const std::optional<Endpoint>& endpoint, model::RecordBuilder& record) {
  if (!endpoint) return;
  if (endpoint->has_address) record.add_address(kDataAddress, endpoint->address);
  record.add_uint(kDataPort, endpoint->port);
}

// Replies that only FTP gives.
bool is_own_code(std::uint16_t code) {
  constexpr std::array<std::uint16_t, 13> kCodes{125, 150, 226, 227, 229, 230, 257,
                                                 331, 332, 350, 425, 426, 202};
  return std::ranges::find(kCodes, code) != kCodes.end();
}

// "200 NOOP command successful.": so servers of many makes answer.
bool says_command_succeeded(const ReplyLine& reply) {
  return (reply.code == 200 || reply.code == 250) && holds_word(reply.text, "command successful");
}

bool may_begin_with(const ReplyLine& reply) {
  return is_own_code(reply.code) || reply.code == 220 || reply.code == 120 || reply.code == 421 ||
         reply.code == 530 || says_command_succeeded(reply);
}

// What a server's first bytes say; kMore also for what is SMTP's as well.
Probe probe_server(string_view text) {
  string_view line;
  const ReplyLine* last = nullptr;
  std::optional<ReplyLine> reply;
  unsigned own = 0;
  while (next_line(text, line)) {
    if (!is_plain_text(line)) return Probe::kNo;
    const auto parsed = parse_reply_line(line);
    if (!parsed && last == nullptr) return Probe::kNo;
    if (!parsed) continue;
    if (last == nullptr || parsed->code != reply->code) own += is_own_code(parsed->code) ? 1 : 0;
    if (last == nullptr && !may_begin_with(*parsed)) return Probe::kNo;
    reply = parsed;
    last = &*reply;
    if (passive_endpoint(*reply) || own >= 2) return Probe::kYes;
    if (reply->code == 220 && holds_word(reply->text, "SMTP")) return Probe::kNo;
    if (reply->code == 220 && holds_word(reply->text, "FTP")) return Probe::kYes;
    if (says_command_succeeded(*reply)) return Probe::kYes;
  }
  if (last != nullptr) return Probe::kMore;
  const bool may =
      text.size() < 256 && is_plain_text(text.substr(0, text.find('\r'))) &&
      std::ranges::all_of(text.substr(0, 3), [](char c) { return c >= '0' && c <= '9'; });
  return may ? Probe::kMore : Probe::kNo;
}

// What a client's first lines say. `greeted`: by a server that may be FTP's.
Probe probe_client(string_view text, bool greeted) {
  string_view line;
  bool any = false;
  while (next_line(text, line)) {
    if (!is_plain_text(line)) return Probe::kNo;
    const Command* const command = find_command(take_word(line));
    if (command == nullptr) return any ? Probe::kMore : Probe::kNo;
    any = true;
    const bool tls = command->argument == Argument::kTls;
    if (tls && !begins_ignoring_case(line, "TLS") && !begins_ignoring_case(line, "SSL")) {
      return Probe::kNo;
    }
    if (command->told_by || greeted) return Probe::kYes;
  }
  if (any) return Probe::kMore;
  const string_view word = text.substr(0, text.find(' '));
  const bool may = std::ranges::any_of(
      kCommands, [&](const Command& one) { return begins_ignoring_case(one.name, word); });
  return may && text.size() < 512 && is_plain_text(text.substr(0, text.find('\r'))) ? Probe::kMore
                                                                                    : Probe::kNo;
}

Probe probe_ftp(const ProbeInput& input) {
  bool greeted = false;
  Probe best = Probe::kNo;
  for (base::Bytes bytes : input.sides) {
    const string_view text = base::as_text(bytes);
    if (text.empty() || text[0] < '0' || text[0] > '9') continue;
    const Probe probe = probe_server(text);
    if (probe != Probe::kMore) return probe;
    best = probe;
    greeted = first_line(text).has_value();
  }
  for (base::Bytes bytes : input.sides) {
    const string_view text = base::as_text(bytes);
    if (text.empty() || (text[0] >= '0' && text[0] <= '9')) continue;
    return probe_client(text, greeted);
  }
  return best;
}

class FtpDecoder final : public LineDecoder {
 protected:
  Onward on_line(const Line& line) override;
  void on_loss(Side /*side*/) override {
    waiting_.clear();
    open_reply_ = 0;
  }

 private:
  void request(const Line& line);
  Onward response(const Line& line);
  void know_sides(Side client, Context& context);
  void announce(const std::optional<Endpoint>& endpoint, Side side, Context& context);
  void transfer(string_view command, string_view file, Context& context);

  // Of the data connection that was announced, until a command uses it.
  base::IpAddress data_address_;
  std::uint16_t data_port_ = 0;
  WaitingRequests waiting_;
  std::uint16_t open_reply_ = 0;  // code of a reply whose last line is still to come
  bool known_ = false;
  bool asked_for_tls_ = false;
  Side client_ = Side::kOriginator;
};

void FtpDecoder::know_sides(Side client, Context& context) {
  if (known_) return;
  known_ = true;
  client_ = client;
  context.set_originator(client);
}

// EPSV gives the port only. Who is behind a translator gives an address of its own side, with PASV
// and with PORT; the others then connect to the peer of the control connection, as curl always
// does. That it is spoken of is counted all the same if it came from a client: it is also what a
// bounce into the server's network looks like (RFC 2577 section 2).
void FtpDecoder::announce(const std::optional<Endpoint>& endpoint, Side side, Context& context) {
  if (!endpoint || endpoint->port == 0) return;
  data_port_ = endpoint->port;
  data_address_ = endpoint->has_address ? endpoint->address : context.address(side);
  const auto expect = [&] {
    return context.expect(
        {.protocol = "ftp_data", .address = data_address_, .port = data_port_, .note = {}});
  };
  if (expect()) return;
  const bool translated = data_address_.is_private();
  if (side == client_ || !translated) context.odd("data_to_third_party");
  data_address_ = context.address(side);
  if (!translated || !expect()) data_port_ = 0;
}

// In stream mode a data connection serves one command.
void FtpDecoder::transfer(string_view command, string_view file, Context& context) {
  if (data_port_ == 0 || !ftp_transfers(command)) return;
  FtpNote note;
  note.write(command, file);
  context.expect(
      {.protocol = "ftp_data", .address = data_address_, .port = data_port_, .note = note.bytes()});
  data_port_ = 0;
}

Onward FtpDecoder::on_line(const Line& line) {
  if (!known_) {
    if (line.text.empty()) return {};
    const bool reply = parse_reply_line(line.text).has_value();
    know_sides(reply ? model::other(line.side) : line.side, line.context);
  }
  if (line.side != client_) return response(line);
  request(line);
  return {};
}

void FtpDecoder::request(const Line& line) {
  string_view rest = line.text;
  // Section 4.1.3: an abort may come as Telnet's Interrupt Process and Synch.
  while (!rest.empty() && static_cast<std::uint8_t>(rest.front()) >= 0xf0) rest.remove_prefix(1);
  const Command* const command = find_command(take_word(rest));
  if (command == nullptr) {
    if (!line.text.empty()) line.context.odd("unknown_command");
    waiting_.push(line.time_ns);
    return;
  }
  std::optional<Endpoint> endpoint;
  if (command->argument == Argument::kPort) endpoint = parse_port_list(rest);
  if (command->argument == Argument::kExtendedPort) endpoint = parse_extended(rest);
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kRequest);
  record.add_text(kCommand, command->name);
  if (!rest.empty()) {
    const bool secret = command->argument == Argument::kSecret;
    const bool first_word = command->argument == Argument::kFirstWord;
    const string_view shown = first_word ? rest.substr(0, rest.find(' ')) : rest;
    record.add_text(kArgument, secret ? kMasked : shown);
    if (secret) record.add_text(kPassword, kMasked);
    if (command->argument == Argument::kUser) record.add_text(kUser, rest);
    if (command->argument == Argument::kFile) record.add_text(kFile, rest);
    if (endpoint) add_endpoint(endpoint, record);
  }
  if (line.cut) record.mark_cut();
  line.context.emit(line.side);
  announce(endpoint, line.side, line.context);
  transfer(command->name, rest, line.context);
  waiting_.push(line.time_ns);
  if (command->argument == Argument::kTls) {
    asked_for_tls_ = begins_ignoring_case(rest, "TLS") || begins_ignoring_case(rest, "SSL");
    if (asked_for_tls_) expect_tls();
  }
}

Onward FtpDecoder::response(const Line& line) {
  const auto reply = parse_reply_line(line.text);
  if (open_reply_ != 0) {
    if (reply && !reply->more && reply->code == open_reply_) open_reply_ = 0;
    return {};
  }
  if (!reply) {
    if (!line.text.empty()) line.context.odd("bad_reply");
    return {};
  }
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kResponse);
  record.add_uint(kStatus, reply->code);
  if (!reply->text.empty()) record.add_text(kText, reply->text);
  const std::optional<Endpoint> endpoint = passive_endpoint(*reply);
  add_endpoint(endpoint, record);
  if (reply->code != 220 && reply->code >= 200) {
    if (const auto latency = waiting_.answered(line.time_ns)) {
      record.add_int(kLatency, *latency);
    }
  }
  line.context.emit(line.side);
  announce(endpoint, line.side, line.context);
  if (reply->more) open_reply_ = reply->code;
  if (!asked_for_tls_) return {};
  asked_for_tls_ = false;
  if (reply->code == 234 || reply->code == 334) return Onward::hand_on();
  refuse_tls();
  return {};
}

constexpr std::uint16_t kPorts[] = {21};

}  // namespace

extern const ProtocolDef kFtp;
constinit const ProtocolDef kFtp{
    .name = "ftp",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("12345AaCcDdEeFfHhLlMmNnOoPpQqRrSsTtUuXx"),
    .usual_ports = kPorts,
    .probe = probe_ftp,
    .schema = &kSchema,
    .state_bytes = sizeof(FtpDecoder),
    .make = make_decoder<FtpDecoder>,
};

}  // namespace netwatch::dpi
