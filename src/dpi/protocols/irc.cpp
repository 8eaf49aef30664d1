// IRC: RFC 2812 (messages, registration, channels), RFC 1459. What people say is passed over: of
// PRIVMSG and NOTICE only the target is reported; of a server only its welcome and its errors.
#include <algorithm>
#include <array>

#include "dpi/parts/http_message.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kRequest, kResponse };
enum Field : std::uint8_t { kCommand, kNick, kUser, kPassword, kTarget, kServer, kStatus, kText };

constexpr string_view kKinds[] = {"request", "response"};
constexpr string_view kCommandAlias[] = {"irc.request.command"};
constexpr FieldDef kFields[] = {
    {.name = "irc.command",
     .help = "command, in upper case",
     .role = Role::kMethod,
     .aliases = kCommandAlias,
     .max_bytes = 32},
    {.name = "irc.nick", .help = "nickname", .privacy = Privacy::kPersonal},
    {.name = "irc.user",
     .help = "user name of the registration",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "irc.password", .help = "always masked", .privacy = Privacy::kSecret},
    {.name = "irc.target",
     .help = "channel or nickname that a command is about",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal},
    {.name = "irc.server", .help = "name the server gives itself", .role = Role::kSubject},
    {.name = "irc.status",
     .type = FieldType::kUint,
     .help = "numeric reply: 1 (welcome), 400 and over (errors)",
     .role = Role::kStatus},
    {.name = "irc.text", .help = "text of the reply", .privacy = Privacy::kPersonal},
};
constexpr model::Schema kSchema{.proto = "irc", .title = "IRC", .kinds = kKinds, .fields = kFields};

constexpr std::array<string_view, 40> kCommands{
    "ADMIN", "AWAY",    "CAP",      "AUTHENTICATE", "CONNECT", "ERROR",   "INFO",   "INVITE",
    "ISON",  "JOIN",    "KICK",     "KILL",         "LINKS",   "LIST",    "LUSERS", "MODE",
    "MOTD",  "NAMES",   "NICK",     "NOTICE",       "OPER",    "PART",    "PASS",   "PING",
    "PONG",  "PRIVMSG", "QUIT",     "SQUIT",        "STATS",   "SUMMON",  "TIME",   "TOPIC",
    "TRACE", "USER",    "USERHOST", "USERS",        "VERSION", "WALLOPS", "WHO",    "WHOIS"};

// Section 2.3.1: [":" prefix] command params, in words.
struct Message {
  string_view prefix;
  string_view command;
  string_view parameters;
  unsigned numeric = 0;
};

Message parse(string_view line) {
  Message message;
  if (line.starts_with('@')) take_word(line);  // tags of IRCv3
  if (line.starts_with(':')) message.prefix = take_word(line).substr(1);
  message.command = take_word(line);
  message.parameters = line;
  const bool digits =
      message.command.size() == 3 &&
      std::ranges::all_of(message.command, [](char c) { return c >= '0' && c <= '9'; });
  if (digits) message.numeric = static_cast<unsigned>(*parse_decimal(message.command));
  return message;
}

string_view find_command(string_view word) {
  const auto* const found = std::ranges::find_if(
      kCommands, [&](string_view one) { return same_ignoring_case(one, word); });
  return found == kCommands.end() ? string_view() : *found;
}

string_view take_parameter(string_view& rest) {
  if (!rest.starts_with(':')) return take_word(rest);
  const string_view all = rest.substr(1);
  rest = {};
  return all;
}

// "USER name mode unused :real name"
bool is_user_line(string_view parameters) {
  unsigned words = 0;
  while (!parameters.empty()) {
    if (parameters.starts_with(':')) return words == 3;
    take_word(parameters);
    ++words;
  }
  return words == 4;
}

