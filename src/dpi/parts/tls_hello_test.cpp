#include "dpi/parts/tls_hello.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dpi/parts/hex_test.h"
#include "dpi/parts/tls_names.h"

namespace netwatch::dpi {
namespace {

std::string ja4_of(const std::string& body, Ja4Transport transport = Ja4Transport::kTcp) {
  ClientHello hello;
  EXPECT_TRUE(parse_client_hello(base::as_bytes(body), HelloForm::kTls, hello));
  Ja4Text text;
  return ja4(hello, transport, text) ? std::string(as_text(text)) : "";
}

std::string ja3_of(const std::string& body) {
  ClientHello hello;
  EXPECT_TRUE(parse_client_hello(base::as_bytes(body), HelloForm::kTls, hello));
  Ja3Text text;
  return ja3(hello, text) ? std::string(as_text(text)) : "";
}

std::string u16(std::size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}
std::string u16_list(const std::vector<std::uint16_t>& values) {
  std::string out;
  for (std::uint16_t value : values) out += u16(value);
  return out;
}
std::string extension(std::uint16_t type, const std::string& data) {
  return u16(type) + u16(data.size()) + data;
}
std::string sni(const std::string& name) {
  return extension(0, u16(name.size() + 3) + '\0' + u16(name.size()) + name);
}
std::string alpn(const std::string& protocol) {
  return extension(16, u16(protocol.size() + 1) + static_cast<char>(protocol.size()) + protocol);
}
std::string signatures(const std::vector<std::uint16_t>& values) {
  return extension(13, u16(2 * values.size()) + u16_list(values));
}
std::string versions(const std::vector<std::uint16_t>& values) {
  return extension(43, static_cast<char>(2 * values.size()) + u16_list(values));
}
std::string hello(std::uint16_t version, const std::vector<std::uint16_t>& ciphers,
                  const std::string& extensions) {
  std::string out = u16(version) + std::string(32, 'r') + '\0' + u16(2 * ciphers.size()) +
                    u16_list(ciphers) + std::string("\x01\x00", 2);
  return extensions.empty() ? out : out + u16(extensions.size()) + extensions;
}

// RFC 8448 section 3: the ClientHello of a simple 1-RTT handshake, without its message header.
const std::string kRfc8448Client = from_hex(
    "0303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000"
    "910000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400"
    "230000003300260024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c00"
    "2b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d0002"
    "0101001c00024001");
const std::string kRfc8448Server = from_hex(
    "0303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d"
    "0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304");

TEST(TlsHello, ReadsTheClientHelloOfRfc8448) {
  ASSERT_EQ(kRfc8448Client.size(), 192U);
  ClientHello client;
  ASSERT_TRUE(parse_client_hello(base::as_bytes(kRfc8448Client), HelloForm::kTls, client));
  EXPECT_EQ(client.legacy_version, 0x0303);
  EXPECT_EQ(client.version(), 0x0304);
  EXPECT_EQ(client.sni, "server");
  ASSERT_EQ(client.ciphers.size(), 3U);
  EXPECT_EQ(client.ciphers[1], 0x1303);
  ASSERT_EQ(client.groups.size(), 9U);
  EXPECT_EQ(client.groups[0], 29);
  EXPECT_EQ(client.signature_algorithms.size(), 15U);
  EXPECT_FALSE(client.ech);
  EXPECT_FALSE(client.broken);
}

TEST(TlsHello, ReadsTheServerHelloOfRfc8448) {
  ASSERT_EQ(kRfc8448Server.size(), 86U);
  ServerHello server;
  ASSERT_TRUE(parse_server_hello(base::as_bytes(kRfc8448Server), server));
  EXPECT_EQ(server.cipher, 0x1301);
  EXPECT_EQ(server.version(), 0x0304);
  EXPECT_FALSE(server.hello_retry);
  EXPECT_FALSE(server.broken);
}

// "771,4865-4867-4866,0-65281-10-35-51-43-13-45-28,29-23-24-25-256-257-258-259-260," and
// "771,4865,51-43", digested by md5sum.
TEST(TlsHello, Ja3OfRfc8448) {
  EXPECT_EQ(ja3_of(kRfc8448Client), "da4dea34fe6d4ce5f0725df3f2682fa0");
  ServerHello server;
  ASSERT_TRUE(parse_server_hello(base::as_bytes(kRfc8448Server), server));
  Ja3Text text;
  ASSERT_TRUE(ja3s(server, text));
  EXPECT_EQ(as_text(text), "eb1d94daa7e0344597e756a1fb6e7054");
}

// The example of the JA4 specification: a Chrome with GREASE everywhere.
TEST(TlsHello, Ja4OfTheSpecificationsExample) {
  const std::vector<std::uint16_t> ciphers{0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f,
                                           0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
                                           0x009c, 0x009d, 0x002f, 0x0035};
  std::string extensions = extension(0x2a2a, "") + extension(0x001b, "") + sni("a.b") +
                           extension(0x0033, "") + alpn("h2") + extension(0x4469, "") +
                           extension(0x0017, "") + extension(0x002d, "");
  extensions += signatures({0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601});
  extensions += extension(0x0005, "") + extension(0x0023, "") + extension(0x0012, "");
  extensions += versions({0x3a3a, 0x0304, 0x0303}) + extension(0xff01, "");
  extensions += extension(0x000b, "") + extension(0x000a, "") + extension(0x0015, "");
  EXPECT_EQ(ja4_of(hello(0x0303, ciphers, extensions)), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

TEST(TlsHello, Ja4Rules) {
  struct Case {
    const char* what;
    std::string body;
    std::string start;  // of the fingerprint
  };
  const std::vector<std::uint16_t> one{0x002f};
  const std::vector<std::uint16_t> many(120, 0x002f);
  const std::vector<Case> cases{
      {"no extensions", hello(0x0301, one, ""), "t10i010000_ba72b8082249_000000000000"},
      {"no ciphers", hello(0x0301, {}, ""), "t10i000000_000000000000_000000000000"},
      {"only SNI and ALPN", hello(0x0303, one, sni("x") + alpn("h2")),
       "t12d0102h2_ba72b8082249_000000000000"},
      {"counts stop at 99", hello(0x0303, many, ""), "t12i9900"},
      {"SSL 3.0", hello(0x0300, one, ""), "ts3i"},
      {"SSL 2.0", hello(0x0002, one, ""), "ts2i"},
      {"unknown version", hello(0x0399, one, ""), "t00i"},
      {"GREASE version is not the highest", hello(0x0303, one, versions({0xfafa, 0x0303})),
       "t12i0101"},
      {"one-letter protocol", hello(0x0303, one, alpn("x")), "t12i0101xx"},
      {"protocol that is not text", hello(0x0303, one, alpn("\xab\xcd")), "t12i0101ad"},
      {"half of it is", hello(0x0303, one, alpn("h\xcd")), "t12i01016d"},
      {"GREASE protocol", hello(0x0303, one, alpn("\x0a\x0a")), "t12i01010a"},
      {"empty protocol list", hello(0x0303, one, extension(16, "")), "t12i010100"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(ja4_of(c.body).substr(0, c.start.size()), c.start) << c.what;
  }
  EXPECT_EQ(ja4_of(cases[0].body, Ja4Transport::kQuic).front(), 'q');
}

TEST(TlsHello, AFingerprintOfAPartIsNone) {
  const std::vector<std::uint16_t> absurd(5000, 0xc02f);
  const std::string body = hello(0x0303, absurd, "");
  EXPECT_EQ(ja4_of(body), "");
  EXPECT_EQ(ja3_of(body), "");
}

TEST(TlsHello, RecognisesAHelloRetryRequest) {
  std::string body = kRfc8448Server;
  body.replace(2, 32, from_hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"));
  ServerHello server;
  ASSERT_TRUE(parse_server_hello(base::as_bytes(body), server));
  EXPECT_TRUE(server.hello_retry);
}

TEST(TlsHello, EveryCutIsSurvivedAndKnown) {
  for (std::size_t size = 0; size < kRfc8448Client.size(); ++size) {
    ClientHello client;
    const bool read =
        parse_client_hello(base::as_bytes(kRfc8448Client.substr(0, size)), HelloForm::kTls, client);
    EXPECT_EQ(read && !client.broken && !client.extensions.empty(), false) << size;
    ServerHello server;
    parse_server_hello(base::as_bytes(kRfc8448Server).first(std::min(size, kRfc8448Server.size())),
                       server);
  }
}

TEST(TlsNames, NumbersWithoutNameAreSpelled) {
  NameBuffer buffer;
  EXPECT_EQ(tls_version_name(0x0304, buffer), "TLS 1.3");
  EXPECT_EQ(tls_version_name(0x7f17, buffer), "TLS 1.3 draft 23");
  EXPECT_EQ(tls_version_name(0x0a0b, buffer), "0x0a0b");
  EXPECT_EQ(tls_cipher_name(0xc02f, buffer), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
  EXPECT_EQ(tls_cipher_name(0x1301, buffer), "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(tls_cipher_name(0xfffe, buffer), "0xfffe");
  EXPECT_EQ(tls_group_name(4588, buffer), "X25519MLKEM768");
  EXPECT_EQ(tls_alert_name(40, buffer), "handshake_failure");
  EXPECT_EQ(tls_alert_name(99, buffer), "99");
}

}  // namespace
}  // namespace netwatch::dpi
