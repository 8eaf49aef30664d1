#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

// Who logs in, of a security token as SMB and others carry it: NTLMSSP messages ([MS-NLMP] 2.2.1),
// bare or inside SPNEGO (RFC 4178); of Kerberos (RFC 4121) only that it is. Nothing of challenges
// and their answers is kept.
namespace netwatch::dpi {

struct SecurityToken {
  std::string_view mechanism;  // "ntlm", "kerberos"; empty if it is neither
  std::uint32_t step = 0;      // of NTLM: 1 negotiate, 2 challenge, 3 authenticate
  std::string user;            // of step 3; empty: anonymous
  std::string domain;
  std::string workstation;
  std::string server;  // of step 2: its NetBIOS name
};

SecurityToken read_security_token(base::Bytes token);

}  // namespace netwatch::dpi
