// termios(3), TIOCGWINSZ; DEC private modes 7 (wrap), 25 (cursor), 1000/1002/1006 (mouse),
// 1004 (focus), 1049 (alternate screen), 2004 (bracketed paste), 2026 (synchronized output).
#include "tui/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace netwatch::tui {
namespace {

constexpr std::string_view kEnter =
    "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1004l\x1b[?1000h\x1b[?1002h\x1b[?1006h\x1b[?2004h"
    "\x1b[0m\x1b[2J";
constexpr std::string_view kLeave =
    "\x1b[?2026l\x1b[?2004l\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[0m\x1b[?7h\x1b[?25h"
    "\x1b[?1049l";

constexpr std::array<int, 6> kReported{SIGWINCH, SIGCONT, SIGTSTP, SIGTERM, SIGINT, SIGHUP};
constexpr std::array<int, 5> kFatal{SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

// What signal handlers need. Signals belong to the process, so this does too.
struct Shared {
  std::atomic<bool> taken{false};  // the screen is ours
  std::atomic<bool> open{false};   // a Terminal exists
  int in_fd = -1;
  int out_fd = -1;
  termios before{};
  std::array<int, 2> pipe{-1, -1};
  std::array<struct sigaction, kReported.size()> reported_before{};
  std::array<struct sigaction, kFatal.size()> fatal_before{};
};
Shared shared;

// Async-signal-safe: write() and tcsetattr() only.
void give_back() {
  if (!shared.taken.exchange(false)) return;
  const char* at = kLeave.data();
  std::size_t left = kLeave.size();
  while (left > 0) {
    const ssize_t n = ::write(shared.out_fd, at, left);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    at += n;
    left -= static_cast<std::size_t>(n);
  }
  ::tcsetattr(shared.in_fd, TCSANOW, &shared.before);
}

void on_reported(int signal_number) {
  const int saved = errno;
  const auto byte = static_cast<unsigned char>(signal_number);
  // Never blocks; if the pipe is full, enough is waiting to be read.
  [[maybe_unused]] const ssize_t n = ::write(shared.pipe[1], &byte, 1);
  errno = saved;
}

void on_fatal(int signal_number, siginfo_t* details, void*) {
  give_back();
  for (std::size_t i = 0; i < kFatal.size(); ++i) {
    if (kFatal[i] == signal_number) ::sigaction(signal_number, &shared.fatal_before[i], nullptr);
  }
  // A fault happens again on return and meets the handler from before; what was sent does not.
  if (details == nullptr || details->si_code <= 0) ::raise(signal_number);
}

void take_reported_signals() {
  struct sigaction action{};
  action.sa_handler = on_reported;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kReported.size(); ++i) {
    ::sigaction(kReported[i], &action, &shared.reported_before[i]);
  }
}

void take_fatal_signals() {
  struct sigaction action{};
  action.sa_sigaction = on_fatal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (std::size_t i = 0; i < kFatal.size(); ++i) {
    ::sigaction(kFatal[i], &action, &shared.fatal_before[i]);
  }
}

void return_signals() {
  for (std::size_t i = 0; i < kReported.size(); ++i) {
    ::sigaction(kReported[i], &shared.reported_before[i], nullptr);
  }
  for (std::size_t i = 0; i < kFatal.size(); ++i) {
    ::sigaction(kFatal[i], &shared.fatal_before[i], nullptr);
  }
}

// A stack overflow must not find its handler without a stack.
void have_signal_stack() {
  constexpr std::size_t kStackBytes = std::size_t{64} * 1024;
  static std::array<char, kStackBytes> memory;
  stack_t now{};
  if (::sigaltstack(nullptr, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0) return;
  stack_t stack{};
  stack.ss_sp = memory.data();
  stack.ss_size = memory.size();
  ::sigaltstack(&stack, nullptr);
}

}  // namespace

base::Result<std::unique_ptr<Terminal>> Terminal::open(int in_fd, int out_fd) {
  if (::isatty(in_fd) == 0 || ::isatty(out_fd) == 0) {
    return base::Error{base::ErrorCode::kInvalid,
                       "the screen needs a terminal; `netwatch live` writes lines instead"};
  }
  if (shared.open.exchange(true)) {
    return base::Error{base::ErrorCode::kInvalid, "the terminal is in use already"};
  }
  if (::tcgetattr(in_fd, &shared.before) != 0 ||
      ::pipe2(shared.pipe.data(), O_NONBLOCK | O_CLOEXEC) != 0) {
    const int failed = errno;
    shared.open = false;
    return base::errno_error(failed, "the terminal");
  }
  shared.in_fd = in_fd;
  shared.out_fd = out_fd;
  static const int at_exit = std::atexit(give_back);
  (void)at_exit;
  have_signal_stack();
  take_fatal_signals();
  take_reported_signals();
  std::unique_ptr<Terminal> terminal(new Terminal(in_fd, out_fd));
  terminal->enter();
  return terminal;
}

Terminal::~Terminal() {
  leave();
  return_signals();
  ::close(shared.pipe[0]);
  ::close(shared.pipe[1]);
  shared.pipe = {-1, -1};
  shared.open = false;
}

void Terminal::enter() {
  termios raw = shared.before;
  raw.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INPCK | ISTRIP | IXON | INLCR | IGNCR);
  raw.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  raw.c_cflag |= CS8;
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN | ISIG);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  shared.taken = true;
  ::tcsetattr(in_fd_, TCSANOW, &raw);
  write(kEnter);
}

void Terminal::leave() { give_back(); }

TerminalSize Terminal::size() const {
  winsize window{};
  TerminalSize size;
  if (::ioctl(out_fd_, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 && window.ws_row > 0) {
    size.columns = window.ws_col;
    size.rows = window.ws_row;
  }
  return size;
}

bool Terminal::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(out_fd_, bytes.data(), bytes.size());
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      pollfd wait{out_fd_, POLLOUT, 0};
      ::poll(&wait, 1, 1000);
    } else if (n == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

int Terminal::signal_fd() const { return shared.pipe[0]; }
int Terminal::signal_write_fd() const { return shared.pipe[1]; }

TerminalSignals Terminal::take_signals() {
  TerminalSignals out;
  std::array<unsigned char, 64> numbers{};
  for (;;) {
    const ssize_t n = ::read(shared.pipe[0], numbers.data(), numbers.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return out;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      switch (numbers[i]) {
        case SIGWINCH:
          out.resized = true;
          break;
        case SIGCONT:
          out.resumed = true;
          break;
        case SIGTSTP:
          out.suspend = true;
          break;
        default:
          out.quit = numbers[i];
          break;
      }
    }
  }
}

void Terminal::suspend() {
  leave();
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  sigemptyset(&by_default.sa_mask);
  struct sigaction ours{};
  ::sigaction(SIGTSTP, &by_default, &ours);
  ::raise(SIGTSTP);  // stops here until SIGCONT
  ::sigaction(SIGTSTP, &ours, nullptr);
  ::tcgetattr(in_fd_, &shared.before);  // the shell may have changed it
  enter();
}

}  // namespace netwatch::tui
