// Modbus and DNP3.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kModbus;
extern const ProtocolDef kDnp3;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;

Probe probe(const ProtocolDef& def, std::string_view originator, std::string_view responder = {}) {
  ProbeInput input;
  input.sides = {base::as_bytes(originator), base::as_bytes(responder)};
  return def.probe(input);
}

const std::string kRead = from_hex("0001 0000 0006 07 03 0010 0005");
const std::string kReadAnswer = from_hex("0001 0000 000d 07 03 0a 00110011001100110011");
const std::string kWrite = from_hex("0002 0000 0006 07 06 0009 04d2");

TEST(Modbus, PairsByTransaction) {
  for (std::size_t chunk : {1U, 5U, 1000U}) {
    Feeder feeder(kModbus, chunk);
    feeder.stream(kClient, kRead + kWrite);
    feeder.pass_us(7);
    feeder.stream(kServer, from_hex("0002 0000 0003 07 86 02") + kReadAnswer);
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> request transaction=1 unit=7 function=read_holding_registers "
                            "function_code=3 address=16 count=5",
                            "> request transaction=2 unit=7 function=write_single_register "
                            "function_code=6 address=9 value=1234",
                            "< response transaction=2 unit=7 function=write_single_register "
                            "function_code=6 exception=illegal_data_address latency_us=7",
                            "< response transaction=1 unit=7 function=read_holding_registers "
                            "function_code=3 latency_us=7"));
  }
}

// The server's side alone: what only a server can say turns it.
TEST(Modbus, AServerIsKnownByItsAnswers) {
  Feeder feeder(kModbus);
  feeder.stream(kServer, kReadAnswer);
  EXPECT_THAT(feeder.context.records, ElementsAre(HasSubstr("< response transaction=1")));
  EXPECT_EQ(feeder.context.originators.back(), kClient);
}

TEST(Modbus, SaysWhatADeviceIs) {
  Feeder feeder(kModbus);
  feeder.stream(kServer, from_hex("0003 0000 0011 07 2b 0e 01 01 00 00 01 00 07") + "AcmeLtd");
  EXPECT_THAT(feeder.context.records, ElementsAre(HasSubstr("identity=AcmeLtd")));
}

TEST(ModbusProbe, ASingleMessageNeedsMoreThanItsHead) {
  EXPECT_EQ(probe(kModbus, kRead), Probe::kYes);
  for (std::size_t n = 1; n < kRead.size(); ++n) {
    EXPECT_EQ(probe(kModbus, kRead.substr(0, n)), Probe::kMore) << n;
  }
  EXPECT_EQ(probe(kModbus, kWrite), Probe::kMore);
  EXPECT_EQ(probe(kModbus, kWrite, kWrite), Probe::kYes);
  EXPECT_EQ(probe(kModbus, kWrite + kWrite), Probe::kYes);
  EXPECT_EQ(probe(kModbus, kWrite, kReadAnswer), Probe::kNo);
  EXPECT_EQ(probe(kModbus, kRead, "HTTP/1.1 200 OK\r\n"), Probe::kNo);
  EXPECT_EQ(probe(kModbus, from_hex("0001 0001 0006 07 03 0010 0005")), Probe::kNo);
  EXPECT_EQ(probe(kModbus, from_hex("0001 0000 0106 07 03 0010 0005")), Probe::kNo);
  // No registers at all: only its refusal proves it.
  const std::string none = from_hex("0001 0000 0006 07 03 0010 0000");
  EXPECT_EQ(probe(kModbus, none), Probe::kMore);
  EXPECT_EQ(probe(kModbus, none, from_hex("0001 0000 0003 07 83 03")), Probe::kYes);
  EXPECT_EQ(probe(kModbus, none, from_hex("0002 0000 0003 07 83 03")), Probe::kNo);
}

TEST(Modbus, BehindAGapASegmentOfMessagesGoesOn) {
  Feeder feeder(kModbus);
  feeder.stream(kClient, kRead);
  feeder.gap(kClient, 100);
  feeder.stream(kClient, "\1\2\3 the tail of something");
  feeder.stream(kClient, kWrite);
  EXPECT_THAT(feeder.context.records, ElementsAre(HasSubstr("address=16"), HasSubstr("address=9")));
}

