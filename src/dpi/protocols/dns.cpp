// DNS over UDP and TCP, multicast DNS and LLMNR: RFC 1035 (format, TCP length prefix 4.2.2),
// RFC 6762 (mDNS), RFC 4795 (LLMNR). The three share one format, one decoder and one set of field
// names; what tells them apart is a label only: the well-known port 5353 or 5355 on either side
// names the row.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/dns_message.h"
#include "dpi/protocol.h"
#include "dpi/protocols/dns_report.h"

namespace netwatch::dpi {
namespace {

using model::Side;

constexpr std::uint16_t kMdnsPort = 5353;   // RFC 6762 section 3
constexpr std::uint16_t kLlmnrPort = 5355;  // RFC 4795 section 2

class DnsDecoder final : public Decoder {
 public:
  explicit DnsDecoder(const model::Schema& schema) : schema_(&schema) {}

  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override;

 private:
  // A query that waits for its response.
  struct Pending {
    base::TimeNs time_ns = 0;
    std::uint32_t hash = 0;
    std::uint16_t id = 0;
    bool used = false;
    Side side = Side::kOriginator;
  };
  static constexpr std::size_t kMaxPending = 6;

  Step on_stream(const model::StreamChunk& chunk, Context& context);
  Verdict message(base::Bytes bytes, const model::StreamChunk& chunk, bool cut, Context& context);
  void remember(const DnsReport& report, Side side, base::TimeNs now_ns);
  base::TimeNs latency_ns(const DnsReport& report, Side side, base::TimeNs now_ns);

  const model::Schema* schema_;
  std::array<Pending, kMaxPending> pending_;
  std::uint8_t next_pending_ = 0;
  bool confirmed_ = false;
  std::array<bool, 2> lost_{};  // by Side: a TCP stream's message borders are not known
};
static_assert(sizeof(DnsDecoder) <= 160);

Step DnsDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  if (!chunk.datagram) return on_stream(chunk, context);
  Step step;
  step.consumed = chunk.bytes.size();
  step.verdict = message(chunk.bytes, chunk, chunk.cut, context);
  return step;
}

Step DnsDecoder::on_stream(const model::StreamChunk& chunk, Context& context) {
  constexpr std::size_t kPrefixBytes = 2;
  Step step;
  bool& lost = lost_[model::index(chunk.side)];
  while (step.consumed < chunk.bytes.size()) {
    const base::Bytes rest = chunk.bytes.subspan(static_cast<std::size_t>(step.consumed));
    base::Cursor in(rest);
    const std::size_t length = in.u16();
    if (lost && in.ok()) lost = look_at_dns(in.rest()) != DnsLook::kYes || length < kDnsHeaderBytes;
    if (lost || (in.ok() && length < kDnsHeaderBytes)) {
      // Where the next message begins is anybody's guess; a segment's start is a good one.
      if (!lost) context.odd("bad_length");
      lost = true;
      step.verdict = Verdict::kOdd;
      step.consumed = chunk.bytes.size();
      return step;
    }
    const std::size_t whole = std::min(kPrefixBytes + length, kMaxHeldBytes - 1);
    if (rest.size() < whole && !chunk.cut) {
      step.wanted = in.ok() ? whole : kPrefixBytes;
      return step;
    }
    const base::Bytes bytes =
        rest.subspan(std::min(kPrefixBytes, rest.size()))
            .first(std::min(length, rest.size() - std::min(kPrefixBytes, rest.size())));
    const Verdict verdict = message(bytes, chunk, bytes.size() < length, context);
    if (verdict == Verdict::kNotMine) return {verdict, 0, 0};
    if (verdict != Verdict::kFine) step.verdict = verdict;
    step.consumed += kPrefixBytes + length;
  }
  return step;
}

Verdict DnsDecoder::on_gap(const model::StreamChunk& chunk, Context& /*context*/) {
  if (!chunk.datagram) lost_[model::index(chunk.side)] = true;
  return Verdict::kFine;
}

Verdict DnsDecoder::message(base::Bytes bytes, const model::StreamChunk& chunk, bool cut,
                            Context& context) {
  if (bytes.size() < kDnsHeaderBytes) {
    if (!confirmed_) return Verdict::kNotMine;
    context.odd("short_message");
    return Verdict::kOdd;
  }
  DnsReport report(bytes, cut, context.record());
  const DnsRead result = report.run(*schema_);
  if (!confirmed_ && result != DnsRead::kOk && !report.has_question()) return Verdict::kNotMine;
  const bool response = report.header().response();
  if (!confirmed_ && schema_ != &kMdnsSchema) {
    context.set_originator(response ? model::other(chunk.side) : chunk.side);
  }
  confirmed_ = true;
  if (result != DnsRead::kOk && !report.has_question()) {
    context.odd(dns_read_name(result));
    return Verdict::kOdd;
  }
  if (!response) {
    remember(report, chunk.side, chunk.time_ns);
  } else if (const base::TimeNs ns = latency_ns(report, chunk.side, chunk.time_ns); ns >= 0) {
    add_dns_latency(context.record(), ns);
  }
  context.emit(chunk.side);
  const bool bad_flags = report.header().reserved_bit() || report.header().opcode() > 6;
  if (bad_flags) context.odd("bad_flags");
  if (result != DnsRead::kOk) context.odd(dns_read_name(result));
  return bad_flags || result != DnsRead::kOk ? Verdict::kOdd : Verdict::kFine;
}

// A repeated query keeps its first time: what the user waited for.
void DnsDecoder::remember(const DnsReport& report, Side side, base::TimeNs now_ns) {
  if (!report.has_question()) return;
  for (const Pending& p : pending_) {
    if (p.used && p.id == report.header().id && p.hash == report.hash() && p.side == side) return;
  }
  pending_[next_pending_] = {now_ns, report.hash(), report.header().id, true, side};
  next_pending_ = static_cast<std::uint8_t>((next_pending_ + 1) % kMaxPending);
}

// Nanoseconds since the query that this response answers; -1 if none waits.
base::TimeNs DnsDecoder::latency_ns(const DnsReport& report, Side side, base::TimeNs now_ns) {
  if (!report.has_question()) return -1;
  for (Pending& p : pending_) {
    if (!p.used || p.id != report.header().id || p.hash != report.hash()) continue;
    if (p.side == side || now_ns < p.time_ns) continue;
    p.used = false;
    return now_ns - p.time_ns;
  }
  return -1;
}

bool on_port(const ProbeInput& input, std::uint16_t port) {
  return input.orig_port == port || input.resp_port == port;
}

Probe as_probe(DnsLook look) {
  switch (look) {
    case DnsLook::kYes:
      return Probe::kYes;
    case DnsLook::kTooShort:
      return Probe::kMore;
    case DnsLook::kNo:
      break;
  }
  return Probe::kNo;
}

Probe probe_stream(base::Bytes bytes) {
  base::Cursor in(bytes);
  const std::size_t length = in.u16();
  if (!in.ok()) return Probe::kMore;
  if (length < kDnsHeaderBytes + 5) return Probe::kNo;
  const base::Bytes message = in.take_up_to(length);
  const Probe probe = as_probe(look_at_dns(message));
  // A whole message that ends before its first question does is none.
  return probe == Probe::kMore && message.size() == length ? Probe::kNo : probe;
}

Probe better(Probe a, Probe b) {
  if (a == Probe::kYes || b == Probe::kYes) return Probe::kYes;
  return a == Probe::kMore || b == Probe::kMore ? Probe::kMore : Probe::kNo;
}

Probe probe_dns(const ProbeInput& input) {
  if (input.datagram) return as_probe(look_at_dns(input.of(input.latest)));
  Probe best = Probe::kNo;
  for (base::Bytes bytes : input.sides) {
    if (bytes.empty()) continue;
    best = better(best, probe_stream(bytes));
  }
  return best;
}

Probe probe_mdns(const ProbeInput& input) {
  return on_port(input, kMdnsPort) ? as_probe(look_at_dns(input.of(input.latest))) : Probe::kNo;
}

Probe probe_llmnr(const ProbeInput& input) {
  return on_port(input, kLlmnrPort) ? probe_dns(input) : Probe::kNo;
}

constexpr std::uint16_t kDnsPorts[] = {53};
constexpr std::uint16_t kMdnsPorts[] = {kMdnsPort};
constexpr std::uint16_t kLlmnrPorts[] = {kLlmnrPort};

}  // namespace

