// Modbus: who asks, where a capture begins late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kModbus;
namespace {

using ::testing::Each;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;
using ::testing::Not;

// The write of one register is answered with the same bytes: either side may have sent them.
TEST(Modbus, AGuessDoesNotSayWhoAsks) {
  Feeder feeder(kModbus);
  feeder.stream(kServer, from_hex("0001 0000 0006 07 06 0010 0005"));
  EXPECT_THAT(feeder.context.originators, IsEmpty());
  feeder.stream(kClient, from_hex("0002 0000 0006 07 03 0010 0001"));
  EXPECT_THAT(feeder.context.originators, Not(IsEmpty()));
  EXPECT_THAT(feeder.context.originators, Each(kClient));
  feeder.stream(kServer, from_hex("0002 0000 0005 07 03 02 0005"));
  EXPECT_THAT(feeder.context.records.back(), HasSubstr("< response transaction=2"));
}

}  // namespace
}  // namespace netwatch::dpi
