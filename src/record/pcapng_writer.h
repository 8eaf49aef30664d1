#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "model/packet.h"

namespace netwatch::record {

// Writes packets as pcapng (draft-ietf-opsawg-pcapng): one section, one interface block per
// (source, ifindex, linktype) as they appear, nanosecond time stamps, epb_flags direction, the
// options of packets; and of notes interfaces, names, statistics, secrets and custom blocks, of
// the first section its hardware, system and comments. The
// file is made beside its final name with mode 0600 and renamed by close(); "-" is standard
// output, and what exists already and is no regular file (a pipe, a device) is written in place.
// After an error every call repeats it. Packets from before 1970 carry the time 0.
class PcapngWriter {
 public:
  static base::Result<PcapngWriter> create(const std::string& path, const std::string& application);
  PcapngWriter(PcapngWriter&&) noexcept;
  PcapngWriter& operator=(PcapngWriter&&) noexcept;
  ~PcapngWriter();  // without close(): the unfinished file is removed

  // Buffered: a reader at the other end of a pipe sees packets after flush().
  base::Status write(const model::Packet& packet);
  // What a file said; an interface before its first packet.
  base::Status write(const model::CaptureNote& note);
  base::Status flush();
  base::Status close();

 private:
  struct Impl;
  explicit PcapngWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace netwatch::record
