// NNTP: RFC 3977 (commands, replies, dot-terminated blocks, which are passed over), RFC 4642
// (STARTTLS, after which TLS is handed on), RFC 4643 (AUTHINFO), RFC 4644 (streaming), RFC 8054
// (COMPRESS, after which nothing is read).
#include <algorithm>
#include <array>

#include "dpi/parts/http_message.h"
#include "dpi/parts/line_decoder.h"
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
  kGroup,
  kUser,
  kPassword,
  kStatus,
  kText,
  kServer,
  kLatency,
};

constexpr string_view kKinds[] = {"request", "response"};
constexpr FieldDef kFields[] = {
    {.name = "nntp.command",
     .help = "command, in upper case",
     .role = Role::kMethod,
     .max_bytes = 16},
    {.name = "nntp.argument", .help = "its arguments", .privacy = Privacy::kPersonal},
    {.name = "nntp.group",
     .help = "newsgroup that is selected",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal},
    {.name = "nntp.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "nntp.password", .help = "always masked", .privacy = Privacy::kSecret},
    {.name = "nntp.status",
     .type = FieldType::kUint,
     .help = "three digits of the reply",
     .role = Role::kStatus},
    {.name = "nntp.text", .help = "text of the reply"},
    {.name = "nntp.server", .help = "the server's greeting", .role = Role::kSubject},
    {.name = "nntp.latency_us",
     .type = FieldType::kDuration,
     .help = "command to its reply",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "nntp", .title = "NNTP", .kinds = kKinds, .fields = kFields};

enum class Command : std::uint8_t {
  kOther,
  kGroup,
  kListGroup,
  kLogin,
  kMode,
  kPost,
  kStream,
  kTls
};
struct Named {
  string_view name;
  Command command = Command::kOther;
  bool told_by = false;  // no other line protocol has it
};
constexpr Named kCommands[] = {
    {"ARTICLE"},
    {"AUTHINFO", Command::kLogin, true},
    {"BODY"},
    {"CAPABILITIES", Command::kOther, true},
    {"CHECK"},
    {"COMPRESS"},
    {"DATE"},
    {"GROUP", Command::kGroup},
    {"HDR"},
    {"HEAD"},
    {"HELP"},
    {"IHAVE", Command::kPost, true},
    {"LAST"},
    {"LIST"},
    {"LISTGROUP", Command::kListGroup, true},
    {"MODE", Command::kMode},
    {"NEWGROUPS", Command::kOther, true},
    {"NEWNEWS", Command::kOther, true},
    {"NEXT"},
    {"OVER"},
    {"POST", Command::kPost},
    {"QUIT"},
    {"SLAVE"},
    {"STARTTLS", Command::kTls},
    {"STAT"},
    {"TAKETHIS", Command::kStream, true},
    {"XGTITLE", Command::kOther, true},
    {"XHDR", Command::kOther, true},
    {"XOVER", Command::kOther, true},
    {"XPAT", Command::kOther, true},
};

const Named* find_command(string_view word) {
  const auto* const found = std::ranges::find_if(
      kCommands, [&](const Named& one) { return same_ignoring_case(one.name, word); });
  return found == std::end(kCommands) ? nullptr : found;
}

enum Code : std::uint16_t {
  kPostingAllowed = 200,
  kPostingProhibited = 201,
  kCompressed = 206,
  kGroupSelected = 211,
  kSendTransfer = 335,
  kSendPost = 340,
  kGoOnWithTls = 382,
};

// RFC 3977 section 3.2: whether lines follow depends on nothing but the code (211 is the
// exception), so that a client can pass over what it does not know.
bool has_block(std::uint16_t code, bool list_group) {
  constexpr std::array<std::uint16_t, 12> kBlocks{100, 101, 215, 220, 221, 222,
                                                  224, 225, 230, 231, 282, 288};
  return std::ranges::find(kBlocks, code) != kBlocks.end() ||
         (code == kGroupSelected && list_group);
}

bool is_greeting(std::uint16_t code) {
  return code == kPostingAllowed || code == kPostingProhibited;
}

// "211 217 3 219 a.group", "220 185 <id@host>": numbers, and a name or identifier behind them.
bool is_own_reply(const ReplyLine& reply) {
  string_view rest = reply.text;
  const int numbers = reply.code == kGroupSelected ? 3 : 1;
  if (reply.code != kGroupSelected && (reply.code < 220 || reply.code > 223)) return false;
  for (int i = 0; i < numbers; ++i) {
    if (!parse_decimal(take_word(rest))) return false;
  }
  const string_view name = take_word(rest);
  if (reply.code == kGroupSelected) return !name.empty();
  return name.starts_with('<') && name.ends_with('>');
}

Probe probe_server(string_view text, bool& greeted) {
  const auto line = first_line(text);
  if (!line) {
    const bool may = text.size() < 512 && text[0] == '2' && is_plain_text(text);
    return may ? Probe::kMore : Probe::kNo;
  }
  const auto reply = parse_reply_line(*line);
  if (!reply || reply->more || !is_plain_text(*line)) return Probe::kNo;
  if (is_own_reply(*reply)) return Probe::kYes;
  if (!is_greeting(reply->code)) return Probe::kNo;
  for (string_view word : {"nntp", "InterNetNews", "leafnode", "posting "}) {
    if (holds_word(reply->text, word)) return Probe::kYes;
  }
  greeted = true;
  return Probe::kMore;
}

Probe probe_client(string_view text, bool greeted) {
  const auto line = first_line(text);
  string_view rest = line.value_or(text.substr(0, text.find('\r')));
  if (!is_plain_text(rest)) return Probe::kNo;
  const string_view word = take_word(rest);
  if (!line) {
    const bool may = std::ranges::any_of(
        kCommands, [&](const Named& one) { return begins_ignoring_case(one.name, word); });
    return may && text.size() < 512 ? Probe::kMore : Probe::kNo;
  }
  const Named* const named = find_command(word);
  if (named == nullptr) return Probe::kNo;
  const bool mode = named->name == "MODE" &&
                    (same_ignoring_case(rest, "READER") || same_ignoring_case(rest, "STREAM"));
  return named->told_by || mode || greeted ? Probe::kYes : Probe::kMore;
}

Probe probe_nntp(const ProbeInput& input) {
  bool greeted = false;
  Probe best = Probe::kNo;
  const auto is_reply = [](string_view text) { return text[0] >= '1' && text[0] <= '5'; };
  for (base::Bytes bytes : input.sides) {
    const string_view text = base::as_text(bytes);
    if (text.empty() || !is_reply(text)) continue;
    best = probe_server(text, greeted);
    if (best != Probe::kMore) return best;
  }
  for (base::Bytes bytes : input.sides) {
    const string_view text = base::as_text(bytes);
    if (!text.empty() && !is_reply(text)) return probe_client(text, greeted);
  }
  return best;
}

class NntpDecoder final : public LineDecoder {
 protected:
  Onward on_line(const Line& line) override;
  void on_loss(Side side) override {
    if (side == client_) posting_ = false;
    if (side != client_) in_block_ = false;
    waiting_.clear();
    list_groups_ = asked_ = 0;
  }

 private:
  void request(const Line& line);
  Onward response(const Line& line);
  void await_reply(const Line& line, bool list_group);
  static void login(string_view rest, model::RecordBuilder& record);

  WaitingRequests waiting_;
  std::uint32_t list_groups_ = 0;  // bit n: the n-th waiting command is LISTGROUP
  std::uint8_t asked_ = 0;         // commands that wait
  Command last_ = Command::kOther;
  bool known_ = false;
  bool greeted_ = false;
  bool posting_ = false;   // the client sends an article
  bool in_block_ = false;  // the server sends lines until one of a single dot
  Side client_ = Side::kOriginator;
};

Onward NntpDecoder::on_line(const Line& line) {
  if (!known_) {
    if (line.text.empty()) return {};
    known_ = true;
    client_ = parse_reply_line(line.text) ? model::other(line.side) : line.side;
    line.context.set_originator(client_);
  }
  if (line.side != client_) return response(line);
  if (posting_) {
    posting_ = line.text != ".";
    if (!posting_) await_reply(line, false);
    return {};
  }
  request(line);
  return {};
}

void NntpDecoder::await_reply(const Line& line, bool list_group) {
  waiting_.push(line.time_ns);
  if (asked_ >= 32) return;
  if (list_group) list_groups_ |= 1U << asked_;
  ++asked_;
}

// RFC 4643: "AUTHINFO USER name", "AUTHINFO PASS word", "AUTHINFO SASL mechanism [response]".
void NntpDecoder::login(string_view rest, model::RecordBuilder& record) {
  const string_view how = take_word(rest);
  if (same_ignoring_case(how, "USER")) {
    record.add_text(kUser, rest);
  } else {
    record.add_text(kPassword, kMasked);
  }
  const bool sasl = same_ignoring_case(how, "SASL");
  record.add_text(kArgument, sasl ? take_word(rest) : how);
}

void NntpDecoder::request(const Line& line) {
  string_view rest = line.text;
  const Named* const named = find_command(take_word(rest));
  if (named == nullptr) {
    // An article whose permission was not seen yet: both sides' first bytes come one by one.
    if (last_ == Command::kPost) {
      posting_ = true;
    } else if (!line.text.empty()) {
      line.context.odd("unknown_command");
      await_reply(line, false);
    }
    return;
  }
  last_ = named->command;
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kRequest);
  record.add_text(kCommand, named->name);
  if (named->command == Command::kLogin) {
    login(rest, record);
  } else if (!rest.empty()) {
    const bool group = named->command == Command::kGroup || named->command == Command::kListGroup;
    if (group) record.add_text(kGroup, rest.substr(0, rest.find(' ')));
    record.add_text(kArgument, rest);
  }
  if (line.cut) record.mark_cut();
  line.context.emit(line.side);
  if (named->command == Command::kTls) expect_tls();
  posting_ = named->command == Command::kStream;
  if (!posting_) await_reply(line, named->command == Command::kListGroup);
}

Onward NntpDecoder::response(const Line& line) {
  if (in_block_) {
    in_block_ = line.text != ".";
    return {};
  }
  const auto reply = parse_reply_line(line.text);
  if (!reply) {
    if (!line.text.empty()) line.context.odd("bad_reply");
    return {};
  }
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kResponse);
  record.add_uint(kStatus, reply->code);
  if (!reply->text.empty()) record.add_text(kText, reply->text);
  // A hasty client's command may come before the greeting. MODE READER is answered as it greets.
  const bool may_greet = asked_ == 0 || last_ != Command::kMode;
  const bool greeting = !greeted_ && may_greet && is_greeting(reply->code);
  if (greeting && !reply->text.empty()) record.add_text(kServer, reply->text);
  greeted_ = true;
  if (!greeting) {
    if (const auto latency = waiting_.answered(line.time_ns)) record.add_int(kLatency, *latency);
    in_block_ = has_block(reply->code, (list_groups_ & 1) != 0);
    list_groups_ >>= 1;
    if (asked_ > 0) --asked_;
  }
  line.context.emit(line.side);
  switch (reply->code) {
    case kSendTransfer:
    case kSendPost:
      posting_ = true;
      return {};
    case kGoOnWithTls:
      return Onward::hand_on();
    case kCompressed:
      return Onward::done();
    default:
      if (last_ == Command::kTls) refuse_tls();
      return {};
  }
}

constexpr std::uint16_t kPorts[] = {119};

}  // namespace

extern const ProtocolDef kNntp;
constinit const ProtocolDef kNntp{
    .name = "nntp",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("2AaBbCcDdGgHhIiLlMmNnOoPpSsTtXx"),
    .usual_ports = kPorts,
    .probe = probe_nntp,
    .schema = &kSchema,
    .state_bytes = sizeof(NntpDecoder),
    .make = make_decoder<NntpDecoder>,
};

}  // namespace netwatch::dpi
