#pragma once

#include "dpi/parts/tls_hello.h"
#include "dpi/protocol.h"

// The records of TLS: which fields there are, and how they are filled from parsed messages.
namespace netwatch::dpi {

extern const model::Schema kTlsSchema;

void report_client_hello(const ClientHello& hello, model::Side side, Context& context);
// Of a hello that is not here whole: only what cannot be otherwise.
void report_cut_client_hello(const ClientHello& hello, model::Side side, Context& context);
// SSL 2.0's ClientHello has a version, and no fingerprint.
void report_v2_client_hello(std::uint16_t version, model::Side side, Context& context);
void report_server_hello(const ServerHello& hello, model::Side side, Context& context);
// `der`: the leaf. False, and nothing is reported, if it is not a certificate.
bool report_certificate(base::Bytes der, model::Side side, Context& context);
void report_alert(std::uint8_t level, std::uint8_t description, model::Side side, Context& context);

}  // namespace netwatch::dpi
