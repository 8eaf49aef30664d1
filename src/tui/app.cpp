#include "tui/app.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "tui/lite_input.h"
#include "tui/theme.h"

namespace netwatch::tui {
namespace {

// Reads what is there, without waiting; false at the end of input.
bool read_input(int fd, InputParser& parser, std::vector<Event>& out) {
  std::array<std::uint8_t, 4096> bytes{};
  const ssize_t n = ::read(fd, bytes.data(), bytes.size());
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (n == 0) return false;
  parser.feed({bytes.data(), static_cast<std::size_t>(n)}, out);
  return true;
}

}  // namespace

LiteApp::LiteApp(std::function<model::SnapshotPtr()> latest, LiteOptions options)
    : latest_(std::move(latest)), options_(std::move(options)), renderer_(options_.traits) {
  view_.host = options_.host;
  view_.utc_offset_s = options_.utc_offset_s;
  view_.theme = find_theme(options_.theme).value_or(0);
  if (!options_.filter.empty() && options_.compile) {
    CompiledFilter compiled = options_.compile(options_.filter);
    view_.filter.editor.set(options_.filter);
    view_.filter.problem = std::move(compiled.problem);
    view_.filter.open = view_.filter.problem.has_value();
    if (compiled.accepts) {
      view_.filter.accepts = std::move(compiled.accepts);
      view_.filter.text = options_.filter;
      view_.filter.version = 1;
    }
  }
}

void LiteApp::take_latest() {
  if (view_.paused) return;
  model::SnapshotPtr newest = latest_();
  if (newest == snapshot_) return;
  list_ = {};  // points into the one before
  snapshot_ = std::move(newest);
  changed_ = true;
  stale_ = true;
}

void LiteApp::refresh(TerminalSize size) {
  stale_ = false;
  layout_ = lite_layout(size.columns, size.rows);
  list_ = {};
  if (snapshot_ == nullptr) return;
  list_ = make_lines(*snapshot_, view_, verdicts_);
  settle_selection(*snapshot_, list_, layout_.rows.height, view_);
}

// False: quit.
bool LiteApp::handle(const std::vector<Event>& events, Terminal& terminal) {
  for (const Event& event : events) {
    const LiteContext context{snapshot_.get(), list_, layout_, options_.compile,
                              options_.switch_interface};
    const LiteOutcome outcome = apply_event(event, context, view_);
    switch (outcome) {
      case LiteOutcome::kQuit:
        return false;
      case LiteOutcome::kSuspend:
        terminal.suspend();
        renderer_.invalidate();
        break;
      case LiteOutcome::kRedraw:
        renderer_.invalidate();
        break;
      case LiteOutcome::kDraw:
        break;
      case LiteOutcome::kNothing:
        continue;
    }
    changed_ = true;
    refresh(terminal.size());  // the next event acts on what this one has made
  }
  return true;
}

int LiteApp::wait_ms(const InputParser& parser, base::TimeNs next_tick_ns) const {
  const base::TimeNs left = next_tick_ns - base::monotonic_clock_ns();
  int wait = static_cast<int>(std::clamp<base::TimeNs>(left / base::kNsPerMs + 1, 0, kTickMs));
  if (parser.wait_ms() >= 0) wait = std::min(wait, parser.wait_ms());
  return wait;
}

int LiteApp::run(Terminal& terminal) {
  InputParser parser;
  std::vector<Event> events;
  base::TimeNs next_tick_ns = base::monotonic_clock_ns();
  base::TimeNs input_ns = next_tick_ns;
  for (;;) {
    const base::TimeNs now_ns = base::monotonic_clock_ns();
    if (now_ns >= next_tick_ns) {
      take_latest();
      next_tick_ns = now_ns + kTickMs * base::kNsPerMs;
    }
    if (changed_) {
      if (stale_) refresh(terminal.size());
      const Canvas canvas = draw_lite(snapshot_.get(), list_, view_, layout_);
      if (!terminal.write(renderer_.frame(canvas))) return 1;
      changed_ = false;
    }
    std::array<pollfd, 2> fds{
        {{terminal.input_fd(), POLLIN, 0}, {terminal.signal_fd(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), wait_ms(parser, next_tick_ns)) < 0 && errno != EINTR) {
      return 1;
    }
    if (fds[1].revents != 0) {
      const TerminalSignals signals = terminal.take_signals();
      if (signals.quit != 0) return 128 + signals.quit;
      if (signals.suspend) terminal.suspend();
      if (signals.resumed) terminal.enter();
      if (signals.resumed || signals.suspend) renderer_.invalidate();
      stale_ = stale_ || signals.resized || signals.resumed || signals.suspend;
      changed_ = changed_ || stale_;
    }
    events.clear();
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      if (!read_input(terminal.input_fd(), parser, events)) return 1;
      input_ns = base::monotonic_clock_ns();
    } else if (parser.wait_ms() >= 0 &&
               base::monotonic_clock_ns() - input_ns >= parser.wait_ms() * base::kNsPerMs) {
      parser.flush(events);
    }
    if (!handle(events, terminal)) return 0;
  }
}

}  // namespace netwatch::tui
