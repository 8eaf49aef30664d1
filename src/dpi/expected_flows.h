#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dpi/protocol.h"

namespace netwatch::dpi {

// The flows that one analyzer's flows have announced (Context::expect). At most kMax of them, 180
// KB that are taken with the first one; each is forgotten after kLifetime, or when it is the oldest
// and room is needed for another. Times are those of packets and may step back.
class ExpectedFlows {
 public:
  static constexpr std::size_t kMax = 512;
  static constexpr base::TimeNs kLifetime = 180 * base::kNsPerSecond;

  // An end of a flow, its other end, and what else tells flows apart.
  struct Place {
    base::IpAddress address;
    base::IpAddress peer;
    std::uint32_t scope = 0;
    std::uint16_t port = 0;
    Transport transport = Transport::kTcp;
  };
  struct Entry {
    Place place;
    base::TimeNs until_ns = 0;
    model::FlowId parent = model::kNoFlow;  // kNoFlow: not in use
    // Of TCP: it came already, and it is this one. A datagram flow may be begun anew by others.
    model::FlowId taken_by = model::kNoFlow;
    std::uint16_t next = 0;
    std::uint16_t note_size = 0;
    std::uint8_t protocol = 0;
    std::array<std::uint8_t, Expected::kMaxNoteBytes> note;

    [[nodiscard]] base::Bytes noted() const { return base::Bytes(note).first(note_size); }
  };

  // Whether nothing at all is expected: all that most flows are asked.
  [[nodiscard]] bool empty(base::TimeNs now_ns) const { return now_ns > last_until_ns_; }
  // False if an older announcement was forgotten to make room.
  bool add(const Place& place, const Expected& flow, std::uint8_t protocol, model::FlowId parent,
           base::TimeNs now_ns);
  // What was announced at `place` and is not another flow's yet; null if nothing was.
  [[nodiscard]] Entry* find(const Place& place, model::FlowId flow, base::TimeNs now_ns) const;
  // What `parent` said of its child.
  [[nodiscard]] Entry* find_child(model::FlowId parent, base::TimeNs now_ns) const;

 private:
  static constexpr std::size_t kBuckets = 256;
  struct Table {
    std::array<Entry, kMax> entries;
    std::array<std::uint16_t, kBuckets> first{};  // by port; 1-based, 0 ends a chain
  };

  Entry* same(const Place& place, model::FlowId parent) const;
  void unlink(std::uint16_t number);

  std::unique_ptr<Table> table_;
  base::TimeNs last_until_ns_ = 0;
  std::uint16_t oldest_ = 0;  // the next to be used: they are used in turn
};

}  // namespace netwatch::dpi
