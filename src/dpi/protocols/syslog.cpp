// Syslog over UDP (RFC 5426) and TCP (RFC 6587: counted or ended by a line feed): RFC 5424's form
// and the older one that RFC 3164 describes, as far as a sender keeps to it.
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "dpi/parts/field_text.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using std::string_view;

constexpr std::array<string_view, 1> kKinds{"message"};

enum Field : std::uint8_t {
  kFacility,
  kSeverity,
  kVersion,
  kTime,
  kHost,
  kApp,
  kProcess,
  kMessageId,
  kStructured,
  kMessage,
};

constexpr string_view kFacilityAlias[] = {"syslog.fac"};
constexpr string_view kSeverityAlias[] = {"syslog.lvl"};
constexpr string_view kTextAlias[] = {"syslog.msg"};
constexpr string_view kHostAlias[] = {"syslog.hostname"};
constexpr string_view kAppAlias[] = {"syslog.appname"};
constexpr string_view kProcessAlias[] = {"syslog.procid"};

constexpr FieldDef kFields[] = {
    {.name = "syslog.facility", .help = "kern, user, mail, daemon, ...", .aliases = kFacilityAlias},
    {.name = "syslog.severity",
     .help = "emerg, alert, crit, err, warning, notice, info, debug",
     .role = model::Role::kStatus,
     .aliases = kSeverityAlias},
    {.name = "syslog.version",
     .type = FieldType::kUint,
     .help = "1: RFC 5424; absent: the older form",
     .role = model::Role::kVersion},
    {.name = "syslog.time", .help = "as the sender writes it"},
    {.name = "syslog.host",
     .help = "who logs",
     .privacy = Privacy::kPersonal,
     .aliases = kHostAlias},
    {.name = "syslog.app", .help = "program that logs", .aliases = kAppAlias},
    {.name = "syslog.process", .help = "its process id", .aliases = kProcessAlias},
    {.name = "syslog.msgid", .help = "kind of message"},
    {.name = "syslog.structured", .help = "structured data", .privacy = Privacy::kPersonal},
    {.name = "syslog.message",
     .help = "the text",
     .privacy = Privacy::kPersonal,
     .aliases = kTextAlias,
     .max_bytes = 1024},
};
static_assert(std::size(kFields) == kMessage + 1);

const model::Schema kSyslogSchema{"syslog", "Syslog", kKinds, kFields};

// RFC 5424 section 6.2.1.
constexpr std::array<string_view, 24> kFacilities{
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
constexpr std::array<string_view, 8> kSeverities{"emerg",   "alert",  "crit", "err",
                                                 "warning", "notice", "info", "debug"};
constexpr std::size_t kMaxMessageBytes = 32768;

struct Parts {
  unsigned priority = 0;
  bool version1 = false;
  string_view time, host, app, process, id, structured, text;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "<34>": one to three digits without a leading zero, at most 191. 0 if it is none; else its
// length.
std::size_t read_priority(string_view text, unsigned& priority) {
  const std::size_t end = text.substr(0, 5).find('>');
  if (end == string_view::npos || end < 2 || text[0] != '<') return 0;
  if (text[1] == '0' && end > 2) return 0;
  priority = 0;
  for (char c : text.substr(1, end - 1)) {
    if (!is_digit(c)) return 0;
    priority = priority * 10 + static_cast<unsigned>(c - '0');
  }
  return priority <= 191 ? end + 1 : 0;
}

string_view next_word(string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word == "-" ? string_view{} : word;
}

// RFC 5424 section 6.3: "-" or elements in brackets; in their quoted values a backslash escapes.
string_view next_structured(string_view& text) {
  if (!text.starts_with('[')) return next_word(text);
  bool quoted = false;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == ']' && (i + 1 == text.size() || text[i + 1] != '[')) {
      break;
    }
  }
  const std::size_t end = std::min(i + 1, text.size());
  const string_view elements = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return elements;
}

// "Oct 11 22:14:15" or "Oct  1 ...": RFC 3164 section 4.1.2.
bool is_old_time(string_view text) {
  constexpr string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() < 15) return false;
  const std::size_t month = kMonths.find(text.substr(0, 3));
  return month != string_view::npos && month % 3 == 0 && text[3] == ' ' && text[6] == ' ' &&
         is_digit(text[5]) && is_digit(text[7]) && text[9] == ':' && text[12] == ':';
}

// "sshd[123]: text": the tag of RFC 3164 section 4.1.3, at most so long.
void read_tag(string_view text, Parts& parts) {
  constexpr std::size_t kMaxTag = 64;
  const std::size_t end = text.substr(0, kMaxTag).find_first_of(":[ ");
  parts.text = text;
  if (end == string_view::npos || end == 0 || text[end] == ' ') return;
  string_view rest = text.substr(end);
  string_view process;
  if (rest[0] == '[') {
    const std::size_t close = rest.substr(0, kMaxTag).find(']');
    if (close == string_view::npos) return;
    process = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
  }
  if (!rest.starts_with(':')) return;
  parts.app = text.substr(0, end);
  parts.process = process;
  rest.remove_prefix(1);
  parts.text = rest.starts_with(' ') ? rest.substr(1) : rest;
}

