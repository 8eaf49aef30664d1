// collectd's binary protocol ("Binary protocol" of its documentation): who reports what, not the
// values. The first packet of a host is reported, then those that bring a plugin which was not seen
// before, and every notification.
#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/seen_texts.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using std::string_view;

enum Kind : std::uint8_t { kValues, kNotification, kEncrypted };
constexpr string_view kKinds[] = {"values", "notification", "encrypted"};

enum Field : std::uint8_t {
  kHost,
  kPlugin,
  kType,
  kCount,
  kInterval,
  kSecurity,
  kUser,
  kSeverity,
  kMessage,
};
constexpr string_view kHostAlias[] = {"collectd.data.host"};
constexpr string_view kPluginAlias[] = {"collectd.data.plugin"};
constexpr string_view kTypeAlias[] = {"collectd.data.type"};
constexpr string_view kUserAlias[] = {"collectd.data.username"};
constexpr string_view kMessageAlias[] = {"collectd.data.message"};
constexpr FieldDef kFields[] = {
    {.name = "collectd.host",
     .help = "host that reports",
     .role = Role::kSubject,
     .aliases = kHostAlias},
    {.name = "collectd.plugin",
     .list = true,
     .help = "plugins in the packet, those with an instance as plugin-instance",
     .aliases = kPluginAlias},
    {.name = "collectd.value_type", .list = true, .help = "kinds of values", .aliases = kTypeAlias},
    {.name = "collectd.values", .type = FieldType::kUint, .help = "values in the packet"},
    {.name = "collectd.interval_s", .type = FieldType::kReal, .help = "seconds between readings"},
    {.name = "collectd.security", .help = "signed or encrypted; absent if neither"},
    {.name = "collectd.user",
     .help = "whose key signs or enciphers",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "collectd.severity", .help = "failure, warning or okay", .role = Role::kStatus},
    {.name = "collectd.message",
     .help = "text of a notification",
     .privacy = Privacy::kPersonal,
     .aliases = kMessageAlias},
};
static_assert(std::size(kFields) == kMessage + 1);
constexpr model::Schema kSchema{
    .proto = "collectd", .title = "collectd", .kinds = kKinds, .fields = kFields};

enum Part : std::uint16_t {
  kPartHost = 0,
  kPartTime = 1,
  kPartPlugin = 2,
  kPartPluginInstance = 3,
  kPartType = 4,
  kPartTypeInstance = 5,
  kPartValues = 6,
  kPartInterval = 7,
  kPartTimeHigh = 8,
  kPartIntervalHigh = 9,
  kPartMessage = 0x100,
  kPartSeverity = 0x101,
  kPartSignature = 0x200,
  kPartEncryption = 0x210,
};
constexpr std::size_t kDigestBytes = 32;

bool is_string(Bytes value) {
  return !value.empty() && value.back() == 0 &&
         std::ranges::find(value, std::uint8_t{0}) == value.end() - 1;
}

// A count, a byte for each value's type, and eight bytes for each value.
bool is_values(Bytes value) {
  constexpr std::uint8_t kLastType = 3;
  Cursor in(value);
  const std::size_t count = in.u16();
  const Bytes types = in.take(count);
  return in.ok() && in.remaining() == 8 * count &&
         std::ranges::all_of(types, [](std::uint8_t type) { return type <= kLastType; });
}

bool is_encryption(Bytes value) {
  constexpr std::size_t kVectorBytes = 16;
  constexpr std::size_t kHashBytes = 20;
  Cursor in(value);
  const std::size_t size = in.u16();
  const Bytes user = in.take(size);
  return in.ok() && size > 0 && is_text(user) && in.remaining() >= kVectorBytes + kHashBytes;
}

bool is_part(std::uint16_t type, Bytes value) {
  switch (type) {
    case kPartHost:
    case kPartPlugin:
    case kPartPluginInstance:
    case kPartType:
    case kPartTypeInstance:
    case kPartMessage:
      return is_string(value);
    case kPartTime:
    case kPartInterval:
    case kPartTimeHigh:
    case kPartIntervalHigh:
    case kPartSeverity:
      return value.size() == 8;
    case kPartValues:
      return is_values(value);
    case kPartSignature:
      return value.size() > kDigestBytes && is_text(value.subspan(kDigestBytes));
    case kPartEncryption:
      return is_encryption(value);
    default:
      return type <= 0x2FF;  // of versions to come
  }
}

// Calls visit(type, value) for each part; false if they do not end where the datagram does.
template <typename Visit>
bool for_each_part(Bytes bytes, Visit visit) {
  constexpr std::size_t kHeadBytes = 4;
  Cursor in(bytes);
  while (in.ok() && !in.at_end()) {
    const std::uint16_t type = in.u16();
    const std::size_t size = in.u16();
    if (!in.ok() || size < kHeadBytes) return false;
    const Bytes value = in.take(size - kHeadBytes);
    if (!in.ok() || !is_part(type, value)) return false;
    visit(type, value);
  }
  return in.ok();
}

// It begins with a host, or with who signs or enciphers, and says something.
bool is_packet(Bytes bytes) {
  constexpr std::size_t kFewest = 12;
  if (bytes.size() < kFewest) return false;
  const std::uint16_t first = Cursor(bytes).u16();
  if (first != kPartHost && first != kPartSignature && first != kPartEncryption) return false;
  bool says = false;
  const bool whole = for_each_part(bytes, [&](std::uint16_t type, Bytes) {
    says = says || type == kPartValues || type == kPartMessage || type == kPartEncryption;
  });
  return whole && says;
}

