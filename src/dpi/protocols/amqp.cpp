// AMQP 0-9-1 (specification of 2008: sections 2.2.4 protocol header, 2.3 frames, 4.2 encodings) and
// its class and method identifiers. Reported are the connection's beginning and end and what names
// exchanges, queues and keys; messages are passed over. AMQP 1.0 is another protocol.
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

constexpr string_view kKinds[] = {"method"};
enum Field : std::uint8_t {
  kMethod,
  kProduct,
  kVersion,
  kAuth,
  kUser,
  kVhost,
  kExchange,
  kQueue,
  kRoutingKey,
  kStatus,
  kText,
};

constexpr FieldDef kFields[] = {
    {.name = "amqp.method",
     .help = "class and method: connection.start, basic.publish, ...",
     .role = Role::kMethod,
     .max_bytes = 32},
    {.name = "amqp.product", .help = "program that the sender is", .role = Role::kSubject},
    {.name = "amqp.version", .help = "its version", .role = Role::kVersion},
    {.name = "amqp.auth", .help = "authentication mechanism, or those offered"},
    {.name = "amqp.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "amqp.vhost", .help = "virtual host"},
    {.name = "amqp.exchange",
     .help = "exchange",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal},
    {.name = "amqp.queue", .help = "queue", .role = Role::kUri, .privacy = Privacy::kPersonal},
    {.name = "amqp.routing_key", .help = "routing key", .privacy = Privacy::kPersonal},
    {.name = "amqp.status",
     .type = FieldType::kUint,
     .help = "reply code of a close or a return",
     .role = Role::kStatus},
    {.name = "amqp.text", .help = "its text"},
};
constexpr model::Schema kSchema{
    .proto = "amqp", .title = "AMQP 0-9-1", .kinds = kKinds, .fields = kFields};

constexpr string_view kHeader("AMQP\0\0\x09\x01", 8);
constexpr std::size_t kFrameHeaderBytes = 7;
constexpr std::uint8_t kFrameEnd = 0xce;
constexpr std::uint8_t kMethodFrame = 1;
constexpr std::uint8_t kHeartbeat = 8;
constexpr std::uint32_t kMaxPayload = 128U << 20;

// How the arguments of a method are read.
enum class Form : std::uint8_t {
  kNone,
  kStart,
  kStartOk,
  kOpen,
  kClose,
  kExchangeName,  // ticket, exchange
  kQueueName,     // ticket, queue
  kQueueBind,     // ticket, queue, exchange, key
  kPublish,       // ticket, exchange, key
  kDeliver,       // consumer tag, delivery tag, redelivered, exchange, key
  kReturn,        // code, text, exchange, key
};
struct Method {
  std::uint16_t class_id;
  std::uint16_t method_id;
  string_view name;
  Form form = Form::kNone;
};
constexpr Method kKnownMethods[] = {
    {10, 10, "connection.start", Form::kStart},
    {10, 11, "connection.start_ok", Form::kStartOk},
    {10, 40, "connection.open", Form::kOpen},
    {10, 50, "connection.close", Form::kClose},
    {20, 40, "channel.close", Form::kClose},
    {40, 10, "exchange.declare", Form::kExchangeName},
    {40, 20, "exchange.delete", Form::kExchangeName},
    {50, 10, "queue.declare", Form::kQueueName},
    {50, 20, "queue.bind", Form::kQueueBind},
    {50, 30, "queue.purge", Form::kQueueName},
    {50, 40, "queue.delete", Form::kQueueName},
    {50, 50, "queue.unbind", Form::kQueueBind},
    {60, 20, "basic.consume", Form::kQueueName},
    {60, 40, "basic.publish", Form::kPublish},
    {60, 50, "basic.return", Form::kReturn},
    {60, 60, "basic.deliver", Form::kDeliver},
    {60, 70, "basic.get", Form::kQueueName},
};

const Method* find_method(std::uint16_t class_id, std::uint16_t method_id) {
  const auto* const found = std::ranges::find_if(kKnownMethods, [&](const Method& one) {
    return one.class_id == class_id && one.method_id == method_id;
  });
  return found == std::end(kKnownMethods) ? nullptr : found;
}

string_view short_text(base::Cursor& cursor) { return base::as_text(cursor.take(cursor.u8())); }
string_view long_text(base::Cursor& cursor) { return base::as_text(cursor.take(cursor.u32())); }

// Section 2.3.5: type, channel, size, payload, end.
FrameSize frame_size(Bytes bytes) {
  if (bytes.size() < kFrameHeaderBytes) return {};
  base::Cursor cursor(bytes);
  const std::uint8_t type = cursor.u8();
  cursor.skip(2);
  const std::uint32_t size = cursor.u32();
  if (((type < 1 || type > 3) && type != kHeartbeat) || size > kMaxPayload) return FrameSize::bad();
  const std::size_t end = kFrameHeaderBytes + size;
  if (end < bytes.size() && bytes[end] != kFrameEnd) return FrameSize::bad();
  return FrameSize::known(std::uint64_t{end} + 1);
}

Probe probe_amqp(const ProbeInput& input) {
  for (Bytes bytes : input.sides) {
    if (bytes.empty()) continue;
    const string_view text = base::as_text(bytes);
    const std::size_t seen = std::min(text.size(), kHeader.size());
    if (text.substr(0, seen) == kHeader.substr(0, seen)) {
      return seen == kHeader.size() ? Probe::kYes : Probe::kMore;
    }
    // A capture from the middle, or of the server's side: a whole frame with a known method.
    const FrameSize size = frame_size(bytes);
    if (bytes[0] != kMethodFrame || size.what == FrameSize::What::kBad) continue;
    if (size.what == FrameSize::What::kMore) return Probe::kMore;
    base::Cursor cursor(bytes.subspan(kFrameHeaderBytes));
    const std::uint16_t class_id = cursor.u16();
    const bool known = find_method(class_id, cursor.u16()) != nullptr;
    if (!known || !cursor.ok()) continue;
    return size.bytes <= bytes.size() ? Probe::kYes : Probe::kMore;
  }
  return Probe::kNo;
}

class AmqpDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side side) override;
  Onward on_frame(const Frame& frame) override;
  bool begins_with(Bytes bytes, Side /*side*/) override {
    const FrameSize size = frame_size(bytes);
    return size.what == FrameSize::What::kKnown && size.bytes <= bytes.size();
  }

 private:
  static void arguments(Form form, base::Cursor& cursor, model::RecordBuilder& record);
  static void properties(base::Cursor& cursor, model::RecordBuilder& record);
};

