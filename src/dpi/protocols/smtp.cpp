// SMTP (and LMTP): RFC 5321 (commands, replies), RFC 1870 and 3030 (SIZE, BDAT), RFC 3207
// (STARTTLS, after which TLS is handed on), RFC 4954 (AUTH). Messages themselves are passed over.
// Commands that are not known are not shown: they may be a part of a login or of a message.
#include <algorithm>
#include <array>

#include "dpi/parts/http_message.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/parts/sasl.h"
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
enum Field : std::uint8_t {
  kCommand,
  kHelo,
  kFrom,
  kTo,
  kAuth,
  kUser,
  kStatus,
  kText,
  kServer,
  kLatency,
};

constexpr string_view kKinds[] = {"request", "response"};
constexpr string_view kCommandAlias[] = {"smtp.req.command"};
constexpr string_view kUserAlias[] = {"smtp.auth.username"};
constexpr string_view kStatusAlias[] = {"smtp.response.code"};
constexpr string_view kTextAlias[] = {"smtp.rsp.parameter"};

constexpr FieldDef kFields[] = {
    {.name = "smtp.command",
     .help = "command, in upper case",
     .role = Role::kMethod,
     .aliases = kCommandAlias,
     .max_bytes = 16},
    {.name = "smtp.helo", .help = "name the client gives itself (EHLO, HELO, LHLO)"},
    {.name = "smtp.from",
     .help = "sender's address on the envelope (MAIL FROM)",
     .privacy = Privacy::kPersonal},
    {.name = "smtp.to",
     .help = "recipient's address on the envelope (RCPT TO)",
     .privacy = Privacy::kPersonal},
    {.name = "smtp.auth", .help = "authentication mechanism", .max_bytes = 64},
    {.name = "smtp.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "smtp.status",
     .type = FieldType::kUint,
     .help = "reply code",
     .role = Role::kStatus,
     .aliases = kStatusAlias},
    {.name = "smtp.text", .help = "first line of the reply", .aliases = kTextAlias},
    {.name = "smtp.server", .help = "the server's greeting", .role = Role::kSubject},
    {.name = "smtp.latency_us",
     .type = FieldType::kDuration,
     .help = "command to the first line of its reply",
     .role = Role::kLatency},
};
constexpr model::Schema kSchema{
    .proto = "smtp", .title = "SMTP", .kinds = kKinds, .fields = kFields};

enum class Command : std::uint8_t { kOther, kHelo, kMail, kRcpt, kData, kBdat, kAuth, kTls };
struct Named {
  string_view name;
  Command command = Command::kOther;
};
constexpr Named kCommands[] = {
    {"EHLO", Command::kHelo},
    {"HELO", Command::kHelo},
    {"LHLO", Command::kHelo},
    {"MAIL", Command::kMail},
    {"RCPT", Command::kRcpt},
    {"DATA", Command::kData},
    {"BDAT", Command::kBdat},
    {"AUTH", Command::kAuth},
    {"STARTTLS", Command::kTls},
    {"QUIT"},
    {"RSET"},
    {"NOOP"},
    {"VRFY"},
    {"EXPN"},
    {"HELP"},
    {"ETRN"},
    {"TURN"},
    {"ATRN"},
    {"SEND", Command::kMail},
    {"SAML", Command::kMail},
    {"SOML", Command::kMail},
    {"XCLIENT"},
    {"XFORWARD"},
    {"BURL"},
    {"X-EXPS", Command::kAuth},
    {"X-LINK2STATE"},
    {"X-ANONYMOUSTLS", Command::kTls},
};

const Named* find_command(string_view word) {
  const auto* const found = std::ranges::find_if(
      kCommands, [&](const Named& one) { return same_ignoring_case(one.name, word); });
  return found == std::end(kCommands) ? nullptr : found;
}