bool read_message(string_view text, Parts& parts) {
  const std::size_t after = read_priority(text, parts.priority);
  if (after == 0) return false;
  text.remove_prefix(after);
  if (text.starts_with("1 ") && text.size() > 4 && (is_digit(text[2]) || text[2] == '-')) {
    text.remove_prefix(2);
    parts.version1 = true;
    parts.time = next_word(text);
    parts.host = next_word(text);
    parts.app = next_word(text);
    parts.process = next_word(text);
    parts.id = next_word(text);
    parts.structured = next_structured(text);
    parts.text = text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
    return true;
  }
  if (is_old_time(text)) {
    parts.time = text.substr(0, 15);
    text.remove_prefix(std::min<std::size_t>(16, text.size()));
    // A host's name has no colon or bracket at its end: what has one is the tag already.
    const std::size_t end = std::min(text.find(' '), text.size());
    const string_view word = text.substr(0, end);
    if (word.find('[') == string_view::npos && !word.ends_with(':')) {
      parts.host = next_word(text);
    }
  }
  read_tag(text, parts);
  return true;
}

void report(string_view text, const model::StreamChunk& chunk, Context& context) {
  Parts parts;
  if (!read_message(text, parts)) return;
  model::RecordBuilder& record = context.record();
  record.start(kSyslogSchema, 0);
  record.add_text(kFacility, kFacilities[parts.priority / 8]);
  record.add_text(kSeverity, kSeverities[parts.priority % 8]);
  if (parts.version1) record.add_uint(kVersion, 1);
  const auto add = [&record](Field field, string_view value) {
    if (!value.empty()) record.add_text(field, value);
  };
  add(kTime, parts.time);
  add(kHost, parts.host);
  add(kApp, parts.app);
  add(kProcess, parts.process);
  add(kMessageId, parts.id);
  add(kStructured, parts.structured);
  add(kMessage, until_nul(base::as_bytes(parts.text)));
  if (chunk.cut) record.mark_cut();
  context.set_originator(chunk.side);
  context.emit(chunk.side);
}

class SyslogDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& /*chunk*/, Context& /*context*/) override {
    lost_ = true;
    return Verdict::kFine;
  }

 private:
  bool lost_ = false;  // where the next message begins is not known
};

// RFC 6587 section 3.4.1: "123 <34>...". The length of the whole frame; nothing if it is none.
struct Frame {
  std::size_t head_bytes = 0;
  std::size_t message_bytes = 0;
};
std::optional<Frame> read_count(string_view text) {
  const std::size_t end = text.substr(0, 7).find(' ');
  if (end == string_view::npos || end == 0 || text[0] == '0') return std::nullopt;
  std::size_t count = 0;
  for (char c : text.substr(0, end)) {
    if (!is_digit(c)) return std::nullopt;
    count = count * 10 + static_cast<std::size_t>(c - '0');
  }
  if (count < 3 || count > kMaxMessageBytes) return std::nullopt;
  return Frame{end + 1, count};
}

Step SyslogDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  string_view text = base::as_text(chunk.bytes);
  unsigned priority = 0;
  if (chunk.datagram) {
    if (read_priority(text, priority) == 0) return {.verdict = Verdict::kNotMine};
    report(text, chunk, context);
    return {.consumed = chunk.bytes.size()};
  }
  Step step;
  while (!text.empty()) {
    const std::optional<Frame> frame = read_count(text);
    std::size_t used = 0;
    if (frame && !lost_) {
      used = frame->head_bytes + frame->message_bytes;
      step.wanted = used;
      if (text.size() < used) return step;
      report(text.substr(frame->head_bytes, frame->message_bytes), chunk, context);
    } else {
      const std::size_t end = text.find('\n');
      if (end == string_view::npos && text.size() < kMaxMessageBytes) return step;
      used = end == string_view::npos ? text.size() : end + 1;
      if (!lost_ || read_priority(text, priority) != 0)
        report(text.substr(0, used), chunk, context);
      lost_ = false;
    }
    step.wanted = 0;
    step.consumed += used;
    text.remove_prefix(used);
  }
  return step;
}

Probe probe_text(string_view text) {
  constexpr std::size_t kLooked = 128;
  unsigned priority = 0;
  const std::size_t after = read_priority(text, priority);
  if (after == 0) return text.size() < 5 && text[0] == '<' ? Probe::kMore : Probe::kNo;
  string_view rest = text.substr(after, kLooked);
  if (rest.empty()) return Probe::kMore;
  if (rest.ends_with('\0')) rest.remove_suffix(1);  // some end it as in C
  if (rest.starts_with('<') || rest.starts_with('/')) return Probe::kNo;
  return is_text(base::as_bytes(rest)) ? Probe::kYes : Probe::kNo;
}

Probe probe_syslog(const ProbeInput& input) {
  const string_view text = base::as_text(input.of(input.latest));
  if (text.empty()) return Probe::kNo;
  if (text[0] == '<') return probe_text(text);
  const std::optional<Frame> frame = read_count(text);
  if (!frame || text.size() <= frame->head_bytes) return Probe::kNo;
  const string_view message = text.substr(frame->head_bytes);
  if (message[0] != '<') return Probe::kNo;
  return probe_text(message.substr(0, frame->message_bytes));
}

constexpr std::uint16_t kUsualPorts[] = {514, 601};

}  // namespace

extern const ProtocolDef kSyslog;
constinit const ProtocolDef kSyslog{
    .name = "syslog",
    .transport = Transport::kBoth,
    .first = FirstBytes::of("<123456789"),
    .usual_ports = kUsualPorts,
    .probe = probe_syslog,
    .schema = &kSyslogSchema,
    .state_bytes = sizeof(SyslogDecoder),
    .make = make_decoder<SyslogDecoder>,
};

}  // namespace netwatch::dpi
