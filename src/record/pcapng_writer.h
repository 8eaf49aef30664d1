#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "model/packet.h"
#include "record/output_file.h"

namespace netwatch::record {

// When a capture goes on in the next file. 0: not for this reason. Times are those of packets, so
// a file that is read is divided as the capture would have been.
struct Rotation {
  // A packet that would make the file longer begins the next. What is said again does not count.
  std::uint64_t max_bytes = 0;
  std::uint64_t max_packets = 0;
  // A time that lies as far before that of the file's first packet begins the next, too.
  base::TimeNs duration_ns = 0;  // since the file's first packet
  base::TimeNs interval_ns = 0;  // at each multiple of it since the epoch
  std::uint32_t keep_files = 0;  // older ones are deleted, if this writer made them

  [[nodiscard]] bool divides() const {
    return max_bytes != 0 || max_packets != 0 || duration_ns != 0 || interval_ns != 0;
  }
};

// What a writer still needs of the system, once it is made: for who gives up everything else.
struct OutputNeeds {
  int written_fd = -1;  // a pipe or a device that is written in place
  std::string folder;   // where files are renamed and removed; empty: nowhere
  bool makes_files = false;
};

// Writes packets as pcapng (draft-ietf-opsawg-pcapng): nanosecond time stamps, epb_flags direction,
// the options of packets; and of notes interfaces, names, statistics, secrets, journals and custom
// blocks, and of sections their hardware, system and comments (see PcapngEncoder). The file
// appears whole (see OutputFile); "-" is standard output.
// With a Rotation the files are called after their number and the UTC time of their first packet:
// for a/b.pcapng a/b_00001_20261121T154500Z.pcapng. Each is complete in itself: its interfaces, and
// the names and secrets so far, are said in it. The name has no time if more than 4 MiB of notes
// come before the first packet, or no packet at all. A file that exists is never replaced then.
// The files belong to `owner`, which takes the right to give files away.
// After an error every call repeats it. Packets from before 1970 carry the time 0.
class PcapngWriter {
 public:
  static base::Result<PcapngWriter> create(const std::string& path, std::string application,
                                           const Rotation& rotation = {},
                                           std::optional<FileOwner> owner = std::nullopt);
  PcapngWriter(PcapngWriter&&) noexcept;
  PcapngWriter& operator=(PcapngWriter&&) noexcept;
  ~PcapngWriter();  // without close(): the unfinished file is removed

  // Called before a file is complete, at its end or as the next begins: to write notes to it.
  void on_file_end(std::function<base::Status()> write_notes);
  // Begins the next file if this packet, which has to be written next, belongs there: for notes
  // that are to stand before it. Else write() does it.
  base::Status make_way(const model::Packet& packet);
  // Buffered: a reader at the other end of a pipe sees packets after flush().
  base::Status write(const model::Packet& packet);
  // What a file said; an interface before its first packet.
  base::Status write(const model::CaptureNote& note);
  base::Status flush();
  base::Status close();

  [[nodiscard]] OutputNeeds needs() const;
  // In all files: those that have left the buffer, and that an error does not take back.
  [[nodiscard]] std::uint64_t packets_flushed() const;
  // Names and secrets that later files lack since they were too many.
  [[nodiscard]] std::uint64_t not_repeated() const;

 private:
  struct Impl;
  explicit PcapngWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace netwatch::record
