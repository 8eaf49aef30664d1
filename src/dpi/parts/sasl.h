#pragma once

#include <optional>
#include <string>
#include <string_view>

// The one thing that is read of an authentication (SASL, RFC 4422): who it is for.
namespace netwatch::dpi {

// The user's name in the client's `step`-th response (base64) of the mechanisms that send it in
// clear: PLAIN (RFC 4616; its password is not looked at) and LOGIN. Nothing for any other.
std::optional<std::string> sasl_user(std::string_view mechanism, unsigned step,
                                     std::string_view response);

}  // namespace netwatch::dpi
