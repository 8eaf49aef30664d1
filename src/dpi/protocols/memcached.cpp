// Memcached over TCP: its text protocol (doc/protocol.txt of memcached: get, set, ... and the meta
// commands) and its binary one ("Memcache Binary Protocol": magic 0x80 and 0x81, 24 bytes of
// header). Values are passed over. A record for each command; of answers, those that are errors.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/http_message.h"
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

enum Kind : std::uint8_t { kRequest, kError };
enum Field : std::uint8_t { kCommand, kKey, kStatus, kErrorText };

constexpr string_view kKinds[] = {"request", "error"};
constexpr string_view kCommandAlias[] = {"memcache.command", "memcache.opcode"};
constexpr FieldDef kFields[] = {
    {.name = "memcached.command",
     .help = "command",
     .role = Role::kMethod,
     .aliases = kCommandAlias,
     .max_bytes = 32},
    {.name = "memcached.key",
     .help = "its key, the first if it has several",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .max_bytes = 256},
    {.name = "memcached.status",
     .type = FieldType::kUint,
     .help = "status of the binary protocol",
     .role = Role::kStatus},
    {.name = "memcached.error", .help = "error reply"},
};
constexpr model::Schema kSchema{
    .proto = "memcached", .title = "Memcached", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kMaxKeyBytes = 250;
constexpr std::uint64_t kMaxValueBytes = std::uint64_t{1} << 30;

// What the words of a text command are.
enum class Form : std::uint8_t { kKeys, kStore, kKey, kPlain, kMetaSet };
struct TextCommand {
  string_view name;
  Form form;
};
constexpr TextCommand kTextCommands[] = {
    {"get", Form::kKeys},       {"gets", Form::kKeys},       {"gat", Form::kPlain},
    {"gats", Form::kPlain},     {"set", Form::kStore},       {"add", Form::kStore},
    {"replace", Form::kStore},  {"append", Form::kStore},    {"prepend", Form::kStore},
    {"cas", Form::kStore},      {"delete", Form::kKey},      {"incr", Form::kKey},
    {"decr", Form::kKey},       {"touch", Form::kKey},       {"mg", Form::kKey},
    {"md", Form::kKey},         {"ma", Form::kKey},          {"ms", Form::kMetaSet},
    {"mn", Form::kPlain},       {"me", Form::kKey},          {"stats", Form::kPlain},
    {"version", Form::kPlain},  {"flush_all", Form::kPlain}, {"verbosity", Form::kPlain},
    {"quit", Form::kPlain},     {"slabs", Form::kPlain},     {"lru_crawler", Form::kPlain},
    {"shutdown", Form::kPlain},
};

const TextCommand* find_command(string_view word) {
  const auto* const found = std::ranges::find(kTextCommands, word, &TextCommand::name);
  return found == std::end(kTextCommands) ? nullptr : found;
}

// "set key flags exptime bytes [cas] [noreply]": how many bytes follow the line; nothing if the
// line is not well-formed.
std::optional<std::uint64_t> store_size(string_view words) {
  const string_view key = take_word(words);
  const auto flags = parse_decimal(take_word(words));
  string_view expires = take_word(words);
  if (expires.starts_with('-')) expires.remove_prefix(1);
  const auto size = parse_decimal(take_word(words));
  const bool good = !key.empty() && key.size() <= kMaxKeyBytes && flags && parse_decimal(expires) &&
                    size && *size <= kMaxValueBytes;
  return good ? std::optional(*size + 2) : std::nullopt;
}

// What a text line of a client or a server says about the protocol.
Probe probe_line(string_view line, bool whole) {
  if (!is_plain_text(line)) return Probe::kNo;
  string_view rest = line;
  const string_view word = take_word(rest);
  if (!whole) {
    const bool may = std::ranges::any_of(kTextCommands, [&](const TextCommand& one) {
      return one.name.starts_with(word) || word == one.name;
    });
    return may || string_view("VALUE ").starts_with(line.substr(0, 6)) ? Probe::kMore : Probe::kNo;
  }
  if (word == "VALUE" || word == "STAT") {
    if (word == "STAT") return rest.starts_with("pid ") ? Probe::kYes : Probe::kMore;
    take_word(rest);
    const bool numbers = parse_decimal(take_word(rest)) && parse_decimal(take_word(rest));
    return numbers ? Probe::kYes : Probe::kNo;
  }
  const TextCommand* const command = find_command(word);
  if (command == nullptr) return Probe::kNo;
  switch (command->form) {
    case Form::kStore:
      return store_size(rest) ? Probe::kYes : Probe::kNo;
    case Form::kKeys:
      return !rest.empty() ? Probe::kMore : Probe::kNo;
    default:
      return Probe::kMore;
  }
}

// A server's line that answers a command.
bool is_answer(string_view line) {
  for (string_view begin : {"VALUE ", "STAT ", "VERSION ", "SERVER_ERROR ", "CLIENT_ERROR "}) {
    if (line.starts_with(begin)) return true;
  }
  for (string_view one : {"END", "STORED", "NOT_STORED", "EXISTS", "NOT_FOUND", "DELETED",
                          "TOUCHED", "ERROR", "OK", "HD", "EN", "NF", "NS", "MN"}) {
    if (line == one) return true;
  }
  return line.starts_with("VA ") || line.starts_with("HD ");
}

Probe probe_text(const ProbeInput& input) {
  Probe best = Probe::kNo;
  bool asks = false;
  bool answers = false;
  for (Bytes bytes : input.sides) {
    const string_view text = base::as_text(bytes);
    if (text.empty()) continue;
    const auto line = first_line(text);
    if (!line && text.size() > 1024) return Probe::kNo;
    const Probe probe =
        probe_line(line.value_or(text.substr(0, text.find('\r'))), line.has_value());
    if (probe == Probe::kYes) return probe;
    if (probe == Probe::kMore) best = probe;
    asks |= line && probe == Probe::kMore;
    answers |= line && is_answer(*line);
  }
  return asks && answers ? Probe::kYes : best;
}

class MemcachedText final : public LineDecoder {
 protected:
  Onward on_line(const Line& line) override;

 private:
  Onward request(const Line& line);
  static Onward response(const Line& line);

  bool known_ = false;
  Side client_ = Side::kOriginator;
};

Onward MemcachedText::on_line(const Line& line) {
  if (line.text.empty()) return {};
  if (!known_) {
    known_ = true;
    string_view rest = line.text;
    const bool asks = find_command(take_word(rest)) != nullptr;
    client_ = asks ? line.side : model::other(line.side);
    line.context.set_originator(client_);
  }
  return line.side == client_ ? request(line) : response(line);
}

Onward MemcachedText::request(const Line& line) {
  string_view rest = line.text;
  const TextCommand* const command = find_command(take_word(rest));
  if (command == nullptr) {
    line.context.odd("unknown_command");
    return {};
  }
  Onward onward;
  if (command->form == Form::kStore) {
    const auto size = store_size(rest);
    if (!size) line.context.odd("bad_store");
    onward.skip = size.value_or(0);
  }
  if (command->form == Form::kMetaSet) {
    string_view words = rest;
    take_word(words);
    const auto size = parse_decimal(take_word(words));
    if (size && *size <= kMaxValueBytes) onward.skip = *size + 2;
  }
  model::RecordBuilder& record = line.context.record();
  record.start(kSchema, kRequest);
  record.add_text(kCommand, command->name);
  if (command->form != Form::kPlain) record.add_text(kKey, take_word(rest));
  if (line.cut) record.mark_cut();
  line.context.emit(line.side);
  return onward;
}

Onward MemcachedText::response(const Line& line) {
  string_view rest = line.text;
  const string_view word = take_word(rest);
  if (word == "VALUE" || word == "VA") {
    if (word == "VALUE") {
      take_word(rest);
      take_word(rest);
    }
    const auto size = parse_decimal(take_word(rest));
    if (size && *size <= kMaxValueBytes) return {.skip = *size + 2};
    line.context.odd("bad_value");
    return {};
  }
  if (word != "ERROR" && word != "CLIENT_ERROR" && word != "SERVER_ERROR") return {};
  line.context.record().start(kSchema, kError);
  line.context.record().add_text(kErrorText, line.text);
  line.context.emit(line.side);
  return {};
}

constexpr std::size_t kHeaderBytes = 24;
constexpr std::uint8_t kRequestMagic = 0x80;
constexpr std::uint8_t kResponseMagic = 0x81;
constexpr std::array<string_view, 0x25> kOpcodes{
    "get",        "set",       "add",       "replace",   "delete",  "incr",  "decr",   "quit",
    "flush_all",  "getq",      "noop",      "version",   "getk",    "getkq", "append", "prepend",
    "stats",      "setq",      "addq",      "replaceq",  "deleteq", "incrq", "decrq",  "quitq",
    "flush_allq", "appendq",   "prependq",  "verbosity", "touch",   "gat",   "gatq",   "",
    "sasl_list",  "sasl_auth", "sasl_step", "gatk",      "gatkq"};

struct Header {
  std::uint8_t magic = 0;
  std::uint8_t opcode = 0;
  std::size_t key_bytes = 0;
  std::size_t extra_bytes = 0;
  std::uint16_t status = 0;
  std::uint32_t body_bytes = 0;
};

bool read_header(Bytes bytes, Header& header) {
  base::Cursor cursor(bytes);
  header.magic = cursor.u8();
  header.opcode = cursor.u8();
  header.key_bytes = cursor.u16();
  header.extra_bytes = cursor.u8();
  const std::uint8_t data_type = cursor.u8();
  header.status = cursor.u16();
  header.body_bytes = cursor.u32();
  const bool known = header.opcode < kOpcodes.size() && !kOpcodes[header.opcode].empty();
  const bool magic = header.magic == kRequestMagic || header.magic == kResponseMagic;
  const bool fits = header.key_bytes + header.extra_bytes <= header.body_bytes &&
                    header.key_bytes <= kMaxKeyBytes && header.extra_bytes <= 24;
  return cursor.ok() && known && magic && data_type == 0 && fits &&
         header.body_bytes <= kMaxValueBytes &&
         (header.magic == kRequestMagic || header.status < 0x100);
}

Probe probe_binary(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (Bytes bytes : input.sides) {
    if (bytes.empty() || (bytes[0] != kRequestMagic && bytes[0] != kResponseMagic)) continue;
    if (bytes.size() < kHeaderBytes) {
      best = Probe::kMore;
      continue;
    }
    Header header;
    if (!read_header(bytes, header)) return Probe::kNo;
    // Ends with the message, or another one follows.
    const std::uint64_t size = kHeaderBytes + header.body_bytes;
    if (bytes.size() == size) return Probe::kYes;
    if (bytes.size() > size && bytes[static_cast<std::size_t>(size)] == bytes[0])
      return Probe::kYes;
    best = bytes.size() < size ? Probe::kMore : Probe::kNo;
  }
  return best;
}

class MemcachedBinary final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override {
    if (bytes.size() < kHeaderBytes) return {};
    Header header;
    if (!read_header(bytes, header)) return FrameSize::bad();
    return FrameSize::known(std::uint64_t{header.body_bytes} + kHeaderBytes);
  }
  bool begins_with(Bytes bytes, Side /*side*/) override {
    Header header;
    return read_header(bytes, header);
  }
  Onward on_frame(const Frame& frame) override;

 private:
  bool known_ = false;
};

