#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace netwatch::model {

// Which way a packet crossed its interface, where the source knows (pcapng epb_flags, cooked
// packet types, AF_PACKET).
enum class PacketDirection : std::uint8_t { kUnknown, kInbound, kOutbound };

// A captured packet: a view. Its bytes live as long as the PacketBatch that carries it.
struct Packet {
  std::uint64_t number = 0;    // 1-based, over all sources of a run; the order of all results
  base::TimeNs time_ns = 0;    // as captured; may step backwards between packets
  std::uint32_t source = 0;    // index of the file or capture socket in this run
  std::uint32_t ifindex = 0;   // the kernel's where it is known, else as `interface`
  std::uint16_t linktype = 0;  // LINKTYPE_* (https://www.tcpdump.org/linktypes.html)
  PacketDirection direction = PacketDirection::kUnknown;
  std::uint32_t wire_len = 0;     // on the wire; at least bytes.size() in a sane capture
  base::Bytes bytes;              // captured; shorter than wire_len when cut by a snaplen
  std::uint64_t file_offset = 0;  // of the packet's record in its file; 0 for live packets
  base::Bytes options{};          // what else a pcapng file says of it, as in CaptureNote
  std::uint32_t interface = 0;  // what a writer keeps apart: the file's interface, live the ifindex
};

// What a capture file says beside its packets, for whoever writes them again: one block. A view,
// as a packet. In one form whatever the file's: pcapng, little-endian, times in nanoseconds.
struct CaptureNote {
  enum class Kind : std::uint8_t {
    kSection,     // options: hardware, system, comments
    kInterface,   // options: name, description, address, filter, ...
    kNames,       // body of a name resolution block
    kStatistics,  // options of an interface's counters at time_ns
    kSecrets,     // body of a decryption secrets block
    kOther,       // body of any other block that may be copied: custom blocks, system journals
  };
  Kind kind = Kind::kOther;
  std::uint32_t block_type = 0;
  std::uint64_t before = 0;     // number of the packet that it precedes
  std::uint32_t source = 0;     // as in Packet
  std::uint32_t interface = 0;  // as in Packet; of kInterface and kStatistics
  std::uint16_t linktype = 0;
  std::uint32_t snaplen = 0;  // 0: unlimited
  base::TimeNs time_ns = 0;
  base::Bytes bytes;
};

// Packets that share one ref-counted backing: an arena of at most kMaxArenaBytes filled by a
// live source, or a file mapping.
struct PacketBatch {
  static constexpr std::size_t kMaxArenaBytes = std::size_t{1} << 20;
  static constexpr std::size_t kMaxPackets = 2048;

  std::vector<Packet> packets;
  std::vector<CaptureNote> notes;        // in the order of the file
  std::vector<std::uint8_t> note_bytes;  // of the notes and the packets' options
  std::vector<std::uint8_t> arena;       // empty when the bytes belong to `backing`
  std::shared_ptr<const void> backing;   // keeps a mapping alive
  std::uint64_t notes_left_out = 0;      // blocks and options that could or must not be handed on
  std::uint64_t kernel_dropped = 0;      // since the batch before, as the source counted them
  std::uint64_t kernel_frozen = 0;       // times the kernel ring was full (TPACKET_V3)
};

using PacketBatchPtr = std::shared_ptr<const PacketBatch>;

}  // namespace netwatch::model
