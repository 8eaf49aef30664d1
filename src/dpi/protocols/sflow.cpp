// sFlow: version 5 (sflow.org, "sFlow Version 5"), 2 and 4 (RFC 3176): who exports how many
// samples, and whether datagrams are lost. The sampled packets and counters are not read.
#include <array>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/export_sums.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using std::string_view;

constexpr string_view kKinds[] = {"export"};

enum Field : std::uint8_t {
  kVersion,
  kAgent,
  kSubAgent,
  kSequence,
  kDatagrams,
  kFlowSamples,
  kCounterSamples,
  kSampling,
  kLost,
};
constexpr FieldDef kFields[] = {
    {.name = "sflow.version",
     .type = FieldType::kUint,
     .help = "2, 4 or 5",
     .role = model::Role::kVersion},
    {.name = "sflow.agent",
     .type = FieldType::kAddress,
     .help = "address of the device that samples"},
    {.name = "sflow.sub_agent", .type = FieldType::kUint, .help = "part of the device"},
    {.name = "sflow.sequence", .type = FieldType::kUint, .help = "of the last datagram"},
    {.name = "sflow.datagrams", .type = FieldType::kUint, .help = "since the last report"},
    {.name = "sflow.flow_samples",
     .type = FieldType::kUint,
     .help = "sampled packets, since the last report (versions 2 and 4: all samples)"},
    {.name = "sflow.counter_samples",
     .type = FieldType::kUint,
     .help = "readings of counters, since the last report"},
    {.name = "sflow.sampling_rate",
     .type = FieldType::kUint,
     .help = "one packet of so many is sampled"},
    {.name = "sflow.lost",
     .type = FieldType::kUint,
     .help = "datagrams missing since the last report"},
};
static_assert(std::size(kFields) == kLost + 1);
constexpr model::Schema kSchema{
    .proto = "sflow", .title = "sFlow", .kinds = kKinds, .fields = kFields};

struct Datagram {
  std::uint32_t version = 0;
  base::IpAddress agent;
  std::uint32_t sub_agent = 0;
  std::uint32_t sequence = 0;
  std::uint32_t flow_samples = 0;
  std::uint32_t counter_samples = 0;
  std::uint32_t sampling = 0;
};

// Version 5: samples of a type and a length; the expanded forms have the numbers 3 and 4.
bool read_samples(Cursor& in, std::uint32_t count, Datagram& datagram) {
  constexpr std::uint32_t kFlow = 1;
  constexpr std::uint32_t kCounters = 2;
  constexpr std::uint32_t kExpandedFlow = 3;
  constexpr std::uint32_t kExpandedCounters = 4;
  for (; count > 0; --count) {
    const std::uint32_t type = in.u32();
    Cursor sample = in.sub(in.u32());
    if (!in.ok()) return false;
    if (type == kFlow || type == kExpandedFlow) {
      ++datagram.flow_samples;
      sample.skip(type == kFlow ? 8 : 12);  // number, source
      const std::uint32_t rate = sample.u32();
      if (sample.ok()) datagram.sampling = rate;
    } else if (type == kCounters || type == kExpandedCounters) {
      ++datagram.counter_samples;
    }
  }
  return in.at_end();
}

bool read_datagram(Bytes bytes, Datagram& datagram) {
  constexpr std::uint32_t kIpv4 = 1;
  constexpr std::uint32_t kIpv6 = 2;
  constexpr std::uint32_t kMostSamples = 512;
  constexpr std::uint32_t kFewestBytes = 8;
  Cursor in(bytes);
  datagram.version = in.u32();
  const std::uint32_t family = in.u32();
  if (datagram.version != 5 && datagram.version != 4 && datagram.version != 2) return false;
  if (family != kIpv4 && family != kIpv6) return false;
  const Bytes agent = in.take(family == kIpv4 ? 4 : 16);
  if (!in.ok()) return false;
  datagram.agent =
      family == kIpv4 ? base::IpAddress::v4(agent.data()) : base::IpAddress::v6(agent.data());
  if (datagram.version == 5) datagram.sub_agent = in.u32();
  datagram.sequence = in.u32();
  in.skip(4);  // time since its start
  const std::uint32_t samples = in.u32();
  if (!in.ok() || samples > kMostSamples || in.remaining() / kFewestBytes < samples) return false;
  if (datagram.version == 5) return read_samples(in, samples, datagram);
  // Samples of the older versions do not say how long they are.
  const std::uint32_t type = in.u32();
  datagram.flow_samples = samples;
  return samples > 0 && type >= 1 && type <= 2;
}

class SflowDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  void on_end(Context& context) override;

 private:
  void report(const ExportSums::Source& source, Context& context);

  ExportSums sums_;
  base::IpAddress agent_;
};

void SflowDecoder::report(const ExportSums::Source& source, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kSchema, 0);
  record.add_uint(kVersion, source.version);
  record.add_address(kAgent, agent_);
  if (source.version == 5) record.add_uint(kSubAgent, source.id);
  record.add_uint(kSequence, source.sequence);
  record.add_uint(kDatagrams, source.messages);
  if (source.records > 0) record.add_uint(kFlowSamples, source.records);
  if (source.templates > 0) record.add_uint(kCounterSamples, source.templates);
  if (source.sampling > 0) record.add_uint(kSampling, source.sampling);
  if (source.lost > 0) record.add_uint(kLost, source.lost);
  context.emit(source.side);
}

Step SflowDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Datagram datagram;
  if (!read_datagram(chunk.bytes, datagram)) return {.verdict = Verdict::kNotMine};
  context.set_originator(chunk.side);
  agent_ = datagram.agent;
  ExportSums::Source& source =
      sums_.source(datagram.sub_agent, static_cast<std::uint8_t>(datagram.version), chunk.side);
  if (datagram.sampling > 0) source.sampling = datagram.sampling;
  source.records += datagram.flow_samples;
  source.templates += datagram.counter_samples;
  if (ExportSums::add(source, datagram.sequence, datagram.sequence + 1, chunk.time_ns)) {
    report(source, context);
    ExportSums::reported(source, chunk.time_ns);
  }
  return {.consumed = chunk.bytes.size()};
}

void SflowDecoder::on_end(Context& context) {
  sums_.for_each_rest([&](const ExportSums::Source& source) { report(source, context); });
}

Probe probe_sflow(const ProbeInput& input) {
  Datagram datagram;
  return read_datagram(input.of(input.latest), datagram) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kPorts[] = {6343};

}  // namespace

extern const ProtocolDef kSflow;
constinit const ProtocolDef kSflow{
    .name = "sflow",
    .transport = Transport::kUdp,
    .first = FirstBytes::of(string_view("\0", 1)),
    .usual_ports = kPorts,
    .probe = probe_sflow,
    .schema = &kSchema,
    .state_bytes = sizeof(SflowDecoder),
    .make = make_decoder<SflowDecoder>,
};

}  // namespace netwatch::dpi