FrameSize AmqpDecoder::size_of(Bytes bytes, Side /*side*/) {
  if (bytes[0] != 'A') return frame_size(bytes);
  const string_view text = base::as_text(bytes);
  if (text.size() < kHeader.size()) return {};
  return text.starts_with("AMQP") ? FrameSize::known(kHeader.size()) : FrameSize::bad();
}

Onward AmqpDecoder::on_frame(const Frame& frame) {
  if (frame.bytes[0] == 'A') {
    frame.context.set_originator(frame.side);
    return {};
  }
  if (frame.bytes[0] != kMethodFrame) return {};
  base::Cursor cursor(frame.bytes.subspan(kFrameHeaderBytes));
  const std::uint16_t class_id = cursor.u16();
  const std::uint16_t method_id = cursor.u16();
  const Method* const method = find_method(class_id, method_id);
  if (method == nullptr) return {};
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, 0);
  record.add_text(kMethod, method->name);
  arguments(method->form, cursor, record);
  if (!cursor.ok() && !frame.cut()) frame.context.odd("method_overrun");
  frame.context.emit(frame.side);
  return {};
}

void AmqpDecoder::arguments(Form form, base::Cursor& cursor, model::RecordBuilder& record) {
  const auto add = [&](Field field, string_view text) {
    if (cursor.ok() && !text.empty()) record.add_text(field, text);
  };
  switch (form) {
    case Form::kNone:
      break;
    case Form::kStart:
      cursor.skip(2);
      properties(cursor, record);
      add(kAuth, long_text(cursor));
      break;
    case Form::kStartOk: {
      properties(cursor, record);
      const string_view mechanism = short_text(cursor);
      add(kAuth, mechanism);
      // PLAIN: NUL, name, NUL, password.
      const string_view response = long_text(cursor);
      if (mechanism != "PLAIN" || !response.starts_with('\0')) break;
      add(kUser, response.substr(1, response.find('\0', 1) - 1));
      break;
    }
    case Form::kOpen:
      add(kVhost, short_text(cursor));
      break;
    case Form::kClose:
      record.add_uint(kStatus, cursor.u16());
      add(kText, short_text(cursor));
      break;
    case Form::kExchangeName:
      cursor.skip(2);
      add(kExchange, short_text(cursor));
      break;
    case Form::kQueueName:
      cursor.skip(2);
      add(kQueue, short_text(cursor));
      break;
    case Form::kQueueBind:
      cursor.skip(2);
      add(kQueue, short_text(cursor));
      add(kExchange, short_text(cursor));
      add(kRoutingKey, short_text(cursor));
      break;
    case Form::kPublish:
      cursor.skip(2);
      add(kExchange, short_text(cursor));
      add(kRoutingKey, short_text(cursor));
      break;
    case Form::kDeliver:
      short_text(cursor);
      cursor.skip(9);
      add(kExchange, short_text(cursor));
      add(kRoutingKey, short_text(cursor));
      break;
    case Form::kReturn:
      record.add_uint(kStatus, cursor.u16());
      add(kText, short_text(cursor));
      add(kExchange, short_text(cursor));
      add(kRoutingKey, short_text(cursor));
      break;
  }
}

// Section 4.2.5.5: a table; its texts at the top level are looked at, until something is not one.
void AmqpDecoder::properties(base::Cursor& cursor, model::RecordBuilder& record) {
  base::Cursor table = cursor.sub(cursor.u32());
  while (table.ok() && !table.at_end()) {
    const string_view name = short_text(table);
    const std::uint8_t type = table.u8();
    if (type == 'S') {
      const string_view value = long_text(table);
      if (table.ok() && name == "product") record.add_text(kProduct, value);
      if (table.ok() && name == "version") record.add_text(kVersion, value);
    } else if (type == 'F') {
      table.skip(table.u32());
    } else if (type == 't') {
      table.skip(1);
    } else {
      break;
    }
  }
}

constexpr std::uint16_t kPorts[] = {5672};

}  // namespace

extern const ProtocolDef kAmqp;
constinit const ProtocolDef kAmqp{
    .name = "amqp",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("A\x01"),
    .usual_ports = kPorts,
    .probe = probe_amqp,
    .schema = &kSchema,
    .state_bytes = sizeof(AmqpDecoder),
    .make = make_decoder<AmqpDecoder>,
};

}  // namespace netwatch::dpi
