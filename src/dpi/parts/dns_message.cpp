// The DNS message format: RFC 1035 (format, compression), RFC 4343 (case), RFC 6762 (mDNS's use of
// the class's top bit), RFC 6891 (EDNS), RFC 3597 (unknown types), RFC 1002 (NetBIOS names).
#include "dpi/parts/dns_message.h"

#include <algorithm>
#include <charconv>

namespace netwatch::dpi {
namespace {

// A chain of pointers longer than this is no compression: a name has at most 127 labels, and
// encoders need one hop per suffix.
constexpr int kMaxPointerHops = 64;
constexpr std::uint16_t kClassTopBit = 0x8000;

struct Code {
  std::uint16_t value;
  std::string_view name;
};

constexpr Code kTypes[] = {
    {1, "A"},       {2, "NS"},      {5, "CNAME"},     {6, "SOA"},         {10, "NULL"},
    {11, "WKS"},    {12, "PTR"},    {13, "HINFO"},    {14, "MINFO"},      {15, "MX"},
    {16, "TXT"},    {17, "RP"},     {18, "AFSDB"},    {24, "SIG"},        {25, "KEY"},
    {28, "AAAA"},   {29, "LOC"},    {33, "SRV"},      {35, "NAPTR"},      {36, "KX"},
    {37, "CERT"},   {38, "A6"},     {39, "DNAME"},    {41, "OPT"},        {42, "APL"},
    {43, "DS"},     {44, "SSHFP"},  {45, "IPSECKEY"}, {46, "RRSIG"},      {47, "NSEC"},
    {48, "DNSKEY"}, {49, "DHCID"},  {50, "NSEC3"},    {51, "NSEC3PARAM"}, {52, "TLSA"},
    {53, "SMIMEA"}, {55, "HIP"},    {59, "CDS"},      {60, "CDNSKEY"},    {61, "OPENPGPKEY"},
    {62, "CSYNC"},  {63, "ZONEMD"}, {64, "SVCB"},     {65, "HTTPS"},      {99, "SPF"},
    {108, "EUI48"}, {109, "EUI64"}, {249, "TKEY"},    {250, "TSIG"},      {251, "IXFR"},
    {252, "AXFR"},  {253, "MAILB"}, {254, "MAILA"},   {255, "ANY"},       {256, "URI"},
    {257, "CAA"},   {32768, "TA"},  {32769, "DLV"},
};

constexpr Code kRcodes[] = {
    {0, "NOERROR"},  {1, "FORMERR"},    {2, "SERVFAIL"}, {3, "NXDOMAIN"},  {4, "NOTIMP"},
    {5, "REFUSED"},  {6, "YXDOMAIN"},   {7, "YXRRSET"},  {8, "NXRRSET"},   {9, "NOTAUTH"},
    {10, "NOTZONE"}, {11, "DSOTYPENI"}, {16, "BADVERS"}, {17, "BADKEY"},   {18, "BADTIME"},
    {19, "BADMODE"}, {20, "BADNAME"},   {21, "BADALG"},  {22, "BADTRUNC"}, {23, "BADCOOKIE"},
};

constexpr Code kOpcodes[] = {
    {0, "QUERY"}, {1, "IQUERY"}, {2, "STATUS"}, {4, "NOTIFY"}, {5, "UPDATE"}, {6, "DSO"},
};

std::string_view name_of(std::span<const Code> codes, std::uint16_t value, std::string_view prefix,
                         DnsTextScratch& scratch) {
  const auto found = std::ranges::lower_bound(codes, value, {}, &Code::value);
  if (found != codes.end() && found->value == value) return found->name;
  char* out = std::ranges::copy(prefix, scratch.data()).out;
  out = std::to_chars(out, scratch.data() + scratch.size(), value).ptr;
  return {scratch.data(), static_cast<std::size_t>(out - scratch.data())};
}

// The length of the well-formed UTF-8 sequence of several bytes that `bytes` begins with (RFC 3629
// section 4: no overlong forms, no surrogates); 0 if there is none.
std::size_t utf8_length(base::Bytes bytes) {
  const std::uint8_t first = bytes[0];
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < length) return 0;
  const auto continues = [](std::uint8_t byte) { return (byte & 0xc0) == 0x80; };
  if (!std::ranges::all_of(bytes.subspan(1, length - 1), continues)) return 0;
  const std::uint8_t second = bytes[1];
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool outside = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || outside ? 0 : length;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// The next label or pointer of a name; shared by readers that keep the text and that do not.
struct NameStep {
  DnsRead result = DnsRead::kOk;
  bool pointer = false;
  std::size_t target = 0;  // of a pointer
  base::Bytes label;       // empty: the root, the name is over
};

NameStep next_step(base::Bytes message, std::size_t offset) {
  NameStep step;
  if (offset >= message.size()) return {DnsRead::kEndsEarly, false, 0, {}};
  const std::uint8_t first = message[offset];
  if ((first & 0xc0) == 0xc0) {
    if (offset + 1 >= message.size()) return {DnsRead::kEndsEarly, false, 0, {}};
    step.pointer = true;
    step.target = (std::size_t{first & 0x3fU} << 8) | message[offset + 1];
    return step;
  }
  if (first > kMaxDnsLabelBytes) return {DnsRead::kBadLabel, false, 0, {}};
  if (message.size() - offset - 1 < first) return {DnsRead::kEndsEarly, false, 0, {}};
  step.label = message.subspan(offset + 1, first);
  return step;
}

// The first level of NetBIOS encoding (RFC 1001 section 14.1) makes 32 letters A..P of 16 bytes.
bool is_netbios_label(base::Bytes message, std::size_t offset) {
  constexpr std::size_t kEncodedBytes = 32;
  if (message.size() < offset + 1 + kEncodedBytes || message[offset] != kEncodedBytes) return false;
  return std::ranges::all_of(message.subspan(offset + 1, kEncodedBytes),
                             [](std::uint8_t c) { return c >= 'A' && c <= 'P'; });
}

bool is_netbios_type(std::uint16_t type) { return type == 0x20 || type == 0x21 || type == 0x0a; }

bool is_spoken_class(std::uint16_t dns_class) {
  const std::uint16_t plain = dns_class & static_cast<std::uint16_t>(~kClassTopBit);
  return plain == 1 || plain == 3 || plain == 4 || plain == 254 || plain == 255;
}

// What every sender sets as RFC 1035 has it. Anything else is believed only with a better name.
bool has_usual_flags(const DnsHeader& header) {
  const std::uint8_t opcode = header.opcode();
  if (opcode > 6 || opcode == 3 || header.reserved_bit() || header.rcode() > 11) return false;
  return header.response() || header.rcode() == 0;
}

bool is_inverse(const DnsHeader& header) {
  return header.opcode() == static_cast<std::uint8_t>(DnsOpcode::kInverse);
}

bool is_known_type(std::uint16_t type) {
  return std::ranges::binary_search(kTypes, type, {}, &Code::value);
}

// How a name at the start of a message is written: names are text, though few must be.
struct NameLook {
  std::size_t labels = 0;
  std::size_t bytes = 0;
  std::size_t controls = 0;

