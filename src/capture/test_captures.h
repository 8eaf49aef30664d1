#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Capture files, written byte by byte for tests: independent of what the product writes.
namespace netwatch::capture::test_captures {

using Bytes = std::vector<std::uint8_t>;

class Ordered {
 public:
  explicit Ordered(bool big_endian) : big(big_endian) {}

  void put(std::uint64_t value, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t shift = (big ? n - 1 - i : i) * 8;
      bytes.push_back(static_cast<std::uint8_t>(value >> shift));
    }
  }
  void put_text(std::string_view s) { bytes.insert(bytes.end(), s.begin(), s.end()); }
  void pad() {
    while (bytes.size() % 4 != 0) bytes.push_back(0);
  }

  bool big;
  Bytes bytes;
};

// The options of a pcapng block.
class Options : public Ordered {
 public:
  using Ordered::Ordered;
  Options& u8(std::uint16_t code, std::uint8_t v) { return add(code, v, 1); }
  Options& u32(std::uint16_t code, std::uint32_t v) { return add(code, v, 4); }
  Options& u64(std::uint16_t code, std::uint64_t v) { return add(code, v, 8); }

 private:
  Options& add(std::uint16_t code, std::uint64_t v, std::size_t n) {
    put(code, 2);
    put(n, 2);
    put(v, n);
    pad();
    return *this;
  }
};

class Writer : public Ordered {
 public:
  using Ordered::Ordered;

  Writer& u32(std::uint32_t v) {
    put(v, 4);
    return *this;
  }
  Writer& text(std::string_view s) {
    put_text(s);
    return *this;
  }

  void pcap_header(std::uint32_t magic, std::uint32_t snaplen, std::uint32_t network,
                   std::uint16_t major = 2, std::uint16_t minor = 4) {
    u32(magic);
    put(major, 2);
    put(minor, 2);
    u32(0).u32(0).u32(snaplen).u32(network);
    if (magic >> 16 == 0x1c00) u32(0);
  }
  void pcap_record(std::uint32_t magic, std::uint32_t s, std::uint32_t fraction,
                   std::string_view packet, std::uint32_t wire_len, std::uint32_t ifindex = 0,
                   std::uint8_t packet_type = 0) {
    u32(s).u32(fraction).u32(static_cast<std::uint32_t>(packet.size())).u32(wire_len);
    if (magic == 0xa1b2cd34) {
      u32(ifindex);
      put(0, 2);
      put(packet_type, 1);
      put(0, 1);
    }
    put_text(packet);
  }

  void block(std::uint32_t type, std::string_view body) {
    const std::size_t padding = (4 - body.size() % 4) % 4;
    const auto total = static_cast<std::uint32_t>(12 + body.size() + padding);
    u32(type).u32(total).text(body);
    bytes.insert(bytes.end(), padding, 0);
    u32(total);
  }
  void section() {
    Writer body(big);
    body.u32(0x1a2b3c4d);
    body.put(1, 2);
    body.put(0, 2);
    body.put(~std::uint64_t{0}, 8);
    block(0x0a0d0d0a, body);
  }
  void interface(std::uint16_t linktype, std::uint32_t snaplen, const Options& options) {
    Writer body(big);
    body.put(linktype, 2);
    body.put(0, 2);
    body.u32(snaplen);
    body.add(options);
    block(1, body);
  }
  void enhanced(std::uint32_t interface_id, std::uint64_t stamp, std::string_view packet,
                std::uint32_t wire_len, const Options& options = Options(false)) {
    Writer body(big);
    body.u32(interface_id);
    body.stamp_and_packet(stamp, packet, wire_len);
    body.add(options);
    block(6, body);
  }
  void obsolete(std::uint16_t interface_id, std::uint64_t stamp, std::string_view packet,
                std::uint32_t wire_len) {
    Writer body(big);
    body.put(interface_id, 2);
    body.put(0xffff, 2);
    body.stamp_and_packet(stamp, packet, wire_len);
    block(2, body);
  }
  void simple(std::string_view packet, std::uint32_t wire_len) {
    Writer body(big);
    body.u32(wire_len).text(packet);
    block(3, body);
  }
  void statistics(std::uint32_t interface_id, const Options& options) {
    Writer body(big);
    body.u32(interface_id).u32(0).u32(0);
    body.add(options);
    block(5, body);
  }

 private:
  void stamp_and_packet(std::uint64_t stamp, std::string_view packet, std::uint32_t wire_len) {
    u32(static_cast<std::uint32_t>(stamp >> 32)).u32(static_cast<std::uint32_t>(stamp));
    u32(static_cast<std::uint32_t>(packet.size())).u32(wire_len).text(packet);
    pad();
  }
  void add(const Options& options) {
    if (options.bytes.empty()) return;
    bytes.insert(bytes.end(), options.bytes.begin(), options.bytes.end());
    u32(0);
  }
  void block(std::uint32_t type, const Writer& body) {
    block(type,
          std::string_view(reinterpret_cast<const char*>(body.bytes.data()), body.bytes.size()));
  }
};

// RFC 1761, Ethernet; the second and later packets tell of two lost before them in all.
inline Bytes snoop_file(const std::vector<std::string>& packets, std::uint32_t wire_len) {
  Writer w(true);
  w.text(std::string_view("snoop\0\0\0", 8)).u32(2).u32(4);
  std::uint32_t drops = 0;
  for (const std::string& packet : packets) {
    const auto len = static_cast<std::uint32_t>(packet.size());
    const std::uint32_t record = (24 + len + 3) & ~3U;
    w.u32(wire_len).u32(len).u32(record).u32(drops).u32(1).u32(500'000).text(packet);
    w.pad();
    drops = 2;
  }
  return w.bytes;
}

}  // namespace netwatch::capture::test_captures
