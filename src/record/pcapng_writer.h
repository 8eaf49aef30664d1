#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "model/packet.h"

namespace netwatch::record {

// Writes packets as pcapng (draft-ietf-opsawg-pcapng): one section, one interface block per
// (source, ifindex, linktype) as they appear, nanosecond time stamps, epb_flags direction. The
// file is made beside its final name and renamed by close(), mode 0600; "-" is standard output.
class PcapngWriter {
 public:
  static base::Result<PcapngWriter> create(const std::string& path, std::string application);
  PcapngWriter(PcapngWriter&&) noexcept;
  PcapngWriter& operator=(PcapngWriter&&) noexcept;
  ~PcapngWriter();  // without close(): the unfinished file is removed

  base::Status write(const model::Packet& packet);
  base::Status close();

 private:
  struct Impl;
  explicit PcapngWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace netwatch::record
