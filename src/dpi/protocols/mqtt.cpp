// MQTT 3.1, 3.1.1 and 5.0 (OASIS standards; section 2 of each: fixed header, section 3: packets).
// Topics, client identifier, will and user are reported; payloads and passwords are not.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
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

constexpr string_view kKinds[] = {"message"};
enum Field : std::uint8_t {
  kType,
  kVersion,
  kClientId,
  kUser,
  kPassword,
  kKeepAlive,
  kWillTopic,
  kTopic,
  kQos,
  kRetain,
  kStatus,
};

constexpr string_view kClientIdAlias[] = {"mqtt.clientid"};
constexpr string_view kUserAlias[] = {"mqtt.username"};
constexpr string_view kPasswordAlias[] = {"mqtt.passwd"};
constexpr string_view kWillAlias[] = {"mqtt.willtopic"};
constexpr string_view kKeepAliveAlias[] = {"mqtt.kalive"};
constexpr FieldDef kFields[] = {
    {.name = "mqtt.type",
     .help = "connect, publish, subscribe, ...",
     .role = Role::kMethod,
     .max_bytes = 16},
    {.name = "mqtt.version", .help = "3.1, 3.1.1, 5.0", .role = Role::kVersion},
    {.name = "mqtt.client_id", .help = "the client's identifier", .aliases = kClientIdAlias},
    {.name = "mqtt.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "mqtt.password",
     .help = "always masked",
     .privacy = Privacy::kSecret,
     .aliases = kPasswordAlias},
    {.name = "mqtt.keep_alive",
     .type = FieldType::kUint,
     .help = "seconds",
     .aliases = kKeepAliveAlias},
    {.name = "mqtt.will_topic",
     .help = "where the server publishes if the client is lost",
     .privacy = Privacy::kPersonal,
     .aliases = kWillAlias},
    {.name = "mqtt.topic",
     .list = true,
     .help = "topics that are published to, or subscribed to",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal},
    {.name = "mqtt.qos", .type = FieldType::kUint, .help = "quality of service, 0 to 2"},
    {.name = "mqtt.retain", .type = FieldType::kBool, .help = "the server keeps the message"},
    {.name = "mqtt.status",
     .type = FieldType::kUint,
     .help = "return or reason code",
     .role = Role::kStatus},
};
constexpr model::Schema kSchema{
    .proto = "mqtt", .title = "MQTT", .kinds = kKinds, .fields = kFields};

constexpr std::array<string_view, 16> kTypes{"",          "connect",  "connack",     "publish",
                                             "puback",    "pubrec",   "pubrel",      "pubcomp",
                                             "subscribe", "suback",   "unsubscribe", "unsuback",
                                             "pingreq",   "pingresp", "disconnect",  "auth"};
enum Type : std::uint8_t {
  kConnect = 1,
  kConnack = 2,
  kPublish = 3,
  kSubscribe = 8,
  kUnsubscribe = 10,
  kDisconnect = 14,
};

// Section 2.1.4: seven bits a byte, at most four bytes.
std::optional<std::uint32_t> read_length(base::Cursor& cursor) {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    const std::uint8_t byte = cursor.u8();
    value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

// Section 2.1.3: flags of all but PUBLISH are fixed.
bool flags_fit(std::uint8_t first) {
  const std::uint8_t type = first >> 4;
  const std::uint8_t flags = first & 15;
  if (type == kPublish) return (flags & 6) != 6;
  const bool two = type == 6 || type == kSubscribe || type == kUnsubscribe;
  return type != 0 && flags == (two ? 2 : 0);
}

string_view take_text(base::Cursor& cursor) { return base::as_text(cursor.take(cursor.u16())); }

void skip_properties(base::Cursor& cursor) { cursor.skip(read_length(cursor).value_or(0)); }

Probe probe_mqtt(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (Bytes bytes : input.sides) {
    if (bytes.empty() || bytes[0] != kConnect << 4) continue;
    base::Cursor cursor(bytes);
    cursor.skip(1);
    const auto length = read_length(cursor);
    const string_view name = take_text(cursor);
    const std::uint8_t level = cursor.u8();
    if (!cursor.ok()) {
      // As far as it goes: the name's length is 4 or 6.
      if (bytes.size() < 13) best = Probe::kMore;
      continue;
    }
    const bool named = (name == "MQTT" && (level & 0x7f) >= 4 && (level & 0x7f) <= 5) ||
                       (name == "MQIsdp" && (level & 0x7f) == 3);
    return named && length && *length >= 10 ? Probe::kYes : Probe::kNo;
  }
  return best;
}

class MqttDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side side) override;
  Onward on_frame(const Frame& frame) override;

 private:
  void connect(base::Cursor& cursor, model::RecordBuilder& record, Context& context);
  void publish(base::Cursor& cursor, std::uint8_t first, model::RecordBuilder& record) const;
  void subscribe(base::Cursor& cursor, bool options, model::RecordBuilder& record) const;

  std::uint8_t level_ = 4;
};

