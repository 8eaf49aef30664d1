// What is reported of a DNS message: RFC 1035, RFC 6891 (EDNS), RFC 7871 (client subnet), RFC 9460
// (SVCB and HTTPS records), RFC 6762 (responses without a question).
#include "dpi/protocols/dns_report.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;

enum Kind : std::uint8_t { kQuery, kResponse };

enum Field : std::uint8_t {
  kTransaction,
  kQname,
  kQtype,
  kOpcode,
  kRcode,
  kAnswers,
  kAddress,
  kCname,
  kRecordName,
  kLatency,
  kAuthoritative,
  kTruncated,
  kEdnsUdpBytes,
  kEdnsDnssecOk,
  kEdnsClientSubnet,
  kSvcbAlpn,
  kSvcbEch,
};

constexpr std::string_view kKinds[] = {"query", "response"};
constexpr std::string_view kTransactionAlias[] = {"dns.id"};
constexpr std::string_view kQnameAlias[] = {"dns.qry.name"};
constexpr std::string_view kQtypeAlias[] = {"dns.qry.type"};
constexpr std::string_view kOpcodeAlias[] = {"dns.flags.opcode"};
constexpr std::string_view kRcodeAlias[] = {"dns.flags.rcode"};
constexpr std::string_view kAddressAlias[] = {"dns.a", "dns.aaaa"};
constexpr std::string_view kRecordNameAlias[] = {"dns.resp.name"};
constexpr std::string_view kLatencyAlias[] = {"dns.time"};
constexpr std::string_view kAuthoritativeAlias[] = {"dns.flags.authoritative"};
constexpr std::string_view kTruncatedAlias[] = {"dns.flags.truncated"};
constexpr std::string_view kEdnsSizeAlias[] = {"dns.rr.udp_payload_size"};
constexpr std::string_view kEdnsDoAlias[] = {"dns.resp.z.do"};

constexpr std::uint16_t kNameTextBytes = 1024;

constexpr FieldDef kFields[] = {
    {.name = "dns.transaction",
     .type = FieldType::kUint,
     .help = "transaction id",
     .aliases = kTransactionAlias},
    {.name = "dns.qname",
     .list = true,
     .help = "name that is asked for",
     .role = Role::kQueryName,
     .privacy = Privacy::kPersonal,
     .aliases = kQnameAlias,
     .max_bytes = kNameTextBytes},
    {.name = "dns.qtype",
     .list = true,
     .help = "record type that is asked for",
     .aliases = kQtypeAlias},
    {.name = "dns.opcode",
     .help = "kind of message: QUERY, NOTIFY, UPDATE, ...",
     .aliases = kOpcodeAlias},
    {.name = "dns.rcode",
     .help = "result, with EDNS's upper bits",
     .role = Role::kStatus,
     .aliases = kRcodeAlias},
    {.name = "dns.answers",
     .list = true,
     .help = "addresses, names and texts of the answer section",
     .privacy = Privacy::kPersonal,
     .max_bytes = kNameTextBytes},
    {.name = "dns.address",
     .type = FieldType::kAddress,
     .list = true,
     .help = "addresses given for the name that was asked for",
     .role = Role::kAnswerAddress,
     .privacy = Privacy::kPersonal,
     .aliases = kAddressAlias},
    {.name = "dns.cname",
     .list = true,
     .help = "other names of the name that was asked for",
     .role = Role::kAnswerAlias,
     .privacy = Privacy::kPersonal,
     .max_bytes = kNameTextBytes},
    {.name = "dns.record_name",
     .help = "whose addresses an unasked (mDNS) response gives",
     .role = Role::kQueryName,
     .privacy = Privacy::kPersonal,
     .aliases = kRecordNameAlias,
     .max_bytes = kNameTextBytes},
    {.name = "dns.latency_us",
     .type = FieldType::kDuration,
     .help = "query to this response",
     .role = Role::kLatency,
     .aliases = kLatencyAlias},
    {.name = "dns.authoritative",
     .type = FieldType::kBool,
     .help = "the server owns the name",
     .aliases = kAuthoritativeAlias},
    {.name = "dns.truncated",
     .type = FieldType::kBool,
     .help = "does not hold everything (TC)",
     .aliases = kTruncatedAlias},
    {.name = "dns.edns_udp_bytes",
     .type = FieldType::kUint,
     .help = "largest UDP message that the sender takes",
     .aliases = kEdnsSizeAlias},
    {.name = "dns.edns_dnssec_ok",
     .type = FieldType::kBool,
     .help = "DNSSEC records are welcome",
     .aliases = kEdnsDoAlias},
    {.name = "dns.edns_client_subnet",
     .help = "network of the client, as its resolver tells it",
     .privacy = Privacy::kPersonal},
    {.name = "dns.svcb_alpn",
     .list = true,
     .help = "protocols that an HTTPS or SVCB record offers"},
    {.name = "dns.svcb_ech",
     .type = FieldType::kBool,
     .help = "an HTTPS or SVCB record holds keys for Encrypted ClientHello"},
};

