#include "pipeline/socket_changes.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace netwatch::pipeline {
namespace {

using Lines = std::vector<std::string>;

class Watched {
 public:
  explicit Watched(bool ends_are_told)
      : changes_(ends_are_told, [this](const model::SocketEvent& event) {
          std::string line(model::socket_event_name(event.kind));
          line += ' ' + std::to_string(event.socket->cookie + event.socket->inode);
          if (event.socket->owner.process) line += ' ' + event.socket->owner.process->comm;
          if (!event.socket->owner.process || event.socket->owner.process->user.empty())
            line += '?';
          if (event.socket->bytes_sent >= 0) line += ' ' + std::to_string(event.socket->bytes_sent);
          if (event.opened_ns != 0) line += " since " + std::to_string(event.opened_ns);
          lines_.push_back(line);
        }) {}

  static model::Socket socket(std::uint64_t cookie, const char* user = "ada") {
    model::Socket socket;
    socket.cookie = cookie;
    socket.inode = 1000;
    auto process = std::make_shared<model::Process>();
    process->pid = 7;
    process->comm = "curl";
    process->user = user;
    socket.owner = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, std::move(process)};
    return socket;
  }
  Lines look(base::TimeNs now_ns, const std::vector<model::Socket>& sockets,
             std::uint64_t torn_tables = 0) {
    model::SocketTable table;
    table.torn_tables = torn_tables;
    table.taken_ns = now_ns;
    table.sockets = sockets;
    changes_.take_sockets(table);
    return std::exchange(lines_, {});
  }
  Lines close(std::uint64_t cookie, std::int64_t sent) {
    model::ClosedSocket closed{.socket = socket(cookie, ""), .opened_ns = 5, .closed_ns = 50};
    closed.socket.inode = 0;
    closed.socket.bytes_sent = sent;
    changes_.take_closed(closed);
    return std::exchange(lines_, {});
  }

 private:
  SocketChanges changes_;
  Lines lines_;
};

TEST(SocketChanges, ByLooksAlone) {
  Watched host(false);
  EXPECT_EQ(host.look(10, {Watched::socket(1)}), Lines{"existing 1001 curl"});
  EXPECT_EQ(host.look(20, {Watched::socket(1)}), Lines{});
  EXPECT_EQ(host.look(30, {Watched::socket(1), Watched::socket(2)}), Lines{"opened 1002 curl"});
  EXPECT_EQ(host.look(40, {Watched::socket(1)}), Lines{"closed 1002 curl since 30"});
  // What TCP still ends is nobody's any more.
  model::Socket orphan = Watched::socket(1);
  orphan.inode = 0;
  EXPECT_EQ(host.look(50, {orphan}), Lines{"closed 1001 curl"});
  EXPECT_EQ(host.look(60, {orphan}), Lines{});
}

TEST(SocketChanges, ByTheKernelsWordOfTheirEnds) {
  Watched host(true);
  EXPECT_EQ(host.look(10, {}), Lines{});
  // It came and went between two looks.
  EXPECT_EQ(host.close(3, 100), Lines{"closed 3 curl? 100 since 5"});
  EXPECT_EQ(host.look(20, {Watched::socket(1), Watched::socket(2)}),
            (Lines{"opened 1001 curl", "opened 1002 curl"}));
  // Its end tells the totals; the looks, who the user is.
  EXPECT_EQ(host.close(1, 200), Lines{"closed 1001 curl 200 since 5"});
  // A look that is older than its end opens nothing again, and ends are told once.
  EXPECT_EQ(host.look(30, {Watched::socket(1), Watched::socket(2)}), Lines{});
  EXPECT_EQ(host.close(1, 200), Lines{});
  // A look may be newer than the word of an end, which is waited for; not for ever.
  EXPECT_EQ(host.look(40, {}), Lines{});
  EXPECT_EQ(host.look(50, {}), Lines{"closed 1002 curl since 20"});
  EXPECT_EQ(host.close(2, 300), Lines{});
}

TEST(SocketChanges, WhatALookDidNotReadAnew) {
  Watched host(false);
  EXPECT_EQ(host.look(10, {Watched::socket(1)}), Lines{"existing 1001 curl"});
  model::Socket one = Watched::socket(1);
  model::Socket two = Watched::socket(2);
  one.kept = two.kept = true;
  EXPECT_EQ(host.look(20, {one, two}), Lines{});
  EXPECT_EQ(host.look(30, {}), Lines{"closed 1001 curl"});
}

TEST(SocketChanges, ATornLookEndsNothing) {
  Watched host(false);
  EXPECT_EQ(host.look(10, {Watched::socket(1)}), Lines{"existing 1001 curl"});
  EXPECT_EQ(host.look(20, {Watched::socket(2)}, 1), Lines{"opened 1002 curl"});
  EXPECT_EQ(host.look(30, {Watched::socket(1), Watched::socket(2)}), Lines{});
  EXPECT_EQ(host.look(40, {Watched::socket(2)}), Lines{"closed 1001 curl"});
}

TEST(SocketChanges, AnInodeMayComeAgain) {
  Watched host(false);
  EXPECT_EQ(host.look(10, {}), Lines{});
  EXPECT_EQ(host.look(20, {Watched::socket(0)}), Lines{"opened 1000 curl"});
  EXPECT_EQ(host.look(30, {}), Lines{"closed 1000 curl since 20"});
  EXPECT_EQ(host.look(40, {Watched::socket(0)}), Lines{"opened 1000 curl"});
}

}  // namespace
}  // namespace netwatch::pipeline
