#include "model/socket_fields.h"

#include <array>

namespace netwatch::model {
namespace {

enum Field : std::uint8_t {
  kState,
  kLocalIp,
  kLocalPort,
  kRemoteIp,
  kRemotePort,
  kRttUs,
  kSentBytes,
  kReceivedBytes,
  kRetransmitted,
  kUid,
  kInode,
  kNetns,
};

constexpr std::array<std::string_view, 1> kKinds{"socket"};
// In the order of Field.
constexpr std::array<FieldDef, 12> kFields{{
    {.name = "state", .help = "TCP state, as ss writes it: ESTAB, LISTEN, TIME-WAIT"},
    {.name = "local.ip", .type = FieldType::kAddress, .help = "address of this host's end"},
    {.name = "local.port", .type = FieldType::kUint, .help = "port of this host's end"},
    {.name = "remote.ip", .type = FieldType::kAddress, .help = "address of the other end"},
    {.name = "remote.port", .type = FieldType::kUint, .help = "port of the other end"},
    {.name = "rtt_us", .type = FieldType::kDuration, .help = "TCP's smoothed round trip"},
    {.name = "sent_bytes", .type = FieldType::kUint, .help = "payload sent"},
    {.name = "received_bytes", .type = FieldType::kUint, .help = "payload received"},
    {.name = "retransmitted", .type = FieldType::kUint, .help = "TCP segments sent again"},
    {.name = "uid", .type = FieldType::kUint, .help = "number of the user the socket belongs to"},
    {.name = "inode", .type = FieldType::kUint, .help = "number of the socket in /proc/PID/fd"},
    {.name = "netns", .type = FieldType::kUint, .help = "number of its network namespace"},
}};
constexpr Schema kSchema{.proto = "socket", .title = "Socket", .kinds = kKinds, .fields = kFields};

void add_known(RecordBuilder& builder, Field field, std::int64_t value) {
  if (value >= 0) builder.add_uint(field, static_cast<std::uint64_t>(value));
}

void add_end(RecordBuilder& builder, const Endpoint& end, Field address, Field port) {
  builder.add_address(address, end.address);
  builder.add_uint(port, end.port);
}

}  // namespace

const Schema& socket_schema() { return kSchema; }

void add_socket_fields(RecordBuilder& builder, const Socket& socket) {
  builder.start(kSchema, 0);
  if (const auto state = tcp_state_name(socket.state); !state.empty()) {
    builder.add_text(kState, state);
  }
  add_end(builder, socket.local, kLocalIp, kLocalPort);
  if (is_connected(socket)) add_end(builder, socket.remote, kRemoteIp, kRemotePort);
  if (socket.rtt_us >= 0) builder.add_int(kRttUs, socket.rtt_us * base::kNsPerUs);
  add_known(builder, kSentBytes, socket.bytes_sent);
  add_known(builder, kReceivedBytes, socket.bytes_received);
  add_known(builder, kRetransmitted, socket.retransmits);
  builder.add_uint(kUid, socket.uid);
  if (socket.inode != 0) builder.add_uint(kInode, socket.inode);
  if (socket.netns != 0) builder.add_uint(kNetns, socket.netns);
}

}  // namespace netwatch::model