std::string with_crc(const std::string& bytes) {
  unsigned crc = 0;
  for (char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xA6BCU : crc >> 1;
  }
  crc = ~crc;
  return bytes + static_cast<char>(crc & 0xFF) + static_cast<char>(crc >> 8 & 0xFF);
}
std::string frame(const std::string& control, const std::string& addresses,
                  const std::string& user) {
  std::string out = with_crc(from_hex("0564") + static_cast<char>(5 + user.size()) +
                             from_hex(control + addresses));
  for (std::size_t at = 0; at < user.size(); at += 16) out += with_crc(user.substr(at, 16));
  return out;
}
const std::string kToOutstation = "0004 0300";
const std::string kToMaster = "0300 0004";
const std::string kAsk = frame("c4", kToOutstation, from_hex("c0 c1 01 3c02 06 1e01 00 0009"));

// The example of IEEE 1815's annex, as it goes over the wire: a request for the link's status.
TEST(Dnp3, ChecksAsTheStandardDoes) {
  EXPECT_EQ(with_crc("123456789").substr(9), from_hex("82ea"));
  EXPECT_EQ(probe(kDnp3, from_hex("0564 05 c0 0100 0004 e921")), Probe::kYes);
  EXPECT_EQ(probe(kDnp3, from_hex("0564 05 c0 0100 0004 e922")), Probe::kNo);
  EXPECT_EQ(probe(kDnp3, from_hex("0564 04 c0")), Probe::kNo);
  EXPECT_EQ(probe(kDnp3, from_hex("0564 05")), Probe::kMore);
}

TEST(Dnp3, RequestAndResponse) {
  const std::string answer =
      frame("44", kToMaster, from_hex("c0 c1 81 9000 1e02 00 0001 012a00 012a00 012a00 012a00"));
  for (std::size_t chunk : {1U, 11U, 1000U}) {
    Feeder feeder(kDnp3, chunk);
    feeder.stream(kClient, kAsk);
    feeder.pass_us(9);
    feeder.stream(kServer, answer);
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> request source=3 destination=1024 function=read sequence=1 "
                            "object=60/2 object=30/1 0-9",
                            "< response source=1024 destination=3 function=response sequence=1 "
                            "iin=need_time iin=device_restart object=30/2 0-1 latency_us=9"));
  }
  Feeder datagrams(kDnp3);
  datagrams.datagram(kClient, kAsk);
  datagrams.datagram(kServer, answer);
  EXPECT_THAT(datagrams.context.records, ::testing::SizeIs(2));
}

TEST(Dnp3, DamagedBlocksAreCountedAndNotRead) {
  std::string damaged = kAsk;
  damaged[13] = 'x';
  Feeder feeder(kDnp3);
  feeder.stream(kClient, damaged + kAsk);
  EXPECT_THAT(feeder.context.odds, ElementsAre("bad_crc"));
  EXPECT_THAT(feeder.context.records, ElementsAre(HasSubstr("function=read")));
}

TEST(Dnp3, RelaysAndTheirResult) {
  const std::string relay = from_hex("0c01 28 0100 0300 41 01 64000000 c8000000");
  Feeder feeder(kDnp3);
  feeder.stream(kClient,
                frame("c4", kToOutstation, from_hex("c0 c2 04") + relay + std::string(1, '\0')));
  feeder.stream(kServer, frame("44", kToMaster, from_hex("c0 c2 81 0000") + relay + "\2"));
  EXPECT_THAT(
      feeder.context.records,
      ElementsAre(HasSubstr("function=operate sequence=2 object=12/1 x1 control=pulse_on_close"),
                  HasSubstr("control=pulse_on_close control_status=no_select latency_us=0")));
}

TEST(Dnp3, LinkFramesHaveNames) {
  Feeder feeder(kDnp3);
  feeder.stream(kClient, frame("c9", kToOutstation, ""));
  feeder.stream(kServer, frame("0b", kToMaster, ""));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> link source=3 destination=1024 link_function=request_link_status",
                          "< link source=1024 destination=3 link_function=link_status"));
  EXPECT_THAT(feeder.context.odds, IsEmpty());
}

}  // namespace
}  // namespace netwatch::dpi
