#include "dpi/parts/x509.h"

#include <gtest/gtest.h>

#include <vector>

#include "dpi/parts/certificate_test.h"
#include "dpi/parts/hex_test.h"

namespace netwatch::dpi {
namespace {

std::vector<std::string> alt_names(const Certificate& certificate) {
  std::vector<std::string> all;
  AltNameCursor cursor(certificate.alt_names);
  std::string name;
  while (cursor.next(name)) all.push_back(name);
  return all;
}

TEST(X509, ReadsTheNamesAndTimes) {
  const std::string der = from_hex(kTestCertificateHex);
  Certificate certificate;
  ASSERT_TRUE(parse_certificate(base::as_bytes(der), certificate));
  std::string subject;
  append_name(subject, certificate.subject, 512);
  EXPECT_EQ(subject, "CN=www.example.org,O=Beispiel\\, Inc,C=DE");
  std::string issuer;
  append_name(issuer, certificate.issuer, 512);
  EXPECT_EQ(issuer, subject);
  EXPECT_EQ(base::to_rfc3339(certificate.not_before), "2026-11-20T13:27:13.000000000Z");
  EXPECT_EQ(base::to_rfc3339(certificate.not_after), "2036-11-17T13:27:13.000000000Z");
  EXPECT_EQ(alt_names(certificate),
            (std::vector<std::string>{"www.example.org", "*.example.org", "192.0.2.7",
                                      "2001:db8::1", "a@example.org"}));
}

TEST(X509, ANameIsCutAtAWholePart) {
  const std::string der = from_hex(kTestCertificateHex);
  Certificate certificate;
  ASSERT_TRUE(parse_certificate(base::as_bytes(der), certificate));
  std::string subject = "before:";
  append_name(subject, certificate.subject, 25);
  EXPECT_EQ(subject, "before:CN=www.example.org");
}

TEST(X509, EveryCutAndEveryFlippedByteIsSurvived) {
  const std::string der = from_hex(kTestCertificateHex);
  for (std::size_t size = 0; size < der.size(); ++size) {
    Certificate certificate;
    EXPECT_FALSE(parse_certificate(base::as_bytes(der.substr(0, size)), certificate)) << size;
  }
  for (std::size_t at = 0; at < der.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string damaged = der;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      Certificate certificate;
      parse_certificate(base::as_bytes(damaged), certificate);
      std::string text;
      append_name(text, certificate.subject, 512);
      EXPECT_LE(text.size(), 512U);
      alt_names(certificate);
    }
  }
}

TEST(X509, DerLengthsAreChecked) {
  struct Case {
    const char* hex;
    bool good;
    std::size_t size;
  };
  const std::vector<Case> cases{
      {"0403616263", true, 3},      {"0400", true, 0},
      {"048103616263", true, 3},    {"0480616200", false, 0},
      {"04857fffffffff", false, 0}, {"04847fffffff", false, 0},
      {"0484ffffffff", false, 0},   {"04", false, 0},
      {"1f8101", false, 0},         {"0404616263", false, 0},
  };
  for (const Case& c : cases) {
    const std::string bytes = from_hex(c.hex);
    base::Cursor cursor(base::as_bytes(bytes));
    DerElement element;
    EXPECT_EQ(next_der(cursor, element), c.good) << c.hex;
    if (!c.good) continue;
    EXPECT_EQ(element.contents.size(), c.size) << c.hex;
  }
}

TEST(X509, NamesOfAllStringTypesBecomeUtf8) {
  struct Case {
    const char* hex;  // of a Name with one part
    const char* text;
  };
  const std::vector<Case> cases{
      {"310f300d06035504030c06c3a46f2b3d23", "CN=äo\\+=#"},
      {"310d300b06035504031e0400e4006f", "CN=äo"},
      {"310d300b06035504031c040001f600", "CN=😀"},
      {"310a300806022a031302 6f6b", "1.2.3=ok"},
      {"3110300e060a0992268993f22c6401190c00", "DC="},
      {"3116300806035504030c0141300a060355040a0c03 6f7267", "CN=A+O=org"},
      {"31043002 0603", ""},
  };
  for (const Case& c : cases) {
    const std::string bytes = from_hex(c.hex);
    std::string text;
    append_name(text, base::as_bytes(bytes), 512);
    EXPECT_EQ(text, c.text) << c.hex;
  }
}

}  // namespace
}  // namespace netwatch::dpi
