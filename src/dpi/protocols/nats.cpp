// NATS' client protocol ("NATS Protocol" of its documentation): lines, and payloads of a size that
// their line says. Of the messages of a subject the first of either direction is reported; how many
// there were, at the end. Tokens and passwords are masked.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <system_error>

#include "dpi/parts/line_decoder.h"
#include "dpi/parts/seen_texts.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::RecordBuilder;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t {
  kInfo,
  kConnect,
  kSubscribe,
  kUnsubscribe,
  kPublish,
  kMessage,
  kErrorKind,
  kSummary
};
constexpr string_view kKinds[] = {"info",    "connect", "subscribe", "unsubscribe",
                                  "publish", "message", "error",     "summary"};

enum Field : std::uint8_t {
  kServer,
  kVersion,
  kAuthRequired,
  kTls,
  kClient,
  kLanguage,
  kUser,
  kPassword,
  kSubject,
  kReplyTo,
  kQueue,
  kSid,
  kBytes,
  kError,
  kPublished,
  kDelivered,
  kLatency,
};
constexpr FieldDef kFields[] = {
    {.name = "nats.server", .help = "name of the server", .role = Role::kSubject},
    {.name = "nats.version", .help = "of the server", .role = Role::kVersion},
    {.name = "nats.auth_required", .type = FieldType::kBool, .help = "a client has to log in"},
    {.name = "nats.tls_required",
     .type = FieldType::kBool,
     .help = "a client has to go on with TLS"},
    {.name = "nats.client", .help = "name the client gives itself"},
    {.name = "nats.language",
     .help = "client's library with its version",
     .role = Role::kUserAgent},
    {.name = "nats.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "nats.password", .help = "always masked", .privacy = Privacy::kSecret},
    {.name = "nats.subject",
     .help = "what is published or subscribed to",
     .role = Role::kUri,
     .max_bytes = 256},
    {.name = "nats.reply_to", .help = "subject that an answer is expected on", .max_bytes = 256},
    {.name = "nats.queue", .help = "group that shares a subscription"},
    {.name = "nats.sid", .help = "number of a subscription", .max_bytes = 64},
    {.name = "nats.bytes",
     .type = FieldType::kUint,
     .help = "size of the message, with its headers"},
    {.name = "nats.error", .help = "why the server refuses", .role = Role::kStatus},
    {.name = "nats.published", .type = FieldType::kUint, .help = "messages that the client sent"},
    {.name = "nats.delivered", .type = FieldType::kUint, .help = "messages that it got"},
    {.name = "nats.latency_us",
     .type = FieldType::kDuration,
     .help = "a ping to its pong, the last of the connection",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "nats", .title = "NATS", .kinds = kKinds, .fields = kFields};

// The value of a key of a flat JSON object: a string's text, else what stands there.
string_view value_of(string_view json, string_view key) {
  std::string quoted = "\"";
  quoted.append(key).append("\":");
  const std::size_t at = json.find(quoted);
  if (at == string_view::npos) return {};
  string_view rest = json.substr(at + quoted.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  if (!rest.starts_with('"')) return rest.substr(0, rest.find_first_of(",}"));
  rest.remove_prefix(1);
  return rest.substr(0, rest.find('"'));
}

std::optional<std::uint64_t> number(string_view digits) {
  constexpr std::uint64_t kMostBytes = 64U << 20;  // a server's limit is below
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failed != std::errc() || end != digits.data() + digits.size() || value > kMostBytes)
    return {};
  return value;
}

// The words of a line behind its first.
struct Words {
  static constexpr std::size_t kMost = 5;
  std::array<string_view, kMost> words;
  std::size_t count = 0;

  explicit Words(string_view text) {
    while (!text.empty() && count < kMost) {
      const std::size_t end = text.find_first_of(" \t");
      const string_view word = text.substr(0, end);
      if (!word.empty()) words[count++] = word;
      text = end == string_view::npos ? string_view() : text.substr(end + 1);
    }
  }
};

class NatsDecoder final : public LineDecoder {
 public:
  void on_end(Context& context) override;

 protected:
  Onward on_line(const Line& line) override;

 private:
  Onward payload(const Line& line, const Words& words, bool delivered, bool headers);
  Onward info(const Line& line, string_view json);
  static Onward connect(const Line& line, string_view json);
  static Onward subscription(const Line& line, const Words& words, bool begins);
  void pong(const Line& line);

  SeenTexts<128> subjects_;  // with the direction
  std::uint64_t published_ = 0;
  std::uint64_t delivered_ = 0;
  base::TimeNs ping_ns_ = 0;
  Side ping_side_ = Side::kOriginator;
  base::TimeNs latency_ns_ = -1;
  bool confirmed_ = false;
};

Onward NatsDecoder::info(const Line& line, string_view json) {
  RecordBuilder& record = line.context.record();
  record.start(kSchema, kInfo);
  const auto text = [&](Field field, string_view key) {
    const string_view value = value_of(json, key);
    if (!value.empty()) record.add_text(field, value);
  };
  text(kServer, "server_name");
  text(kVersion, "version");
  if (value_of(json, "auth_required") == "true") record.add_bool(kAuthRequired, true);
  const bool tls = value_of(json, "tls_required") == "true";
  if (tls) record.add_bool(kTls, true);
  line.context.set_originator(model::other(line.side));
  line.context.emit(line.side);
  if (tls || value_of(json, "tls_available") == "true") expect_tls();
  return {};
}

Onward NatsDecoder::connect(const Line& line, string_view json) {
  RecordBuilder& record = line.context.record();
  record.start(kSchema, kConnect);
  const string_view name = value_of(json, "name");
  if (!name.empty()) record.add_text(kClient, name);
  const string_view language = value_of(json, "lang");
  if (!language.empty()) {
    std::string text(language);
    const string_view version = value_of(json, "version");
    if (!version.empty()) text.append(" ").append(version);
    record.add_text(kLanguage, text);
  }
  const string_view user = value_of(json, "user");
  if (!user.empty()) record.add_text(kUser, user);
  const bool secret = !value_of(json, "pass").empty() || !value_of(json, "auth_token").empty() ||
                      !value_of(json, "jwt").empty();
  if (secret) record.add_text(kPassword, kMasked);
  line.context.set_originator(line.side);
  line.context.emit(line.side);
  return {};
}

// SUB subject [queue] sid, UNSUB sid [messages].
Onward NatsDecoder::subscription(const Line& line, const Words& words, bool begins) {
  RecordBuilder& record = line.context.record();
  record.start(kSchema, begins ? kSubscribe : kUnsubscribe);
  if (begins) {
    if (words.count < 2) return {};
    record.add_text(kSubject, words.words[0]);
    if (words.count > 2) record.add_text(kQueue, words.words[1]);
    record.add_text(kSid, words.words[words.count - 1]);
  } else {
    if (words.count < 1) return {};
    record.add_text(kSid, words.words[0]);
  }
  line.context.set_originator(line.side);
  line.context.emit(line.side);
  return {};
}

// PUB subject [reply] bytes, MSG subject sid [reply] bytes; with headers, their size stands before
// that of all.
Onward NatsDecoder::payload(const Line& line, const Words& words, bool delivered, bool headers) {
  const std::size_t fixed = std::size_t{2} + (delivered ? 1 : 0) + (headers ? 1 : 0);
  if (words.count < fixed || words.count > fixed + 1)
    return confirmed_ ? Onward{} : Onward::not_mine();
  const auto bytes = number(words.words[words.count - 1]);
  if (!bytes) return confirmed_ ? Onward{} : Onward::not_mine();
  ++(delivered ? delivered_ : published_);
  const string_view subject = words.words[0];
  // Answers come on subjects that nobody else uses.
  const bool inbox = subject.starts_with("_INBOX.");
  const std::uint32_t direction = text_hash(delivered ? "delivered " : "published ");
  if (subjects_.add(text_hash(inbox ? "_INBOX" : subject, direction))) {
    RecordBuilder& record = line.context.record();
    record.start(kSchema, delivered ? kMessage : kPublish);
    record.add_text(kSubject, subject);
    if (delivered) record.add_text(kSid, words.words[1]);
    if (words.count > fixed) record.add_text(kReplyTo, words.words[delivered ? 2 : 1]);
    record.add_uint(kBytes, *bytes);
    line.context.set_originator(delivered ? model::other(line.side) : line.side);
    line.context.emit(line.side);
  }
  constexpr std::uint64_t kLineEnd = 2;
  return {.skip = *bytes + kLineEnd};
}

void NatsDecoder::pong(const Line& line) {
  if (ping_ns_ == 0 || line.side == ping_side_) return;
  latency_ns_ = line.time_ns - ping_ns_;
  ping_ns_ = 0;
}

Onward NatsDecoder::on_line(const Line& line) {
  string_view rest = line.text;
  const string_view command = take_word(rest);
  const auto is = [&](string_view name) {
    return command.size() == name.size() && begins_ignoring_case(command, name);
  };
  const Words words(rest);
  const bool first = !confirmed_;
  if (first && !is("INFO") && !is("CONNECT") && !is("PUB") && !is("HPUB") && !is("SUB") &&
      !is("MSG") && !is("HMSG") && !is("PING") && !is("PONG") && !is("+OK") && !is("-ERR") &&
      !is("UNSUB")) {
    return Onward::not_mine();
  }
  Onward onward;
  if (is("INFO")) {
    onward = info(line, rest);
  } else if (is("CONNECT")) {
    onward = connect(line, rest);
  } else if (is("SUB") || is("UNSUB")) {
    onward = subscription(line, words, is("SUB"));
  } else if (is("PUB") || is("HPUB")) {
    onward = payload(line, words, false, is("HPUB"));
  } else if (is("MSG") || is("HMSG")) {
    onward = payload(line, words, true, is("HMSG"));
  } else if (is("PING")) {
    ping_ns_ = line.time_ns;
    ping_side_ = line.side;
  } else if (is("PONG")) {
    pong(line);
  } else if (is("-ERR")) {
    RecordBuilder& record = line.context.record();
    record.start(kSchema, kErrorKind);
    if (rest.size() > 1 && rest.front() == '\'' && rest.back() == '\'')
      rest = rest.substr(1, rest.size() - 2);
    record.add_text(kError, rest);
    line.context.emit(line.side);
  }
  if (onward.what != Onward::What::kNotMine) confirmed_ = true;
  return onward;
}

void NatsDecoder::on_end(Context& context) {
  if (published_ + delivered_ == 0 && latency_ns_ < 0) return;
  RecordBuilder& record = context.record();
  record.start(kSchema, kSummary);
  record.add_uint(kPublished, published_);
  record.add_uint(kDelivered, delivered_);
  if (latency_ns_ >= 0) record.add_int(kLatency, latency_ns_);
  context.emit(Side::kOriginator);
}

// The server's INFO or the client's CONNECT, each a JSON object; where a capture begins late, a
// line with a payload that ends where it says.
Probe probe_payload(string_view text) {
  const std::size_t end = text.find("\r\n");
  const bool delivered = text[0] == 'M' || text.starts_with("HM");
  const bool headers = text[0] == 'H';
  if (end == string_view::npos) return Probe::kNo;
  string_view rest = text.substr(0, end);
  take_word(rest);
  const Words words(rest);
  const std::size_t fixed = std::size_t{2} + (delivered ? 1 : 0) + (headers ? 1 : 0);
  if (words.count < fixed || words.count > fixed + 1) return Probe::kNo;
  const auto bytes = number(words.words[words.count - 1]);
  if (!bytes) return Probe::kNo;
  const std::uint64_t tail = end + 2 + *bytes;
  if (text.size() < tail + 2) return text.size() < kProbeBytes ? Probe::kMore : Probe::kNo;
  return text.substr(static_cast<std::size_t>(tail), 2) == "\r\n" ? Probe::kYes : Probe::kNo;
}

Probe probe_nats(const ProbeInput& input) {
  const string_view text = base::as_text(input.of(input.latest));
  constexpr std::array<string_view, 6> kCommands{"INFO {", "CONNECT {", "PUB ",
                                                 "MSG ",   "HPUB ",     "HMSG "};
  for (const string_view command : kCommands) {
    const std::size_t seen = std::min(text.size(), command.size());
    if (text.substr(0, seen) != command.substr(0, seen)) continue;
    if (seen < command.size()) return Probe::kMore;
    if (command[0] != 'I' && command[0] != 'C') return probe_payload(text);
    const string_view key = command[0] == 'I' ? "\"server_id\":" : "\"verbose\":";
    if (text.contains(key)) return Probe::kYes;
    return text.contains('\n') || text.size() >= kProbeBytes ? Probe::kNo : Probe::kMore;
  }
  return Probe::kNo;
}

constexpr std::uint16_t kPorts[] = {4222};

}  // namespace

extern const ProtocolDef kNats;
constinit const ProtocolDef kNats{
    .name = "nats",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("ICPMH"),
    .usual_ports = kPorts,
    .probe = probe_nats,
    .schema = &kSchema,
    .state_bytes = sizeof(NatsDecoder),
    .make = make_decoder<NatsDecoder>,
};

}  // namespace netwatch::dpi
