#include "flow/community_id.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

namespace netwatch::flow {
namespace {

struct Case {
  int proto;
  const char* src;
  int src_port;
  const char* dst;
  int dst_port;
  const char* plain;
  const char* hex;  // without base64
  const char* one;  // with seed 1
};

model::Endpoint endpoint(const std::string& address, int port) {
  const auto parsed = base::IpAddress::parse(address);
  EXPECT_TRUE(parsed.has_value()) << address;
  return {parsed.value_or(base::IpAddress{}), static_cast<std::uint16_t>(port)};
}

// The specification's published baseline: TCP, UDP, SCTP, RSVP, ICMP and ICMPv6, both families.
constexpr Case kCases[] = {
    {6, "128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
     "1:2d053da9994af81e45dca0e67afea6e4f3226eb8", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
    {6, "66.35.250.204", 80, "128.232.110.120", 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
     "1:2d053da9994af81e45dca0e67afea6e4f3226eb8", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
    {6, "2001:470:e5bf:dead:4957:2174:e82c:4887", 63943, "2607:f8b0:400c:c03::1a", 25,
     "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "1:fea15a78047e8057b52988cccd50ec32ffb0814e",
     "1:eJYTW6AOzFLlSUoESovMjnu7rMw="},
    {17, "192.168.1.52", 54585, "8.8.8.8", 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=",
     "1:77f14fe445b7c22635bc29dd87095e451287a304", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="},
    {132, "192.168.170.56", 7, "192.168.170.8", 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=",
     "1:30fd84b5108050866f4f0e8cc491cb57b37b243b", "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg="},
    {46, "10.1.12.2", 0, "10.1.12.1", 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=",
     "1:28794b920a095bb89f513c934a0c957e4147ccac", "1:rYir8gphR31noO9iDRQmF/BteEI="},
    {1, "192.168.0.89", 8, "192.168.0.1", 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
     "1:5f4b27617a60c22bfd4d9b6a83ae2c833527e839", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
    {1, "192.168.0.1", 0, "192.168.0.89", 8, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
     "1:5f4b27617a60c22bfd4d9b6a83ae2c833527e839", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
    {1, "10.0.0.1", 11, "10.0.0.2", 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM=",
     "1:607c6d022ac21bfff43b391c540ba4a8a40df713", "1:XjUibYHaafLQ3pxQeiMI8g25q20="},
    {58, "fe80::200:86ff:fe05:80da", 135, "fe80::260:97ff:fe07:69ea", 136,
     "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:7461f21af8cc7e58e0e81a69c26ddb8342cef136",
     "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="},
    {58, "fe80::260:97ff:fe07:69ea", 135, "fe80::200:86ff:fe05:80da", 136,
     "1:zavyT/cezQr1fmImYCwYnMXbgck=", "1:cdabf24ff71ecd0af57e6226602c189cc5db81c9",
     "1:2hSqmsDZ2kdcY9kbiUzOEBic0iM="},
    {58, "3ffe:501:1800:2345::2", 3, "3ffe:507:0:1:200:86ff:fe05:80da", 0,
     "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=", "1:d8e6d5060227dbca19be26d866164c06087b59d4",
     "1:lVEtCZpYu84Xqaa++3lXFyuu2n4="},
    {58, "fe80::260:97ff:fe07:69ea", 134, "ff02::1", 133, "1:pkvHqCL88/tg1k4cPigmZXUtL00=",
     "1:a64bc7a822fcf3fb60d64e1c3e282665752d2f4d", "1:K/ee5UCqAMAQXDorP5nSa2CGLjc="},
};

TEST(CommunityId, Baseline) {
  for (const Case& c : kCases) {
    const model::Endpoint src = endpoint(c.src, c.src_port);
    const model::Endpoint dst = endpoint(c.dst, c.dst_port);
    const auto proto = static_cast<std::uint8_t>(c.proto);
    EXPECT_EQ(community_id(src, dst, proto), c.plain);
    EXPECT_EQ(community_id(src, dst, proto, 0, false), c.hex);
    EXPECT_EQ(community_id(src, dst, proto, 1), c.one);
  }
}

TEST(CommunityId, OneWayIcmpKeepsItsDirection) {
  const model::Endpoint low = endpoint("10.0.0.1", 3);
  const model::Endpoint high = endpoint("10.0.0.2", 1);
  EXPECT_NE(community_id(low, high, model::ip_proto::kIcmp),
            community_id(high, low, model::ip_proto::kIcmp));
}

// A flat object of the published baseline, cut at its commas: values hold neither comma nor quote.
std::map<std::string, std::string> fields_of(const std::string& object) {
  std::map<std::string, std::string> fields;
  std::size_t at = 0;
  while ((at = object.find('"', at)) != std::string::npos) {
    const std::size_t name_end = object.find('"', at + 1);
    const std::string name = object.substr(at + 1, name_end - at - 1);
    std::size_t from = object.find_first_not_of(": ", name_end + 1);
    const bool text = object[from] == '"';
    if (text) ++from;
    const std::size_t to = object.find_first_of(text ? "\"" : ",}", from);
    fields[name] = object.substr(from, to - from);
    at = to + 1;
  }
  return fields;
}

TEST(CommunityId, WholePublishedBaseline) {
  const std::filesystem::path dir = std::filesystem::path(NETWATCH_SOURCE_DIR).parent_path() /
                                    "shared/corpus/truth/community-id-expected";
  if (!std::filesystem::exists(dir)) GTEST_SKIP() << "no corpus beside the checkout";
  struct File {
    const char* name;
    std::uint16_t seed;
    bool base64;
  };
  int rows = 0;
  for (const File file :
       {File{"baseline_deflt.json", 0, true}, File{"baseline_nob64.json", 0, false},
        File{"baseline_seed1.json", 1, true}}) {
    std::ifstream in(dir / file.name);
    const std::string all{std::istreambuf_iterator<char>(in), {}};
    for (std::size_t at = all.find('{'); at != std::string::npos; at = all.find('{', at + 1)) {
      auto row = fields_of(all.substr(at, all.find('}', at) + 1 - at));
      const auto port = [](const std::string& text) {
        return text == "null" ? 0 : std::stoi(text);
      };
      EXPECT_EQ(
          community_id(endpoint(row["saddr"], port(row["sport"])),
                       endpoint(row["daddr"], port(row["dport"])),
                       static_cast<std::uint8_t>(std::stoi(row["proto"])), file.seed, file.base64),
          row["communityid"]);
      ++rows;
    }
  }
  EXPECT_EQ(rows, 69);
}

}  // namespace
}  // namespace netwatch::flow
