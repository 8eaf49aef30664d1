#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/packet.h"

namespace netwatch::capture {

// Where packets come from: a file, standard input, or an interface.
class PacketSource {
 public:
  virtual ~PacketSource() = default;

  // The next packets. Files: an empty pointer at the end; an error where the file is broken (what
  // was read before it has been returned). Live: waits at most `timeout_ms`, and may return an
  // empty batch. Packet numbers start at 1 and go on over the batches of this source.
  virtual base::Result<model::PacketBatchPtr> next(int timeout_ms) = 0;

  [[nodiscard]] virtual const std::string& name() const = 0;  // for people
  // LINKTYPE_* seen so far, in order of appearance.
  [[nodiscard]] virtual const std::vector<std::uint16_t>& linktypes() const = 0;
  // For a progress bar; total 0 where it is not known.
  [[nodiscard]] virtual std::uint64_t bytes_read() const { return 0; }
  [[nodiscard]] virtual std::uint64_t bytes_total() const { return 0; }
};

// pcap (us, ns, both byte orders, and the modified and nanosecond variants), pcapng and snoop
// files, also inside gzip or zstd; "-" is standard input. `source` becomes Packet::source. Packets
// are views of the blocks that are read.
base::Result<std::unique_ptr<PacketSource>> open_file(const std::string& path,
                                                      std::uint32_t source = 0);
// The same for a file that is still being written, from its beginning on: next() waits for more as
// for a pipe, and ends once `stop_fd` is readable (-1: never). A file that is shortened, replaced
// or removed is an error after everything before it. No compressed files: kUnsupported. Pipes are
// read as by open_file(), and end half a second after `stop_fd` at the latest; the part of a record
// that came last is no damage then.
base::Result<std::unique_ptr<PacketSource>> open_followed(const std::string& path,
                                                          std::uint32_t source, int stop_fd);

struct LiveOptions {
  std::string interface;  // or "any"
  std::string filter;     // pcap-filter(7); empty for all
  std::uint32_t snaplen = 262'144;
  std::size_t ring_bytes = std::size_t{64} << 20;
  bool promiscuous = false;
};
// Linux: a TPACKET_V3 ring on AF_PACKET (docs: Documentation/networking/packet_mmap.rst). Needs
// CAP_NET_RAW; the error says so and how to get it.
base::Result<std::unique_ptr<PacketSource>> open_live(const LiveOptions& options);

}  // namespace netwatch::capture
