#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flow/flow_table.h"

// For tests, fuzzers and benchmarks only: packets without frames, and a sink that remembers.
namespace netwatch::flow::testing {

inline constexpr std::uint32_t kHeaders = 40;  // IP and TCP, as IPv4 without options has them
inline constexpr std::uint32_t kEthernet = 14;

inline base::IpAddress v4(std::uint32_t host) {
  const std::uint8_t bytes[4] = {10, static_cast<std::uint8_t>(host >> 16),
                                 static_cast<std::uint8_t>(host >> 8),
                                 static_cast<std::uint8_t>(host)};
  return base::IpAddress::v4(bytes);
}

// One decoded packet that is easy to vary; send() hands it to a table.
struct MadePacket {
  model::Packet packet;
  wire::Decoded decoded;

  MadePacket(std::uint8_t proto, std::uint32_t src, std::uint16_t src_port, std::uint32_t dst,
             std::uint16_t dst_port, base::Bytes payload = {}) {
    decoded.status = wire::DecodeStatus::kFlow;
    decoded.proto = proto;
    decoded.src = v4(src);
    decoded.dst = v4(dst);
    decoded.src_port = src_port;
    decoded.dst_port = dst_port;
    decoded.tcp_window = 1000;
    set_payload(payload, static_cast<std::uint32_t>(payload.size()));
  }
  void set_payload(base::Bytes captured, std::uint32_t wire_len) {
    decoded.payload = captured;
    decoded.payload_wire_len = wire_len;
    decoded.ip_bytes = kHeaders + wire_len;
    packet.wire_len = kEthernet + decoded.ip_bytes;
  }
  MadePacket reversed() const {
    MadePacket other = *this;
    std::swap(other.decoded.src, other.decoded.dst);
    std::swap(other.decoded.src_port, other.decoded.dst_port);
    return other;
  }
};

// A sink that writes streams as text: bytes as they are, gaps as <n>, datagrams as [..].
class RecordingSink : public FlowSink {
 public:
  struct Ended {
    model::Flow flow;
    model::FlowEnd end;
  };

  bool on_chunk(FlowTable& table, FlowHandle flow, const model::StreamChunk& chunk) override {
    chunks.push_back({table.id(flow), chunk.side, chunk.packet, chunk.cut});
    std::string& text = streams[model::index(chunk.side)];
    if (chunk.gap_bytes > 0) {
      text += '<' + std::to_string(chunk.gap_bytes) + '>';
    } else if (chunk.datagram) {
      text += '[' + std::string(base::as_text(chunk.bytes)) + (chunk.cut ? "~]" : "]");
    } else {
      text += base::as_text(chunk.bytes);
    }
    if (wanted_chunks == 0) return true;
    return --wanted_chunks > 0;
  }
  void on_end(FlowTable& table, FlowHandle flow, model::FlowEnd end) override {
    ended.push_back({table.to_flow(flow, end), end});
  }

  struct Seen {
    model::FlowId flow;
    model::Side side;
    std::uint64_t packet;
    bool cut;
  };
  std::vector<Seen> chunks;
  std::string streams[2];  // of all flows together, by side
  std::vector<Ended> ended;
  std::uint32_t wanted_chunks = 0;  // says no at this many; 0 never does
};

}  // namespace netwatch::flow::testing
