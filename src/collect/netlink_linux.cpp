#include "collect/netlink_linux.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace netwatch::collect {
namespace {

// The kernel builds dump datagrams of at most 32 KiB (net/netlink/af_netlink.c).
constexpr std::size_t kDatagramBytes = 64U << 10;
constexpr int kReceiveBufferBytes = 1 << 20;
constexpr int kTimeoutS = 5;
constexpr std::size_t kAlignment = 4;

std::size_t aligned(std::size_t length) { return (length + kAlignment - 1) & ~(kAlignment - 1); }

base::Error refusal(int error) {
  // sock_diag answers ENOENT where the table's module (tcp_diag, udp_diag, inet_diag) is missing.
  if (error == ENOENT || error == EOPNOTSUPP || error == EINVAL || error == EPROTONOSUPPORT) {
    base::Error unknown = base::errno_error(error, "netlink");
    unknown.code = base::ErrorCode::kUnsupported;
    return unknown;
  }
  return base::errno_error(error, "netlink");
}

struct Message {
  nlmsghdr head;
  base::Bytes body;
};

// Removes and returns the first message of a datagram; nothing at its end or on a bad length.
std::optional<Message> next_message(base::Bytes& datagram) {
  nlmsghdr head{};
  if (datagram.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, datagram.data(), sizeof head);
  if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.size()) return std::nullopt;
  const Message message{head, datagram.subspan(sizeof head, head.nlmsg_len - sizeof head)};
  datagram = datagram.subspan(std::min(aligned(head.nlmsg_len), datagram.size()));
  return message;
}

}  // namespace

std::string_view NetlinkAttribute::text() const {
  const std::string_view all = base::as_text(value);
  return all.substr(0, all.find('\0'));
}

std::optional<NetlinkAttribute> next_attribute(base::Bytes& bytes) {
  struct Header {
    std::uint16_t length;
    std::uint16_t type;
  } header{};
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.length < sizeof header || header.length > bytes.size()) return std::nullopt;
  const NetlinkAttribute attribute{// The two highest bits are flags: nested, network byte order.
                                   static_cast<std::uint16_t>(header.type & NLA_TYPE_MASK),
                                   bytes.subspan(sizeof header, header.length - sizeof header)};
  bytes = bytes.subspan(std::min(aligned(header.length), bytes.size()));
  return attribute;
}

NetlinkSocket::NetlinkSocket(int fd) : fd_(fd), buffer_(kDatagramBytes) {}

NetlinkSocket::NetlinkSocket(NetlinkSocket&& from) noexcept
    : fd_(std::exchange(from.fd_, -1)),
      torn_(from.torn_),
      sequence_(from.sequence_),
      buffer_(std::move(from.buffer_)) {}

NetlinkSocket::~NetlinkSocket() {
  if (fd_ >= 0) ::close(fd_);
}

base::Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return refusal(errno);
  NetlinkSocket socket(fd);
  const timeval timeout{kTimeoutS, 0};
  (void)::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return base::errno_error(errno, "netlink");
  }
  return socket;
}

base::Result<NetlinkSocket> NetlinkSocket::subscribe(int protocol, std::uint32_t groups,
                                                     int receive_buffer_bytes) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return refusal(errno);
  NetlinkSocket socket(fd);
  (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return base::errno_error(errno, "netlink");
  }
  return socket;
}

base::Result<NetlinkSocket::Received> NetlinkSocket::receive(
    const std::function<void(std::uint16_t, base::Bytes)>& take) {
  ssize_t got = -1;
  do {
    got = ::recv(fd_, buffer_.data(), buffer_.size(), MSG_TRUNC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Received::kNothing;
  if (got < 0 && errno == ENOBUFS) return Received::kOverrun;
  if (got < 0) return refusal(errno);
  const auto length = static_cast<std::size_t>(got);
  if (length > buffer_.size()) return Received::kOverrun;  // its end is lost
  base::Bytes datagram(buffer_.data(), length);
  while (const auto message = next_message(datagram)) take(message->head.nlmsg_type, message->body);
  return Received::kSome;
}

base::Status NetlinkSocket::send(std::uint16_t type, base::Bytes request) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + request.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = ++sequence_;
  std::vector<std::uint8_t> message(aligned(header.nlmsg_len));
  std::memcpy(message.data(), &header, sizeof header);
  std::memcpy(message.data() + sizeof header, request.data(), request.size());
  // To the kernel, which is whom a socket that is not connected writes to.
  const ssize_t sent = ::write(fd_, message.data(), message.size());
  if (sent < 0) return refusal(errno);
  return base::ok_status();
}

NetlinkSocket::Verdict NetlinkSocket::take_datagram(
    base::Bytes datagram, Pass& pass, const std::function<void(base::Bytes)>& take) const {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    const auto message = next_message(datagram);
    if (!message) {
      pass.error = EBADMSG;
      return Verdict::kFailed;
    }
    const nlmsghdr& header = message->head;
    const base::Bytes body = message->body;
    if (header.nlmsg_seq != pass.sequence) continue;  // left over from an earlier request
    if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) pass.interrupted = true;
    if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
      // Both begin with a negative errno; a dump may fail in its last message.
      std::int32_t code = 0;
      if (body.size() >= sizeof code) std::memcpy(&code, body.data(), sizeof code);
      pass.error = code < 0 ? -code : 0;
      return pass.error != 0 ? Verdict::kFailed : Verdict::kDone;
    }
    take(body);
  }
  return Verdict::kMore;
}

base::Status NetlinkSocket::take_answer(Pass& pass, const std::function<void(base::Bytes)>& take) {
  Verdict verdict = Verdict::kMore;
  while (verdict == Verdict::kMore) {
    const ssize_t got = ::recv(fd_, buffer_.data(), buffer_.size(), MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refusal(errno);
    const auto length = static_cast<std::size_t>(got);
    if (length > buffer_.size()) return refusal(EMSGSIZE);
    verdict = take_datagram({buffer_.data(), length}, pass, take);
  }
  if (verdict == Verdict::kFailed) return refusal(pass.error);
  return base::ok_status();
}

base::Status NetlinkSocket::dump(std::uint16_t type, base::Bytes request,
                                 const std::function<void(base::Bytes)>& take,
                                 const std::function<void()>& restart) {
  for (int restarts = 0;; ++restarts) {
    if (auto sent = send(type, request); !sent) return sent;
    Pass pass;
    pass.sequence = sequence_;
    if (auto taken = take_answer(pass, take); !taken) return taken;
    if (!pass.interrupted) return base::ok_status();
    if (restarts == kMaxRestarts) {
      ++torn_;
      return base::ok_status();
    }
    restart();
  }
}

NetlinkSocket NetlinkSocket::adopt(int fd) {
  NetlinkSocket socket(fd);
  socket.sequence_ = 1;  // of the first request on any socket
  return socket;
}

int NetlinkSocket::release() { return std::exchange(fd_, -1); }

base::Result<bool> NetlinkSocket::answer(const std::function<void(base::Bytes)>& take) {
  Pass pass;
  pass.sequence = sequence_;
  if (auto taken = take_answer(pass, take); !taken) return taken.error();
  return !pass.interrupted;
}

}  // namespace netwatch::collect
