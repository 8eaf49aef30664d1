#pragma once

namespace netwatch::app {

// While it lives, the first SIGINT, SIGTERM or SIGHUP makes fd() readable and does nothing else; a
// SIGINT or SIGTERM that comes a second after that or later ends the program as usual, whichever
// came first. What comes sooner is the same wish told again (timeout(1) signals the program, then
// its group), and so is a second SIGHUP: the shell and the kernel each send one as a terminal
// closes. SIGHUP stays ignored if it was (nohup(1)). One at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] int fd() const;  // -1 if the system had none left
};

// Writing to a pipe that nobody reads any more becomes an error, EPIPE, and no longer the end.
void survive_broken_pipes();

}  // namespace netwatch::app
