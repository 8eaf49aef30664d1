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
    if (!duties_.open_capture) {
      return refuse({base::ErrorCode::kUnsupported, "this broker opens no capture"});
    }
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
    return tell_rows(head, holders->rows, kRowsPerMessage, [](const SocketHolder& holder) {
      return HolderRow{.inode = holder.inode, .pid = holder.pid, .zero = 0};
    });
  }

  bool answer(const NamespacesRequest&) {
    if (!duties_.enters_namespaces()) return refuse(no_duty());
    const auto found = duties_.namespaces();
    if (!found.ok()) return refuse(found.error());
    AnswerHead head;
    head.unreadable_processes = found->unreadable_processes;
    head.not_kept = found->not_kept;
    head.may_enter = found->may_enter ? 1 : 0;
    return tell_rows(head, found->rows, kNamespacesPerMessage, [](const NetworkNamespaceRow& one) {
      NamespaceRow row{.inode = one.inode, .pid = one.pid, .own = one.own ? 1U : 0U, .name = {}};
      if (one.name.size() <= NetworkNamespaceRow::kMaxNameBytes) {
        one.name.copy(row.name.data(), NetworkNamespaceRow::kMaxNameBytes);
      }
      return row;
    });
  }

  bool answer(const SocketDumpRequest& request) {
    if (!duties_.enters_namespaces()) return refuse(no_duty());
    const auto opened = duties_.socket_dump(request);
    if (!opened.ok()) return refuse(opened.error());
    const AnswerHead head;
    const bool told = send_message(fd_, &head, sizeof head, *opened);
    ::close(*opened);
    return told;
  }

  static base::Error no_duty() {
    return {base::ErrorCode::kUnsupported, "this broker enters no network namespaces"};
  }

  template <typename Row, typename ToWire>
  [[nodiscard]] bool tell_rows(AnswerHead head, const std::vector<Row>& rows, std::size_t at_once,
                               const ToWire& to_wire) const {
    std::vector<std::uint8_t> out;
    std::size_t done = 0;
    do {
      const std::size_t count = std::min(at_once, rows.size() - done);
      head.rows = static_cast<std::uint32_t>(count);
      head.last = done + count == rows.size() ? 1 : 0;
      out.resize(sizeof head + count * sizeof(to_wire(rows[0])));
      std::memcpy(out.data(), &head, sizeof head);
      for (std::size_t i = 0; i < count; ++i) {
        const auto row = to_wire(rows[done + i]);
        std::memcpy(out.data() + sizeof head + i * sizeof row, &row, sizeof row);
      }
      if (!send_message(fd_, out.data(), out.size(), -1)) return false;
      done += count;
    } while (done < rows.size());
    return true;
  }

  int fd_;
  const BrokerDuties& duties_;
};

[[noreturn]] void be_broker(int fd, const BrokerDuties& duties) {
  fd = become_child(fd, "netwatch-broker");
  // What is not possible of it leaves the broker with no more than it was started with.
  (void)keep_broker_capabilities(
      {.captures = duties.open_capture != nullptr, .enters = duties.enters_namespaces()});
  (void)forbid_new_privileges();
  (void)hide_memory();
  (void)deny_broker_calls(duties.enters_namespaces());
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

struct BrokerClient::Passed {
  AnswerHead head;
  int fd = -1;
};

base::Result<BrokerClient::Passed> BrokerClient::ask_for_descriptor(const Request& request) {
  const std::lock_guard lock(mutex_);
  if (auto sent = send(request); !sent.ok()) return sent.error();
  std::array<std::uint8_t, sizeof(AnswerHead) + kMaxWordsBytes> room{};
  const auto got = receive_message(fd_, room);
  Passed out;
  if (!got || got->bytes < sizeof out.head) return lost();
  std::memcpy(&out.head, room.data(), sizeof out.head);
  const base::Bytes behind =
      base::Bytes(room).subspan(sizeof out.head, got->bytes - sizeof out.head);
  if (auto refused = refusal(out.head, behind)) return *refused;
  if (got->passed < 0) return lost();
  out.fd = got->passed;
  return out;
}

base::Result<OpenedCapture> BrokerClient::open_capture(const CaptureRequest& request) {
  const auto passed = ask_for_descriptor(request);
  if (!passed.ok()) return passed.error();
  return OpenedCapture{.fd = passed->fd, .ifindex = passed->head.ifindex};
}

base::Result<int> BrokerClient::socket_dump(const SocketDumpRequest& request) {
  const auto passed = ask_for_descriptor(request);
  if (!passed.ok()) return passed.error();
  return passed->fd;
}

// `take` is given each row; the answer is what the last message says beside them.
template <typename Row, typename Take>
base::Result<BrokerClient::Passed> BrokerClient::ask_for_rows(const Request& request,
                                                              const Take& take) {
  const std::lock_guard lock(mutex_);
  if (auto sent = send(request); !sent.ok()) return sent.error();
  std::vector<std::uint8_t> room(kMaxAnswerBytes);
  Passed out;
  do {
    const auto got = receive_message(fd_, room);
    if (!got || got->bytes < sizeof out.head) return lost();
    std::memcpy(&out.head, room.data(), sizeof out.head);
    const base::Bytes behind =
        base::Bytes(room).subspan(sizeof out.head, got->bytes - sizeof out.head);
    if (auto refused = refusal(out.head, behind)) return *refused;
    if (behind.size() != out.head.rows * sizeof(Row)) return lost();
    for (std::size_t i = 0; i < out.head.rows; ++i) {
      Row row;
      std::memcpy(&row, behind.data() + i * sizeof row, sizeof row);
      take(row);
    }
  } while (out.head.last == 0);
  return out;
}

base::Result<SocketHolders> BrokerClient::socket_holders() {
  SocketHolders out;
  const auto told = ask_for_rows<HolderRow>(HoldersRequest{}, [&](const HolderRow& row) {
    out.rows.push_back({.inode = row.inode, .pid = row.pid});
  });
  if (!told.ok()) return told.error();
  out.processes = told->head.processes;
  out.unreadable_processes = told->head.unreadable_processes;
  out.not_kept = told->head.not_kept;
  out.hides_processes = told->head.hides_processes != 0;
  return out;
}

base::Result<NetworkNamespaces> BrokerClient::namespaces() {
  NetworkNamespaces out;
  const auto told = ask_for_rows<NamespaceRow>(NamespacesRequest{}, [&](const NamespaceRow& row) {
    const std::string_view name(row.name.data(), row.name.size());
    out.rows.push_back({.inode = row.inode,
                        .pid = row.pid,
                        .own = row.own != 0,
                        .name = std::string(name.substr(0, name.find('\0')))});
  });
  if (!told.ok()) return told.error();
  out.unreadable_processes = told->head.unreadable_processes;
  out.not_kept = told->head.not_kept;
  out.may_enter = told->head.may_enter != 0;
  return out;
}

}  // namespace netwatch::confine