// What one side's first lines say.
Probe probe_side(string_view text) {
  string_view line;
  bool any = false;
  while (next_line(text, line)) {
    if (line.empty()) continue;
    if (!is_plain_text(line) && line.find('\1') == string_view::npos) return Probe::kNo;
    const Message message = parse(line);
    const string_view command = find_command(message.command);
    const bool prefixed = !message.prefix.empty();
    const bool numeric = prefixed && message.numeric != 0;
    if (command.empty() && !numeric) return any ? Probe::kMore : Probe::kNo;
    if (command == "USER" && is_user_line(message.parameters)) return Probe::kYes;
    if (command == "CAP" && (message.parameters.starts_with("LS") ||
                             message.parameters.starts_with("REQ") || prefixed)) {
      return Probe::kYes;
    }
    if (command == "NOTICE" &&
        (message.parameters.starts_with("AUTH :") || message.parameters.starts_with("* :"))) {
      return Probe::kYes;
    }
    if (command == "PRIVMSG" || command == "JOIN") {
      string_view rest = message.parameters;
      const string_view target = take_parameter(rest);
      if (target.starts_with('#') || prefixed) return Probe::kYes;
    }
    if (numeric && message.numeric <= 5 && message.parameters.find(" :") != string_view::npos) {
      return Probe::kYes;
    }
    if (!prefixed && command != "NICK" && command != "PASS" && command != "USER" &&
        command != "PING") {
      return any ? Probe::kMore : Probe::kNo;
    }
    any = true;
  }
  if (any) return Probe::kMore;
  if (text.size() > 512) return Probe::kNo;
  if (text.starts_with(':')) return is_plain_text(text) ? Probe::kMore : Probe::kNo;
  const string_view word = text.substr(0, text.find(' '));
  for (string_view one : {"NICK", "USER", "PASS", "CAP", "NOTICE", "PING", "JOIN", "PRIVMSG"}) {
    if (begins_ignoring_case(one, word)) return Probe::kMore;
  }
  return Probe::kNo;
}

Probe probe_irc(const ProbeInput& input) {
  return probe_sides(input, [](base::Bytes bytes) { return probe_side(base::as_text(bytes)); });
}

class IrcDecoder final : public LineDecoder {
 protected:
  Onward on_line(const Line& line) override;

 private:
  void request(const Message& message, const Line& line);
  void response(const Message& message, const Line& line);

  bool known_ = false;
  bool named_ = false;
  Side client_ = Side::kOriginator;
};

Onward IrcDecoder::on_line(const Line& line) {
  if (line.text.empty()) return {};
  const Message message = parse(line.text);
  if (!known_) {
    // Clients do not prefix what they say; "NOTICE AUTH" is a server's.
    const bool server = !message.prefix.empty() || same_ignoring_case(message.command, "NOTICE");
    if (same_ignoring_case(message.command, "PING") && !server) return {};  // either side's
    known_ = true;
    client_ = server ? model::other(line.side) : line.side;
    line.context.set_originator(client_);
  }
  if (line.side == client_) {
    request(message, line);
  } else {
    response(message, line);
  }
  return {};
}

void IrcDecoder::request(const Message& message, const Line& line) {
  const string_view command = find_command(message.command);
  if (command.empty()) {
    line.context.odd("unknown_command");
    return;
  }
  if (command == "PING" || command == "PONG") return;
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kRequest);
  record.add_text(kCommand, command);
  string_view rest = message.parameters;
  if (command == "NICK") {
    record.add_text(kNick, take_parameter(rest));
  } else if (command == "USER") {
    record.add_text(kUser, take_parameter(rest));
  } else if (command == "PASS" || command == "AUTHENTICATE") {
    record.add_text(kPassword, kMasked);
  } else if (command == "OPER") {
    record.add_text(kUser, take_parameter(rest));
    record.add_text(kPassword, kMasked);
  } else if (command != "QUIT" && command != "AWAY" && command != "CAP" && !rest.empty()) {
    record.add_text(kTarget, take_parameter(rest));
  }
  if (line.cut) record.mark_cut();
  line.context.emit(line.side);
}

void IrcDecoder::response(const Message& message, const Line& line) {
  const bool welcome = message.numeric == 1 && !named_;
  const bool error = message.numeric >= 400 || same_ignoring_case(message.command, "ERROR");
  if (!welcome && !error) return;
  named_ |= welcome;
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kResponse);
  if (message.numeric != 0) record.add_uint(kStatus, message.numeric);
  if (!message.prefix.empty()) record.add_text(kServer, message.prefix);
  string_view rest = message.parameters;
  if (welcome) record.add_text(kNick, take_parameter(rest));
  const std::size_t trailing = message.parameters.find(':');
  if (trailing != string_view::npos) {
    record.add_text(kText, message.parameters.substr(trailing + 1));
  }
  line.context.emit(line.side);
}

constexpr std::uint16_t kPorts[] = {6667};

}  // namespace

extern const ProtocolDef kIrc;
constinit const ProtocolDef kIrc{
    .name = "irc",
    .transport = Transport::kTcp,
    .first = FirstBytes::of(":@CcJjNnPpUu"),
    .usual_ports = kPorts,
    .probe = probe_irc,
    .schema = &kSchema,
    .state_bytes = sizeof(IrcDecoder),
    .make = make_decoder<IrcDecoder>,
};

}  // namespace netwatch::dpi
