#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace netwatch::tui {

struct TerminalSize {
  int columns = 80;
  int rows = 24;
  friend bool operator==(const TerminalSize&, const TerminalSize&) = default;
};

// What has happened to the process since it was last asked.
struct TerminalSignals {
  bool resized = false;
  bool suspend = false;  // SIGTSTP from outside
  bool resumed = false;  // SIGCONT: the screen has to be painted anew
  int quit = 0;          // SIGTERM, SIGINT or SIGHUP; 0: none
};

// The controlling terminal in full-screen use: raw mode, alternate screen, no cursor, SGR mouse,
// bracketed paste. It is given back as it was on every way out: the destructor, exit(), and a
// crash (the handlers are async-signal-safe). One at a time per process, since signals are.
class Terminal {
 public:
  // `in_fd` and `out_fd` must be terminals (kInvalid otherwise); neither is closed.
  static base::Result<std::unique_ptr<Terminal>> open(int in_fd = 0, int out_fd = 1);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] TerminalSize size() const;
  // All of it, waiting where the terminal is slow; false when it is gone.
  bool write(std::string_view bytes);
  [[nodiscard]] int input_fd() const { return in_fd_; }
  // Readable when take_signals() has something to say.
  [[nodiscard]] int signal_fd() const;
  // Where signal handlers write to: for a process that may write to named descriptors only.
  [[nodiscard]] int signal_write_fd() const;
  TerminalSignals take_signals();

  // Gives the terminal back and stops the process, as Ctrl-Z would; returns after SIGCONT with
  // the screen taken again.
  void suspend();
  // Takes the screen and raw mode again: after SIGCONT they may be anybody's.
  void enter();

 private:
  Terminal(int in_fd, int out_fd) : in_fd_(in_fd), out_fd_(out_fd) {}
  void leave();

  int in_fd_;
  int out_fd_;
};

}  // namespace netwatch::tui
