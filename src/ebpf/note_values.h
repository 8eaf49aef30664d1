#pragma once

#include <algorithm>
#include <tuple>
#include <vector>

#include "ebpf/programs/notes.h"
#include "model/socket.h"

// Values of the model from those of notes.
namespace netwatch::ebpf {

// A Multipath TCP socket (RFC 8684) has one note with all of its payload; its subflows are the
// kernel's own. Its ends are those of the first subflow.
inline std::uint8_t proto_of(NoteU16 protocol) {
  constexpr NoteU16 kMultipathTcp = 262;  // include/uapi/linux/in.h
  return protocol == kMultipathTcp ? model::ip_proto::kTcp : static_cast<std::uint8_t>(protocol);
}

// Of one that is older there may have been others before.
inline model::SocketUsers users_of(NoteU32 users, bool followed) {
  if (users > 1) return model::SocketUsers::kSeveral;
  return users == 1 && followed ? model::SocketUsers::kOne : model::SocketUsers::kUnknown;
}

inline model::Endpoint endpoint(const NoteU8* address, NoteU16 port) {
  return {.address = base::IpAddress::v6(address), .port = port};
}

// By inode and pid; one for each.
inline void sort_holdings(std::vector<model::SocketHolding>& found) {
  const auto key = [](const model::SocketHolding& one) {
    return std::tuple(one.inode, one.holder->pid);
  };
  std::sort(found.begin(), found.end(),
            [&](const auto& a, const auto& b) { return key(a) < key(b); });
  found.erase(std::unique(found.begin(), found.end(),
                          [&](const auto& a, const auto& b) { return key(a) == key(b); }),
              found.end());
}

}  // namespace netwatch::ebpf