// What a packet says, taken together.
struct Summary {
  static constexpr std::size_t kMost = 12;  // names of a kind
  string_view host;
  string_view user;
  string_view security;
  string_view message;
  std::array<std::array<string_view, 2>, kMost> plugins{};  // with instance
  std::array<string_view, kMost> types{};
  std::size_t plugin_count = 0;
  std::size_t type_count = 0;
  std::uint64_t values = 0;
  std::uint64_t severity = 0;
  double interval_s = 0;

  void part(std::uint16_t type, Bytes value);

 private:
  void keep_plugin() {
    const std::array one{plugin_, instance_};
    const auto seen = std::span(plugins).first(plugin_count);
    if (plugin_.empty() || plugin_count == kMost || std::ranges::find(seen, one) != seen.end())
      return;
    plugins[plugin_count++] = one;
  }
  string_view plugin_;
  string_view instance_;
};

void Summary::part(std::uint16_t type, Bytes value) {
  constexpr double kHighTicks = 1 << 30;
  const string_view text =
      base::as_text(value.first(value.size() - std::min<std::size_t>(value.size(), 1)));
  switch (type) {
    case kPartHost:
      host = text;
      break;
    case kPartPlugin:
      plugin_ = text;
      instance_ = {};
      break;
    case kPartPluginInstance:
      instance_ = text;
      break;
    case kPartType: {
      const auto seen = std::span(types).first(type_count);
      if (type_count < kMost && std::ranges::find(seen, text) == seen.end())
        types[type_count++] = text;
      break;
    }
    case kPartValues:
      values += Cursor(value).u16();
      keep_plugin();
      break;
    case kPartInterval:
      interval_s = static_cast<double>(Cursor(value).u64());
      break;
    case kPartIntervalHigh:
      interval_s = static_cast<double>(Cursor(value).u64()) / kHighTicks;
      break;
    case kPartMessage:
      message = text;
      keep_plugin();
      break;
    case kPartSeverity:
      severity = Cursor(value).u64();
      break;
    case kPartSignature:
      security = "signed";
      user = base::as_text(value.subspan(kDigestBytes));
      break;
    case kPartEncryption: {
      security = "encrypted";
      Cursor in(value);
      user = base::as_text(in.take(in.u16()));
      break;
    }
    default:
      break;
  }
}

std::uint32_t hash_of(string_view one, string_view other) {
  return text_hash(other, text_hash("/", text_hash(one)));
}

class CollectdDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  bool is_news(const Summary& summary);

  SeenTexts<256> seen_;  // hosts with their plugins, and users
};

bool CollectdDecoder::is_news(const Summary& summary) {
  bool news = !summary.message.empty();
  if (summary.host.empty()) return seen_.add(hash_of(summary.user, summary.security)) || news;
  for (std::size_t i = 0; i < summary.plugin_count; ++i) {
    news = seen_.add(hash_of(summary.host, summary.plugins[i][0])) || news;
  }
  return news;
}

Step CollectdDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  if (!is_packet(chunk.bytes)) return {.verdict = Verdict::kNotMine};
  Summary summary;
  for_each_part(chunk.bytes, [&](std::uint16_t type, Bytes value) { summary.part(type, value); });
  const Step through{.consumed = chunk.bytes.size()};
  context.set_originator(chunk.side);
  if (!is_news(summary)) return through;
  model::RecordBuilder& record = context.record();
  const bool hidden = summary.host.empty();
  record.start(kSchema, hidden ? kEncrypted : summary.message.empty() ? kValues : kNotification);
  if (!hidden) record.add_text(kHost, summary.host);
  for (std::size_t i = 0; i < summary.plugin_count; ++i) {
    const auto& [plugin, instance] = summary.plugins[i];
    std::string name(plugin);
    if (!instance.empty()) name.append("-").append(instance);
    record.add_text(kPlugin, name);
  }
  for (std::size_t i = 0; i < summary.type_count; ++i) record.add_text(kType, summary.types[i]);
  if (summary.values > 0) record.add_uint(kCount, summary.values);
  if (summary.interval_s > 0) record.add_real(kInterval, summary.interval_s);
  if (!summary.security.empty()) record.add_text(kSecurity, summary.security);
  if (!summary.user.empty()) record.add_text(kUser, summary.user);
  constexpr std::array<string_view, 5> kSeverities{"", "failure", "warning", "", "okay"};
  if (summary.severity < kSeverities.size() && !kSeverities[summary.severity].empty()) {
    record.add_text(kSeverity, kSeverities[summary.severity]);
  }
  if (!summary.message.empty()) record.add_text(kMessage, summary.message);
  context.emit(chunk.side);
  return through;
}

Probe probe_collectd(const ProbeInput& input) {
  return is_packet(input.of(input.latest)) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kPorts[] = {25826};

}  // namespace

extern const ProtocolDef kCollectd;
constinit const ProtocolDef kCollectd{
    .name = "collectd",
    .transport = Transport::kUdp,
    .first = FirstBytes::of(string_view("\0\2", 2)),
    .usual_ports = kPorts,
    .probe = probe_collectd,
    .schema = &kSchema,
    .state_bytes = sizeof(CollectdDecoder),
    .make = make_decoder<CollectdDecoder>,
};

}  // namespace netwatch::dpi
