// NetFlow versions 1, 5, 7, 8 (Cisco, "NetFlow Services Solutions Guide", appendix 2), 9 (RFC 3954)
// and IPFIX (RFC 7011; UDP and TCP): who exports how much, and whether some of it is lost. The flow
// records themselves are not read.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/export_sums.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::RecordBuilder;
using std::string_view;

constexpr string_view kKinds[] = {"export"};

enum Field : std::uint8_t {
  kVersion,
  kSource,
  kSequence,
  kMessages,
  kRecords,
  kTemplates,
  kSampling,
  kLost,
};
constexpr string_view kSourceAlias[] = {"cflow.source_id", "cflow.od_id"};
constexpr string_view kSequenceAlias[] = {"cflow.sequence"};
constexpr string_view kVersionAlias[] = {"cflow.version"};
constexpr FieldDef kFields[] = {
    {.name = "netflow.version",
     .type = FieldType::kUint,
     .help = "1, 5, 7, 8, 9, or 10 (IPFIX)",
     .role = model::Role::kVersion,
     .aliases = kVersionAlias},
    {.name = "netflow.source",
     .type = FieldType::kUint,
     .help = "source ID, observation domain, or engine",
     .aliases = kSourceAlias},
    {.name = "netflow.sequence",
     .type = FieldType::kUint,
     .help = "of the last message",
     .aliases = kSequenceAlias},
    {.name = "netflow.messages", .type = FieldType::kUint, .help = "since the last report"},
    {.name = "netflow.records",
     .type = FieldType::kUint,
     .help = "flow records (version 9: templates, too), since the last report"},
    {.name = "netflow.templates",
     .type = FieldType::kUint,
     .help = "templates, since the last report"},
    {.name = "netflow.sampling",
     .type = FieldType::kUint,
     .help = "one packet of so many is counted"},
    {.name = "netflow.lost",
     .type = FieldType::kUint,
     .help = "numbers missing since the last report: messages of version 9, else records"},
};
static_assert(std::size(kFields) == kLost + 1);
constexpr model::Schema kSchema{
    .proto = "netflow", .title = "NetFlow and IPFIX", .kinds = kKinds, .fields = kFields};

constexpr std::uint16_t kV9 = 9, kIpfix = 10;
constexpr std::uint16_t kFirstData = 256;  // IDs below are of templates

struct Message {
  std::uint16_t version = 0;
  std::uint16_t count = 0;
  std::uint32_t sequence = 0;
  std::uint32_t source = 0;
  std::uint16_t sampling = 0;
  std::uint16_t templates = 0;
  bool numbered = false;
  bool data = false;     // it has flow records
  std::size_t size = 0;  // as the message says, or all there is
};

// RFC 3954 section 5.2, RFC 7011 section 3.4: templates up to the end of their set. Those that
// describe options have another field before the count, or in place of it.
bool read_templates(Cursor set, bool ipfix, bool options, Message& message) {
  constexpr std::size_t kPadding = 4;
  while (set.remaining() >= kPadding) {
    const std::uint16_t id = set.u16();
    if (id == 0)
      return std::ranges::all_of(set.rest(), [](std::uint8_t byte) { return byte == 0; });
    if (id < kFirstData) return false;
    std::size_t fields = set.u16();
    if (options && ipfix && fields > 0) set.skip(2);
    if (options && !ipfix) fields = (fields + set.u16()) / 4;
    for (; fields > 0 && set.ok(); --fields) {
      constexpr std::uint16_t kEnterprise = 0x8000;
      const std::uint16_t type = set.u16();
      set.skip(2);
      if (ipfix && (type & kEnterprise) != 0) set.skip(4);
    }
    if (!set.ok()) return false;
    ++message.templates;
  }
  return true;
}

bool read_sets(Cursor in, Message& message) {
  const bool ipfix = message.version == kIpfix;
  const std::uint16_t first = ipfix ? 2 : 0;  // templates; options templates have the next one
  bool any = false;
  while (in.ok() && !in.at_end()) {
    const std::uint16_t id = in.u16();
    const std::size_t length = in.u16();
    if (!in.ok() || length < 4 || (id < kFirstData && id != first && id != first + 1)) return false;
    const Cursor set = in.sub(length - 4);
    if (!in.ok()) return false;
    any = true;
    message.data = message.data || id >= kFirstData;
    if (id < kFirstData && !read_templates(set, ipfix, id != first, message)) return false;
  }
  return any && in.ok();
}

// Bytes of one record; the datagram holds as many as it says, and nothing else.
bool fits(std::size_t body, std::uint16_t count, std::uint16_t version) {
  constexpr std::size_t kSmallest = 24;  // of version 8, by how it aggregates
  constexpr std::size_t kLargest = 52;
  if (count == 0 || body % count != 0) return false;
  const std::size_t record = body / count;
  if (version == 8) return record >= kSmallest && record <= kLargest && record % 4 == 0;
  // softflowd leaves the reserved bytes of version 1 out.
  return (record == 48 && version != 7) || (record == 52 && version != 5);
}

bool read_old(Cursor& in, Message& message) {
  constexpr std::uint16_t kMostRecords = 60;
  constexpr std::uint32_t kFirstSecond = 700'000'000;  // 1992: before there was NetFlow
  message.count = in.u16();
  in.skip(4);
  const std::uint32_t seconds = in.u32();
  const std::uint32_t nanoseconds = in.u32();
  if (message.count > kMostRecords || nanoseconds >= base::kNsPerSecond) return false;
  if (seconds < kFirstSecond) return false;
  if (message.version != 1) {
    message.sequence = in.u32();
    message.numbered = true;
    const std::uint16_t engine = in.u16();
    const std::uint16_t sampling = in.u16();
    if (message.version != 7) message.source = engine;
    if (message.version == 5) message.sampling = sampling & 0x3FFF;
    if (message.version == 8) in.skip(4);
  }
  message.data = true;
  return in.ok() && fits(in.remaining(), message.count, message.version);
}

