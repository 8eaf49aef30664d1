#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "dpi/protocol.h"

namespace netwatch::dpi {

// A set of protocols: a bit per row of the table.
using ProtocolSet = std::array<std::uint64_t, 4>;

// Which probes to ask, by transport and first byte; built once from the table of protocols.
class ProbeIndex {
 public:
  static constexpr std::size_t kMaxProtocols = 255;
  static constexpr std::uint8_t kNone = 0xFF;

  // `table` must outlive it and have at most kMaxProtocols rows.
  explicit ProbeIndex(std::span<const ProtocolDef* const> table);
  // The one of a table, which is made again only when nobody has it any more. From any thread.
  static std::shared_ptr<const ProbeIndex> of(std::span<const ProtocolDef* const> table);

  struct Answer {
    Probe probe = Probe::kNo;
    std::uint8_t protocol = 0;  // with kYes
  };
  // Asks those whose first byte fits either side, rows with a usual port of the flow first: a yes
  // ends it, else kMore if any said so. Rows in `rejected` are not asked.
  [[nodiscard]] Answer ask(const ProbeInput& input, bool datagram,
                           std::span<const std::uint8_t> rejected) const;
  // Asks the row of a protocol of IP, if there is one.
  [[nodiscard]] Answer ask_ip(const ProbeInput& input, std::uint8_t ip_proto) const;
  // Asks only those that may be believed in the middle of a stream (ProtocolDef::late).
  [[nodiscard]] Answer ask_late(const ProbeInput& input) const;

  // The row of that name; kNone if there is none.
  [[nodiscard]] std::uint8_t find(std::string_view name) const;
  [[nodiscard]] const ProtocolDef& def(std::uint8_t protocol) const { return *table_[protocol]; }
  // The rows with ProtocolDef::carried_id, and whether any of their datagrams begins so.
  [[nodiscard]] std::span<const std::uint8_t> carriers() const { return carriers_; }
  [[nodiscard]] bool may_carry_id(std::uint8_t first) const { return carried_first_.has(first); }

 private:
  [[nodiscard]] Answer ask_all(const ProbeInput& input, const ProtocolSet& set) const;
  [[nodiscard]] ProtocolSet candidates(const ProbeInput& input, bool datagram) const;

  std::span<const ProtocolDef* const> table_;
  ProtocolSet late_{};
  std::vector<std::uint8_t> carriers_;
  FirstBytes carried_first_;
  std::array<std::uint8_t, 256> by_ip_proto_{};            // row + 1, or 0
  std::array<std::array<ProtocolSet, 256>, 2> by_byte_{};  // [datagram][first byte]
};

}  // namespace netwatch::dpi
