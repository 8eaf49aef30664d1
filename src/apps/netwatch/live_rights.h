#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/live_socket.h"
#include "collect/kept_access.h"
#include "confine/broker.h"
#include "confine/confine.h"
#include "pipeline/live_session.h"

namespace netwatch::app {

// The rights of a live view: everything is opened with those that the program was started with;
// then they go, but for the broker's. To be made before any thread and to outlive the session.
class LiveRights {
 public:
  // Starts the broker, unless `mode` is off.
  // `captures`: now or later; else nobody keeps the right to.
  explicit LiveRights(confine::Mode mode, bool captures = true);

  // Before LiveSession::start(): has the session open things by what is kept here.
  void prepare(pipeline::LiveSessionOptions& options);
  // In LiveSessionOptions::before_threads. `written`: what write(2) is needed for, beside standard
  // output and standard error. `outputs`: folders in which files are finished or made.
  base::Result<std::vector<model::Ability>> give_up(
      std::vector<int> written, bool terminal, std::vector<confine::OutputFolder> outputs = {});

 private:
  base::Result<std::unique_ptr<capture::PacketSource>> open_capture(
      const capture::LiveOptions& options);
  base::Result<std::unique_ptr<capture::PacketSource>> ask_for_capture(
      const std::string& interface);
  [[nodiscard]] model::Ability broker_ability() const;
  // None where there are no other namespaces that could be missing.
  [[nodiscard]] std::optional<model::Ability> namespaces_ability() const;
  void look_at_namespaces();

  confine::Mode mode_;
  std::unique_ptr<confine::BrokerClient> broker_;
  std::string no_broker_;  // why there is none
  // For both kinds of link header, own and cooked, made when names could be looked up; empty where
  // nothing is captured.
  std::vector<base::Result<capture::LivePlan>> plans_;
  std::shared_ptr<collect::KeptAccess> kept_;
  std::shared_ptr<collect::KeptAccess> kept_for_samples_;  // another thread's
  std::size_t other_namespaces_ = 0;                       // beside ours, when the session began
  bool enters_namespaces_ = false;                         // the broker does, for us
  bool given_up_ = false;
};

}  // namespace netwatch::app