// `stream`: what follows the message is the next one's.
bool read_message(Bytes bytes, Message& message) {
  Cursor in(bytes);
  message.version = in.u16();
  message.size = bytes.size();
  switch (message.version) {
    case 1:
    case 5:
    case 7:
    case 8:
      return read_old(in, message);
    case kV9:
      message.count = in.u16();
      in.skip(8);
      break;
    case kIpfix:
      message.size = in.u16();
      in.skip(4);
      break;
    default:
      return false;
  }
  message.sequence = in.u32();
  message.source = in.u32();
  message.numbered = true;
  if (!in.ok() || message.size < in.offset() || message.size > bytes.size()) return false;
  if (message.version == kV9 && message.count == 0) return false;
  return read_sets(in.sub(message.size - in.offset()), message);
}

class NetflowDecoder final : public FrameDecoder {
 public:
  void on_end(Context& context) override;

 protected:
  FrameSize size_of(Bytes bytes, model::Side side) override;
  bool begins_with(Bytes bytes, model::Side /*side*/) override {
    Message message;
    return read_message(bytes, message);
  }
  Onward on_frame(const Frame& frame) override;
  void on_loss(model::Side /*side*/) override {}

 private:
  static void report(const ExportSums::Source& source, Context& context);

  ExportSums sums_;
};

// Only IPFIX comes in streams, too: it says how long a message is.
FrameSize NetflowDecoder::size_of(Bytes bytes, model::Side /*side*/) {
  constexpr std::size_t kHeaderBytes = 16;
  Cursor in(bytes);
  const std::uint16_t version = in.u16();
  const std::size_t length = in.u16();
  if (!in.ok()) return {};
  if (version != kIpfix)
    return version == 0 || version > kIpfix ? FrameSize::bad() : FrameSize::known(bytes.size());
  return length < kHeaderBytes ? FrameSize::bad() : FrameSize::known(length);
}

void NetflowDecoder::report(const ExportSums::Source& source, Context& context) {
  RecordBuilder& record = context.record();
  record.start(kSchema, 0);
  record.add_uint(kVersion, source.version);
  if (source.version != 1) record.add_uint(kSource, source.id);
  if (source.numbered) record.add_uint(kSequence, source.sequence);
  record.add_uint(kMessages, source.messages);
  if (source.records > 0) record.add_uint(kRecords, source.records);
  if (source.templates > 0) record.add_uint(kTemplates, source.templates);
  if (source.sampling > 1) record.add_uint(kSampling, source.sampling);
  if (source.lost > 0) record.add_uint(kLost, source.lost);
  context.emit(source.side);
}

Onward NetflowDecoder::on_frame(const Frame& frame) {
  Message message;
  if (frame.cut() || !read_message(frame.bytes, message)) return {};
  frame.context.set_originator(frame.side);
  const auto version = static_cast<std::uint8_t>(message.version);
  ExportSums::Source& source = sums_.source(message.source, version, frame.side);
  // IPFIX numbers the records that came before, but does not say how many there are: the next
  // message does.
  const bool ipfix = version == kIpfix;
  if (ipfix && source.numbered && message.sequence - source.sequence < 1U << 20) {
    source.records += message.sequence - source.sequence;
  }
  source.records += message.count;
  source.templates += message.templates;
  const std::uint32_t next =
      ipfix ? message.sequence : message.sequence + (version == kV9 ? 1 : message.count);
  if (message.sampling > 0) source.sampling = message.sampling;
  const bool due = ExportSums::add(source, message.sequence, next, frame.time_ns);
  if (ipfix) source.lost = 0;
  source.numbered = message.numbered;
  if (!due) return {};
  report(source, frame.context);
  ExportSums::reported(source, frame.time_ns);
  return {};
}

void NetflowDecoder::on_end(Context& context) {
  sums_.for_each_rest([&](const ExportSums::Source& source) { report(source, context); });
}

Probe probe_netflow(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  Cursor in(bytes);
  const std::uint16_t version = in.u16();
  if (bytes.size() >= 2 && (version == 0 || version > kIpfix)) return Probe::kNo;
  Message message;
  if (input.datagram) {
    return read_message(bytes, message) && message.size == bytes.size() ? Probe::kYes : Probe::kNo;
  }
  if (bytes.size() < 2) return Probe::kMore;
  if (version != kIpfix) return Probe::kNo;
  if (read_message(bytes, message)) return Probe::kYes;
  const std::size_t size = in.u16();
  constexpr std::size_t kHeaderBytes = 16;
  return bytes.size() < 4 || (size > bytes.size() && size > kHeaderBytes) ? Probe::kMore
                                                                          : Probe::kNo;
}

constexpr std::uint16_t kPorts[] = {2055, 4739, 9995, 9996};

}  // namespace

extern const ProtocolDef kNetflow;
constinit const ProtocolDef kNetflow{
    .name = "netflow",
    .transport = Transport::kBoth,
    .first = FirstBytes::of(std::string_view("\0", 1)),
    .usual_ports = kPorts,
    .probe = probe_netflow,
    .schema = &kSchema,
    .state_bytes = sizeof(NetflowDecoder),
    .make = make_decoder<NetflowDecoder>,
};

}  // namespace netwatch::dpi