// "FROM:<a@example.org> SIZE=1": what is between the brackets, or the first word.
string_view path_of(string_view argument) {
  const std::size_t colon = argument.find(':');
  if (colon == string_view::npos) return {};
  argument = trim_blanks(argument.substr(colon + 1));
  if (!argument.starts_with('<')) return take_word(argument);
  return argument.substr(1, std::min(argument.find('>'), argument.size()) - 1);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A greeting that may be SMTP's, or a capture from the middle that shows EHLO's answer.
Probe probe_server(string_view text) {
  string_view line;
  bool greeting = false;
  std::uint16_t first = 0;
  unsigned keywords = 0;
  while (next_line(text, line)) {
    if (!is_plain_text(line)) return Probe::kNo;
    const auto reply = parse_reply_line(line);
    if (!reply) return Probe::kNo;
    if (first == 0) first = reply->code;
    if (first != 220 && first != 250 && first != 554 && first != 421) return Probe::kNo;
    greeting |= first != 250;
    if (greeting && holds_word(reply->text, "SMTP")) return Probe::kYes;
    if (first == 220 && holds_word(reply->text, "FTP")) return Probe::kNo;
    for (string_view word : {"PIPELINING", "8BITMIME", "SIZE", "STARTTLS", "ENHANCEDSTATUSCODES"}) {
      keywords += begins_ignoring_case(reply->text, word) ? 1 : 0;
    }
    if (keywords >= 2) return Probe::kYes;
  }
  if (first != 0) return Probe::kMore;
  const bool may = text.size() <= 512 && std::ranges::all_of(text.substr(0, 3), is_digit) &&
                   is_plain_text(text.substr(0, text.find('\r')));
  return may ? Probe::kMore : Probe::kNo;
}

Probe probe_client(string_view text) {
  string_view line = text.substr(0, text.find_first_of("\r\n"));
  const bool whole = text.find('\n') != string_view::npos;
  if (!is_plain_text(line)) return Probe::kNo;
  if (begins_ignoring_case(line, "MAIL FROM:") || begins_ignoring_case(line, "RCPT TO:")) {
    return Probe::kYes;
  }
  string_view rest = line;
  const Named* const command = find_command(take_word(rest));
  if (command != nullptr && command->command == Command::kHelo) {
    // "EHLO name", and nothing behind the name.
    const bool one_word = rest.find(' ') == string_view::npos;
    if (whole) return one_word ? Probe::kYes : Probe::kNo;
    return one_word && line.size() < 512 ? Probe::kMore : Probe::kNo;
  }
  if (whole) return command != nullptr ? Probe::kMore : Probe::kNo;
  const bool may = std::ranges::any_of(
      kCommands, [&](const Named& one) { return begins_ignoring_case(one.name, line); });
  return may || begins_ignoring_case("MAIL FROM:", line) || begins_ignoring_case("RCPT TO:", line)
             ? Probe::kMore
             : Probe::kNo;
}

Probe probe_smtp(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (base::Bytes bytes : input.sides) {
    const string_view text = base::as_text(bytes);
    if (text.empty()) continue;
    const Probe probe = is_digit(text[0]) ? probe_server(text) : probe_client(text);
    if (probe == Probe::kYes) return probe;
    if (probe == Probe::kNo && text.size() > 4) return probe;
    if (probe == Probe::kMore) best = probe;
  }
  return best;
}

class SmtpDecoder final : public LineDecoder {
 protected:
  Onward on_line(const Line& line) override;
  void on_loss(Side side) override;

 private:
  Onward request(const Line& line);
  Onward response(const Line& line);
  void login_step(const Line& line);

  WaitingRequests waiting_;
  std::array<char, 16> mechanism_{};  // of the login that goes on
  std::uint8_t mechanism_size_ = 0;
  std::uint8_t login_step_ = 0;
  bool known_ = false;
  bool greeted_ = false;
  bool asked_for_tls_ = false;
  bool in_reply_ = false;  // behind a line "250-..."
  bool data_asked_ = false;
  bool in_message_ = false;
  bool in_login_ = false;
  Side client_ = Side::kOriginator;
};

void SmtpDecoder::on_loss(Side side) {
  waiting_.clear();
  in_login_ = false;  // which step of it comes next is not known any more
  if (side == client_) return;
  in_reply_ = false;
}

Onward SmtpDecoder::on_line(const Line& line) {
  if (!known_ && !line.text.empty()) {
    known_ = true;
    const bool reply = parse_reply_line(line.text).has_value();
    client_ = reply ? model::other(line.side) : line.side;
    line.context.set_originator(client_);
  }
  return line.side == client_ ? request(line) : response(line);
}

Onward SmtpDecoder::request(const Line& line) {
  // Section 4.5.2: a line of a single dot ends a message.
  if (in_message_ || data_asked_) {
    if (line.text != ".") return {};
    in_message_ = data_asked_ = false;
    waiting_.push(line.time_ns);
    return {};
  }
  if (in_login_) {
    login_step(line);
    return {};
  }
  string_view rest = line.text;
  const Named* const named = find_command(take_word(rest));
  if (named == nullptr) {
    if (!line.text.empty()) line.context.odd("unknown_command");
    return {};
  }
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kRequest);
  record.add_text(kCommand, named->name);
  Onward onward;
  switch (named->command) {
    case Command::kHelo:
      if (!rest.empty()) record.add_text(kHelo, trim_blanks(rest));
      break;
    case Command::kMail:
      record.add_text(kFrom, path_of(rest));
      break;
    case Command::kRcpt:
      record.add_text(kTo, path_of(rest));
      break;
    case Command::kData:
      data_asked_ = true;
      break;
    case Command::kBdat:
      onward.skip = std::min(parse_decimal(take_word(rest)).value_or(0), kRestOfSide);
      break;
    case Command::kAuth: {
      const string_view mechanism = take_word(rest);
      record.add_text(kAuth, mechanism);
      mechanism_size_ = static_cast<std::uint8_t>(std::min(mechanism.size(), mechanism_.size()));
      std::copy_n(mechanism.begin(), mechanism_size_, mechanism_.begin());
      login_step_ = 0;
      in_login_ = true;
      if (rest.empty()) break;
      if (const auto user = sasl_user(mechanism, 0, rest)) record.add_text(kUser, *user);
      login_step_ = 1;
      break;
    }
    case Command::kTls:
      asked_for_tls_ = true;
      expect_tls();
      break;
    case Command::kOther:
      break;
  }
  if (line.cut) record.mark_cut();
  line.context.emit(line.side);
  waiting_.push(line.time_ns);
  return onward;
}

