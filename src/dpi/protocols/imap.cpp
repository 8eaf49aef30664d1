// IMAP: RFC 9051 (IMAP4rev2) and its forerunners RFC 3501 and 1730: section 2.2 (commands, tagged
// and untagged responses), 4.3 (literals, which are passed over), 6.2.1 (STARTTLS, after which TLS
// is handed on). Of untagged responses only the greeting and BYE are reported.
#include <algorithm>
#include <array>

#include "dpi/parts/http_message.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/parts/probe_sides.h"
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
  kTag,
  kCommand,
  kUid,
  kMailbox,
  kAuth,
  kUser,
  kPassword,
  kStatus,
  kText,
  kServer,
  kLatency,
};

constexpr string_view kKinds[] = {"request", "response"};
constexpr string_view kTagAlias[] = {"imap.request_tag", "imap.response_tag"};
constexpr string_view kCommandAlias[] = {"imap.request.command"};
constexpr string_view kUserAlias[] = {"imap.request.username"};
constexpr string_view kPasswordAlias[] = {"imap.request.password"};
constexpr string_view kMailboxAlias[] = {"imap.request.folder"};
constexpr string_view kStatusAlias[] = {"imap.response.status"};

constexpr FieldDef kFields[] = {
    {.name = "imap.tag",
     .help = "joins a command and its result",
     .aliases = kTagAlias,
     .max_bytes = 64},
    {.name = "imap.command",
     .help = "command, in upper case",
     .role = Role::kMethod,
     .aliases = kCommandAlias,
     .max_bytes = 32},
    {.name = "imap.uid", .type = FieldType::kBool, .help = "it names messages by their UID"},
    {.name = "imap.mailbox",
     .help = "mailbox that a command is about",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kMailboxAlias},
    {.name = "imap.auth", .help = "authentication mechanism", .max_bytes = 64},
    {.name = "imap.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "imap.password",
     .help = "always masked",
     .privacy = Privacy::kSecret,
     .aliases = kPasswordAlias},
    {.name = "imap.status",
     .help = "OK, NO, BAD, BYE, PREAUTH",
     .role = Role::kStatus,
     .aliases = kStatusAlias,
     .max_bytes = 16},
    {.name = "imap.text", .help = "text of the result"},
    {.name = "imap.server", .help = "the server's greeting", .role = Role::kSubject},
    {.name = "imap.latency_us",
     .type = FieldType::kDuration,
     .help = "command to its result",
     .role = Role::kLatency},
};
constexpr model::Schema kSchema{
    .proto = "imap", .title = "IMAP", .kinds = kKinds, .fields = kFields};

enum class Command : std::uint8_t { kOther, kLogin, kAuth, kTls, kMailbox, kUid };
struct Named {
  string_view name;
  Command command = Command::kOther;
};
constexpr Named kCommands[] = {
    {"CAPABILITY"},
    {"NOOP"},
    {"LOGOUT"},
    {"STARTTLS", Command::kTls},
    {"AUTHENTICATE", Command::kAuth},
    {"LOGIN", Command::kLogin},
    {"ENABLE"},
    {"SELECT", Command::kMailbox},
    {"EXAMINE", Command::kMailbox},
    {"CREATE", Command::kMailbox},
    {"DELETE", Command::kMailbox},
    {"RENAME", Command::kMailbox},
    {"SUBSCRIBE", Command::kMailbox},
    {"UNSUBSCRIBE", Command::kMailbox},
    {"STATUS", Command::kMailbox},
    {"APPEND", Command::kMailbox},
    {"GETQUOTAROOT", Command::kMailbox},
    {"MYRIGHTS", Command::kMailbox},
    {"GETACL", Command::kMailbox},
    {"LIST"},
    {"LSUB"},
    {"XLIST"},
    {"RLIST"},
    {"NAMESPACE"},
    {"IDLE"},
    {"CHECK"},
    {"CLOSE"},
    {"UNSELECT"},
    {"EXPUNGE"},
    {"SEARCH"},
    {"FETCH"},
    {"PARTIAL"},
    {"STORE"},
    {"COPY"},
    {"MOVE"},
    {"SORT"},
    {"THREAD"},
    {"UID", Command::kUid},
    {"ID"},
    {"GETQUOTA"},
    {"COMPRESS"},
    {"NOTIFY"},
    {"GETMETADATA"},
    {"SETMETADATA"},
};

const Named* find_command(string_view word) {
  const auto* const found = std::ranges::find_if(
      kCommands, [&](const Named& one) { return same_ignoring_case(one.name, word); });
  return found == std::end(kCommands) ? nullptr : found;
}

bool is_status(string_view word) {
  constexpr std::array<string_view, 5> kStatuses{"OK", "NO", "BAD", "BYE", "PREAUTH"};
  return std::ranges::any_of(kStatuses,
                             [&](string_view one) { return same_ignoring_case(one, word); });
}

