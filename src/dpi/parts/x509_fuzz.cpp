#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "dpi/parts/x509.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netwatch::dpi;
  const netwatch::base::Bytes bytes(data, size);
  Certificate certificate;
  parse_certificate(bytes, certificate);
  constexpr std::size_t kMaxBytes = 512;
  for (const netwatch::base::Bytes name : {certificate.subject, certificate.issuer, bytes}) {
    std::string text;
    append_name(text, name, kMaxBytes);
    if (text.size() > kMaxBytes) std::abort();
  }
  for (const netwatch::base::Bytes names : {certificate.alt_names, bytes}) {
    AltNameCursor cursor(names);
    std::string name;
    while (cursor.next(name)) {
      if (name.size() > size + 46) std::abort();
    }
  }
  return 0;
}
