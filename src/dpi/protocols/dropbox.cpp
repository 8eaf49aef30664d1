// Dropbox's LAN sync discovery: a JSON object, broadcast over UDP each half minute, in which a
// client names itself, the port of its TLS service and the folders it has. Not specified: the form
// is that of what clients send.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/seen_texts.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Privacy;
using std::string_view;

constexpr string_view kKinds[] = {"announcement"};

enum Field : std::uint8_t { kHost, kVersion, kName, kPort, kNamespaces };
constexpr FieldDef kFields[] = {
    {.name = "dropbox.host_int",
     .help = "number of the client, the same wherever it is",
     .privacy = Privacy::kPersonal,
     .max_bytes = 64},
    {.name = "dropbox.version",
     .help = "of the discovery",
     .role = model::Role::kVersion,
     .max_bytes = 32},
    {.name = "dropbox.displayname",
     .help = "name of the client, if it gives one",
     .role = model::Role::kSubject,
     .privacy = Privacy::kPersonal},
    {.name = "dropbox.port", .type = FieldType::kUint, .help = "where its TLS service listens"},
    {.name = "dropbox.namespaces", .type = FieldType::kUint, .help = "how many folders it has"},
};
static_assert(std::size(kFields) == kNamespaces + 1);
constexpr model::Schema kSchema{
    .proto = "dropbox", .title = "Dropbox LAN sync", .kinds = kKinds, .fields = kFields};

// What stands behind `"key":`, up to the end of a number, a string without quotes, or a list
// without its brackets. The keys are known and the values flat, so this is no reader of JSON.
string_view value_of(string_view json, string_view quoted_key) {
  const std::size_t key = json.find(quoted_key);
  if (key == string_view::npos) return {};
  string_view rest = json.substr(key + quoted_key.size());
  constexpr string_view kBlanks = " \t";
  const auto skip_blanks = [&] {
    rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
  };
  skip_blanks();
  if (!rest.starts_with(':')) return {};
  rest.remove_prefix(1);
  skip_blanks();
  if (rest.starts_with('"') || rest.starts_with('[')) {
    const char end = rest.front() == '"' ? '"' : ']';
    rest.remove_prefix(1);
    return rest.substr(0, rest.find(end));
  }
  return rest.substr(0, rest.find_first_not_of("0123456789"));
}

std::uint64_t number(string_view digits) {
  constexpr std::size_t kMostDigits = 10;
  std::uint64_t value = 0;
  for (char c : digits.substr(0, kMostDigits)) value = value * 10 + static_cast<unsigned>(c - '0');
  return value;
}

// The keys may come in any order.
bool is_announcement(string_view text) {
  constexpr std::size_t kFewest = 32;
  constexpr std::size_t kMost = 8192;
  if (text.size() < kFewest || text.size() > kMost || !text.starts_with("{\"")) return false;
  constexpr std::array<string_view, 5> kKeys{"host_int\"", "version\"", "displayname\"", "port\"",
                                             "namespaces\""};
  const bool known =
      std::ranges::any_of(kKeys, [&](string_view key) { return text.substr(2).starts_with(key); });
  const string_view host = value_of(text, "\"host_int\"");
  const bool numbered = !host.empty() && host.find_first_not_of("0123456789") == string_view::npos;
  return known && text.ends_with('}') && numbered && !value_of(text, "\"version\"").empty() &&
         text.contains("\"namespaces\"");
}

class DropboxDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  std::array<std::uint32_t, 2> last_{};  // what either side said last, as a hash
};

Step DropboxDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  const string_view text = base::as_text(chunk.bytes);
  if (!is_announcement(text)) return {.verdict = Verdict::kNotMine};
  const Step through{.consumed = chunk.bytes.size()};
  const std::uint32_t hash = text_hash(text);
  if (std::exchange(last_[model::index(chunk.side)], hash) == hash) return through;
  model::RecordBuilder& record = context.record();
  record.start(kSchema, 0);
  record.add_text(kHost, value_of(text, "\"host_int\""));
  const string_view version = value_of(text, "\"version\"");
  std::string dotted;  // "[2, 0]"
  for (char c : version.substr(0, kFields[kVersion].max_bytes)) {
    if (c == ',') dotted += '.';
    if (c >= '0' && c <= '9') dotted += c;
  }
  record.add_text(kVersion, dotted);
  const string_view name = value_of(text, "\"displayname\"");
  if (!name.empty() && is_text(base::as_bytes(name))) record.add_text(kName, name);
  const string_view port = value_of(text, "\"port\"");
  if (!port.empty()) record.add_uint(kPort, number(port));
  const string_view list = value_of(text, "\"namespaces\"");
  const bool none = list.find_first_of("0123456789") == string_view::npos;
  record.add_uint(kNamespaces,
                  none ? 0 : 1 + static_cast<std::uint64_t>(std::ranges::count(list, ',')));
  context.set_originator(chunk.side);
  context.emit(chunk.side);
  return through;
}

Probe probe_dropbox(const ProbeInput& input) {
  return is_announcement(base::as_text(input.of(input.latest))) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kPorts[] = {17500};

}  // namespace

extern const ProtocolDef kDropbox;
constinit const ProtocolDef kDropbox{
    .name = "dropbox",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("{"),
    .usual_ports = kPorts,
    .probe = probe_dropbox,
    .schema = &kSchema,
    .state_bytes = sizeof(DropboxDecoder),
    .make = make_decoder<DropboxDecoder>,
};

}  // namespace netwatch::dpi
