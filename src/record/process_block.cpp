#include "record/process_block.h"

#include <fmt/format.h>

#include <string_view>

#include "base/text.h"
#include "wire/pcap_format.h"
#include "wire/pcapng_options.h"

namespace netwatch::record {
namespace {

namespace pcapng = wire::pcapng;

constexpr std::uint32_t kWiresharkEnterprise = 32622;
constexpr std::uint32_t kProcessEntry = 3;
// Options of a Process Information Block.
constexpr std::uint16_t kName = 2;
constexpr std::uint16_t kPath = 3;
constexpr std::uint16_t kParentPid = 5;
constexpr std::uint16_t kUid = 6;
constexpr std::uint16_t kUser = 7;
constexpr std::uint16_t kStartTime = 9;
// Longest text of ours; PATH_MAX of Linux.
constexpr std::size_t kLongestText = 4096;

void put(std::vector<std::uint8_t>& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i, value >>= 8) {
    out.push_back(static_cast<std::uint8_t>(value));
  }
}

void put_clean_text(std::vector<std::uint8_t>& out, std::uint16_t code, std::string_view text) {
  if (text.empty()) return;
  put(out, code, 2);
  put(out, text.size(), 2);
  out.insert(out.end(), text.begin(), text.end());
  out.insert(out.end(), pcapng::padded(text.size()) - text.size(), 0);
}

void put_text(std::vector<std::uint8_t>& out, std::uint16_t code, std::string_view raw) {
  put_clean_text(out, code, base::sanitised(raw.substr(0, kLongestText)));
}

void put_number(std::vector<std::uint8_t>& out, std::uint16_t code, std::uint64_t value,
                std::size_t bytes) {
  put(out, code, 2);
  put(out, bytes, 2);
  put(out, value, bytes);
}

void append_owner(std::string& out, std::string_view way, const model::Owner& owner) {
  if (!out.empty()) out += ' ';
  out += fmt::format("{} {}[{}] {}", way, base::sanitised(owner.process->comm), owner.process->pid,
                     model::quality_name(owner.quality));
  if (owner.via == model::OwnerVia::kNone) return;
  out += " via ";
  out += model::owner_via_name(owner.via);
}

// The user's number is 0 where it could not be read, too.
bool knows_user(const model::Owner& owner) {
  return owner.process->uid != 0 || !owner.process->user.empty() ||
         owner.via == model::OwnerVia::kEbpf;
}

}  // namespace

std::string owner_comment(const model::PacketOwners& owners) {
  std::string out;
  if (owners.sender != nullptr) append_owner(out, "from", *owners.sender);
  if (owners.receiver != nullptr) append_owner(out, "to", *owners.receiver);
  return out;
}

const model::Owner* linked_owner(const model::PacketOwners& owners) {
  return owners.sender != nullptr ? owners.sender : owners.receiver;
}

void append_owner_options(std::vector<std::uint8_t>& out, const model::PacketOwners& owners,
                          Annotation annotation) {
  if (annotation != Annotation::kBlocks) {
    put_clean_text(out, pcapng::option::kComment, owner_comment(owners));
  }
  const model::Owner* const owner = linked_owner(owners);
  if (owner == nullptr || annotation == Annotation::kComments) return;
  constexpr std::uint64_t kThreadUnknown = 0;
  put_number(out, pcapng::option::kPacketProcess,
             std::uint64_t{owner->process->pid} | (kThreadUnknown << 32), 8);
}

void append_process_body(std::vector<std::uint8_t>& out, const model::Owner& owner) {
  const model::Process& process = *owner.process;
  put(out, kWiresharkEnterprise, 4);
  put(out, kProcessEntry, 4);
  const std::size_t length_at = out.size();
  put(out, 0, 4);
  put(out, process.pid, 4);
  put_text(out, kName, process.comm);
  put_text(out, kPath, process.exe);
  if (process.parent_pid != 0) put_number(out, kParentPid, process.parent_pid, 4);
  if (knows_user(owner)) put_number(out, kUid, process.uid, 4);
  put_text(out, kUser, process.user);
  if (process.started_ns > 0) {
    put_number(out, kStartTime, static_cast<std::uint64_t>(process.started_ns), 8);
  }
  put(out, 0, 4);  // the end of the options
  std::uint64_t length = out.size() - length_at - 4;
  for (std::size_t i = 0; i < 4; ++i, length >>= 8) {
    out[length_at + i] = static_cast<std::uint8_t>(length);
  }
}

}  // namespace netwatch::record