// So many questions and answers of one message are reported; the rest is flagged as cut.
constexpr int kMaxQuestions = 32;
constexpr int kMaxAnswers = 64;

std::uint32_t question_hash(std::string_view name, std::uint16_t type) {
  std::uint32_t hash = 2166136261U ^ type;
  for (char c : name) {
    const auto byte = static_cast<std::uint8_t>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    hash = (hash ^ byte) * 16777619U;
  }
  return hash;
}

}  // namespace

const model::Schema kDnsSchema{"dns", "DNS", kKinds, kFields};
const model::Schema kMdnsSchema{"mdns", "Multicast DNS", kKinds, kFields};
const model::Schema kLlmnrSchema{"llmnr", "LLMNR", kKinds, kFields};

DnsRead DnsReport::run(const model::Schema& schema) {
  base::Cursor in(message_);
  header_ = DnsHeader::read(in);
  rcode_ = header_.rcode();
  DnsTextScratch text;
  out_.start(schema, header_.response() ? kResponse : kQuery);
  out_.add_uint(kTransaction, header_.id);
  out_.add_text(kOpcode, dns_opcode_name(header_.opcode(), text));
  if (header_.truncated()) out_.add_bool(kTruncated, true);
  if (header_.response() && header_.authoritative()) out_.add_bool(kAuthoritative, true);
  DnsRead result = questions();
  if (result == DnsRead::kOk) result = answers();
  if (result == DnsRead::kOk) result = additionals();
  if (header_.response()) out_.add_text(kRcode, dns_rcode_name(rcode_, text));
  if (cut_) out_.mark_cut();
  // Bytes that the capture did not keep, or that the sender left out and said so, are no breach.
  const bool excused = result == DnsRead::kEndsEarly && (cut_ || header_.truncated());
  return excused ? DnsRead::kOk : result;
}

DnsRead DnsReport::questions() {
  for (int i = 0; i < header_.questions; ++i) {
    DnsQuestion question;
    DnsName& name = i == 0 ? asked_ : scratch_;
    const DnsRead result = read_dns_question(message_, offset_, &name, question);
    if (result != DnsRead::kOk) return result;
    if (i == 0) {
      has_question_ = true;
      hash_ = question_hash(name.text(), question.type);
    }
    if (i >= kMaxQuestions) {
      out_.mark_cut();
      continue;
    }
    DnsTextScratch text;
    out_.add_text(kQname, name.text());
    out_.add_text(kQtype, dns_type_name(question.type, text));
  }
  return DnsRead::kOk;
}

// Only what answers a question is reported: not known answers inside mDNS queries, nor the
// prerequisites and updates of RFC 2136.
DnsRead DnsReport::answers() {
  const bool wanted =
      header_.response() && header_.opcode() == static_cast<std::uint8_t>(DnsOpcode::kQuery);
  for (int i = 0; i < header_.answers; ++i) {
    DnsRecord record;
    DnsName owner;
    const bool kept = wanted && i < kMaxAnswers;
    const DnsRead result = read_dns_record(message_, offset_, kept ? &owner : nullptr, record);
    if (result != DnsRead::kOk) return result;
    if (kept) answer(owner.text(), record);
    if (wanted && i == kMaxAnswers) out_.mark_cut();
  }
  return DnsRead::kOk;
}

// The authority section is passed over; of the additional one only the OPT record counts.
DnsRead DnsReport::additionals() {
  const int count = int{header_.authorities} + int{header_.additionals};
  for (int i = 0; i < count; ++i) {
    DnsRecord record;
    const DnsRead result = read_dns_record(message_, offset_, nullptr, record);
    if (result != DnsRead::kOk) return result;
    if (i >= header_.authorities && record.type == static_cast<std::uint16_t>(DnsType::kOpt)) {
      options(record);
    }
  }
  return DnsRead::kOk;
}

void DnsReport::answer(std::string_view owner, const DnsRecord& record) {
  switch (static_cast<DnsType>(record.type)) {
    case DnsType::kA:
      if (record.data.size() == 4) {
        address_answer(owner, base::IpAddress::v4(record.data.data()));
      }
      return;
    case DnsType::kAaaa:
      if (record.data.size() == 16) {
        address_answer(owner, base::IpAddress::v6(record.data.data()));
      }
      return;
    case DnsType::kCname:
    case DnsType::kDname:
    case DnsType::kNs:
    case DnsType::kPtr:
    case DnsType::kSoa:
      return name_answer(owner, record, 0);
    case DnsType::kMx:
      return name_answer(owner, record, 2);  // preference
    case DnsType::kSrv:
      return name_answer(owner, record, 6);  // priority, weight, port
    case DnsType::kTxt:
      return text_answer(record);
    case DnsType::kSvcb:
    case DnsType::kHttps:
      return service_answer(owner, record);
    default:
      return;
  }
}

