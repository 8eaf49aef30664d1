#include "dpi/parts/x509.h"

#include <array>
#include <chrono>
#include <string_view>

#include "base/ip_address.h"

namespace netwatch::dpi {
namespace {

namespace tag {
constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kOctetString = 0x04;
constexpr std::uint8_t kOid = 0x06;
constexpr std::uint8_t kUtcTime = 0x17;
constexpr std::uint8_t kGeneralizedTime = 0x18;
constexpr std::uint8_t kUniversalString = 0x1c;
constexpr std::uint8_t kBmpString = 0x1e;
constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kSet = 0x31;
constexpr std::uint8_t kVersion = 0xa0;     // [0] of TBSCertificate
constexpr std::uint8_t kExtensions = 0xa3;  // [3]
// Of GeneralName (RFC 5280 4.2.1.6)
constexpr std::uint8_t kMail = 0x81;
constexpr std::uint8_t kDnsName = 0x82;
constexpr std::uint8_t kUri = 0x86;
constexpr std::uint8_t kAddress = 0x87;
}  // namespace tag

constexpr std::string_view kAltNameOid{"\x55\x1d\x11", 3};  // 2.5.29.17

struct NamedOid {
  std::string_view oid;
  std::string_view name;
};
// RFC 4514 3, RFC 4519, and what real certificates use.
constexpr std::array kAttributes{
    NamedOid{{"\x55\x04\x03", 3}, "CN"},
    NamedOid{{"\x55\x04\x0a", 3}, "O"},
    NamedOid{{"\x55\x04\x0b", 3}, "OU"},
    NamedOid{{"\x55\x04\x06", 3}, "C"},
    NamedOid{{"\x55\x04\x07", 3}, "L"},
    NamedOid{{"\x55\x04\x08", 3}, "ST"},
    NamedOid{{"\x55\x04\x09", 3}, "STREET"},
    NamedOid{{"\x55\x04\x05", 3}, "serialNumber"},
    NamedOid{{"\x55\x04\x04", 3}, "SN"},
    NamedOid{{"\x55\x04\x2a", 3}, "GN"},
    NamedOid{{"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10}, "DC"},
    NamedOid{{"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", 10}, "UID"},
    NamedOid{{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9}, "emailAddress"},
};

bool expect(base::Cursor& cursor, std::uint8_t wanted, base::Bytes& contents) {
  DerElement element;
  if (!next_der(cursor, element) || element.tag != wanted) return false;
  contents = element.contents;
  return true;
}

// "YYMMDDHHMMSSZ" or "YYYYMMDDHHMMSSZ" (RFC 5280 4.1.2.5); GeneralizedTime's fractions are ignored.
base::TimeNs parse_time(const DerElement& element) {
  const std::string_view text = base::as_text(element.contents);
  const std::size_t year_digits = element.tag == tag::kGeneralizedTime ? 4 : 2;
  if (element.tag != tag::kUtcTime && element.tag != tag::kGeneralizedTime) return kNoTime;
  if (text.size() < year_digits + 8) return kNoTime;
  const std::size_t digits = std::min(text.size(), year_digits + 10);
  std::array<int, 6> parts{};  // year, month, day, hour, minute, second
  std::size_t part = 0;
  std::size_t left = year_digits;
  for (char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') {
      if (part < 5) return kNoTime;
      break;
    }
    parts[part] = parts[part] * 10 + (c - '0');
    if (--left == 0) {
      left = 2;
      if (++part == parts.size()) break;
    }
  }
  if (year_digits == 2) parts[0] += parts[0] < 50 ? 2000 : 1900;
  const std::chrono::year_month_day date{std::chrono::year(parts[0]),
                                         std::chrono::month(static_cast<unsigned>(parts[1])),
                                         std::chrono::day(static_cast<unsigned>(parts[2]))};
  // Nanoseconds in 64 bits end in 2262; "no expiry" (9999, RFC 5280 4.1.2.5) does not fit.
  if (!date.ok() || parts[0] < 1700 || parts[0] > 2261) return kNoTime;
  const std::int64_t day = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t in_day = parts[3] * 3600 + parts[4] * 60 + parts[5];
  return (day * 86'400 + in_day) * base::kNsPerSecond;
}

void append_code_point(std::string& out, std::uint32_t code) {
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = 0xfffd;
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// UTF-8 of a directory string; RFC 4514's escapes for what would be read as structure.
void append_value(std::string& out, const DerElement& value) {
  std::size_t unit = 1;
  if (value.tag == tag::kBmpString) unit = 2;
  if (value.tag == tag::kUniversalString) unit = 4;
  base::Cursor cursor(value.contents);
  while (cursor.remaining() >= unit) {
    const auto code = static_cast<std::uint32_t>(cursor.be(unit));
    if (code == ',' || code == '+' || code == '"' || code == '\\' || code == '<' || code == '>' ||
        code == ';') {
      out += '\\';
    }
    if (unit == 1) {
      out += static_cast<char>(code);
    } else {
      append_code_point(out, code);
    }
  }
}

void append_oid(std::string& out, base::Bytes oid) {
  std::uint64_t arc = 0;
  bool first = true;
  for (std::uint8_t byte : oid) {
    if (arc > (UINT64_MAX >> 8)) return;  // an arc that no one assigned
    arc = (arc << 7) | (byte & 0x7f);
    if ((byte & 0x80) != 0) continue;
    if (first) {
      const std::uint64_t root = std::min<std::uint64_t>(arc / 40, 2);
      out += std::to_string(root) + '.' + std::to_string(arc - root * 40);
    } else {
      out += '.' + std::to_string(arc);
    }
    first = false;
    arc = 0;
  }
}

// One AttributeTypeAndValue as "CN=value".
bool append_attribute(std::string& out, base::Bytes attribute) {
  base::Cursor cursor(attribute);
  base::Bytes oid;
  DerElement value;
  if (!expect(cursor, tag::kOid, oid) || !next_der(cursor, value)) return false;
  const std::string_view wanted = base::as_text(oid);
  std::string_view name;
  for (const NamedOid& known : kAttributes) {
    if (known.oid == wanted) name = known.name;
  }
  if (name.empty()) {
    append_oid(out, oid);
  } else {
    out += name;
  }
  out += '=';
  append_value(out, value);
  return true;
}

void find_alt_names(base::Bytes extensions, Certificate& certificate) {
  base::Cursor outer(extensions);
  base::Bytes list;
  if (!expect(outer, tag::kSequence, list)) return;
  base::Cursor cursor(list);
  base::Bytes extension;
  while (expect(cursor, tag::kSequence, extension)) {
    base::Cursor parts(extension);
    base::Bytes oid;
    if (!expect(parts, tag::kOid, oid) || base::as_text(oid) != kAltNameOid) continue;
    DerElement value;
    while (next_der(parts, value)) {  // past "critical"
      if (value.tag != tag::kOctetString) continue;
      base::Cursor names(value.contents);
      (void)expect(names, tag::kSequence, certificate.alt_names);
      return;
    }
  }
}

}  // namespace

bool next_der(base::Cursor& cursor, DerElement& element) {
  if (cursor.at_end()) return false;
  element.tag = cursor.u8();
  std::size_t length = cursor.u8();
  if ((length & 0x80) != 0) {
    const std::size_t length_bytes = length & 0x7f;
    // Zero is BER's indefinite form; more than four cannot be honest.
    if (length_bytes == 0 || length_bytes > 4) cursor.fail();
    length = static_cast<std::size_t>(cursor.be(length_bytes <= 4 ? length_bytes : 0));
  }
  if ((element.tag & 0x1f) == 0x1f) cursor.fail();
  element.contents = cursor.take(length);
  return cursor.ok();
}

bool parse_certificate(base::Bytes der, Certificate& certificate) {
  certificate.not_before = kNoTime;
  certificate.not_after = kNoTime;
  base::Cursor outer(der);
  base::Bytes body;
  if (!expect(outer, tag::kSequence, body)) return false;
  base::Cursor signed_part(body);
  base::Bytes tbs;
  if (!expect(signed_part, tag::kSequence, tbs)) return false;
  base::Cursor cursor(tbs);
  base::Bytes ignored;
  if (cursor.peek() == tag::kVersion && !expect(cursor, tag::kVersion, ignored)) return false;
  if (!expect(cursor, tag::kInteger, ignored)) return false;   // serial number
  if (!expect(cursor, tag::kSequence, ignored)) return false;  // signature algorithm
  if (!expect(cursor, tag::kSequence, certificate.issuer)) return false;
  base::Bytes validity;
  if (!expect(cursor, tag::kSequence, validity)) return false;
  base::Cursor times(validity);
  DerElement time;
  if (next_der(times, time)) certificate.not_before = parse_time(time);
  if (next_der(times, time)) certificate.not_after = parse_time(time);
  if (!expect(cursor, tag::kSequence, certificate.subject)) return false;
  DerElement rest;
  while (next_der(cursor, rest)) {
    if (rest.tag == tag::kExtensions) find_alt_names(rest.contents, certificate);
  }
  return cursor.ok();
}

// A Name lists its parts from the root of the tree; RFC 4514 2.1 writes them the other way round.
void append_name(std::string& out, base::Bytes name, std::size_t max_bytes) {
  constexpr std::size_t kMaxParts = 32;
  std::array<base::Bytes, kMaxParts> parts;
  std::size_t count = 0;
  base::Cursor cursor(name);
  while (count < kMaxParts && expect(cursor, tag::kSet, parts[count])) ++count;
  const std::size_t before = out.size();
  std::string part;
  while (count-- > 0) {
    part.clear();
    base::Cursor attributes(parts[count]);
    base::Bytes attribute;
    while (expect(attributes, tag::kSequence, attribute)) {
      if (!part.empty()) part += '+';
      if (!append_attribute(part, attribute)) return;
      if (part.size() > max_bytes) return;
    }
    const std::size_t comma = out.size() > before ? 1 : 0;
    if (out.size() - before + comma + part.size() > max_bytes) return;
    if (comma > 0) out += ',';
    out += part;
  }
}

bool AltNameCursor::next(std::string& name) {
  DerElement element;
  while (next_der(cursor_, element)) {
    name.clear();
    switch (element.tag) {
      case tag::kDnsName:
      case tag::kMail:
      case tag::kUri:
        name = base::as_text(element.contents);
        return true;
      case tag::kAddress:
        if (element.contents.size() == 4) {
          base::IpAddress::v4(element.contents.data()).append_to(name);
        } else if (element.contents.size() == 16) {
          base::IpAddress::v6(element.contents.data()).append_to(name);
        } else {
          break;
        }
        return true;
      default:
        break;
    }
  }
  return false;
}

}  // namespace netwatch::dpi
