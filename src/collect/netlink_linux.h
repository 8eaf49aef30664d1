#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

// Netlink dumps (RFC 3549; Linux: include/uapi/linux/netlink.h).
namespace netwatch::collect {

// One attribute, {u16 length, u16 type, value, padding to 4}, in host byte order.
struct NetlinkAttribute {
  std::uint16_t type = 0;
  base::Bytes value;

  // The value as a plain structure: as much of it as the kernel sent, zeros behind.
  template <typename T>
  [[nodiscard]] T as() const {
    T copy{};
    std::memcpy(&copy, value.data(), std::min(sizeof copy, value.size()));
    return copy;
  }
  // The value as text without its terminating NUL.
  [[nodiscard]] std::string_view text() const;
};

// Removes and returns the first attribute of `bytes`; nothing at the end or on a bad length.
std::optional<NetlinkAttribute> next_attribute(base::Bytes& bytes);

// A netlink socket for dumps, or for events.
class NetlinkSocket {
 public:
  // For dumps, which block for at most 5 s. `protocol`: NETLINK_ROUTE, NETLINK_SOCK_DIAG.
  static base::Result<NetlinkSocket> open(int protocol);
  // For the events of `groups` (RTMGRP_*); never blocks.
  static base::Result<NetlinkSocket> subscribe(int protocol, std::uint32_t groups,
                                               int receive_buffer_bytes);
  NetlinkSocket(NetlinkSocket&& from) noexcept;
  NetlinkSocket& operator=(NetlinkSocket&&) = delete;
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;
  ~NetlinkSocket();

  // Sends a dump request of `type` and gives the body of each answer to `take`. When the kernel's
  // table changed under the dump (NLM_F_DUMP_INTR), calls `restart` and asks anew, at most
  // kMaxRestarts times: then the last answer stands, in which a few rows may be missing or twice.
  // kUnsupported: the kernel does not know the table (its module is not loaded).
  static constexpr int kMaxRestarts = 3;
  base::Status dump(std::uint16_t type, base::Bytes request,
                    const std::function<void(base::Bytes)>& take,
                    const std::function<void()>& restart);

  // dump() in two halves, for two processes: one asks, once, on a socket that it hands on; the
  // other adopts the descriptor and takes the answer. False: the table changed under the dump.
  base::Status ask(std::uint16_t type, base::Bytes request) { return send(type, request); }
  static NetlinkSocket adopt(int fd);
  base::Result<bool> answer(const std::function<void(base::Bytes)>& take);
  // The descriptor, which belongs to the caller then.
  [[nodiscard]] int release();

  enum class Received : std::uint8_t {
    kNothing,  // there is no more
    kSome,
    kOverrun,  // the kernel had to drop messages (ENOBUFS): whoever follows them looks anew
  };
  // One datagram of events: type and body of each message go to `take`.
  base::Result<Received> receive(const std::function<void(std::uint16_t, base::Bytes)>& take);
  [[nodiscard]] int fd() const { return fd_; }

  // Dumps whose last answer was interrupted, too.
  [[nodiscard]] std::uint64_t torn() const { return torn_; }

 private:
  explicit NetlinkSocket(int fd);
  enum class Verdict : std::uint8_t { kMore, kDone, kFailed };
  struct Pass {
    std::uint32_t sequence = 0;
    bool interrupted = false;
    int error = 0;  // errno
  };
  base::Status send(std::uint16_t type, base::Bytes request);
  base::Status take_answer(Pass& pass, const std::function<void(base::Bytes)>& take);
  Verdict take_datagram(base::Bytes datagram, Pass& pass,
                        const std::function<void(base::Bytes)>& take) const;

  int fd_ = -1;
  std::uint64_t torn_ = 0;
  std::uint32_t sequence_ = 0;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace netwatch::collect
