// POP3: RFC 1939 (commands, replies, dot-terminated lists and messages, which are passed over), RFC
// 2449 (CAPA), RFC 2595 (STLS, after which TLS is handed on), RFC 5034 (AUTH).
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
  kArgument,
  kAuth,
  kUser,
  kPassword,
  kStatus,
  kText,
  kServer,
  kLatency,
};

constexpr string_view kKinds[] = {"request", "response"};
constexpr string_view kCommandAlias[] = {"pop.request.command"};
constexpr string_view kArgumentAlias[] = {"pop.request.parameter"};
constexpr string_view kStatusAlias[] = {"pop.response.indicator"};
constexpr string_view kTextAlias[] = {"pop.response.description"};

constexpr FieldDef kFields[] = {
    {.name = "pop3.command",
     .help = "command, in upper case",
     .role = Role::kMethod,
     .aliases = kCommandAlias,
     .max_bytes = 16},
    {.name = "pop3.argument",
     .help = "its argument",
     .privacy = Privacy::kPersonal,
     .aliases = kArgumentAlias},
    {.name = "pop3.auth", .help = "authentication mechanism", .max_bytes = 64},
    {.name = "pop3.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "pop3.password", .help = "always masked", .privacy = Privacy::kSecret},
    {.name = "pop3.status",
     .help = "+OK or -ERR",
     .role = Role::kStatus,
     .aliases = kStatusAlias,
     .max_bytes = 8},
    {.name = "pop3.text", .help = "text of the reply", .aliases = kTextAlias},
    {.name = "pop3.server", .help = "the server's greeting", .role = Role::kSubject},
    {.name = "pop3.latency_us",
     .type = FieldType::kDuration,
     .help = "command to its reply",
     .role = Role::kLatency},
};
constexpr model::Schema kSchema{
    .proto = "pop3", .title = "POP3", .kinds = kKinds, .fields = kFields};

enum class Command : std::uint8_t { kOther, kUser, kSecret, kApop, kAuth, kTls, kLines, kListing };
struct Named {
  string_view name;
  Command command = Command::kOther;
  bool told_by = true;  // it begins a conversation, and no other line protocol has it
};
constexpr Named kCommands[] = {
    {"USER", Command::kUser, false},    {"PASS", Command::kSecret, false},
    {"APOP", Command::kApop},           {"AUTH", Command::kAuth, false},
    {"CAPA", Command::kLines},          {"STLS", Command::kTls},
    {"STAT", Command::kOther, false},   {"LIST", Command::kListing, false},
    {"UIDL", Command::kListing},        {"RETR", Command::kLines, false},
    {"TOP", Command::kLines, false},    {"DELE", Command::kOther, false},
    {"NOOP", Command::kOther, false},   {"RSET", Command::kOther, false},
    {"LAST", Command::kOther, false},   {"UTF8", Command::kOther, false},
    {"LANG", Command::kListing, false}, {"XTND", Command::kOther, false},
    {"QUIT", Command::kOther, false},
};

const Named* find_command(string_view word) {
  const auto* const found = std::ranges::find_if(
      kCommands, [&](const Named& one) { return same_ignoring_case(one.name, word); });
  return found == std::end(kCommands) ? nullptr : found;
}

bool is_reply(string_view line) {
  for (string_view status : {"+OK", "-ERR"}) {
    if (!line.starts_with(status)) continue;
    return line.size() == status.size() || line[status.size()] == ' ';
  }
  return false;
}

// A greeting that names itself, or has the time stamp of APOP (RFC 1939 section 7).
bool greets(string_view line) {
  for (string_view word : {"POP", "Pop", "pop", "Dovecot", "ready"}) {
    if (line.starts_with("+OK ") && line.find(word) != string_view::npos) return true;
  }
  const std::size_t open = line.find('<');
  return open != string_view::npos && line.find('@', open) != string_view::npos &&
         line.ends_with('>');
}

// "+OK" is Redis' as well: only its text, or a client beside it, tells.
Probe probe_server(string_view text) {
  const auto line = first_line(text);
  const string_view shown = line.value_or(text.substr(0, text.find('\r')));
  if (!is_plain_text(shown)) return Probe::kNo;
  if (!line) {
    const bool may = string_view("+OK ").starts_with(text.substr(0, 4));
    return may && text.size() <= 512 ? Probe::kMore : Probe::kNo;
  }
  if (!is_reply(*line)) return Probe::kNo;
  const bool counts = line->ends_with(" octets") || line->find(" messages") != string_view::npos;
  if (counts && line->starts_with("+OK ")) return Probe::kYes;
  return greets(*line) ? Probe::kYes : Probe::kMore;
}

Probe probe_client(string_view text, bool greeted) {
  string_view line;
  bool any = false;
  while (next_line(text, line)) {
    if (!is_plain_text(line)) return Probe::kNo;
    const Named* const named = find_command(take_word(line));
    if (named == nullptr) return any ? Probe::kMore : Probe::kNo;
    any = true;
    if (greeted || named->told_by) return Probe::kYes;
  }
  if (any) return Probe::kMore;
  const string_view word = text.substr(0, text.find(' '));
  const bool may = std::ranges::any_of(
      kCommands, [&](const Named& one) { return begins_ignoring_case(one.name, word); });
  return may && text.size() < 512 ? Probe::kMore : Probe::kNo;
}

Probe probe_pop3(const ProbeInput& input) {
  bool greeted = false;
  Probe best = Probe::kNo;
  for (base::Bytes bytes : input.sides) {
    const string_view text = base::as_text(bytes);
    if (text.empty() || (text[0] != '+' && text[0] != '-')) continue;
    const Probe probe = probe_server(text);
    if (probe != Probe::kMore) return probe;
    best = probe;
    greeted = first_line(text).has_value();
  }
  for (base::Bytes bytes : input.sides) {
    const string_view text = base::as_text(bytes);
    if (text.empty() || text[0] == '+' || text[0] == '-') continue;
    return probe_client(text, greeted);
  }
  return best;
}

class Pop3Decoder final : public LineDecoder {
 protected:
  Onward on_line(const Line& line) override;
  void on_loss(Side /*side*/) override {
    waiting_.clear();
    lists_ = asked_ = 0;
    in_lines_ = false;
    in_login_ = false;  // which step of it comes next is not known any more
  }

 private:
  void request(const Line& line);
  Onward response(const Line& line);
  void login_step(const Line& line);
  void await_reply(const Line& line, bool lines);

  WaitingRequests waiting_;
  std::array<char, 16> mechanism_{};
  std::uint8_t mechanism_size_ = 0;
  std::uint32_t lists_ = 0;  // bit n: the reply to the n-th waiting command has lines behind it
  std::uint8_t asked_ = 0;   // commands that wait
  bool known_ = false;
  bool greeted_ = false;
  bool in_login_ = false;
  bool name_seen_ = false;
  bool asked_for_tls_ = false;
  bool in_lines_ = false;  // until a line of a single dot
  Side client_ = Side::kOriginator;
};

Onward Pop3Decoder::on_line(const Line& line) {
  if (!known_) {
    if (line.text.empty()) return {};
    known_ = true;
    client_ = is_reply(line.text) ? model::other(line.side) : line.side;
    line.context.set_originator(client_);
  }
  if (line.side != client_) return response(line);
  request(line);
  return {};
}

void Pop3Decoder::await_reply(const Line& line, bool lines) {
  waiting_.push(line.time_ns);
  if (asked_ >= 32) return;
  if (lines) lists_ |= 1U << asked_;
  ++asked_;
}

void Pop3Decoder::request(const Line& line) {
  string_view rest = line.text;
  const Named* const named = find_command(take_word(rest));
  if (in_login_ && (named == nullptr || !is_plain_text(line.text))) {
    login_step(line);
    return;
  }
  in_login_ = false;
  if (named == nullptr) {
    if (!line.text.empty()) line.context.odd("unknown_command");
    await_reply(line, false);
    return;
  }
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kRequest);
  record.add_text(kCommand, named->name);
  const bool bare = rest.empty();
  switch (named->command) {
    case Command::kUser:
      record.add_text(kArgument, rest);
      record.add_text(kUser, rest);
      break;
    case Command::kSecret:
      record.add_text(kArgument, kMasked);
      record.add_text(kPassword, kMasked);
      break;
    case Command::kApop:
      record.add_text(kUser, take_word(rest));
      record.add_text(kPassword, kMasked);
      break;
    case Command::kAuth: {
      const string_view mechanism = take_word(rest);
      if (bare) break;
      record.add_text(kAuth, mechanism);
      mechanism_size_ = static_cast<std::uint8_t>(std::min(mechanism.size(), mechanism_.size()));
      std::copy_n(mechanism.begin(), mechanism_size_, mechanism_.begin());
      if (const auto user = sasl_user(mechanism, 0, rest)) record.add_text(kUser, *user);
      name_seen_ = !rest.empty();
      in_login_ = true;
      break;
    }
    case Command::kTls:
      asked_for_tls_ = true;
      expect_tls();
      break;
    default:
      if (!bare) record.add_text(kArgument, rest);
      break;
  }
  if (line.cut) record.mark_cut();
  line.context.emit(line.side);
  const bool list =
      named->command == Command::kLines ||
      (bare && (named->command == Command::kListing || named->command == Command::kAuth));
  await_reply(line, list);
}

