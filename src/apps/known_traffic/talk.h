#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "apps/known_traffic/ledger.h"
#include "model/flow.h"

namespace netwatch::known_traffic {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// Of 127.0.0.1 or ::1.
SocketAddress loopback(int family, std::uint16_t port);
model::Endpoint endpoint_of(const SocketAddress& address);

int new_socket(int family, int type);

// A socket bound to the loopback address, or to any; listening, if it is a stream. Answers its
// port.
struct Served {
  int fd = -1;
  std::uint16_t port = 0;
};
Served serve(int family, int type, bool any_address = false);

int connected(int family, int type, std::uint16_t port);
// A row with the ends of this socket and the time.
Row row_of(int fd, Kind kind, bool is_client);
// The ends as the socket has them now.
void set_ends(Row& row, int fd);

// One exchange: the request says how long the answer shall be, the answer who answers. Lengths
// depend on `number` alone. `last`: the server closes first.
void ask(int fd, Row& row, std::uint32_t number, bool last);
// False at the end of the stream, or after a last one.
bool answer(int fd, Row& row);

// The same by datagrams, one each way.
void ask_by_datagram(int fd, Row& row, std::uint32_t number, SocketAddress* to);
void answer_by_datagram(int fd, Row& row);

}  // namespace netwatch::known_traffic
