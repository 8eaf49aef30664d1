#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/time.h"

// The names in an X.509 certificate (RFC 5280 4.1), out of DER (X.690). Nothing is verified.
namespace netwatch::dpi {

// One DER element: tag, length, contents. Only low tag numbers and definite lengths.
struct DerElement {
  std::uint8_t tag = 0;
  base::Bytes contents;
};
// Reads the next element; false at the end or if it is malformed (then the cursor has failed).
bool next_der(base::Cursor& cursor, DerElement& element);

// Views into the certificate.
struct Certificate {
  base::Bytes subject;  // contents of the Name
  base::Bytes issuer;
  base::Bytes alt_names;        // contents of GeneralNames; empty without the extension
  base::TimeNs not_before = 0;  // kNoTime if unreadable
  base::TimeNs not_after = 0;
};
inline constexpr base::TimeNs kNoTime = INT64_MIN;

// False if it is not a certificate; what was read until then stays in `certificate`.
bool parse_certificate(base::Bytes der, Certificate& certificate);

// Appends a Name as RFC 4514 text, most specific part first: "CN=example.org,O=Example,C=US". At
// most `max_bytes` are appended, whole parts only.
void append_name(std::string& out, base::Bytes name, std::size_t max_bytes);

// Walks the subject's alternative names: DNS names, addresses as text, mail addresses and URIs.
class AltNameCursor {
 public:
  explicit AltNameCursor(base::Bytes alt_names) : cursor_(alt_names) {}
  bool next(std::string& name);  // replaces `name`

 private:
  base::Cursor cursor_;
};

}  // namespace netwatch::dpi
