#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "capture/opened_file.h"
#include "model/packet.h"

namespace netwatch::pipeline {

// The packets of capture files, one file after the other, taken as far as they are wanted. Their
// time here never goes back: a packet that is older than one before it is of that one's time. Nor
// is it before 1970, or so late that nothing can be later.
class FilePackets {
 public:
  // The files must outlive this, and nothing else may read them meanwhile.
  explicit FilePackets(std::vector<capture::OpenedFile>& files) : files_(files) {}

  // As it is taken here, but for those before it.
  static base::TimeNs time_of(const model::Packet& packet);

  // When the next packet is; nothing at the end of the last file.
  std::optional<base::TimeNs> next_ns();
  // The next packets up to that time, at most `most`, numbered through all files; null: there is
  // none. May be fewer than there are, and none at all beside notes.
  model::PacketBatchPtr take(base::TimeNs until_ns, std::size_t most = SIZE_MAX);

  // When the last packet that was taken is.
  [[nodiscard]] base::TimeNs clock_ns() const { return clock_ns_; }
  // Bytes of all files read so far.
  [[nodiscard]] std::uint64_t bytes_read() const;
  // Where a file was broken, in order. Its packets before that were told.
  [[nodiscard]] const std::vector<base::Error>& errors() const { return errors_; }

 private:
  bool load();
  [[nodiscard]] model::PacketBatchPtr part(std::size_t count);

  std::vector<capture::OpenedFile>& files_;
  std::size_t next_file_ = 0;
  std::unique_ptr<capture::PacketSource> source_;
  model::PacketBatchPtr batch_;     // being handed out; null: none
  std::size_t taken_ = 0;           // packets of it
  std::size_t notes_taken_ = 0;     // likewise
  std::uint64_t numbered_ = 0;      // packets of the files before
  std::uint64_t in_file_ = 0;       // packets of this file that were loaded
  base::TimeNs clock_ns_ = 0;       // of the packet that was handed out last
  std::uint64_t bytes_before_ = 0;  // of the files before
  std::vector<base::Error> errors_;
};

}  // namespace netwatch::pipeline