Onward MemcachedBinary::on_frame(const Frame& frame) {
  Header header;
  read_header(frame.bytes, header);
  const bool request = header.magic == kRequestMagic;
  if (!known_) frame.context.set_originator(request ? frame.side : model::other(frame.side));
  known_ = true;
  if (!request && header.status == 0) return {};
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, request ? kRequest : kError);
  record.add_text(kCommand, kOpcodes[header.opcode]);
  base::Cursor cursor(frame.bytes.subspan(kHeaderBytes));
  cursor.skip(header.extra_bytes);
  const Bytes key = cursor.take_up_to(header.key_bytes);
  if (!key.empty()) record.add_text(kKey, base::as_text(key));
  if (!request) {
    record.add_uint(kStatus, header.status);
    const string_view text = base::as_text(cursor.rest());
    if (!text.empty() && is_plain_text(text)) record.add_text(kErrorText, text);
  }
  frame.context.emit(frame.side);
  return {};
}

constexpr std::uint16_t kPorts[] = {11211};

}  // namespace

extern const ProtocolDef kMemcached;
constinit const ProtocolDef kMemcached{
    .name = "memcached",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("acdfgilmpqrstvVS"),
    .usual_ports = kPorts,
    .probe = probe_text,
    .schema = &kSchema,
    .state_bytes = sizeof(MemcachedText),
    .make = make_decoder<MemcachedText>,
};

extern const ProtocolDef kMemcachedBinary;
constinit const ProtocolDef kMemcachedBinary{
    .name = "memcached",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x80\x81"),
    .usual_ports = kPorts,
    .probe = probe_binary,
    .schema = &kSchema,
    .state_bytes = sizeof(MemcachedBinary),
    .make = make_decoder<MemcachedBinary>,
};

}  // namespace netwatch::dpi
