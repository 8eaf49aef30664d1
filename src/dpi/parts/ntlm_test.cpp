#include "dpi/parts/ntlm.h"

#include <gtest/gtest.h>

#include "dpi/parts/hex_test.h"
#include "dpi/parts/nt_status.h"
#include "dpi/parts/utf16.h"

namespace netwatch::dpi {
namespace {

const std::string kSignature("NTLMSSP\0", 8);
// Behind the signature: step, two answers, domain, user, workstation, session key, flags.
const std::string kAuthenticate = kSignature +
                                  from_hex(
                                      "03000000 0000000040000000 0000000040000000"
                                      "0400040040000000 0400040044000000"
                                      "0400040048000000 0000000040000000 01000000") +
                                  from_hex("4f004e00 61003dd8 50004300");

TEST(Utf16, IsUtf8WithPairs) {
  EXPECT_EQ(utf16_text(base::as_bytes(from_hex("4100 e400 ac20 3dd8 00de 0000 4200"))),
            "A\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(utf16_text(base::as_bytes(from_hex("3dd8 4100 00de 41"))), "?A?");
}

TEST(NtStatus, HasNames) {
  EXPECT_EQ(nt_status_name(0xC0000022), "STATUS_ACCESS_DENIED");
  EXPECT_EQ(nt_status_name(0), "STATUS_SUCCESS");
  EXPECT_EQ(nt_status_name(0xC0999999), "0xc0999999");
}

TEST(Ntlm, SaysWhoLogsIn) {
  // Inside whatever wraps it.
  const SecurityToken token = read_security_token(base::as_bytes("spnego" + kAuthenticate));
  EXPECT_EQ(token.mechanism, "ntlm");
  EXPECT_EQ(token.step, 3U);
  EXPECT_EQ(token.domain, "ON");
  EXPECT_EQ(token.user, "a?");
  EXPECT_EQ(token.workstation, "PC");
  for (std::size_t n = 0; n < kAuthenticate.size(); ++n) {
    const SecurityToken cut = read_security_token(base::as_bytes(kAuthenticate.substr(0, n)));
    EXPECT_EQ(cut.workstation, "") << n;
  }
}

TEST(Ntlm, NamesTheServer) {
  const std::string challenge =
      kSignature + from_hex(
                       "02000000 0000000030000000 01000000 0102030405060708 0000000000000000"
                       "1400140030000000"
                       "0200 0400 44004f00  0100 0400 53005600  0000 0000");
  EXPECT_EQ(read_security_token(base::as_bytes(challenge)).server, "SV");
}

TEST(Ntlm, KerberosIsItsTokenAndNotTheOffer) {
  const std::string oid = from_hex("06092a864886f712010202");
  EXPECT_EQ(read_security_token(base::as_bytes(oid + from_hex("0100 6e82"))).mechanism, "kerberos");
  EXPECT_EQ(read_security_token(base::as_bytes(oid + from_hex("060a2b06"))).mechanism, "");
  EXPECT_EQ(read_security_token({}).mechanism, "");
}

}  // namespace
}  // namespace netwatch::dpi
