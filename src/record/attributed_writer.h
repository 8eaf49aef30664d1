#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/network.h"
#include "model/packet.h"
#include "model/packet_owners.h"
#include "record/pcapng_writer.h"
#include "record/process_block.h"

namespace netwatch::record {

// What a live capture says of itself.
struct CaptureDescription {
  std::string interface;  // its name, or "any"
  std::string filter;     // pcap-filter(7); empty for none
  std::uint16_t linktype = 0;
  std::uint32_t snaplen = 0;
  std::string hardware;  // of the host; empty if not known, as all text here
  std::string system;
  base::TimeNs started_ns = 0;
};

// Writes a live capture as pcapng files in which packets name their processes (process_block.h).
// Each file describes a process once, before the first packet that is linked to it, and ends with
// statistics of its interfaces: received (written, left out and dropped by the kernel), dropped,
// delivered (written), all of this file. A capture on `any` has an interface of that name, which
// the losses belong to since the kernel counts them per socket, and one for each that packets came
// from.
class AttributedWriter {
 public:
  // `writer` must have nothing in it yet.
  AttributedWriter(PcapngWriter writer, Annotation annotation);
  AttributedWriter(const AttributedWriter&) = delete;
  AttributedWriter& operator=(const AttributedWriter&) = delete;

  // Before all else.
  base::Status begin(const CaptureDescription& description);
  // Names of interfaces. What a file has said of one stays.
  void take_interfaces(const model::InterfaceTable& table);
  base::Status write(const model::Packet& packet, const model::PacketOwners& owners);
  // A packet that was captured, and is not wanted in the file.
  void leave_out(const model::Packet& packet) { ++counts_[key_of(packet)].left_out; }
  // So many more that the kernel could not deliver.
  void count_dropped(std::uint64_t packets) { counts_[kOwnKey].dropped += packets; }
  base::Status flush() { return writer_.flush(); }
  [[nodiscard]] std::uint64_t packets_flushed() const { return writer_.packets_flushed(); }
  base::Status close(base::TimeNs now_ns);

 private:
  struct Counts {
    std::uint64_t written = 0;
    std::uint64_t left_out = 0;
    std::uint64_t dropped = 0;
  };
  // Two programs of one process are two: execve(2) keeps pid and start.
  struct ProcessKey {
    std::uint32_t pid = 0;
    std::uint64_t start_ticks = 0;
    std::string comm;
    friend bool operator==(const ProcessKey&, const ProcessKey&) = default;
  };
  struct ProcessHash {
    std::size_t operator()(const ProcessKey& key) const noexcept;
  };
  static constexpr std::uint32_t kOwnKey = 0;  // the interface that is listened on

  [[nodiscard]] std::uint32_t key_of(const model::Packet& packet) const {
    return description_.interface == "any" ? packet.ifindex : kOwnKey;
  }
  base::Status describe_interface(std::uint32_t key);
  base::Status describe_process(const model::Owner& owner);
  base::Status end_file();

  PcapngWriter writer_;
  Annotation annotation_;
  CaptureDescription description_;
  std::map<std::uint32_t, std::string> names_;             // of interfaces, by ifindex
  std::map<std::uint32_t, Counts> counts_;                 // of this file, by interface
  std::unordered_set<std::uint32_t> described_;            // interfaces
  std::unordered_set<ProcessKey, ProcessHash> processes_;  // that this file has described
  // Kept for their capacity: of the block that is made, and of the packet that it is for.
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint8_t> options_;
  base::TimeNs file_began_ns_ = 0;
  base::TimeNs file_ends_ns_ = 0;
};

}  // namespace netwatch::record
