#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/time.h"
#include "model/flow.h"

namespace netwatch::known_traffic {

// Older: than the watcher. Shared: older, and of two holders one has never used it.
enum class Kind : std::uint8_t {
  kShort,
  kLasting,
  kDatagrams,
  kOlder,
  kShared,
  kInherited,
  kExecuted
};

// One socket, written by the process that used it last.
struct Row {
  Kind kind = Kind::kShort;
  bool is_client = false;
  bool is_unconnected = false;  // names the other end with each datagram
  std::uint8_t proto = 0;
  std::uint32_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat
  std::array<char, 16> comm{};
  std::uint32_t peer_pid = 0;  // of a client: who answered
  model::Endpoint local;
  model::Endpoint remote;  // unspecified: a server of datagrams
  std::int64_t sent = 0;   // payload, as the calls returned
  std::int64_t received = 0;
  std::int64_t sent_before = 0;  // of these, before anybody watched
  std::int64_t received_before = 0;
  base::TimeNs opened_ns = 0;
  base::TimeNs closed_ns = 0;
};

// The rows of all processes: in memory that is shared across fork, and across execve by its
// descriptor.
class Ledger {
 public:
  explicit Ledger(std::size_t rows);
  // The one of the process that has started this one.
  static Ledger inherited(int fd);
  ~Ledger();
  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(Ledger&&) = delete;

  // Stamps it as closed now by this process.
  void add(Row row);
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::span<const Row> rows() const;
  // All rows, and the sums of each process, as NDJSON.
  void write(const std::string& path) const;

 private:
  struct Shared {
    std::atomic<std::size_t> used = 0;
    std::size_t capacity = 0;
    Row* rows() { return reinterpret_cast<Row*>(this + 1); }
  };
  Ledger() = default;
  void map(std::size_t bytes);

  int fd_ = -1;
  std::size_t bytes_ = 0;
  Shared* shared_ = nullptr;
};

// Prints the errno of `what` and ends this process: a ledger with a hole is worth nothing.
[[noreturn]] void fail(const char* what);

}  // namespace netwatch::known_traffic