// Whether `owner` is the name that was asked for or its alias: a name is only learned from
// records that answer it, since anything may be added to an answer section.
bool DnsReport::is_asked(std::string_view owner) const {
  return same_dns_name(owner, asked_.text()) ||
         (!alias_.empty() && same_dns_name(owner, alias_.text()));
}

void DnsReport::address_answer(std::string_view owner, const base::IpAddress& address) {
  if (!has_question_ && asked_.empty()) {
    asked_.assign(owner);
    out_.add_text(kRecordName, owner);
  }
  out_.add_text(kAnswers, address.to_string());
  if (is_asked(owner)) out_.add_address(kAddress, address);
}

void DnsReport::name_answer(std::string_view owner, const DnsRecord& record, std::size_t skip) {
  std::size_t at = record.data_offset + skip;
  if (record.data.size() <= skip) return;
  if (read_dns_name(message_, at, &scratch_) != DnsRead::kOk) return;
  out_.add_text(kAnswers, scratch_.text());
  if (record.type != static_cast<std::uint16_t>(DnsType::kCname)) return;
  if (!is_asked(owner)) return;
  out_.add_text(kCname, scratch_.text());
  alias_.assign(scratch_.text());
}

// The strings of a TXT record, joined as RFC 7208 section 3.3 does.
void DnsReport::text_answer(const DnsRecord& record) {
  std::array<char, kNameTextBytes> text;
  std::size_t used = 0;
  base::Cursor in(record.data);
  while (in.ok() && !in.at_end()) {
    const base::Bytes part = in.take_up_to(in.u8());
    const std::size_t length = std::min(part.size(), text.size() - used);
    std::copy_n(part.begin(), length, text.begin() + static_cast<std::ptrdiff_t>(used));
    used += length;
  }
  out_.add_text(kAnswers, {text.data(), used});
}

// RFC 9460 section 2.2: priority, target, then parameters by rising key.
void DnsReport::service_answer(std::string_view owner, const DnsRecord& record) {
  constexpr std::uint16_t kAlpn = 1;
  constexpr std::uint16_t kV4Hint = 4;
  constexpr std::uint16_t kEch = 5;
  constexpr std::uint16_t kV6Hint = 6;
  const std::size_t end = record.data_offset + record.data.size();
  std::size_t at = record.data_offset + 2;
  if (record.data.size() < 3) return;
  if (read_dns_name(message_, at, &scratch_) != DnsRead::kOk || at > end) return;
  if (scratch_.text() != ".") out_.add_text(kAnswers, scratch_.text());
  base::Cursor in(message_.subspan(at, end - at));
  while (in.ok() && !in.at_end()) {
    const std::uint16_t key = in.u16();
    base::Cursor value = in.sub(in.u16());
    if (key == kEch && value.remaining() > 0) out_.add_bool(kSvcbEch, true);
    while (key == kAlpn && value.ok() && !value.at_end()) {
      const base::Bytes name = value.take(value.u8());
      if (!name.empty()) out_.add_text(kSvcbAlpn, base::as_text(name));
    }
    while (key == kV4Hint && value.remaining() >= 4) {
      address_answer(owner, base::IpAddress::v4(value.take(4).data()));
    }
    while (key == kV6Hint && value.remaining() >= 16) {
      address_answer(owner, base::IpAddress::v6(value.take(16).data()));
    }
  }
}

void DnsReport::options(const DnsRecord& record) {
  constexpr std::uint32_t kDnssecOk = 0x8000;
  constexpr std::uint16_t kClientSubnet = 8;
  rcode_ = static_cast<std::uint16_t>(header_.rcode() | ((record.ttl_s >> 24) << 4));
  out_.add_uint(kEdnsUdpBytes, record.dns_class);
  if ((record.ttl_s & kDnssecOk) != 0) out_.add_bool(kEdnsDnssecOk, true);
  base::Cursor in(record.data);
  while (in.ok() && !in.at_end()) {
    const std::uint16_t code = in.u16();
    const base::Bytes data = in.take(in.u16());
    if (in.ok() && code == kClientSubnet) client_subnet(data);
  }
}

void DnsReport::client_subnet(base::Bytes data) {
  base::Cursor in(data);
  const std::uint16_t family = in.u16();
  const unsigned prefix_bits = in.u8();
  in.skip(1);  // scope
  std::array<std::uint8_t, 16> raw{};
  const base::Bytes sent = in.take_up_to(raw.size());
  if (!in.ok() || (family != 1 && family != 2) || prefix_bits > (family == 1 ? 32U : 128U)) return;
  std::ranges::copy(sent, raw.begin());
  const auto network =
      family == 1 ? base::IpAddress::v4(raw.data()) : base::IpAddress::v6(raw.data());
  out_.add_text(kEdnsClientSubnet, network.to_string() + "/" + std::to_string(prefix_bits));
}

void add_dns_latency(model::RecordBuilder& out, std::int64_t latency_ns) {
  out.add_int(kLatency, latency_ns);
}

}  // namespace netwatch::dpi
