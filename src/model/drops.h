#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace netwatch::model {

// Everything that can be lost, refused or set aside, counted where it happens (truth rule 5).
enum class Drop : std::uint8_t {
  kKernel,            // packets the kernel could not deliver to us
  kQueue,             // packets dropped because the engine was behind
  kMalformed,         // packets whose headers contradict themselves
  kCutHeaders,        // packets cut (snaplen) before their transport header
  kUnspokenLink,      // packets of a link type that is not spoken
  kFragments,         // IP fragments that became no part of a flow's datagram
  kFlowEvicted,       // flows evicted before their time
  kFlowRefused,       // packets of flows that no budget was left for
  kStreamEvicted,     // reassembly buffers given up
  kStreamGapBytes,    // bytes of streams that were never seen
  kDecoderEvicted,    // decoders given up
  kDecoderOdd,        // messages that broke their protocol's rules
  kRecordCut,         // records or values cut to their limit
  kNameEvicted,       // learned names forgotten
  kDuplicate,         // packets seen again on another interface (capture on `any`)
  kRowRefused,        // rows the snapshot had no room for
  kFragmentOverlaps,  // IP fragments that overlapped others with other bytes or bounds
  kFragmentEvicted,   // datagrams whose fragments were given up before their time
  kProtected,         // encrypted 802.11 frames
  kTunnelDepth,       // packets in more tunnels than are taken off
  kExpectedEvicted,   // announcements of flows to come that others took the place of
  // Connections' ids, and links made by them, that others took the place of.
  kConnectionEvicted,
  kSocketEvents,  // sockets' ends that the kernel had no room to tell of
  kCount,
};
std::string_view drop_name(Drop drop);  // snake_case, stable: the NDJSON key
// Whether something of what passed is missing by it, and not only seen twice or found odd.
constexpr bool is_loss(Drop drop) {
  return drop != Drop::kDuplicate && drop != Drop::kDecoderOdd && drop != Drop::kFragmentOverlaps;
}

struct DropCounters {
  std::array<std::uint64_t, static_cast<std::size_t>(Drop::kCount)> counts{};

  std::uint64_t& operator[](Drop drop) { return counts[static_cast<std::size_t>(drop)]; }
  std::uint64_t operator[](Drop drop) const { return counts[static_cast<std::size_t>(drop)]; }
  void add(const DropCounters& more) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += more.counts[i];
  }
};

}  // namespace netwatch::model
