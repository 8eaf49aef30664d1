#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "confine/confine.h"
#include "confine/courier.h"
#include "model/health.h"
#include "model/sample.h"
#include "pipeline/live_session.h"

namespace netwatch::app {

// Whether this host's gateway and resolvers answer, as a courier tells. To be made before any
// thread and before rights are given up, and to outlive the session.
class HealthCourier {
 public:
  // Starts the courier, confined by `mode`; with `probes` off nobody is asked and that is said.
  HealthCourier(confine::Mode mode, bool probes);

  // Before LiveSession::start(): has the session take what the courier tells.
  void prepare(pipeline::LiveSessionOptions& options);

 private:
  std::optional<model::HealthTable> take();
  [[nodiscard]] std::vector<model::Ability> abilities() const;

  std::unique_ptr<confine::CourierClient> courier_;  // of the thread that takes
  mutable std::mutex mutex_;                         // guards what follows
  model::Ability probes_{.name = "health probes", .on = true, .why = {}, .fix = {}};
  std::vector<model::Ability> kinds_;  // what of it cannot be asked here
};

}  // namespace netwatch::app
