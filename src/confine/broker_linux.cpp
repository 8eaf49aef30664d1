// Both sides of the pair of sockets.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "confine/broker.h"
#include "confine/broker_messages.h"
#include "confine/child_linux.h"
#include "confine/measures_linux.h"

namespace netwatch::confine {
namespace {

constexpr int kAnswerTimeoutS = 10;

bool send_message(int fd, const void* bytes, std::size_t size, int passed) {
  iovec part{const_cast<void*>(bytes), size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (passed >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(head), &passed, sizeof passed);
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(size);
}

struct Received {
  std::size_t bytes = 0;
  int passed = -1;
};

// Nothing at the end, or if the message does not fit.
std::optional<Received> receive_message(int fd, std::span<std::uint8_t> room) {
  iovec part{room.data(), room.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  Received out;
  const cmsghdr* const head = CMSG_FIRSTHDR(&message);
  if (got > 0 && head != nullptr && head->cmsg_level == SOL_SOCKET &&
      head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int))) {
    std::memcpy(&out.passed, CMSG_DATA(head), sizeof out.passed);
  }
  if (got <= 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    if (out.passed >= 0) ::close(out.passed);
    return std::nullopt;
  }
  out.bytes = static_cast<std::size_t>(got);
  return out;
}

// ---- the broker ----

class Broker {
 public:
  Broker(int fd, const BrokerDuties& duties) : fd_(fd), duties_(duties) {}

