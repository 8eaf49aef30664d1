#pragma once

#include <cstdint>
#include <string_view>

#include "dpi/parts/tls_hello.h"
#include "dpi/protocol.h"

// The records of QUIC: which fields there are, and how they are filled from what was read.
namespace netwatch::dpi {

extern const model::Schema kQuicSchema;

// What the header of the packet that completed a message says.
struct QuicLabel {
  std::uint32_t version = 0;
  base::Bytes dcid;
  base::Bytes scid;
};

void report_quic_client_hello(const QuicLabel& label, const ClientHello& hello, model::Side side,
                              Context& context);
// Of a hello that is not TLS, or that is not here whole (`cut`): only its name.
void report_quic_name(const QuicLabel& label, std::string_view sni, bool cut, model::Side side,
                      Context& context);
void report_quic_server_hello(const QuicLabel& label, const ServerHello& hello, model::Side side,
                              Context& context);
void report_quic_retry(const QuicLabel& label, model::Side side, Context& context);
// `versions`: 4 bytes each.
void report_quic_negotiation(const QuicLabel& label, base::Bytes versions, model::Side side,
                             Context& context);

}  // namespace netwatch::dpi