void Pop3Decoder::login_step(const Line& line) {
  const string_view mechanism(mechanism_.data(), mechanism_size_);
  const auto user = name_seen_ ? std::nullopt : sasl_user(mechanism, 0, line.text);
  name_seen_ = true;
  if (!user) return;
  line.context.record().start(kSchema, kRequest);
  line.context.record().add_text(kAuth, mechanism);
  line.context.record().add_text(kUser, *user);
  line.context.emit(line.side);
}

Onward Pop3Decoder::response(const Line& line) {
  if (in_lines_) {
    in_lines_ = line.text != ".";
    return {};
  }
  if (!is_reply(line.text)) return {};  // a challenge, or what lies behind a gap
  string_view rest = line.text;
  const string_view status = take_word(rest);
  const bool ok = status == "+OK";
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kResponse);
  record.add_text(kStatus, status);
  if (!rest.empty()) record.add_text(kText, rest);
  // A hasty client's command may come before the greeting.
  const bool greeting = !greeted_ && (asked_ == 0 || greets(line.text));
  if (greeting && ok && !rest.empty()) record.add_text(kServer, rest);
  greeted_ = true;
  if (!greeting) {
    if (const auto latency = waiting_.answered(line.time_ns)) {
      record.add_int(kLatency, *latency);
    }
    in_lines_ = ok && (lists_ & 1) != 0;
    lists_ >>= 1;
    if (asked_ > 0) --asked_;
    in_login_ = false;
  }
  line.context.emit(line.side);
  if (!asked_for_tls_ || asked_ > 0) return {};
  asked_for_tls_ = false;
  if (ok) return Onward::hand_on();
  refuse_tls();
  return {};
}

constexpr std::uint16_t kPorts[] = {110};

}  // namespace

extern const ProtocolDef kPop3;
constinit const ProtocolDef kPop3{
    .name = "pop3",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("+-UuPpAaCcSsLlRrTtDdNnXxQq"),
    .usual_ports = kPorts,
    .probe = probe_pop3,
    .schema = &kSchema,
    .state_bytes = sizeof(Pop3Decoder),
    .make = make_decoder<Pop3Decoder>,
};

}  // namespace netwatch::dpi
