// DNP3: IEEE 1815-2012, over TCP and UDP (clause 13): link frames with their checks (clause 9), the
// first segment of an application's fragment (clause 8), its function, indications and first
// objects (clause 4). Values are not reported.
#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Role;
using model::Side;
using std::string_view;

constexpr string_view kKinds[] = {"link", "request", "response"};
enum Kind : std::uint8_t { kLink, kRequest, kResponse };
enum Field : std::uint8_t {
  kSource,
  kDestination,
  kLinkFunction,
  kFunction,
  kSequence,
  kIndications,
  kObject,
  kControl,
  kControlStatus,
  kFile,
  kLatency,
};
constexpr string_view kSourceAlias[] = {"dnp3.src"};
constexpr string_view kDestinationAlias[] = {"dnp3.dst"};
constexpr string_view kSequenceAlias[] = {"dnp3.al.seq"};
constexpr string_view kFileAlias[] = {"dnp3.al.file.name"};
constexpr FieldDef kFields[] = {
    {.name = "dnp3.source",
     .type = FieldType::kUint,
     .help = "link address of the sender",
     .aliases = kSourceAlias},
    {.name = "dnp3.destination",
     .type = FieldType::kUint,
     .help = "link address that it is for",
     .aliases = kDestinationAlias},
    {.name = "dnp3.link_function", .help = "of a frame without user data: link_status, ack, ..."},
    {.name = "dnp3.function", .help = "read, operate, response, ...", .role = Role::kMethod},
    {.name = "dnp3.sequence", .type = FieldType::kUint, .aliases = kSequenceAlias},
    {.name = "dnp3.iin",
     .list = true,
     .help = "internal indications that are set",
     .role = Role::kStatus},
    {.name = "dnp3.object",
     .list = true,
     .help = "first objects: group, variation and range, as 30/1 0-9"},
    {.name = "dnp3.control", .help = "what a relay is to do: latch_on, pulse_off, ..."},
    {.name = "dnp3.control_status", .help = "whether it did: success, no_select, ..."},
    {.name = "dnp3.file",
     .help = "file that is opened or deleted",
     .role = Role::kUri,
     .aliases = kFileAlias},
    {.name = "dnp3.latency_us",
     .type = FieldType::kDuration,
     .help = "request to response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "dnp3", .title = "DNP3", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kHeadBytes = 10;
constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kCrcBytes = 2;
constexpr std::size_t kMaxUserBytes = 250;
constexpr std::uint8_t kPrimary = 0x40;
constexpr std::uint8_t kFirstSegment = 0x40;
constexpr std::uint8_t kFirstResponse = 129;

// Annex E: polynomial 0x3D65, from the low bit on.
std::uint16_t crc_of(Bytes bytes) {
  constexpr std::uint16_t kPolynomial = 0xA6BC;
  std::uint16_t crc = 0;
  for (std::uint8_t byte : bytes) {
    crc = static_cast<std::uint16_t>(crc ^ byte);
    for (int bit = 0; bit < 8; ++bit) {
      const bool carry = (crc & 1) != 0;
      crc = static_cast<std::uint16_t>(crc >> 1);
      if (carry) crc = static_cast<std::uint16_t>(crc ^ kPolynomial);
    }
  }
  return static_cast<std::uint16_t>(~crc);
}

bool crc_fits(Bytes bytes, Bytes crc) { return Cursor(crc).u16le() == crc_of(bytes); }

Probe look(Bytes bytes) {
  constexpr std::uint8_t kFewest = 5;
  Cursor in(bytes);
  if (in.u8() != 0x05) return Probe::kNo;
  if (!in.at_end() && in.u8() != 0x64) return Probe::kNo;
  if (!in.at_end() && in.u8() < kFewest) return Probe::kNo;
  if (bytes.size() < kHeadBytes) return Probe::kMore;
  return crc_fits(bytes.first(kHeadBytes - kCrcBytes),
                  bytes.subspan(kHeadBytes - kCrcBytes, kCrcBytes))
             ? Probe::kYes
             : Probe::kNo;
}

Probe probe_dnp3(const ProbeInput& input) { return probe_sides(input, look); }

std::string function_name(std::uint8_t function) {
  constexpr std::array<string_view, 34> kNames{"confirm",
                                               "read",
                                               "write",
                                               "select",
                                               "operate",
                                               "direct_operate",
                                               "direct_operate_no_ack",
                                               "immediate_freeze",
                                               "immediate_freeze_no_ack",
                                               "freeze_and_clear",
                                               "freeze_and_clear_no_ack",
                                               "freeze_at_time",
                                               "freeze_at_time_no_ack",
                                               "cold_restart",
                                               "warm_restart",
                                               "initialize_data",
                                               "initialize_application",
                                               "start_application",
                                               "stop_application",
                                               "save_configuration",
                                               "enable_unsolicited",
                                               "disable_unsolicited",
                                               "assign_class",
                                               "delay_measurement",
                                               "record_current_time",
                                               "open_file",
                                               "close_file",
                                               "delete_file",
                                               "get_file_information",
                                               "authenticate_file",
                                               "abort_file",
                                               "activate_configuration",
                                               "authentication_request",
                                               "authentication_request_no_ack"};
  constexpr std::array<string_view, 3> kResponses{"response", "unsolicited_response",
                                                  "authentication_response"};
  if (function < kNames.size()) return std::string(kNames[function]);
  const std::size_t response = static_cast<std::size_t>(function) - kFirstResponse;
  if (response < kResponses.size()) return std::string(kResponses[response]);
  return std::to_string(function);
}

std::string link_function_name(std::uint8_t control) {
  switch (control & 0x4F) {
    case 0x40:
      return "reset_link";
    case 0x42:
      return "test_link";
    case 0x43:
      return "confirmed_user_data";
    case 0x44:
      return "user_data";
    case 0x49:
      return "request_link_status";
    case 0x00:
      return "ack";
    case 0x01:
      return "nack";
    case 0x0B:
      return "link_status";
    case 0x0F:
      return "not_supported";
    default:
      return std::to_string(control & 0x0F);
  }
}

void add_indications(std::uint16_t bits, model::RecordBuilder& record) {
  constexpr std::array<string_view, 14> kNames{
      "broadcast",         "class_1_events", "class_2_events",  "class_3_events",
      "need_time",         "local_control",  "device_trouble",  "device_restart",
      "no_function",       "object_unknown", "parameter_error", "event_buffer_overflow",
      "already_executing", "config_corrupt"};
  for (std::size_t bit = 0; bit < kNames.size(); ++bit) {
    if ((bits >> bit & 1) != 0) record.add_text(kIndications, kNames[bit]);
  }
}

// Object headers, 4.2.2. Those of a request that carries no data follow each other; behind data
// whose size is not looked up nothing more is read.
class Objects {
 public:
  Objects(Bytes bytes, bool response, model::RecordBuilder& record)
      : in_(bytes), response_(response), record_(record) {}
  void read(bool have_data);

 private:
  static constexpr std::uint8_t kRelay = 12;
  static constexpr std::uint8_t kFileGroup = 70;

  bool range(std::uint8_t qualifier, std::string& text);
  void relay(std::size_t prefix_bytes);
  void file();

  Cursor in_;
  bool response_;
  model::RecordBuilder& record_;
};

void Objects::read(bool have_data) {
  constexpr int kMost = 8;
  for (int i = 0; i < kMost && in_.remaining() >= 3; ++i) {
    const std::uint8_t group = in_.u8();
    const std::uint8_t variation = in_.u8();
    const std::uint8_t qualifier = in_.u8();
    std::string text = std::to_string(group).append("/").append(std::to_string(variation));
    if (!range(qualifier, text)) return;
    record_.add_text(kObject, text);
    const std::size_t prefix = (qualifier >> 4) & 7;
    if (group == kRelay && variation == 1 && have_data) relay(prefix);
    if (group == kFileGroup && have_data) file();
    if (have_data || prefix != 0) return;
  }
}

// Table 4-6; false if it is none.
bool Objects::range(std::uint8_t qualifier, std::string& text) {
  constexpr std::uint8_t kAll = 6;
  const std::uint8_t code = qualifier & 0x0F;
  if (code <= 5) {
    const std::size_t size = std::size_t{1} << (code % 3);
    const std::uint64_t first = in_.le(size);
    const std::uint64_t last = in_.le(size);
    text.append(" ").append(std::to_string(first)).append("-").append(std::to_string(last));
  } else if (code >= 7 && code <= 9) {
    const std::uint64_t count = in_.le(std::size_t{1} << (code - 7));
    text.append(" x").append(std::to_string(count));
  } else if (code == 0x0B) {
    in_.skip(1);
  } else if (code != kAll) {
    return false;
  }
  return in_.ok();
}

// A control relay output block, 11.3.12.
void Objects::relay(std::size_t prefix_bytes) {
  constexpr std::array<string_view, 5> kOperations{"nul", "pulse_on", "pulse_off", "latch_on",
                                                   "latch_off"};
  constexpr std::array<string_view, 11> kStatus{
      "success",          "timeout",        "no_select",         "format_error",
      "not_supported",    "already_active", "hardware_error",    "local",
      "too_many_objects", "not_authorized", "automation_inhibit"};
  if (prefix_bytes > 2) return;
  in_.skip(prefix_bytes);
  const std::uint8_t code = in_.u8();
  in_.skip(9);
  const std::uint8_t status = in_.u8();
  if (!in_.ok()) return;
  const std::size_t operation = code & 0x0F;
  if (operation < kOperations.size()) {
    std::string text(kOperations[operation]);
    if ((code & 0xC0) == 0x40) text += "_close";
    if ((code & 0xC0) == 0x80) text += "_trip";
    record_.add_text(kControl, text);
  }
  if (!response_) return;
  record_.add_text(kControlStatus,
                   status < kStatus.size() ? std::string(kStatus[status]) : std::to_string(status));
}

// A file command (70/3, 11.3.66): where its name lies, then how long that is.
void Objects::file() {
  const std::uint16_t size = in_.u16le();
  const Bytes object = in_.take(size);
  Cursor fields(object);
  const std::size_t at = fields.u16le();
  const std::size_t name_size = fields.u16le();
  constexpr std::size_t kHeadOfCommand = 26;
  if (!fields.ok() || at != kHeadOfCommand || at + name_size > object.size() || name_size == 0)
    return;
  const string_view name = base::as_text(object.subspan(at, name_size));
  if (is_plain_text(name)) record_.add_text(kFile, name);
}

class Dnp3Decoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override {
    if (bytes.size() < kHeadBytes)
      return look(bytes) == Probe::kNo ? FrameSize::bad() : FrameSize{};
    if (look(bytes) != Probe::kYes) return FrameSize::bad();
    const std::size_t user = bytes[2] - std::size_t{5};
    return FrameSize::known(kHeadBytes + user + (user + kBlockBytes - 1) / kBlockBytes * kCrcBytes);
  }
  bool begins_with(Bytes bytes, Side /*side*/) override { return look(bytes) == Probe::kYes; }
  Onward on_frame(const Frame& frame) override;

 private:
  struct Key {
    std::uint16_t master;
    std::uint16_t outstation;
    std::uint8_t sequence;
    bool operator==(const Key&) const = default;
  };
  void application(Bytes fragment, std::uint16_t source, std::uint16_t destination,
                   const Frame& frame);

  Waiting<Key, 12> waiting_;
};

Onward Dnp3Decoder::on_frame(const Frame& frame) {
  Cursor in(frame.bytes);
  in.skip(2);
  const std::size_t length = in.u8();
  const std::uint8_t control = in.u8();
  const std::uint16_t destination = in.u16le();
  const std::uint16_t source = in.u16le();
  in.skip(kCrcBytes);
  std::array<std::uint8_t, kMaxUserBytes> room;
  std::size_t size = 0;
  for (std::size_t left = length - 5; left > 0 && in.ok();) {
    const Bytes block = in.take(std::min(left, kBlockBytes));
    const Bytes crc = in.take(kCrcBytes);
    if (!in.ok()) break;
    if (!crc_fits(block, crc)) {
      frame.context.odd("bad_crc");
      break;
    }
    std::ranges::copy(block, room.begin() + static_cast<std::ptrdiff_t>(size));
    size += block.size();
    left -= block.size();
  }
  const Bytes user = Bytes(room).first(size);
  const bool whole = size == length - 5;
  // Confirmed and unconfirmed user data.
  const std::uint8_t function = control & 0x4F;
  const bool data = function == (kPrimary | 3) || function == (kPrimary | 4);
  if (data && (user.empty() || (user[0] & kFirstSegment) == 0)) return {};
  model::RecordBuilder& record = frame.context.record();
  if (data && user.size() >= 3) {
    application(user.subspan(1), source, destination, frame);
    if (!whole) record.mark_cut();
    frame.context.emit(frame.side);
    return {};
  }
  record.start(kSchema, kLink);
  record.add_uint(kSource, source);
  record.add_uint(kDestination, destination);
  record.add_text(kLinkFunction, link_function_name(control));
  frame.context.emit(frame.side);
  return {};
}

void Dnp3Decoder::application(Bytes fragment, std::uint16_t source, std::uint16_t destination,
                              const Frame& frame) {
  constexpr std::uint8_t kUnsolicited = 0x10;
  constexpr std::uint8_t kConfirm = 0;
  constexpr std::uint8_t kReadFunction = 1;
  Cursor in(fragment);
  const std::uint8_t control = in.u8();
  const std::uint8_t function = in.u8();
  const bool response = function >= kFirstResponse;
  const auto sequence = static_cast<std::uint8_t>(control & 0x0F);
  if (!response && function != kConfirm) frame.context.set_originator(frame.side);
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, response ? kResponse : kRequest);
  record.add_uint(kSource, source);
  record.add_uint(kDestination, destination);
  record.add_text(kFunction, function_name(function));
  record.add_uint(kSequence, sequence);
  if (response) add_indications(in.u16le(), record);
  // Reads, freezes, restarts, classes: nothing behind the headers.
  const bool no_data = function == kReadFunction || (function >= 7 && function <= 10) ||
                       (function >= 20 && function <= 22);
  Objects(in.rest(), response, record).read(!no_data);
  if (response && (control & kUnsolicited) == 0) {
    const base::TimeNs ns =
        waiting_.answer({destination, source, sequence}, frame.side, frame.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  } else if (!response && function != kConfirm) {
    waiting_.ask({source, destination, sequence}, frame.side, frame.time_ns);
  }
}

constexpr std::uint16_t kPorts[] = {20000};

}  // namespace

extern const ProtocolDef kDnp3;
constinit const ProtocolDef kDnp3{
    .name = "dnp3",
    .transport = Transport::kBoth,
    .first = FirstBytes::of("\x05"),
    .usual_ports = kPorts,
    .probe = probe_dnp3,
    .schema = &kSchema,
    .state_bytes = sizeof(Dnp3Decoder),
    .make = make_decoder<Dnp3Decoder>,
    .late = true,
};

}  // namespace netwatch::dpi
