#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/cursor.h"

// The DNS message format: RFC 1035 section 4, with names as RFC 4343 and RFC 6762 section 16 write
// them. Nothing here allocates or keeps state.
namespace netwatch::dpi {

inline constexpr std::size_t kDnsHeaderBytes = 12;
inline constexpr std::size_t kMaxDnsNameBytes = 255;  // RFC 1035 section 2.3.4
inline constexpr std::size_t kMaxDnsLabelBytes = 63;

// Resource record types that the readers look into (IANA, "Resource Record (RR) TYPEs").
enum class DnsType : std::uint16_t {
  kA = 1,
  kNs = 2,
  kCname = 5,
  kSoa = 6,
  kPtr = 12,
  kMx = 15,
  kTxt = 16,
  kAaaa = 28,
  kSrv = 33,
  kDname = 39,
  kOpt = 41,
  kSvcb = 64,
  kHttps = 65,
};

enum class DnsOpcode : std::uint8_t {
  kQuery = 0,
  kInverse = 1,
  kStatus = 2,
  kNotify = 4,
  kUpdate = 5,
  kStateful = 6,
};

// The first twelve bytes.
struct DnsHeader {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  std::uint16_t additionals = 0;

  static DnsHeader read(base::Cursor& in);

  [[nodiscard]] bool response() const { return (flags & 0x8000) != 0; }
  [[nodiscard]] std::uint8_t opcode() const {
    return static_cast<std::uint8_t>((flags >> 11) & 0x0f);
  }
  [[nodiscard]] bool authoritative() const { return (flags & 0x0400) != 0; }
  [[nodiscard]] bool truncated() const { return (flags & 0x0200) != 0; }
  [[nodiscard]] bool recursion_desired() const { return (flags & 0x0100) != 0; }
  [[nodiscard]] bool recursion_available() const { return (flags & 0x0080) != 0; }
  [[nodiscard]] bool reserved_bit() const { return (flags & 0x0040) != 0; }
  [[nodiscard]] std::uint8_t rcode() const { return static_cast<std::uint8_t>(flags & 0x0f); }
};

// A name in presentation form, without the final dot; the root is ".". Bytes that are neither
// printable ASCII nor valid UTF-8 are \DDD (RFC 1035 section 5.1, decimal), a backslash is \\.
// Dots inside labels stay as they are: what people type and other tools print.
class DnsName {
 public:
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }
  void assign(std::string_view text);  // already in presentation form
  void append_label(base::Bytes label);
  void set_root();

 private:
  void append_byte(std::uint8_t byte);
  void append_escaped(std::uint8_t byte);

  std::size_t size_ = 0;
  std::array<char, 4 * kMaxDnsNameBytes + 4> text_;  // written up to size_
};

enum class DnsRead : std::uint8_t {
  kOk,
  kEndsEarly,    // the message is shorter than the structure
  kBadLabel,     // a label type that is not spoken (RFC 6891 section 5)
  kBadPointer,   // points forward, to itself, or hops too often
  kNameTooLong,  // over 255 bytes
};
// A static, short name of what went wrong: "bad_pointer".
std::string_view dns_read_name(DnsRead result);

// Reads the possibly compressed name at `offset` of `message` (RFC 1035 section 4.1.4) and moves
// `offset` behind it. With a null `name` it is only checked and skipped. Pointers must go
// backwards, so a loop cannot be; after an error `offset` is not moved.
DnsRead read_dns_name(base::Bytes message, std::size_t& offset, DnsName* name);

// Case-insensitive as RFC 4343 has it (ASCII only).
bool same_dns_name(std::string_view a, std::string_view b);

struct DnsQuestion {
  std::uint16_t type = 0;
  std::uint16_t dns_class = 0;  // in mDNS the top bit asks for a unicast answer
};
DnsRead read_dns_question(base::Bytes message, std::size_t& offset, DnsName* name,
                          DnsQuestion& question);

struct DnsRecord {
  std::uint16_t type = 0;
  std::uint16_t dns_class = 0;  // in mDNS the top bit is "cache flush"; in OPT a size
  std::uint32_t ttl_s = 0;
  std::size_t data_offset = 0;  // into the message: names in it may be compressed
  base::Bytes data;
};
DnsRead read_dns_record(base::Bytes message, std::size_t& offset, DnsName* name, DnsRecord& record);

// "A", "HTTPS", ... or "TYPE65280" (RFC 3597) in `scratch`, which must outlive the view.
using DnsTextScratch = std::array<char, 16>;
std::string_view dns_type_name(std::uint16_t type, DnsTextScratch& scratch);
// "NOERROR", "NXDOMAIN", ... or "RCODE24"; takes RFC 6891's extended codes too.
std::string_view dns_rcode_name(std::uint16_t rcode, DnsTextScratch& scratch);
// "QUERY", "NOTIFY", ... or "OPCODE7".
std::string_view dns_opcode_name(std::uint8_t opcode, DnsTextScratch& scratch);

// Whether a message (without a TCP length) looks like DNS, LLMNR or mDNS by its content alone:
// flags that exist, and a first question or record that parses and makes sense. NetBIOS name
// service packets (RFC 1002), whose format is DNS's own, are told by their encoded names: kNo.
enum class DnsLook : std::uint8_t { kNo, kTooShort, kYes };
DnsLook look_at_dns(base::Bytes message);

}  // namespace netwatch::dpi
