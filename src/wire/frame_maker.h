#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "model/flow.h"
#include "wire/decode.h"

// Frames by hand, for the tests of this folder.
namespace netwatch::wire {

using Frame = std::vector<std::uint8_t>;

inline Frame join(std::initializer_list<Frame> parts) {
  Frame out;
  for (const Frame& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

inline Frame be16(std::size_t v) {
  return {static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)};
}

inline Frame ether(std::uint16_t type) { return join({Frame(12, 0x02), be16(type)}); }
inline Frame vlan(std::uint16_t id, std::uint16_t type) {
  return join({be16(0xe000U | id), be16(type)});
}

inline Frame ip4(std::uint8_t proto, const Frame& body, std::uint16_t fragment = 0,
                 int total = -1) {
  const std::size_t len = total >= 0 ? static_cast<std::size_t>(total) : 20 + body.size();
  return join({{0x45, 0},
               be16(len),
               {0, 1},
               be16(fragment),
               {64, proto, 0, 0},
               {10, 0, 0, 1, 10, 0, 0, 2},
               body});
}

inline Frame ip6(std::uint8_t next, const Frame& body, int len_field = -1) {
  const std::size_t len = len_field >= 0 ? static_cast<std::size_t>(len_field) : body.size();
  Frame addresses(32, 0);
  addresses[0] = addresses[16] = 0x20;
  addresses[15] = 1;
  addresses[31] = 2;
  return join({{0x60, 0, 0, 0}, be16(len), {next, 64}, addresses, body});
}

inline Frame text(std::string_view s) { return {s.begin(), s.end()}; }

inline Frame tcp(const Frame& body, std::uint8_t words = 5, const Frame& options = {}) {
  return join({be16(1234),
               be16(80),
               {0, 0, 0, 9, 0, 0, 0, 7},
               {static_cast<std::uint8_t>(words << 4), 0x18},
               {0x10, 0x01, 0, 0, 0, 0},
               options,
               body});
}

inline Frame udp(const Frame& body, int len_field = -1) {
  const std::size_t len = len_field >= 0 ? static_cast<std::size_t>(len_field) : 8 + body.size();
  return join({be16(5353), be16(53), be16(len), {0, 0}, body});
}

inline Decoded decode_frame(std::uint16_t linktype, const Frame& frame, std::size_t wire_len = 0) {
  return decode(linktype, frame, static_cast<std::uint32_t>(std::max(wire_len, frame.size())));
}

struct Case {
  const char* what;
  std::uint16_t linktype;
  Frame frame;
  DecodeStatus status;
  std::uint8_t proto;
  std::uint16_t src_port, dst_port;
  std::string payload;
  std::size_t wire_len = 0;        // 0: as captured
  std::uint32_t payload_wire = 0;  // 0: as the payload
  bool first_fragment = false;
};

// What of `c` is not decoded as it says; empty if all is.
inline std::string wrong_about(const Case& c) {
  const Decoded d = decode_frame(c.linktype, c.frame, c.wire_len);
  if (d.status != c.status) return "status " + std::to_string(static_cast<int>(d.status));
  if (c.status != DecodeStatus::kFlow) return d.payload.empty() ? "" : "a payload";
  if (d.proto != c.proto) return "protocol " + std::to_string(d.proto);
  if (d.src_port != c.src_port) return "source port " + std::to_string(d.src_port);
  if (d.dst_port != c.dst_port) return "destination port " + std::to_string(d.dst_port);
  if (base::as_text(d.payload) != c.payload)
    return "payload of " + std::to_string(d.payload.size());
  const std::size_t wire = c.payload_wire != 0 ? c.payload_wire : c.payload.size();
  if (d.payload_wire_len != wire) return "length " + std::to_string(d.payload_wire_len);
  return d.first_fragment == c.first_fragment ? "" : "first fragment";
}

inline constexpr auto kFlow = DecodeStatus::kFlow;
inline constexpr auto kCut = DecodeStatus::kCut;
inline constexpr auto kMalformed = DecodeStatus::kMalformed;
inline constexpr auto kOther = DecodeStatus::kOther;
inline constexpr std::uint8_t kTcp = model::ip_proto::kTcp;
inline constexpr std::uint8_t kUdp = model::ip_proto::kUdp;
inline const Frame kTcp4 = ip4(6, tcp(text("hi")));
inline const Frame kUdp6 = ip6(17, udp(text("dns")));

// The frame of a case, cut at every length as a snaplen would, never decodes to more than is there,
// and the verdict on a flow is not contradicted: cut or flow, never malformed. The first length
// that breaks this; empty if none does.
inline std::string wrong_when_cut(const Case& c) {
  for (std::size_t n = 0; n < c.frame.size(); ++n) {
    const Frame cut(c.frame.begin(), c.frame.begin() + static_cast<std::ptrdiff_t>(n));
    const Decoded d = decode_frame(c.linktype, cut, std::max(c.frame.size(), c.wire_len));
    const bool sane = d.payload.size() <= n && d.payload.size() <= d.payload_wire_len;
    const bool agrees = d.status == DecodeStatus::kFlow || d.status == DecodeStatus::kCut;
    if (!sane || (c.status == DecodeStatus::kFlow && !agrees))
      return std::string(c.what) + " at " + std::to_string(n);
  }
  return "";
}

// For INSTANTIATE_TEST_SUITE_P.
inline constexpr auto kCaseName = [](const auto& info) { return std::string(info.param.what); };

}  // namespace netwatch::wire
