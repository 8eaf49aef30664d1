#include "confine/broker_messages.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "confine/broker.h"

namespace netwatch::confine {
namespace {

static_assert(sizeof(BpfInstruction) == 8);

base::Error malformed(const char* what) {
  return {base::ErrorCode::kInvalid, std::string("the broker was asked for nonsense: ") + what};
}

// Classic BPF (Linux: include/uapi/linux/bpf_common.h).
constexpr unsigned kClassMask = 0x07;
constexpr unsigned kJump = 0x05;
constexpr unsigned kReturn = 0x06;
constexpr unsigned kAlways = 0x05;  // BPF_JMP | BPF_JA, whose offset is k

bool is_sound(const std::vector<BpfInstruction>& filter) {
  if (filter.empty() || (filter.back().code & kClassMask) != kReturn) return false;
  for (std::size_t i = 0; i < filter.size(); ++i) {
    if ((filter[i].code & kClassMask) != kJump) continue;
    const std::size_t left = filter.size() - i - 1;  // instructions behind this one
    const std::size_t step =
        filter[i].code == kAlways ? filter[i].k : std::max(filter[i].if_true, filter[i].if_false);
    if (step >= left) return false;
  }
  return true;
}

bool is_interface_name(std::string_view name) {
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f' && c != '/'; });
}

base::Result<Request> parse_capture(base::Bytes message) {
  CaptureHead head;
  if (message.size() < sizeof head) return malformed("a capture request is cut");
  std::memcpy(&head, message.data(), sizeof head);
  const base::Bytes code = message.subspan(sizeof head);
  if (head.instructions > CaptureRequest::kMaxInstructions ||
      code.size() != head.instructions * sizeof(BpfInstruction)) {
    return malformed("a filter of another length");
  }
  if (head.cooked > 1 || head.promiscuous > 1 || head.zero != 0) return malformed("unknown flags");
  if (head.ring_mebibytes == 0 || head.ring_mebibytes > CaptureRequest::kMaxRingMebibytes) {
    return malformed("a ring of that size");
  }
  const std::string_view room(head.interface.data(), head.interface.size());
  const std::size_t end = room.find('\0');
  if (end == std::string_view::npos ||
      room.find_first_not_of('\0', end) != std::string_view::npos) {
    return malformed("an interface's name without an end");
  }
  CaptureRequest request;
  request.interface = room.substr(0, end);
  if (!is_interface_name(request.interface)) return malformed("an interface's name");
  request.cooked = head.cooked == 1;
  request.promiscuous = head.promiscuous == 1;
  request.ring_mebibytes = head.ring_mebibytes;
  request.filter.resize(head.instructions);
  if (!code.empty()) std::memcpy(request.filter.data(), code.data(), code.size());
  if (!is_sound(request.filter))
    return malformed("a filter that does not end or jumps out of itself");
  return Request(std::move(request));
}

std::vector<std::uint8_t> encode_capture(const CaptureRequest& request) {
  CaptureHead head;
  head.kind = static_cast<std::uint32_t>(MessageKind::kCapture);
  head.ring_mebibytes = request.ring_mebibytes;
  request.interface.copy(head.interface.data(), CaptureRequest::kMaxInterfaceBytes);
  head.instructions = static_cast<std::uint32_t>(request.filter.size());
  head.cooked = request.cooked ? 1 : 0;
  head.promiscuous = request.promiscuous ? 1 : 0;
  const std::size_t code = request.filter.size() * sizeof(BpfInstruction);
  std::vector<std::uint8_t> out(sizeof head + code);
  std::memcpy(out.data(), &head, sizeof head);
  if (code > 0) std::memcpy(out.data() + sizeof head, request.filter.data(), code);
  return out;
}

// Assigned, not made: GCC 12 takes the members of the other kinds for read.
template <typename Kind>
Request request_of(Kind kind) {
  Request request;
  request = kind;
  return request;
}

base::Result<Request> parse_socket_dump(base::Bytes message) {
  SocketDumpHead head;
  if (message.size() != sizeof head) return malformed("a request of another length");
  std::memcpy(&head, message.data(), sizeof head);
  if (head.table >= SocketDumpRequest::kTables) return malformed("a table of that number");
  if (head.netns == 0) return malformed("no namespace");
  SocketDumpRequest request;
  request.netns = head.netns;
  request.table = head.table;
  return request_of(request);
}

template <typename Head>
std::vector<std::uint8_t> bytes_of(const Head& head) {
  std::vector<std::uint8_t> out(sizeof head);
  std::memcpy(out.data(), &head, sizeof head);
  return out;
}

}  // namespace

std::vector<std::uint8_t> encode(const Request& request) {
  if (const auto* const capture = std::get_if<CaptureRequest>(&request)) {
    return encode_capture(*capture);
  }
  if (const auto* const dump = std::get_if<SocketDumpRequest>(&request)) {
    return bytes_of(SocketDumpHead{.kind = static_cast<std::uint32_t>(MessageKind::kSocketDump),
                                   .table = dump->table,
                                   .netns = dump->netns});
  }
  const bool holders = std::holds_alternative<HoldersRequest>(request);
  return bytes_of(holders ? MessageKind::kHolders : MessageKind::kNamespaces);
}

base::Result<Request> parse_request(base::Bytes message) {
  std::uint32_t kind = 0;
  if (message.size() < sizeof kind) return malformed("too short");
  std::memcpy(&kind, message.data(), sizeof kind);
  switch (static_cast<MessageKind>(kind)) {
    case MessageKind::kCapture:
      return parse_capture(message);
    case MessageKind::kHolders:
      if (message.size() != sizeof kind) return malformed("a request with something behind it");
      return request_of(HoldersRequest{});
    case MessageKind::kNamespaces:
      if (message.size() != sizeof kind) return malformed("a request with something behind it");
      return request_of(NamespacesRequest{});
    case MessageKind::kSocketDump:
      return parse_socket_dump(message);
  }
  return malformed("a request that is not on its list");
}

}  // namespace netwatch::confine