  // Until the worker is gone.
  void run() {
    std::vector<std::uint8_t> room(kMaxRequestBytes + 1);
    while (true) {
      // Descriptors are never taken from the worker: there is no room for them.
      const ssize_t got = ::recv(fd_, room.data(), room.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return;
      const auto request = parse_request({room.data(), static_cast<std::size_t>(got)});
      const bool told = request.ok()
                            ? std::visit([this](const auto& one) { return answer(one); }, *request)
                            : refuse(request.error());
      if (!told) return;
    }
  }

 private:
  [[nodiscard]] bool refuse(const base::Error& error) const {
    AnswerHead head;
    head.verdict = static_cast<std::uint32_t>(error.code);
    const std::string_view words = std::string_view(error.message).substr(0, kMaxWordsBytes);
    std::vector<std::uint8_t> out(sizeof head + words.size());
    std::memcpy(out.data(), &head, sizeof head);
    std::memcpy(out.data() + sizeof head, words.data(), words.size());
    return send_message(fd_, out.data(), out.size(), -1);
  }

  bool answer(const CaptureRequest& request) {
    const auto opened = duties_.open_capture(request);
    if (!opened.ok()) return refuse(opened.error());
    AnswerHead head;
    head.ifindex = opened->ifindex;
    const bool told = send_message(fd_, &head, sizeof head, opened->fd);
    ::close(opened->fd);
    return told;
  }

  bool answer(const HoldersRequest&) {
    const auto holders = duties_.socket_holders();
    if (!holders.ok()) return refuse(holders.error());
    AnswerHead head;
    head.processes = holders->processes;
    head.unreadable_processes = holders->unreadable_processes;
    head.not_kept = holders->not_kept;
    head.hides_processes = holders->hides_processes ? 1 : 0;
    std::vector<std::uint8_t> out;
    std::size_t done = 0;
    do {
      const std::size_t rows = std::min(kRowsPerMessage, holders->rows.size() - done);
      head.rows = static_cast<std::uint32_t>(rows);
      head.last = done + rows == holders->rows.size() ? 1 : 0;
      out.resize(sizeof head + rows * sizeof(HolderRow));
      std::memcpy(out.data(), &head, sizeof head);
      for (std::size_t i = 0; i < rows; ++i) {
        const SocketHolder& holder = holders->rows[done + i];
        const HolderRow row{.inode = holder.inode, .pid = holder.pid, .zero = 0};
        std::memcpy(out.data() + sizeof head + i * sizeof row, &row, sizeof row);
      }
      if (!send_message(fd_, out.data(), out.size(), -1)) return false;
      done += rows;
    } while (done < holders->rows.size());
    return true;
  }

  int fd_;
  const BrokerDuties& duties_;
};

[[noreturn]] void be_broker(int fd, const BrokerDuties& duties) {
  fd = become_child(fd, "netwatch-broker");
  // What is not possible of it leaves the broker with no more than it was started with.
  (void)keep_broker_capabilities();
  (void)forbid_new_privileges();
  (void)hide_memory();
  (void)deny_broker_calls();
  Broker(fd, duties).run();
  ::_exit(0);
}

}  // namespace

// ---- the worker's side ----

base::Result<std::unique_ptr<BrokerClient>> BrokerClient::start(const BrokerDuties& duties) {
  const auto child = start_child("broker", [&](int fd) { be_broker(fd, duties); });
  if (!child.ok()) return child.error();
  const timeval patience{.tv_sec = kAnswerTimeoutS, .tv_usec = 0};
  (void)::setsockopt(child->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return std::unique_ptr<BrokerClient>(new BrokerClient(child->fd, child->pid));
}

BrokerClient::~BrokerClient() { end_child({.fd = fd_, .pid = pid_}); }

base::Error BrokerClient::lost() {
  lost_ = true;
  return {base::ErrorCode::kIo, "the broker, which keeps the rights, has ended"};
}

bool BrokerClient::alive() {
  const std::lock_guard lock(mutex_);
  pollfd asked{fd_, POLLIN, 0};
  if (::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLHUP | POLLERR)) != 0) lost_ = true;
  return !lost_;
}

// By write(2), the one call that a confined worker has for it.
base::Status BrokerClient::send(const Request& request) {
  if (lost_) return lost();
  const auto message = encode(request);
  ssize_t sent = -1;
  do {
    sent = ::write(fd_, message.data(), message.size());
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(message.size()) ? base::ok_status() : base::Status(lost());
}

namespace {

// The words of a refusal, or nothing.
std::optional<base::Error> refusal(const AnswerHead& head, base::Bytes behind) {
  if (head.verdict == AnswerHead::kFine) return std::nullopt;
  const auto last = static_cast<std::uint32_t>(base::ErrorCode::kIo);
  return base::Error{static_cast<base::ErrorCode>(std::min(head.verdict, last)),
                     std::string(base::as_text(behind))};
}

}  // namespace

base::Result<OpenedCapture> BrokerClient::open_capture(const CaptureRequest& request) {
  const std::lock_guard lock(mutex_);
  if (auto sent = send(request); !sent.ok()) return sent.error();
  std::array<std::uint8_t, sizeof(AnswerHead) + kMaxWordsBytes> room{};
  const auto got = receive_message(fd_, room);
  AnswerHead head;
  if (!got || got->bytes < sizeof head) return lost();
  std::memcpy(&head, room.data(), sizeof head);
  const base::Bytes behind = base::Bytes(room).subspan(sizeof head, got->bytes - sizeof head);
  if (auto refused = refusal(head, behind)) return *refused;
  if (got->passed < 0) return lost();
  return OpenedCapture{.fd = got->passed, .ifindex = head.ifindex};
}

base::Result<SocketHolders> BrokerClient::socket_holders() {
  const std::lock_guard lock(mutex_);
  if (auto sent = send(HoldersRequest{}); !sent.ok()) return sent.error();
  SocketHolders out;
  std::vector<std::uint8_t> room(kMaxAnswerBytes);
  AnswerHead head;
  do {
    const auto got = receive_message(fd_, room);
    if (!got || got->bytes < sizeof head) return lost();
    std::memcpy(&head, room.data(), sizeof head);
    const base::Bytes behind = base::Bytes(room).subspan(sizeof head, got->bytes - sizeof head);
    if (auto refused = refusal(head, behind)) return *refused;
    if (behind.size() != head.rows * sizeof(HolderRow)) return lost();
    for (std::size_t i = 0; i < head.rows; ++i) {
      HolderRow row;
      std::memcpy(&row, behind.data() + i * sizeof row, sizeof row);
      out.rows.push_back({.inode = row.inode, .pid = row.pid});
    }
  } while (head.last == 0);
  out.processes = head.processes;
  out.unreadable_processes = head.unreadable_processes;
  out.not_kept = head.not_kept;
  out.hides_processes = head.hides_processes != 0;
  return out;
}

}  // namespace netwatch::confine
