#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace netwatch::dpi {

enum class GoogleHello : std::uint8_t { kMore, kHello, kOther };

// The client hello of Google's own handshake, which Q050 carries in CRYPTO frames instead of TLS
// ("QUIC Crypto", A. Langley and W. Chang): its SNI tag, empty if it has none. `message` may end
// early; kMore: the tag may still come.
GoogleHello parse_google_hello(base::Bytes message, std::string_view& sni);

}  // namespace netwatch::dpi
