#include "tui/app.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "tui/dense_view.h"
#include "tui/full_view.h"
#include "tui/lite_screen.h"
#include "tui/overlay.h"
#include "tui/settings.h"
#include "tui/settings_overlay.h"
#include "tui/theme.h"
#include "tui/time_line.h"

namespace netwatch::tui {
namespace {

constexpr base::TimeNs kSoonNs = 25 * base::kNsPerMs;

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

App::App(std::function<model::SnapshotPtr()> latest, AppOptions options)
    : latest_(std::move(latest)),
      options_(std::move(options)),
      renderer_(options_.traits),
      snapshot_(std::make_shared<const model::Snapshot>()),
      views_{std::make_unique<FullView>(), std::make_unique<LiteView>(),
             std::make_unique<DenseView>()} {
  if (options_.control) {
    options_.control = [this, control = std::move(options_.control)](const auto& command) {
      constexpr int kLooks = 10;
      soon_ = kLooks;
      control(command);
    };
  }
  apply_config(options_.config, state_);
  state_.host = options_.host;
  state_.utc_offset_s = options_.utc_offset_s;
  state_.theme = find_theme(options_.theme).value_or(0);
  state_.view = options_.view;
  state_.tab = options_.tab;
  if (options_.filter.empty()) return;
  state_.filter.editor.set(options_.filter);
  set_filter(options_.filter, options_.compile, state_.filter);
  state_.filter.open = state_.filter.problem.has_value();
}

void App::take_latest() {
  if (state_.paused) return;
  model::SnapshotPtr newest = latest_();
  if (newest == nullptr || newest == snapshot_) return;
  // Until the next refresh the view points into the one before.
  const model::SnapshotPtr before = std::exchange(snapshot_, std::move(newest));
  changed_ = true;
  // Before the first frame the size is not known: what is stale is refreshed as it is drawn.
  if (!stale_) refresh({screen_.width, screen_.height});
}

void App::refresh(TerminalSize size) {
  stale_ = false;
  screen_ = {0, 0, size.columns, size.rows};
  verdicts_.update(*snapshot_, state_.filter);
  if (!too_small(screen_)) view().refresh(frame(), view_area(screen_, *snapshot_), state_);
}

bool App::draw(Terminal& terminal) {
  const Theme& theme = themes()[std::min(state_.theme, themes().size() - 1)];
  Canvas canvas(screen_.width, screen_.height, theme[Role::kText]);
  const Pen pen{canvas, theme};
  draw_screen(pen, frame(), view(), screen_);
  changed_ = false;
  return terminal.write(renderer_.frame(canvas));
}

// False: quit.
bool App::handle(const std::vector<Event>& events, Terminal& terminal) {
  for (const Event& event : events) {
    const Frame shown = frame();
    const InputContext context{shown,
                               view(),
                               screen_,
                               options_.compile,
                               options_.switch_interface,
                               options_.control,
                               options_.complete,
                               options_.save};
    const Outcome outcome = apply_event(event, context, state_);
    switch (outcome) {
      case Outcome::kQuit:
        return false;
      case Outcome::kSuspend:
        terminal.suspend();
        renderer_.invalidate();
        break;
      case Outcome::kRedraw:
        renderer_.invalidate();
        break;
      case Outcome::kDraw:
        break;
      case Outcome::kNothing:
        continue;
    }
    changed_ = true;
    refresh(terminal.size());  // the next event acts on what this one has made
  }
  return true;
}

int App::wait_ms(const InputParser& parser, base::TimeNs next_tick_ns) const {
  const base::TimeNs left = next_tick_ns - base::monotonic_clock_ns();
  int wait = static_cast<int>(std::clamp<base::TimeNs>(left / base::kNsPerMs + 1, 0, refresh_ms()));
  constexpr int kSavingMs = 50;
  if (!state_.saving.asked.empty()) wait = std::min(wait, kSavingMs);
  if (parser.wait_ms() >= 0) wait = std::min(wait, parser.wait_ms());
  return wait;
}

int App::run(Terminal& terminal) {
  InputParser parser;
  std::vector<Event> events;
  base::TimeNs next_tick_ns = base::monotonic_clock_ns();
  base::TimeNs input_ns = next_tick_ns;
  for (;;) {
    const base::TimeNs now_ns = base::monotonic_clock_ns();
    if (now_ns >= next_tick_ns) {
      take_latest();
      next_tick_ns = now_ns + (soon_ > 0 ? kSoonNs : refresh_ms() * base::kNsPerMs);
      soon_ -= soon_ > 0 ? 1 : 0;
    }
    // Where the refresh has become quicker.
    next_tick_ns = std::min(next_tick_ns, now_ns + refresh_ms() * base::kNsPerMs);
    changed_ = take_saved(options_.saved, state_) || changed_;
    if (changed_) {
      if (stale_) refresh(terminal.size());
      if (!draw(terminal)) return 1;
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
    if (soon_ > 0) next_tick_ns = std::min(next_tick_ns, base::monotonic_clock_ns() + kSoonNs);
  }
}

}  // namespace netwatch::tui