  [[nodiscard]] bool is_readable() const { return controls <= 1 + bytes / 8; }
  [[nodiscard]] bool is_host_like() const { return controls == 0 && labels >= 2; }
};

NameLook look_at_name(base::Bytes message) {
  NameLook look;
  NameStep step = next_step(message, kDnsHeaderBytes);
  std::size_t at = kDnsHeaderBytes;
  while (step.result == DnsRead::kOk && !step.pointer && !step.label.empty()) {
    ++look.labels;
    look.bytes += step.label.size();
    look.controls += static_cast<std::size_t>(
        std::ranges::count_if(step.label, [](std::uint8_t c) { return c < 0x20; }));
    at += 1 + step.label.size();
    step = next_step(message, at);
  }
  return look;
}

DnsLook look_at_question(base::Bytes message, const DnsHeader& header) {
  std::size_t offset = kDnsHeaderBytes;
  DnsQuestion question;
  const DnsRead result = read_dns_question(message, offset, nullptr, question);
  if (result == DnsRead::kEndsEarly) return DnsLook::kTooShort;
  if (result != DnsRead::kOk || question.type == 0) return DnsLook::kNo;
  if (is_netbios_label(message, kDnsHeaderBytes) && is_netbios_type(question.type)) {
    return DnsLook::kNo;
  }
  const NameLook name = look_at_name(message);
  if (!has_usual_flags(header)) {
    const bool sure = name.is_host_like() && question.dns_class == 1 && header.questions == 1 &&
                      is_known_type(question.type);
    return sure ? DnsLook::kYes : DnsLook::kNo;
  }
  return is_spoken_class(question.dns_class) && name.is_readable() ? DnsLook::kYes : DnsLook::kNo;
}

// A response without a question is what mDNS sends (RFC 6762 section 6).
DnsLook look_at_record(base::Bytes message, const DnsHeader& header) {
  std::size_t offset = kDnsHeaderBytes;
  DnsRecord record;
  const DnsRead result = read_dns_record(message, offset, nullptr, record);
  if (result == DnsRead::kEndsEarly) return DnsLook::kTooShort;
  if (result != DnsRead::kOk || record.type == 0) return DnsLook::kNo;
  if (is_netbios_label(message, kDnsHeaderBytes) && is_netbios_type(record.type)) {
    return DnsLook::kNo;
  }
  // An inverse query (RFC 1035 section 6.4) may leave out what it asks for.
  const bool left_out = is_inverse(header) && record.data.empty();
  const bool is_a = record.type == static_cast<std::uint16_t>(DnsType::kA);
  if (is_a && record.data.size() != 4 && !left_out) return DnsLook::kNo;
  const bool readable = look_at_name(message).is_readable();
  return is_spoken_class(record.dns_class) && readable ? DnsLook::kYes : DnsLook::kNo;
}

}  // namespace

DnsHeader DnsHeader::read(base::Cursor& in) {
  DnsHeader header;
  header.id = in.u16();
  header.flags = in.u16();
  header.questions = in.u16();
  header.answers = in.u16();
  header.authorities = in.u16();
  header.additionals = in.u16();
  return header;
}

void DnsName::assign(std::string_view text) {
  size_ = std::min(text.size(), text_.size());
  std::copy_n(text.begin(), size_, text_.begin());
}

void DnsName::append_label(base::Bytes label) {
  if (size_ != 0) append_byte('.');
  const auto plain = [](std::uint8_t byte) { return byte >= 0x20 && byte < 0x7f && byte != '\\'; };
  while (!label.empty()) {
    // Nearly all there is: pointers make many long names of few bytes, so this must be cheap.
    const auto run =
        static_cast<std::size_t>(std::ranges::find_if_not(label, plain) - label.begin());
    if (run > 0) {
      const base::Bytes fits = label.first(std::min(run, text_.size() - size_));
      std::ranges::copy(fits, text_.begin() + static_cast<std::ptrdiff_t>(size_));
      size_ += fits.size();
      label = label.subspan(run);
      continue;
    }
    const std::uint8_t byte = label[0];
    const std::size_t length = byte < 0x80 ? 1 : utf8_length(label);
    if (length == 0 || (length == 1 && (byte < 0x20 || byte == 0x7f))) {
      append_escaped(byte);
    } else {
      if (byte == '\\') append_byte('\\');
      for (std::uint8_t part : label.first(length)) append_byte(part);
    }
    label = label.subspan(std::max<std::size_t>(length, 1));
  }
}

void DnsName::set_root() {
  text_[0] = '.';
  size_ = 1;
}

// There is room: 255 bytes of four characters each at most, since readers check the length first.
void DnsName::append_byte(std::uint8_t byte) {
  if (size_ < text_.size()) text_[size_++] = static_cast<char>(byte);
}

void DnsName::append_escaped(std::uint8_t byte) {
  append_byte('\\');
  append_byte(static_cast<std::uint8_t>('0' + byte / 100));
  append_byte(static_cast<std::uint8_t>('0' + byte / 10 % 10));
  append_byte(static_cast<std::uint8_t>('0' + byte % 10));
}

std::string_view dns_read_name(DnsRead result) {
  switch (result) {
    case DnsRead::kOk:
      return "ok";
    case DnsRead::kEndsEarly:
      return "ends_early";
    case DnsRead::kBadLabel:
      return "bad_label";
    case DnsRead::kBadPointer:
      return "bad_pointer";
    case DnsRead::kNameTooLong:
      return "name_too_long";
  }
  return "ok";
}

DnsRead read_dns_name(base::Bytes message, std::size_t& offset, DnsName* name) {
  if (name != nullptr) name->clear();
  std::size_t at = offset;
  std::size_t end = 0;  // behind the name, known at the first pointer
  std::size_t wire_bytes = 0;
  for (int hops = 0;;) {
    const NameStep step = next_step(message, at);
    if (step.result != DnsRead::kOk) return step.result;
    if (step.pointer) {
      if (end == 0) end = at + 2;
      if (step.target >= at || ++hops > kMaxPointerHops) return DnsRead::kBadPointer;
      at = step.target;
      continue;
    }
    wire_bytes += 1 + step.label.size();
    if (wire_bytes > kMaxDnsNameBytes) return DnsRead::kNameTooLong;
    at += 1 + step.label.size();
    if (step.label.empty()) break;
    if (name != nullptr) name->append_label(step.label);
  }
  if (name != nullptr && name->empty()) name->set_root();
  offset = end != 0 ? end : at;
  return DnsRead::kOk;
}

bool same_dns_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

DnsRead read_dns_question(base::Bytes message, std::size_t& offset, DnsName* name,
                          DnsQuestion& question) {
  std::size_t at = offset;
  const DnsRead result = read_dns_name(message, at, name);
  if (result != DnsRead::kOk) return result;
  base::Cursor in(message.subspan(at));
  question.type = in.u16();
  question.dns_class = in.u16();
  if (!in.ok()) return DnsRead::kEndsEarly;
  offset = at + in.offset();
  return DnsRead::kOk;
}

DnsRead read_dns_record(base::Bytes message, std::size_t& offset, DnsName* name,
                        DnsRecord& record) {
  std::size_t at = offset;
  const DnsRead result = read_dns_name(message, at, name);
  if (result != DnsRead::kOk) return result;
  base::Cursor in(message.subspan(at));
  record.type = in.u16();
  record.dns_class = in.u16();
  record.ttl_s = in.u32();
  const std::size_t data_bytes = in.u16();
  record.data_offset = at + in.offset();
  record.data = in.take(data_bytes);
  if (!in.ok()) return DnsRead::kEndsEarly;
  offset = at + in.offset();
  return DnsRead::kOk;
}

std::string_view dns_type_name(std::uint16_t type, DnsTextScratch& scratch) {
  return name_of(kTypes, type, "TYPE", scratch);
}

std::string_view dns_rcode_name(std::uint16_t rcode, DnsTextScratch& scratch) {
  return name_of(kRcodes, rcode, "RCODE", scratch);
}

std::string_view dns_opcode_name(std::uint8_t opcode, DnsTextScratch& scratch) {
  return name_of(kOpcodes, opcode, "OPCODE", scratch);
}

DnsLook look_at_dns(base::Bytes message) {
  if (message.size() < kDnsHeaderBytes) return DnsLook::kTooShort;
  base::Cursor in(message);
  const DnsHeader header = DnsHeader::read(in);
  // A question takes five bytes and more.
  if (header.questions > (message.size() - kDnsHeaderBytes) / 5 + 1) return DnsLook::kNo;
  if (header.questions > 0) return look_at_question(message, header);
  const bool asks_inverse = is_inverse(header) && header.answers == 1 && header.authorities == 0;
  const bool answers =
      (header.response() || asks_inverse) && header.answers > 0 && has_usual_flags(header);
  return answers ? look_at_record(message, header) : DnsLook::kNo;
}

}  // namespace netwatch::dpi
