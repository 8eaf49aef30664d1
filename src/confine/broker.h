#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

// A second process that keeps the few rights that a confined worker needs later. The worker sends
// fixed messages over a pair of sockets (SOCK_SEQPACKET) that only the two have; descriptors come
// back with the answers (SCM_RIGHTS). The broker never sees a byte of the network.
namespace netwatch::confine {

// One instruction of classic BPF, as struct sock_filter.
struct BpfInstruction {
  std::uint16_t code = 0;
  std::uint8_t if_true = 0;
  std::uint8_t if_false = 0;
  std::uint32_t k = 0;
  bool operator==(const BpfInstruction&) const = default;
};

// Asks for a capture socket with its ring, filtered and bound.
struct CaptureRequest {
  static constexpr std::size_t kMaxInterfaceBytes = 15;  // IFNAMSIZ without the zero
  static constexpr std::size_t kMaxInstructions = 4096;  // BPF_MAXINSNS
  static constexpr std::uint32_t kMaxRingMebibytes = 4096;

  std::string interface;  // or "any"
  bool cooked = false;    // the kernel's link header in place of the interface's own
  bool promiscuous = false;
  std::uint32_t ring_mebibytes = 0;
  std::vector<BpfInstruction> filter;
  bool operator==(const CaptureRequest&) const = default;
};
struct OpenedCapture {
  int fd = -1;  // belongs to who gets it
  std::uint32_t ifindex = 0;
};

// Asks who holds which socket, by a walk over /proc/*/fd.
struct HoldersRequest {
  bool operator==(const HoldersRequest&) const = default;
};
struct SocketHolder {
  std::uint64_t inode = 0;
  std::uint32_t pid = 0;
};
struct SocketHolders {
  std::vector<SocketHolder> rows;
  std::uint64_t processes = 0;
  std::uint64_t unreadable_processes = 0;
  std::uint64_t not_kept = 0;
  bool hides_processes = false;
};

// Asks which network namespaces there are.
struct NamespacesRequest {
  bool operator==(const NamespacesRequest&) const = default;
};
struct NetworkNamespaceRow {
  static constexpr std::size_t kMaxNameBytes = 111;

  std::uint64_t inode = 0;
  std::uint32_t pid = 0;  // a process in it; 0: none is
  bool own = false;       // the broker's and the worker's
  std::string name;       // below /run/netns; empty if it has none, or a longer one
};
struct NetworkNamespaces {
  std::vector<NetworkNamespaceRow> rows;
  std::uint64_t unreadable_processes = 0;
  std::uint64_t not_kept = 0;
  bool may_enter = false;
};

// Asks for a socket inside one of those that the last NamespacesRequest was told, on which the
// kernel has been asked for one of its tables of sockets: the worker only receives the answer.
struct SocketDumpRequest {
  static constexpr std::uint32_t kTables = 5;

  std::uint64_t netns = 0;  // its inode
  std::uint32_t table = 0;  // which one, below kTables
  bool operator==(const SocketDumpRequest&) const = default;
};

// All that can be asked for.
using Request = std::variant<CaptureRequest, HoldersRequest, NamespacesRequest, SocketDumpRequest>;
std::vector<std::uint8_t> encode(const Request& request);
// kInvalid: not one of ours, to the last byte. Of the filter: that it is not too long, that all
// jumps land in it and that it ends in an answer; the kernel checks the rest.
base::Result<Request> parse_request(base::Bytes message);

// What the broker does when it is asked. Run in the broker's process.
struct BrokerDuties {
  // Without it the broker keeps no right to capture.
  std::function<base::Result<OpenedCapture>(const CaptureRequest&)> open_capture = nullptr;
  std::function<base::Result<SocketHolders>()> socket_holders;
  // Both or none. Without them the broker keeps no right to enter namespaces.
  std::function<base::Result<NetworkNamespaces>()> namespaces = nullptr;
  std::function<base::Result<int>(const SocketDumpRequest&)> socket_dump = nullptr;

  [[nodiscard]] bool enters_namespaces() const { return namespaces && socket_dump; }
};

// The worker's side. Any thread may ask; one after the other is answered.
class BrokerClient {
 public:
  // Starts the broker as a child of this process, before any thread: it keeps the capabilities that
  // its duties need, as the user of less_privileged_user(), and ends when this object or the
  // process does.
  static base::Result<std::unique_ptr<BrokerClient>> start(const BrokerDuties& duties);
  ~BrokerClient();
  BrokerClient(const BrokerClient&) = delete;
  BrokerClient& operator=(const BrokerClient&) = delete;

  // Errors are those of the duty; kIo: the broker has ended or does not answer.
  base::Result<OpenedCapture> open_capture(const CaptureRequest& request);
  base::Result<SocketHolders> socket_holders();
  base::Result<NetworkNamespaces> namespaces();
  // A descriptor that belongs to the caller.
  base::Result<int> socket_dump(const SocketDumpRequest& request);
  // Whether the broker still runs. Never waits.
  [[nodiscard]] bool alive();
  // Has to be among Plan::written.
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] int pid() const { return pid_; }

 private:
  BrokerClient(int fd, int pid) : fd_(fd), pid_(pid) {}
  base::Status send(const Request& request);
  struct Passed;
  base::Result<Passed> ask_for_descriptor(const Request& request);
  template <typename Row, typename Take>
  base::Result<Passed> ask_for_rows(const Request& request, const Take& take);
  [[nodiscard]] base::Error lost();

  std::mutex mutex_;
  int fd_;
  int pid_;
  bool lost_ = false;
};

}  // namespace netwatch::confine
