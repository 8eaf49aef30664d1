#pragma once

#include "dpi/parts/tls_hello.h"
#include "dpi/protocol.h"

// The records of DTLS: which fields there are, and how they are filled from parsed messages.
namespace netwatch::dpi {

extern const model::Schema kDtlsSchema;

void report_dtls_client_hello(const ClientHello& hello, model::Side side, Context& context);
// Of a hello that is not here whole: only its name.
void report_cut_dtls_client_hello(std::string_view sni, model::Side side, Context& context);
void report_dtls_server_hello(const ServerHello& hello, model::Side side, Context& context);
void report_dtls_hello_verify(std::uint16_t version, model::Side side, Context& context);
// `der`: the leaf. False, and nothing is reported, if it is not a certificate.
bool report_dtls_certificate(base::Bytes der, model::Side side, Context& context);
void report_dtls_alert(std::uint8_t level, std::uint8_t description, model::Side side,
                       Context& context);

}  // namespace netwatch::dpi
