// RX, the remote calls of AFS: the packet header of Zeldovich's "RX protocol specification" and
// OpenAFS's rx.h and rx_packet.h. Of a call its first packet is read, and its reply's first; what
// rxkad enciphers is not seen.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/rx_names.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::RecordBuilder;
using model::Role;
using std::string_view;

enum Kind : std::uint8_t {
  kCall,
  kReply,
  kBusy,
  kAborted,
  kChallenge,
  kResponse,
  kDebug,
  kVersion
};
constexpr string_view kKinds[] = {"call",      "reply",    "busy",  "abort",
                                  "challenge", "response", "debug", "version"};

enum Field : std::uint8_t {
  kEpoch,
  kConnection,
  kCallNumber,
  kServiceId,
  kService,
  kOpcode,
  kOperation,
  kSecurity,
  kVolume,
  kName,
  kAbortCode,
  kAbort,
  kSoftware,
  kLatency,
};
constexpr string_view kCallAlias[] = {"rx.callnumber"};
constexpr string_view kServiceIdAlias[] = {"rx.serviceid"};
constexpr string_view kSecurityAlias[] = {"rx.securityindex"};
constexpr FieldDef kFields[] = {
    {.name = "rx.epoch",
     .type = FieldType::kUint,
     .help = "when the client started, or chosen by it"},
    {.name = "rx.cid",
     .type = FieldType::kUint,
     .help = "number of the connection and its channel"},
    {.name = "rx.call",
     .type = FieldType::kUint,
     .help = "number of the call on its channel",
     .aliases = kCallAlias},
    {.name = "rx.service_id",
     .type = FieldType::kUint,
     .help = "number of the service that is called",
     .aliases = kServiceIdAlias},
    {.name = "rx.service", .help = "fs, cb, prot, vldb, kauth, vol, bos, ..."},
    {.name = "rx.opcode", .type = FieldType::kUint, .help = "number of the operation"},
    {.name = "rx.operation", .help = "fetch_status, get_entry_by_name, ...", .role = Role::kMethod},
    {.name = "rx.security", .help = "null, rxkad, rxgk", .aliases = kSecurityAlias},
    {.name = "rx.volume", .type = FieldType::kUint, .help = "volume of the file that is asked for"},
    {.name = "rx.name",
     .help = "file, volume, process or user that the call names",
     .role = Role::kSubject,
     .privacy = Privacy::kPersonal,
     .max_bytes = 256},
    {.name = "rx.abort_code", .type = FieldType::kInt, .help = "number of the reason"},
    {.name = "rx.abort", .help = "why a call or connection failed", .role = Role::kStatus},
    {.name = "rx.version", .help = "what a peer says it runs", .role = Role::kVersion},
    {.name = "rx.latency_us",
     .type = FieldType::kDuration,
     .help = "call to the first packet of its reply",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "rx", .title = "RX (AFS)", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kHeaderBytes = 28;
constexpr std::size_t kVersionBytes = 65;
// rx_packet.h.
enum Type : std::uint8_t {
  kTypeData = 1,
  kTypeAck = 2,
  kTypeBusy = 3,
  kTypeAbort = 4,
  kTypeAckAll = 5,
  kTypeChallenge = 6,
  kTypeResponse = 7,
  kTypeDebug = 8,
  kTypeVersion = 13,
};
enum Security : std::uint8_t { kNull = 0, kRxkad = 2, kRxgk = 4 };
constexpr std::uint8_t kClientInitiated = 1;

struct Packet {
  std::uint32_t epoch = 0;
  std::uint32_t cid = 0;
  std::uint32_t call = 0;
  std::uint32_t seq = 0;
  std::uint32_t serial = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint8_t user_status = 0;
  std::uint8_t security = 0;
  std::uint16_t spare = 0;  // rxkad's checksum
  std::uint16_t service = 0;
  Bytes data;

  [[nodiscard]] bool from_client() const { return (flags & kClientInitiated) != 0; }
};

bool read_packet(Bytes bytes, Packet& packet) {
  Cursor in(bytes);
  packet.epoch = in.u32();
  packet.cid = in.u32();
  packet.call = in.u32();
  packet.seq = in.u32();
  packet.serial = in.u32();
  packet.type = in.u8();
  packet.flags = in.u8();
  packet.user_status = in.u8();
  packet.security = in.u8();
  packet.spare = in.u16();
  packet.service = in.u16();
  packet.data = in.rest();
  return in.ok();
}

// What was received, one byte for each packet, and sizes that came with later versions.
bool is_ack(Bytes data) {
  constexpr std::uint8_t kLastReason = 9;
  constexpr std::size_t kMostBehind = 32;
  Cursor in(data);
  in.skip(16);
  const std::uint8_t reason = in.u8();
  const std::size_t count = in.u8();
  const Bytes acks = in.take(count);
  return in.ok() && reason >= 1 && reason <= kLastReason && in.remaining() <= kMostBehind &&
         std::ranges::all_of(acks, [](std::uint8_t ack) { return ack <= 1; });
}

// Of a connection that the client made: one of AFS's services, under one of its kinds of security.
bool is_connection(const Packet& packet) {
  constexpr std::uint32_t kMostPackets = 1 << 24;
  const bool secured = packet.security == kRxkad || packet.security == kRxgk;
  if (!secured && (packet.security != kNull || packet.spare != 0)) return false;
  return packet.epoch != 0 && packet.cid != 0 && packet.seq < kMostPackets &&
         packet.serial < kMostPackets && rx::is_known_service(packet.service);
}

// What debuggers ask, outside of any connection: the packet's type counts, little else is set.
bool is_debug(const Packet& packet) {
  constexpr std::size_t kQuestionBytes = 8;
  constexpr std::uint32_t kLastQuestion = 5;
  Cursor in(packet.data);
  const std::uint32_t question = in.u32();
  const bool plain = packet.seq == 0 && packet.security == 0 && packet.service == 0 &&
                     packet.user_status == 0 && packet.spare == 0 && packet.cid == 0;
  return plain && packet.from_client() && packet.data.size() == kQuestionBytes && question >= 1 &&
         question <= kLastQuestion;
}

bool is_version(const Packet& packet) {
  if (packet.seq != 0 || packet.security != 0 || packet.user_status != 0) return false;
  if (packet.data.size() != kVersionBytes) return false;
  return packet.from_client() || is_text(base::as_bytes(until_nul(packet.data)));
}

// With this nobody else's datagram is mistaken for it: `alone` of what is short or free of form it
// is asked that others came before.
bool is_rx(const Packet& packet, bool alone) {
  constexpr std::uint8_t kAnyFlags = 0x2F;
  constexpr std::size_t kChallengeBytes = 16;
  if ((packet.flags & ~kAnyFlags) != 0) return false;
  if (packet.type == kTypeDebug) return alone ? is_debug(packet) : true;
  if (packet.type == kTypeVersion) return is_version(packet);
  if (!is_connection(packet)) return false;
  switch (packet.type) {
    case kTypeData:
      return packet.seq > 0 && packet.call > 0 && packet.serial > 0;
    case kTypeAck:
      return is_ack(packet.data);
    case kTypeAbort:
      return packet.data.size() == 4;
    case kTypeChallenge:
      return packet.call == 0 && packet.security != kNull && packet.data.size() >= kChallengeBytes;
    case kTypeResponse:
      return packet.call == 0 && packet.security != kNull && packet.data.size() > kChallengeBytes;
    case kTypeBusy:
    case kTypeAckAll:
      return !alone && packet.data.size() <= 4;
    default:
      return false;
  }
}

// Where the text is that a call names something with, behind the operation; 0 if it does not.
std::size_t name_offset(string_view service, string_view operation) {
  constexpr std::size_t kFid = 12;
  if (service == "vldb") return operation.starts_with("get_entry_by_name") ? 4 : 0;
  if (service == "kauth") return operation.starts_with("authenticate") ? 4 : 0;
  if (service == "vol") return operation == "create_volume" ? 8 : 0;
  if (service == "bos") {
    constexpr std::array kNamed{"create_bnode", "delete_bnode", "set_status",        "get_status",
                                "restart",      "exec",         "get_instance_info", "get_log"};
    return std::ranges::find(kNamed, operation) != kNamed.end() ? 4 : 0;
  }
  constexpr std::array kInDirectory{"create_file", "remove_file", "make_dir", "remove_dir",
                                    "rename",      "symlink",     "link",     "lookup"};
  const bool in_directory = std::ranges::find(kInDirectory, operation) != kInDirectory.end();
  return service == "fs" && in_directory ? 4 + kFid : 0;
}

// Operations of a file server whose first argument is a file.
bool names_file(std::uint32_t opcode) {
  return (opcode >= 130 && opcode <= 145) || (opcode >= 156 && opcode <= 158) || opcode == 161 ||
         opcode == 65537 || opcode == 65538;
}

class RxDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  // A call that waits for its reply.
  struct Call {
    base::TimeNs time_ns = 0;
    std::uint32_t cid = 0;
    std::uint32_t number = 0;
    std::uint32_t opcode = 0;
    rx::Operation operation;
    bool has_opcode = false;
    model::Side side = model::Side::kOriginator;
    bool used = false;
  };
  static constexpr std::size_t kCalls = 24;

  static void start(const Packet& packet, Kind kind, RecordBuilder& record);
  static void describe(const Call& call, RecordBuilder& record);
  void call(const Packet& packet, const model::StreamChunk& chunk, RecordBuilder& record);
  bool data(const Packet& packet, const model::StreamChunk& chunk, RecordBuilder& record);
  void end_call(const Packet& packet, const model::StreamChunk& chunk, RecordBuilder& record);
  bool report(const Packet& packet, const model::StreamChunk& chunk, RecordBuilder& record);
  Call* find(const Packet& packet, model::Side side);

  std::array<Call, kCalls> calls_{};
  std::uint8_t next_ = 0;
  bool confirmed_ = false;
};

void RxDecoder::start(const Packet& packet, Kind kind, RecordBuilder& record) {
  record.start(kSchema, kind);
  if (kind == kVersion || kind == kDebug) return;
  record.add_uint(kEpoch, packet.epoch);
  record.add_uint(kConnection, packet.cid);
  if (packet.call != 0) record.add_uint(kCallNumber, packet.call);
  record.add_uint(kServiceId, packet.service);
  constexpr std::array<string_view, 5> kSecurities{"null", "", "rxkad", "", "rxgk"};
  record.add_text(kSecurity, kSecurities[packet.security]);
}

void RxDecoder::describe(const Call& call, RecordBuilder& record) {
  if (!call.operation.service.empty()) record.add_text(kService, call.operation.service);
  if (!call.has_opcode) return;
  record.add_uint(kOpcode, call.opcode);
  if (!call.operation.name.empty()) record.add_text(kOperation, call.operation.name);
}

RxDecoder::Call* RxDecoder::find(const Packet& packet, model::Side side) {
  auto* const found = std::ranges::find_if(calls_, [&](const Call& call) {
    return call.used && call.cid == packet.cid && call.number == packet.call && call.side == side;
  });
  return found == calls_.end() ? nullptr : found;
}

void RxDecoder::call(const Packet& packet, const model::StreamChunk& chunk, RecordBuilder& record) {
  Call call{.time_ns = chunk.time_ns,
            .cid = packet.cid,
            .number = packet.call,
            .opcode = Cursor(packet.data).u32(),
            .operation = {},
            .side = chunk.side,
            .used = true};
  Cursor in(packet.data);
  in.skip(4);
  if (in.ok()) {
    call.operation = rx::operation_name(packet.service, call.opcode, packet.data.size());
  }
  // What no service knows is enciphered, or of a service that is not known.
  call.has_opcode = in.ok() && (packet.security == kNull || !call.operation.name.empty());
  if (call.operation.service.empty()) call.operation.service = rx::service_name(packet.service);
  start(packet, kCall, record);
  describe(call, record);
  if (call.operation.service == "fs" && names_file(call.opcode)) {
    const std::uint32_t volume = in.u32();
    if (in.ok()) record.add_uint(kVolume, volume);
  }
  const std::size_t offset = name_offset(call.operation.service, call.operation.name);
  if (offset > 0) {
    Cursor name(packet.data);
    name.skip(offset);
    // The kind of process stands before its name.
    if (call.operation.name == "create_bnode")
      name.skip((name.u32() + std::size_t{3}) & ~std::size_t{3});
    const string_view text = base::as_text(name.take(name.u32()));
    if (name.ok() && !text.empty()) record.add_text(kName, text);
  }
  calls_[next_] = call;
  next_ = static_cast<std::uint8_t>((next_ + 1) % kCalls);
}

// The first packet of a call, or of a reply; false of what follows, and of what is sent again.
bool RxDecoder::data(const Packet& packet, const model::StreamChunk& chunk, RecordBuilder& record) {
  if (packet.seq != 1) return false;
  if (packet.from_client()) {
    if (find(packet, chunk.side) != nullptr) return false;
    call(packet, chunk, record);
    return true;
  }
  if (find(packet, model::other(chunk.side)) == nullptr && confirmed_) return false;
  start(packet, kReply, record);
  end_call(packet, chunk, record);
  return true;
}

void RxDecoder::end_call(const Packet& packet, const model::StreamChunk& chunk,
                         RecordBuilder& record) {
  Call* call = find(packet, model::other(chunk.side));
  if (call == nullptr) return;
  call->used = false;
  describe(*call, record);
  record.add_int(kLatency, std::max<base::TimeNs>(chunk.time_ns - call->time_ns, 0));
}

bool RxDecoder::report(const Packet& packet, const model::StreamChunk& chunk,
                       RecordBuilder& record) {
  switch (packet.type) {
    case kTypeData:
      return data(packet, chunk, record);
    case kTypeBusy:
      start(packet, kBusy, record);
      return true;
    case kTypeAbort: {
      const auto code = static_cast<std::int32_t>(Cursor(packet.data).u32());
      start(packet, kAborted, record);
      end_call(packet, chunk, record);
      record.add_int(kAbortCode, code);
      if (!rx::abort_name(code).empty()) record.add_text(kAbort, rx::abort_name(code));
      return true;
    }
    case kTypeChallenge:
    case kTypeResponse:
      start(packet, packet.type == kTypeChallenge ? kChallenge : kResponse, record);
      return true;
    case kTypeDebug:
      if (!packet.from_client()) return false;
      start(packet, kDebug, record);
      return true;
    case kTypeVersion:
      if (packet.from_client()) return false;
      start(packet, kVersion, record);
      record.add_text(kSoftware, until_nul(packet.data));
      return true;
    default:
      return false;
  }
}

Step RxDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Packet packet;
  if (!read_packet(chunk.bytes, packet) || !is_rx(packet, !confirmed_)) {
    return {.verdict = confirmed_ ? Verdict::kOdd : Verdict::kNotMine,
            .consumed = chunk.bytes.size()};
  }
  const bool from_client = packet.from_client();
  context.set_originator(from_client ? chunk.side : model::other(chunk.side));
  if (report(packet, chunk, context.record())) context.emit(chunk.side);
  confirmed_ = true;
  return {.consumed = chunk.bytes.size()};
}

Probe probe_rx(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  constexpr std::size_t kTypeAt = 20;
  if (bytes.size() < kHeaderBytes || bytes[kTypeAt] == 0 || bytes[kTypeAt] > kTypeVersion) {
    return Probe::kNo;
  }
  Packet packet;
  return read_packet(bytes, packet) && is_rx(packet, true) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kPorts[] = {7000, 7001, 7002, 7003, 7005, 7007};

}  // namespace

extern const ProtocolDef kRx;
constinit const ProtocolDef kRx{
    .name = "rx",
    .transport = Transport::kUdp,
    .first = FirstBytes::any(),
    .usual_ports = kPorts,
    .probe = probe_rx,
    .schema = &kSchema,
    .state_bytes = sizeof(RxDecoder),
    .make = make_decoder<RxDecoder>,
};

}  // namespace netwatch::dpi