// RFC 4954 section 4: one response of the client. Only its name is looked at.
void SmtpDecoder::login_step(const Line& line) {
  const string_view mechanism(mechanism_.data(), mechanism_size_);
  // Without the server's side: three responses are as many as any login has.
  if (login_step_ >= 3 || find_command(line.text.substr(0, line.text.find(' '))) != nullptr) {
    in_login_ = false;
    if (login_step_ < 3) request(line);
    return;
  }
  if (const auto user = sasl_user(mechanism, login_step_, line.text)) {
    line.context.record().start(kSchema, kRequest);
    line.context.record().add_text(kAuth, mechanism);
    line.context.record().add_text(kUser, *user);
    line.context.emit(line.side);
  }
  ++login_step_;
  waiting_.push(line.time_ns);
}

Onward SmtpDecoder::response(const Line& line) {
  const auto reply = parse_reply_line(line.text);
  if (!reply) {
    if (!line.text.empty()) line.context.odd("bad_reply");
    return {};
  }
  const bool goes_on = in_reply_;
  in_reply_ = reply->more;
  if (goes_on) return {};
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kResponse);
  record.add_uint(kStatus, reply->code);
  if (!reply->text.empty()) record.add_text(kText, reply->text);
  const bool greeting = reply->code == 220 && !asked_for_tls_ && !greeted_;
  if (greeting && !reply->text.empty()) record.add_text(kServer, reply->text);
  greeted_ = true;
  if (!greeting) {
    if (const auto latency = waiting_.answered(line.time_ns)) {
      record.add_int(kLatency, *latency);
    }
  }
  line.context.emit(line.side);
  if (data_asked_) {
    // Pipelined commands before DATA are answered first (RFC 2920).
    if (reply->code == 354) in_message_ = true;
    if (reply->code >= 400 || in_message_) data_asked_ = false;
  }
  if (in_login_ && reply->code != 334) in_login_ = false;
  if (!asked_for_tls_) return {};
  asked_for_tls_ = false;
  if (reply->code == 220) return Onward::hand_on();
  refuse_tls();
  return {};
}

constexpr std::uint16_t kPorts[] = {25, 587};

}  // namespace

extern const ProtocolDef kSmtp;
constinit const ProtocolDef kSmtp{
    .name = "smtp",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("245EeHhLlMmRrAaDdNnQqSsVvXx"),
    .usual_ports = kPorts,
    .probe = probe_smtp,
    .schema = &kSchema,
    .state_bytes = sizeof(SmtpDecoder),
    .make = make_decoder<SmtpDecoder>,
};

}  // namespace netwatch::dpi