extern const ProtocolDef kDns;
extern const ProtocolDef kMdns;
extern const ProtocolDef kLlmnr;

const ProtocolDef kDns{
    .name = "dns",
    .transport = Transport::kBoth,
    .first = FirstBytes::any(),
    .usual_ports = kDnsPorts,
    .probe = probe_dns,
    .schema = &kDnsSchema,
    .state_bytes = sizeof(DnsDecoder),
    .make = [](void* memory) -> Decoder* { return new (memory) DnsDecoder(kDnsSchema); },
};

// In the table these two come before kDns, which takes what they leave.
const ProtocolDef kMdns{
    .name = "mdns",
    .transport = Transport::kUdp,
    .first = FirstBytes::any(),
    .usual_ports = kMdnsPorts,
    .probe = probe_mdns,
    .schema = &kMdnsSchema,
    .state_bytes = sizeof(DnsDecoder),
    .make = [](void* memory) -> Decoder* { return new (memory) DnsDecoder(kMdnsSchema); },
};

const ProtocolDef kLlmnr{
    .name = "llmnr",
    .transport = Transport::kBoth,  // RFC 4795 section 2.4 has a TCP form
    .first = FirstBytes::any(),
    .usual_ports = kLlmnrPorts,
    .probe = probe_llmnr,
    .schema = &kLlmnrSchema,
    .state_bytes = sizeof(DnsDecoder),
    .make = [](void* memory) -> Decoder* { return new (memory) DnsDecoder(kLlmnrSchema); },
};

}  // namespace netwatch::dpi