// Section 9: any ASTRING-CHAR but "+". Real ones are short, and begin with a letter or a digit.
bool is_tag(string_view word) {
  const bool begins = !word.empty() && is_token_char(word[0]) && word[0] != '!' && word[0] != '#';
  return begins && word.size() <= 32 && std::ranges::all_of(word, [](char c) {
           return c > 0x20 && c < 0x7f && string_view("(){%*\"\\+").find(c) == string_view::npos;
         });
}

// "{12}" or "{12+}" at the end of a line: so many bytes follow it.
std::optional<std::uint64_t> literal_size(string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  const std::size_t open = line.rfind('{');
  if (open == string_view::npos) return std::nullopt;
  string_view number = line.substr(open + 1, line.size() - open - 2);
  if (number.ends_with('+') || number.ends_with('-')) number.remove_suffix(1);
  const auto size = parse_decimal(number);
  if (!size || *size > kRestOfSide) return std::nullopt;
  return size;
}

// An atom or a quoted string, whose quotes and backslashes go. Nothing of a literal.
std::string take_string(string_view& text) {
  if (!text.starts_with('"')) {
    const string_view word = take_word(text);
    return word.starts_with('{') ? std::string() : std::string(word);
  }
  std::string value;
  std::size_t at = 1;
  for (; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    value += text[at];
  }
  text.remove_prefix(std::min(at + 1, text.size()));
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return value;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_greeting(string_view line) {
  return begins_ignoring_case(line, "* OK") || begins_ignoring_case(line, "* PREAUTH") ||
         begins_ignoring_case(line, "* BYE");
}

// A tag and a known command, or a tag and a status, in a whole line.
bool is_own_line(string_view line) {
  if (!is_plain_text(line)) return false;
  if (is_greeting(line)) return true;
  const string_view tag = take_word(line);
  const string_view word = take_word(line);
  if (!is_tag(tag) || word.size() < 2) return false;
  const Named* const named = find_command(word);
  if (named == nullptr) return false;
  const bool opens = named->command != Command::kOther || named->name == "CAPABILITY";
  const bool digit = std::ranges::any_of(tag, is_digit);
  // "200 NOOP successful" is a reply of FTP.
  if (tag.size() == 3 && std::ranges::all_of(tag, is_digit)) return opens;
  // Tags of programs hold a digit; words of other protocols before such a word seldom do.
  return digit || named->command == Command::kLogin || named->name == "CAPABILITY" ||
         tag.size() == 1;
}

Probe probe_side(string_view text) {
  const auto line = first_line(text);
  if (line) return is_own_line(*line) ? Probe::kYes : Probe::kNo;
  if (text.size() >= 512) return Probe::kNo;
  string_view rest = text;
  if (text.starts_with('*')) {
    constexpr string_view kOk = "* OK ";
    const std::size_t seen = std::min(text.size(), kOk.size());
    return same_ignoring_case(text.substr(0, seen), kOk.substr(0, seen)) ||
                   begins_ignoring_case(text, "* PREAUTH")
               ? Probe::kMore
               : Probe::kNo;
  }
  const string_view tag = take_word(rest);
  if (!is_tag(tag)) return Probe::kNo;
  if (rest.empty()) return Probe::kMore;
  const string_view word = rest.substr(0, rest.find_first_of(" \r"));
  const bool may = std::ranges::any_of(
      kCommands, [&](const Named& one) { return begins_ignoring_case(one.name, word); });
  return may ? Probe::kMore : Probe::kNo;
}

Probe probe_imap(const ProbeInput& input) {
  return probe_sides(input, [](base::Bytes bytes) { return probe_side(base::as_text(bytes)); });
}

class ImapDecoder final : public LineDecoder {
 protected:
  Onward on_line(const Line& line) override;
  void on_loss(Side side) override {
    waiting_.clear();
    in_literal_line_[model::index(side)] = false;
    in_login_ = false;
  }

 private:
  void request(const Line& line);
  Onward response(const Line& line);
  void arguments(const Named& named, string_view rest, model::RecordBuilder& record);
  void login_step(const Line& line);

  WaitingRequests waiting_;
  std::array<char, 16> mechanism_{};
  std::uint8_t mechanism_size_ = 0;
  bool known_ = false;
  bool greeted_ = false;   // "* OK" comes at any time; only the first is the greeting
  bool in_login_ = false;  // behind AUTHENTICATE, until its result
  bool name_seen_ = false;
  bool asked_for_tls_ = false;
  std::array<bool, 2> in_literal_line_{};  // the line goes on behind a literal
  Side client_ = Side::kOriginator;
};

Onward ImapDecoder::on_line(const Line& line) {
  bool& goes_on = in_literal_line_[model::index(line.side)];
  const bool begins = !goes_on;
  const auto literal = literal_size(line.text);
  goes_on = literal.has_value();
  Onward onward;
  if (begins && !line.text.empty()) {
    if (!known_) {
      known_ = true;
      string_view rest = line.text;
      const bool untagged = line.text.starts_with("* ") || line.text.starts_with("+ ");
      take_word(rest);
      const bool server = untagged || is_status(take_word(rest));
      client_ = server ? model::other(line.side) : line.side;
      line.context.set_originator(client_);
    }
    if (line.side == client_) {
      request(line);
    } else {
      onward = response(line);
    }
  }
  if (literal) onward.skip = *literal;
  return onward;
}

void ImapDecoder::request(const Line& line) {
  if (in_login_) {
    login_step(line);
    return;
  }
  string_view rest = line.text;
  const string_view tag = take_word(rest);
  const string_view word = take_word(rest);
  const Named* const named = find_command(word);
  if (named == nullptr || !is_tag(tag)) {
    if (!same_ignoring_case(line.text, "DONE")) line.context.odd("unknown_command");
    return;
  }
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kRequest);
  record.add_text(kTag, tag);
  if (named->command == Command::kUid) {
    const Named* const inner = find_command(take_word(rest));
    record.add_text(kCommand, inner == nullptr ? named->name : inner->name);
    record.add_bool(kUid, true);
  } else {
    record.add_text(kCommand, named->name);
    arguments(*named, rest, record);
  }
  if (line.cut) record.mark_cut();
  line.context.emit(line.side);
  waiting_.push(line.time_ns);
}

