#include <gtest/gtest.h>

#include <set>
#include <string>

#include "model/drops.h"
#include "model/flow.h"
#include "model/network.h"
#include "model/owner.h"
#include "model/socket.h"

namespace netwatch::model {
namespace {

TEST(Names, EveryDropHasItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Drop::kCount); ++i) {
    const std::string_view name = drop_name(static_cast<Drop>(i));
    EXPECT_FALSE(name.empty()) << i;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(drop_name(Drop::kSocketEvents), "socket_events");  // the last: nothing has shifted
  EXPECT_EQ(drop_name(Drop::kStreamGapBytes), "stream_gap_bytes");
  EXPECT_EQ(drop_name(Drop::kCount), "");
}

TEST(Names, Spellings) {
  EXPECT_EQ(ip_proto_name(ip_proto::kTcp), "tcp");
  EXPECT_EQ(ip_proto_name(ip_proto::kIcmp6), "icmp6");
  EXPECT_EQ(ip_proto_name(89), "ip-89");
  EXPECT_EQ(flow_end_name(FlowEnd::kOpen), "open");
  EXPECT_EQ(flow_end_name(FlowEnd::kEndOfInput), "end_of_input");
  EXPECT_EQ(name_source_name(NameSource::kReverseDns), "ptr");
  EXPECT_EQ(name_source_name(NameSource::kNone), "");
  EXPECT_EQ(quality_name(Quality::kExact), "exact");
  EXPECT_EQ(owner_via_name(OwnerVia::kProcNet), "proc_net");
  EXPECT_EQ(tcp_state_name(TcpState::kListen), "LISTEN");
  EXPECT_EQ(tcp_state_name(TcpState::kTimeWait), "TIME-WAIT");
  EXPECT_EQ(link_event_name(LinkEvent::Kind::kAppeared), "appeared");
  EXPECT_EQ(link_event_name(LinkEvent::Kind::kLost), "lost");
  std::string id;
  append_flow_id(id, 0xffffffffffffffff);
  EXPECT_EQ(id, "ffffffffffffffff");
}

TEST(FlowKey, HashTellsKeysApart) {
  FlowKey key;
  key.a = {*base::IpAddress::parse("10.0.0.1"), 1};
  key.b = {*base::IpAddress::parse("10.0.0.2"), 2};
  key.proto = ip_proto::kTcp;
  std::set<std::uint64_t> hashes{hash_value(key)};
  FlowKey changed = key;
  changed.a.port = 3;
  hashes.insert(hash_value(changed));
  changed = key;
  changed.b.port = 3;
  hashes.insert(hash_value(changed));
  changed = key;
  changed.proto = ip_proto::kUdp;
  hashes.insert(hash_value(changed));
  changed = key;
  changed.scope = 9;
  hashes.insert(hash_value(changed));
  EXPECT_EQ(hashes.size(), 5U);
}

}  // namespace
}  // namespace netwatch::model
