// WireGuard: J. Donenfeld, "WireGuard: Next Generation Kernel Network Tunnel", section 5.4. Its
// messages are known by exact lengths and three zero bytes. Handshakes are reported, of data the
// first message of either side; the content is encrypted.
#include <array>
#include <utility>

#include "base/cursor.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;

enum Kind : std::uint8_t { kInitiation, kResponse, kCookie, kData };
constexpr std::array<std::string_view, 4> kKinds{"handshake_initiation", "handshake_response",
                                                 "cookie_reply", "data"};

enum Field : std::uint8_t { kType, kSender, kReceiver, kCounter, kLatency };

constexpr std::string_view kTypeAlias[] = {"wg.type"};
constexpr std::string_view kSenderAlias[] = {"wg.sender"};
constexpr std::string_view kReceiverAlias[] = {"wg.receiver"};
constexpr std::string_view kCounterAlias[] = {"wg.counter"};

constexpr FieldDef kFields[] = {
    {.name = "wireguard.type",
     .type = FieldType::kUint,
     .help = "number of the message type",
     .aliases = kTypeAlias},
    {.name = "wireguard.sender",
     .type = FieldType::kUint,
     .help = "number the sender gives the session",
     .aliases = kSenderAlias},
    {.name = "wireguard.receiver",
     .type = FieldType::kUint,
     .help = "number the receiver gave it",
     .aliases = kReceiverAlias},
    {.name = "wireguard.counter",
     .type = FieldType::kUint,
     .help = "of data messages of the session so far",
     .aliases = kCounterAlias},
    {.name = "wireguard.latency_us",
     .type = FieldType::kDuration,
     .help = "handshake initiation to its response",
     .role = model::Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kWireguardSchema{"wireguard", "WireGuard", kKinds, kFields};

constexpr std::size_t kInitiationBytes = 148, kResponseBytes = 92, kCookieBytes = 64;
constexpr std::size_t kDataHeadBytes = 16, kTagBytes = 16, kPadding = 16;

struct Message {
  Kind kind = kInitiation;
  std::uint32_t sender = 0;
  std::uint32_t receiver = 0;
  std::uint64_t counter = 0;
};

bool read_message(Bytes bytes, Message& message) {
  Cursor in(bytes);
  const std::uint32_t type = in.u32le();  // the reserved bytes are zero
  if (!in.ok() || type < 1 || type > 4) return false;
  message.kind = static_cast<Kind>(type - 1);
  switch (message.kind) {
    case kInitiation:
      message.sender = in.u32le();
      return bytes.size() == kInitiationBytes;
    case kResponse:
      message.sender = in.u32le();
      message.receiver = in.u32le();
      return bytes.size() == kResponseBytes;
    case kCookie:
      message.receiver = in.u32le();
      return bytes.size() == kCookieBytes;
    case kData:
      message.receiver = in.u32le();
      message.counter = in.u64le();
      return bytes.size() >= kDataHeadBytes + kTagBytes && bytes.size() % kPadding == 0;
  }
  return false;
}

Probe probe_wireguard(const ProbeInput& input) {
  // REJECT-AFTER-MESSAGES is higher, but a session ends after three minutes.
  constexpr std::uint64_t kMostMessages = std::uint64_t{1} << 36;
  Message message;
  if (!read_message(input.of(input.latest), message)) return Probe::kNo;
  const bool chance =
      message.counter >= kMostMessages || (message.kind == kData && message.receiver == 0);
  return chance ? Probe::kNo : Probe::kYes;
}

class WireguardDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  std::array<bool, 2> seen_data_{};
  Waiting<std::uint32_t, 2> waiting_;
};

Step WireguardDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Message message;
  if (!read_message(chunk.bytes, message)) return {.verdict = Verdict::kNotMine};
  const Step through{.consumed = chunk.bytes.size()};
  if (message.kind == kData && std::exchange(seen_data_[model::index(chunk.side)], true)) {
    return through;
  }
  model::RecordBuilder& record = context.record();
  record.start(kWireguardSchema, message.kind);
  record.add_uint(kType, std::uint64_t{message.kind} + 1);
  if (message.kind <= kResponse) record.add_uint(kSender, message.sender);
  if (message.kind != kInitiation) record.add_uint(kReceiver, message.receiver);
  if (message.kind == kData) record.add_uint(kCounter, message.counter);
  if (message.kind == kInitiation) {
    waiting_.ask(message.sender, chunk.side, chunk.time_ns);
    seen_data_ = {};  // a new session: its first data are news again
  } else if (message.kind == kResponse) {
    const base::TimeNs ns = waiting_.answer(message.receiver, chunk.side, chunk.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  }
  context.emit(chunk.side);
  return through;
}

constexpr std::uint16_t kUsualPorts[] = {51820};

}  // namespace

extern const ProtocolDef kWireguard;
constinit const ProtocolDef kWireguard{
    .name = "wireguard",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("\x01\x02\x03\x04"),
    .usual_ports = kUsualPorts,
    .probe = probe_wireguard,
    .schema = &kWireguardSchema,
    .state_bytes = sizeof(WireguardDecoder),
    .make = make_decoder<WireguardDecoder>,
};

}  // namespace netwatch::dpi
