// FTP's data connections: what the control connection announces, and what is told of them.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kFtp;
extern const ProtocolDef kFtpData;
namespace {

using testing::Feeder;
using testing::kClient;
using testing::kServer;
using Lines = std::vector<std::string>;

struct Case {
  const char* name;
  const char* client;
  const char* server;
  const char* then;  // of the client
  Lines expected;
};

class FtpAnnounces : public ::testing::TestWithParam<Case> {};

TEST_P(FtpAnnounces, WhereDataWillFlowAndWhatFor) {
  for (const std::size_t step : {SIZE_MAX, std::size_t{1}}) {
    Feeder feeder(kFtp, step);
    feeder.stream(kServer, "220 FTP\r\n");
    feeder.stream(kClient, GetParam().client);
    feeder.stream(kServer, GetParam().server);
    feeder.stream(kClient, GetParam().then);
    EXPECT_EQ(feeder.context.expected, GetParam().expected);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, FtpAnnounces,
    ::testing::Values(Case{"pasv",
                           "PASV\r\n",
                           "227 In (192,0,2,2,15,160)\r\n",
                           "RETR a b.txt\r\nSTOR c\r\n",
                           {"ftp_data 192.0.2.2 4000 ", "ftp_data 192.0.2.2 4000 RETR a b.txt"}},
                      Case{"epsv",
                           "EPSV\r\n",
                           "229 In (|||4000|)\r\n",
                           "STOR c\r\n",
                           {"ftp_data 192.0.2.2 4000 ", "ftp_data 192.0.2.2 4000 STOR c"}},
                      Case{"port",
                           "PORT 192,0,2,1,15,160\r\n",
                           "200 ok\r\n",
                           "LIST\r\n",
                           {"ftp_data 192.0.2.1 4000 ", "ftp_data 192.0.2.1 4000 LIST"}},
                      Case{"eprt",
                           "EPRT |1|192.0.2.1|4000|\r\n",
                           "200 ok\r\n",
                           "CWD x\r\nNLST x\r\n",
                           {"ftp_data 192.0.2.1 4000 ", "ftp_data 192.0.2.1 4000 NLST x"}},
                      // A bounce (RFC 2577): nothing is expected of a third party's address.
                      Case{"bounce",
                           "PORT 198,51,100,7,0,80\r\n",
                           "200 ok\r\n",
                           "RETR x\r\n",
                           {"refused ftp_data 198.51.100.7 80 "}},
                      // Behind a translator: the peer itself.
                      Case{"translated",
                           "PASV\r\n",
                           "227 In (10,0,0,5,15,160)\r\n",
                           "RETR x\r\n",
                           {"refused ftp_data 10.0.0.5 4000 ", "ftp_data 192.0.2.2 4000 ",
                            "ftp_data 192.0.2.2 4000 RETR x"}},
                      // The client is: it is a claim all the same, and is counted.
                      Case{"translated_client",
                           "PORT 10,0,0,5,15,160\r\n",
                           "200 ok\r\n",
                           "RETR x\r\n",
                           {"refused ftp_data 10.0.0.5 4000 ", "ftp_data 192.0.2.1 4000 ",
                            "ftp_data 192.0.2.1 4000 RETR x"}},
                      Case{"port_0", "PASV\r\n", "227 In (192,0,2,2,0,0)\r\n", "RETR x\r\n", {}}),
    [](const auto& one) { return one.param.name; });

TEST(FtpData, TellsWhatItWasForAndHowMuch) {
  Feeder feeder(kFtpData);
  feeder.context.notes[1] = "RETR pub/a b.txt";
  feeder.stream(kServer, "12345");
  feeder.pass_us(1500);
  feeder.gap(kServer, 10);
  feeder.stream(kServer, "678");
  feeder.end();
  EXPECT_EQ(feeder.context.records,
            Lines{"< transfer command=RETR file=pub/a b.txt direction=download data_bytes=8 "
                  "lost_bytes=10 duration_us=1500"});
  // Others may know what it carries.
  EXPECT_EQ(feeder.context.children[1], "12345[gap]678");
}

TEST(FtpData, IsOnlyWhatWasAnnounced) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(std::string_view("x"));
  EXPECT_EQ(kFtpData.probe(input), Probe::kNo);
  input.expected = true;
  EXPECT_EQ(kFtpData.probe(input), Probe::kYes);
}

TEST(FtpData, ALongPathIsNotReadFromItsMiddle) {
  Feeder feeder(kFtp);
  feeder.stream(kServer, "220 FTP\r\n227 In (192,0,2,2,15,160)\r\n");
  feeder.stream(kClient, "STOR " + std::string(300, 'x') + "\r\n");
  EXPECT_EQ(feeder.context.expected.back(), "ftp_data 192.0.2.2 4000 STOR");
}

}  // namespace
}  // namespace netwatch::dpi
