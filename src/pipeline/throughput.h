#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/sample.h"
#include "model/snapshot.h"

namespace netwatch::pipeline {

// Rates of the interfaces, and of the host, from the kernel's own counters: what they say is true
// whether or not packets are captured or owned by a process.
class Throughput {
 public:
  // `interface`: whose rate is the host's; empty or "any": those of the default routes, else all
  // but loopback, else loopback.
  explicit Throughput(std::string interface);

  static constexpr std::size_t kMaxHistories = 64;

  // Another one from now on; the history of seconds begins anew.
  void follow(std::string interface);

  void take(const model::InterfaceTable& table);
  // Closes one second of history: of the host, and of each interface (of kMaxHistories at most).
  void advance();

  [[nodiscard]] const std::vector<model::InterfaceRow>& interfaces() const { return rows_; }
  [[nodiscard]] const std::vector<model::RatePoint>& points() const { return points_; }
  [[nodiscard]] const std::string& of() const { return of_; }

 private:
  struct Counters {
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
    float rx_rate = 0;
    float tx_rate = 0;
    bool rated = false;
  };
  using History = std::shared_ptr<const std::vector<model::RatePoint>>;
  void remember_wanted();
  void remember_each();
  [[nodiscard]] std::vector<const model::InterfaceRow*> chosen() const;

  std::string wanted_;
  std::uint32_t wanted_ifindex_ = 0;  // once it was seen
  std::string of_;
  base::TimeNs window_start_ns_ = 0;
  std::unordered_map<std::string, Counters> window_start_;  // with the rates of the window before
  std::vector<model::InterfaceRow> rows_;
  model::RatePoint current_;
  std::vector<model::RatePoint> points_;
  std::unordered_map<std::string, History> histories_;  // by interface
};

}  // namespace netwatch::pipeline
