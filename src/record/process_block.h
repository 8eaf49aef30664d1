#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/owner.h"
#include "model/packet_owners.h"

// How pcapng files say whose a packet is. There are two ways, and a file may use both:
//
// - For people and every program: a comment (draft-ietf-opsawg-pcapng, section 3.5) on the enhanced
//   packet block, "from curl[1234] exact via ebpf to nginx[77] exact via ebpf".
// - For programs: the packet's epb_processid_threadid (section 4.3, option 8), process and thread
//   as two 32-bit numbers, and before its first packet a block that describes the process. The
//   draft has no number for the Process Information Block yet (pull request 209 of its repository),
//   so its body travels in a Custom Block (section 4.7) of the Wireshark Foundation (private
//   enterprise number 32622): entry type 3 and the entry's length, then the process id and
//   options, all little-endian (wiretap/pcapng-wireshark-custom.c).
//
// Text of other processes is sanitised.
namespace netwatch::record {

enum class Annotation : std::uint8_t {
  kBoth,
  kComments,
  kBlocks,  // option 8, with blocks of processes
};

// Options of an enhanced packet block in the form of model::Packet::options; nothing where nothing
// is known. The one process that option 8 has room for is the sender, else the receiver.
void append_owner_options(std::vector<std::uint8_t>& out, const model::PacketOwners& owners,
                          Annotation annotation);
// The comment alone; empty where nothing is known.
std::string owner_comment(const model::PacketOwners& owners);
// Whom option 8 names; null for nobody.
const model::Owner* linked_owner(const model::PacketOwners& owners);

// The body of a Custom Block that describes the owner's process. Command lines are left out: they
// often hold passwords, and captures are handed on.
void append_process_body(std::vector<std::uint8_t>& out, const model::Owner& owner);

}  // namespace netwatch::record