FrameSize MqttDecoder::size_of(Bytes bytes, Side /*side*/) {
  if (!flags_fit(bytes[0])) return FrameSize::bad();
  base::Cursor cursor(bytes);
  cursor.skip(1);
  const auto length = read_length(cursor);
  if (!cursor.ok()) return {};
  if (!length) return FrameSize::bad();
  return FrameSize::known(std::uint64_t{*length} + cursor.offset());
}

Onward MqttDecoder::on_frame(const Frame& frame) {
  base::Cursor cursor(frame.bytes);
  const std::uint8_t first = cursor.u8();
  read_length(cursor);
  const std::uint8_t type = first >> 4;
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, 0);
  record.add_text(kType, kTypes[type]);
  switch (type) {
    case kConnect:
      frame.context.set_originator(frame.side);
      connect(cursor, record, frame.context);
      break;
    case kConnack:
      cursor.skip(1);
      record.add_uint(kStatus, cursor.u8());
      break;
    case kPublish:
      publish(cursor, first, record);
      break;
    case kSubscribe:
    case kUnsubscribe:
      subscribe(cursor, type == kSubscribe, record);
      break;
    case kDisconnect:
      if (!cursor.at_end()) record.add_uint(kStatus, cursor.u8());
      break;
    default:
      return {};  // acknowledgements and pings say nothing
  }
  if (!cursor.ok()) frame.context.odd("packet_overrun");
  frame.context.emit(frame.side);
  return {};
}

// Section 3.1.
void MqttDecoder::connect(base::Cursor& cursor, model::RecordBuilder& record, Context& context) {
  take_text(cursor);
  level_ = cursor.u8() & 0x7f;
  const std::uint8_t flags = cursor.u8();
  const std::uint16_t keep_alive = cursor.u16();
  if (level_ == 5) skip_properties(cursor);
  const string_view client = take_text(cursor);
  if (!cursor.ok()) return;
  if (level_ >= 3 && level_ <= 5) {
    constexpr std::array<string_view, 3> kVersions{"3.1", "3.1.1", "5.0"};
    record.add_text(kVersion, kVersions[level_ - 3]);
  } else {
    context.odd("unknown_version");
  }
  if (!client.empty()) record.add_text(kClientId, client);
  record.add_uint(kKeepAlive, keep_alive);
  if ((flags & 0x04) != 0) {
    if (level_ == 5) skip_properties(cursor);
    const string_view topic = take_text(cursor);
    take_text(cursor);
    if (cursor.ok()) record.add_text(kWillTopic, topic);
  }
  if ((flags & 0x80) != 0) {
    const string_view user = take_text(cursor);
    if (cursor.ok()) record.add_text(kUser, user);
  }
  if ((flags & 0x40) != 0) record.add_text(kPassword, kMasked);
}

// Section 3.3. The payload, and with it most of a long message, is not looked at.
void MqttDecoder::publish(base::Cursor& cursor, std::uint8_t first,
                          model::RecordBuilder& record) const {
  const string_view topic = take_text(cursor);
  if (!cursor.ok()) return;
  if (!topic.empty()) record.add_text(kTopic, topic);
  record.add_uint(kQos, (first >> 1) & 3);
  if ((first & 1) != 0) record.add_bool(kRetain, true);
}

// Sections 3.8 and 3.10.
void MqttDecoder::subscribe(base::Cursor& cursor, bool options,
                            model::RecordBuilder& record) const {
  constexpr unsigned kMaxTopics = 32;
  cursor.skip(2);
  if (level_ == 5) skip_properties(cursor);
  for (unsigned i = 0; i < kMaxTopics && cursor.ok() && !cursor.at_end(); ++i) {
    const string_view topic = take_text(cursor);
    if (cursor.ok()) record.add_text(kTopic, topic);
    if (options) cursor.skip(1);
  }
}

constexpr std::uint16_t kPorts[] = {1883};

}  // namespace

extern const ProtocolDef kMqtt;
constinit const ProtocolDef kMqtt{
    .name = "mqtt",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x10"),
    .usual_ports = kPorts,
    .probe = probe_mqtt,
    .schema = &kSchema,
    .state_bytes = sizeof(MqttDecoder),
    .make = make_decoder<MqttDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
