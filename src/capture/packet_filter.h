#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace netwatch::capture {

// One instruction of classic BPF, laid out as the kernel wants it (struct sock_filter).
struct FilterInstruction {
  std::uint16_t code = 0;
  std::uint8_t if_true = 0;
  std::uint8_t if_false = 0;
  std::uint32_t k = 0;
};

// A pcap-filter(7) text as programs.
struct PacketFilter {
  // For SO_ATTACH_FILTER; never empty: it also cuts packets to the snaplen.
  std::vector<FilterInstruction> kernel;
  // For what the kernel cannot judge, because it takes VLAN tags out of the frame: run over the
  // frame with its tag put back. Empty if the kernel's program is all.
  std::vector<FilterInstruction> frame;

  // Whether `frame` lets a packet through.
  [[nodiscard]] bool passes(base::Bytes bytes, std::uint32_t wire_len) const;
};

// `linktype` is LINKTYPE_ETHERNET or, for a cooked socket, LINKTYPE_LINUX_SLL2. An error carries
// the words of the filter's compiler.
base::Result<PacketFilter> compile_filter(const std::string& text, std::uint16_t linktype,
                                          std::uint32_t snaplen);

}  // namespace netwatch::capture
