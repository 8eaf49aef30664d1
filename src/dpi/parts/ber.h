#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

// BER and DER as protocols use it (SNMP, LDAP, Kerberos): X.690. Tags are of one byte, lengths are
// definite; nothing is copied. Depth is the caller's: one reader reads one level.
namespace netwatch::dpi {

namespace ber {
inline constexpr std::uint8_t kBoolean = 0x01, kInteger = 0x02, kBitString = 0x03,
                              kOctetString = 0x04, kNull = 0x05, kOid = 0x06, kEnumerated = 0x0A,
                              kSequence = 0x30, kSet = 0x31;
// A constructed tag of the class that depends on the context, or on the application.
constexpr std::uint8_t context(unsigned number) { return static_cast<std::uint8_t>(0xA0 | number); }
constexpr std::uint8_t application(unsigned number) {
  return static_cast<std::uint8_t>(0x60 | number);
}
}  // namespace ber

struct BerHead {
  std::uint8_t tag = 0;
  std::size_t head_bytes = 0;
  std::size_t content_bytes = 0;
};
enum class BerLook : std::uint8_t { kNo, kMore, kYes };
// The tag and length that `bytes` begins with. kNo: a tag of several bytes, an indefinite length,
// or one over 32 bits.
BerLook look_at_ber(base::Bytes bytes, BerHead& head);

// Reads the elements of one level front to back. An element that does not fit in fails the reader,
// which then stays failed and is at its end.
class BerReader {
 public:
  BerReader() = default;
  explicit BerReader(base::Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] bool ok() const { return !failed_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  // The tag of the next element; 0 at the end.
  [[nodiscard]] std::uint8_t peek() const { return rest_.empty() ? std::uint8_t{0} : rest_[0]; }
  // The content of the next element, whatever its tag is.
  base::Bytes next();
  // The content of the next element, which must have this tag.
  base::Bytes take(std::uint8_t tag);
  // A reader of it.
  BerReader enter(std::uint8_t tag);
  // The next element must be an integer of at most eight bytes.
  std::int64_t integer(std::uint8_t tag = ber::kInteger);
  void fail() {
    failed_ = true;
    rest_ = {};
  }

 private:
  base::Bytes rest_;
  bool failed_ = false;
};

// Two's complement of 1 to 8 bytes.
std::optional<std::int64_t> ber_integer(base::Bytes content);
// "1.3.6.1.2.1.1.1.0"; nothing if it is not well-formed. At most 128 bytes are read.
std::optional<std::string> ber_oid(base::Bytes content);

}  // namespace netwatch::dpi
