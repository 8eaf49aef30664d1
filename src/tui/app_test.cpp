// The loop of the screen on a terminal of its own.
#include "tui/app.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "tui/snapshot_maker.h"

namespace netwatch::tui {
namespace {

class Pty {
 public:
  Pty() {
    const winsize size{.ws_row = 35, .ws_col = 120, .ws_xpixel = 0, .ws_ypixel = 0};
    if (::openpty(&master_, &slave_, nullptr, nullptr, &size) != 0) std::perror("openpty");
  }
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;
  ~Pty() {
    ::close(slave_);
    ::close(master_);
  }
  [[nodiscard]] int slave() const { return slave_; }
  void type(std::string_view keys) const { (void)!::write(master_, keys.data(), keys.size()); }
  // Whether the words are written within five seconds.
  [[nodiscard]] bool shows(std::string_view words) {
    for (;;) {
      if (written_.find(words) != std::string::npos) return true;
      pollfd readable{master_, POLLIN, 0};
      if (::poll(&readable, 1, 5000) != 1) return false;
      std::array<char, 4096> bytes{};
      const ssize_t got = ::read(master_, bytes.data(), bytes.size());
      if (got <= 0) return false;
      written_.append(bytes.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  int master_ = -1;
  int slave_ = -1;
  std::string written_;
};

// With each of the views: what is there before the first frame is in the first frame, and what
// comes later is shown, too.
TEST(App, ShowsASnapshotThatIsThereAtOnceAndOneThatComesLater) {
  SnapshotMaker make;
  add_usual(make);
  const auto busy = std::make_shared<const model::Snapshot>(make.done());
  for (const ViewKind view : view_kinds()) {
    for (const int late : {0, 2}) {
      Pty pty;
      auto terminal = Terminal::open(pty.slave(), pty.slave());
      ASSERT_TRUE(terminal.ok());
      int asked = 0;
      AppOptions options;
      options.view = view;
      App app([&] { return asked++ < late ? nullptr : busy; }, std::move(options));
      int status = -1;
      std::thread loop([&] { status = app.run(**terminal); });
      EXPECT_TRUE(pty.shows("firefox")) << view_name(view) << " " << late;
      pty.type("q");
      loop.join();
      EXPECT_EQ(status, 0);
    }
  }
}

}  // namespace
}  // namespace netwatch::tui
