#pragma once

namespace netwatch::app {

// While it lives, the first SIGINT or SIGTERM makes fd() readable and does nothing else; a second
// one ends the program as usual. One at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] int fd() const;  // -1 if the system had none left
};

}  // namespace netwatch::app