void ImapDecoder::arguments(const Named& named, string_view rest, model::RecordBuilder& record) {
  switch (named.command) {
    case Command::kLogin: {
      const std::string user = take_string(rest);
      if (!user.empty()) record.add_text(kUser, user);
      record.add_text(kPassword, kMasked);
      break;
    }
    case Command::kMailbox: {
      const std::string mailbox = take_string(rest);
      if (!mailbox.empty()) record.add_text(kMailbox, mailbox);
      break;
    }
    case Command::kAuth: {
      const string_view mechanism = take_word(rest);
      record.add_text(kAuth, mechanism);
      mechanism_size_ = static_cast<std::uint8_t>(std::min(mechanism.size(), mechanism_.size()));
      std::copy_n(mechanism.begin(), mechanism_size_, mechanism_.begin());
      const auto user = sasl_user(mechanism, 0, rest);
      if (user) record.add_text(kUser, *user);
      name_seen_ = !rest.empty();
      in_login_ = true;
      break;
    }
    case Command::kTls:
      asked_for_tls_ = true;
      expect_tls();
      break;
    default:
      break;
  }
}

void ImapDecoder::login_step(const Line& line) {
  // Without the server's side, the next command ends the login.
  if (is_own_line(line.text)) {
    in_login_ = false;
    request(line);
    return;
  }
  const string_view mechanism(mechanism_.data(), mechanism_size_);
  const auto user = name_seen_ ? std::nullopt : sasl_user(mechanism, 0, line.text);
  name_seen_ = true;
  if (!user) return;
  line.context.record().start(kSchema, kRequest);
  line.context.record().add_text(kAuth, mechanism);
  line.context.record().add_text(kUser, *user);
  line.context.emit(line.side);
}

Onward ImapDecoder::response(const Line& line) {
  string_view rest = line.text;
  const string_view tag = take_word(rest);
  const string_view status = take_word(rest);
  const bool greeting = tag == "*";
  if (!is_status(status) || !(is_tag(tag) || greeting)) return {};
  model::RecordBuilder& record = line.context.record();
  if (!greeting) {
    record.start(kSchema, kResponse);
    record.add_text(kTag, tag);
    record.add_text(kStatus, status);
    if (!rest.empty()) record.add_text(kText, rest);
    if (const auto latency = waiting_.answered(line.time_ns)) {
      record.add_int(kLatency, *latency);
    }
    line.context.emit(line.side);
    in_login_ = false;
  } else if (!greeted_ || same_ignoring_case(status, "BYE")) {
    record.start(kSchema, kResponse);
    record.add_text(kStatus, status);
    if (!rest.empty()) record.add_text(greeted_ ? kText : kServer, rest);
    line.context.emit(line.side);
  }
  greeted_ = true;
  if (greeting || !asked_for_tls_) return {};
  asked_for_tls_ = false;
  if (same_ignoring_case(status, "OK")) return Onward::hand_on();
  refuse_tls();
  return {};
}

constexpr std::uint16_t kPorts[] = {143};

// Printable ASCII without the blank.
constexpr FirstBytes kFirst{{~0ULL << 33, ~0ULL >> 1, 0, 0}};

}  // namespace

extern const ProtocolDef kImap;
constinit const ProtocolDef kImap{
    .name = "imap",
    .transport = Transport::kTcp,
    .first = kFirst,
    .usual_ports = kPorts,
    .probe = probe_imap,
    .schema = &kSchema,
    .state_bytes = sizeof(ImapDecoder),
    .make = make_decoder<ImapDecoder>,
};

}  // namespace netwatch::dpi
