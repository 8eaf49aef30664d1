#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "confine/confine.h"
#include "model/health.h"

// A third process that asks the network what a confined worker may not: so far, whether this host's
// own gateway and resolvers answer. It takes no requests: it tells, and decides itself whom to ask,
// so that who takes the worker over cannot send anything to anybody by it. It sees no packet of
// others. What it tells came from the network and is checked here to its last byte.
namespace netwatch::confine {

// One message: fixed layout, at most kMaxRows rows; what is beyond is left out.
struct HealthMessage {
  static constexpr std::size_t kMaxRows = 32;
  static constexpr std::size_t kMaxWordsBytes = 200;  // of HealthRow::why and fix each
};
std::vector<std::uint8_t> encode_health(const model::HealthTable& table);
// kInvalid: not one of ours, to the last byte.
base::Result<model::HealthTable> parse_health(base::Bytes message);

// Run in the courier's process.
struct CourierDuties {
  // Before the confinement: opens what is needed later, and answers what of it has to be written.
  std::function<std::vector<int>()> open = nullptr;
  std::function<model::HealthTable()> probe;
  std::string name = "netwatch-probes";            // in the process table, at most 15 bytes
  base::TimeNs every_ns = 5 * base::kNsPerSecond;  // from one probe's end to the next
};

// The worker's side. Not thread-safe.
class CourierClient {
 public:
  // Starts the courier as a child of this process, before any thread. It is confined by `mode`
  // (strict: it ends if it cannot be), without any capability, and may open the files of
  // `readable`, datagram sockets, and nothing else. It ends when this object or the process does.
  static base::Result<std::unique_ptr<CourierClient>> start(
      const CourierDuties& duties, Mode mode, const std::vector<std::string>& readable);
  ~CourierClient();
  CourierClient(const CourierClient&) = delete;
  CourierClient& operator=(const CourierClient&) = delete;

  // The newest table that has come since the last call. Never waits.
  std::optional<model::HealthTable> health();
  // Whether it still runs, as of the last call of health(); one that tells nonsense is gone, too.
  [[nodiscard]] bool alive() const { return !lost_; }
  [[nodiscard]] int pid() const { return pid_; }

 private:
  CourierClient(int fd, int pid) : fd_(fd), pid_(pid) {}

  int fd_;
  int pid_;
  bool lost_ = false;
};

}  // namespace netwatch::confine
