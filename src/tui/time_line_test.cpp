// The time line of capture files: golden screens below both views, its keys and the mouse.
#include "tui/time_line.h"

#include <gtest/gtest.h>

#include "tui/screen_maker.h"

namespace netwatch::tui {
namespace {

using Kind = model::PlaybackCommand::Kind;
using Phase = model::Playback::Phase;

// 754 seconds, of which 300 have been; nothing from 400 to 500.
model::Playback usual_playback() {
  model::Playback playback;
  playback.phase = Phase::kPlaying;
  playback.position_ns = kNow;
  playback.first_ns = kNow - 300 * base::kNsPerSecond;
  playback.last_ns = playback.first_ns + 754 * base::kNsPerSecond;
  playback.packets = 2'345'678;
  playback.total = 1000;
  playback.speed = 10;
  playback.load_part_ns = 2 * base::kNsPerSecond;
  std::vector<float> load(378);
  for (std::size_t i = 0; i < load.size(); ++i) {
    load[i] = i >= 200 && i < 250 ? 0.0F : static_cast<float>(100 + i * i * 7 % 900);
  }
  playback.load = std::make_shared<const std::vector<float>>(std::move(load));
  return playback;
}

void add_file(SnapshotMaker& make, model::Playback playback) {
  add_usual(make);
  make.s.interfaces.clear();
  make.s.source = "office.pcapng";
  make.s.throughput_of = "office.pcapng";
  make.s.started_ns = playback.first_ns;
  make.s.playback = std::move(playback);
}

TEST(TimeLineGolden, BelowBothViews) {
  SnapshotMaker make;
  add_file(make, usual_playback());
  EXPECT_EQ(golden_difference(make.done(), "file-lite"), "");
  EXPECT_EQ(golden_difference(make.done(), "file-full", "1"), "");
  EXPECT_EQ(golden_difference(make.done(), "file-help", "?G"), "");
}

TEST(TimeLineGolden, SeekingInADamagedFile) {
  SnapshotMaker make;
  model::Playback playback = usual_playback();
  playback.phase = Phase::kSeeking;
  playback.wanted_ns = playback.first_ns + 40 * base::kNsPerSecond;
  playback.done = 340;
  playback.problem = "office.pcapng: a block at byte 1234567 is cut off";
  add_file(make, std::move(playback));
  EXPECT_EQ(golden_difference(make.done(), "file-seeking"), "");
}

std::string last_line(const model::Playback& playback) {
  SnapshotMaker make;
  make.s.playback = playback;
  Screen screen(make.done(), 80, 24);
  const std::string text = screen.text();
  const std::size_t end = text.find_last_not_of('\n');
  const std::size_t begin = text.rfind('\n', end) + 1;
  return text.substr(begin, end + 1 - begin);
}

TEST(TimeLine, SaysWhatItDoesAndWhere) {
  model::Playback playback;
  playback.total = 200;
  playback.done = 50;
  EXPECT_EQ(last_line(playback), " reading 25%    1x");
  playback = usual_playback();
  EXPECT_TRUE(last_line(playback).starts_with(" ▸ playing     10x  05:00.000 / 12:34.000  "));
  playback.speed = 0;
  playback.phase = Phase::kPaused;
  EXPECT_TRUE(last_line(playback).starts_with(" paused        max  05:00.000 / 12:34.000  "));
  playback.phase = Phase::kAtEnd;
  playback.position_ns = playback.last_ns;
  EXPECT_TRUE(last_line(playback).ends_with("┃"));
  EXPECT_EQ(format_position(3'723'004 * base::kNsPerMs), "1:02:03.004");
}

// One packet, none, years: a line of some kind.
TEST(TimeLine, DrawsAnyTimeAtAnySize) {
  model::Playback years = usual_playback();
  years.first_ns = 1;
  years.last_ns = INT64_MAX / 2;
  model::Playback moment = usual_playback();
  moment.first_ns = moment.last_ns = moment.position_ns;
  model::Playback empty;
  empty.phase = Phase::kAtEnd;
  for (const model::Playback& playback : {years, moment, empty}) {
    SnapshotMaker make;
    make.s.playback = playback;
    for (const Size size : {Size{1, 1}, Size{80, 24}, Size{110, 30}, Size{500, 200}}) {
      Screen screen(make.done(), size.width, size.height);
      EXPECT_EQ(screen.draw().height(), size.height);
      screen.send(MouseEvent{MouseEvent::Action::kPress, 0, size.width - 1, size.height - 1});
    }
  }
}

struct Told {
  std::vector<model::PlaybackCommand> all;
  PlaybackControl control = [this](const model::PlaybackCommand& one) { all.push_back(one); };
};

// What can never come is not said to come.
TEST(TimeLine, NoTabPromisesWhatAFileDoesNotTell) {
  SnapshotMaker make;
  add_file(make, usual_playback());
  Screen screen(make.done(), 120, 35);
  for (const ViewKind kind : view_kinds()) {
    screen.view.view = kind;
    for (screen.view.tab = 0; screen.view.tab < tabs().size(); ++screen.view.tab) {
      screen.settle();
      const std::string text = screen.text();
      for (const char* const promise :
           {"no probe yet", "has told of no", "has a socket yet", "is known yet"}) {
        EXPECT_EQ(text.find(promise), std::string::npos) << promise << "\n" << text;
      }
    }
  }
}

TEST(TimeLine, KeysAskAndLiveScreensHaveNone) {
  SnapshotMaker make;
  add_file(make, usual_playback());
  Told told;
  Screen screen(make.done(), 80, 24);
  screen.control = told.control;
  screen.type(".+=-;][><{}i");
  const std::vector<Kind> wanted{Kind::kPlayOrPause,    Kind::kFaster,     Kind::kFaster,
                                 Kind::kSlower,         Kind::kNextPacket, Kind::kNextSecond,
                                 Kind::kPreviousSecond, Kind::kSeekBy,     Kind::kSeekBy,
                                 Kind::kSeekTo,         Kind::kSeekTo};
  ASSERT_EQ(told.all.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(told.all[i].kind, wanted[i]) << i;
  EXPECT_EQ(told.all[7].ns, 10 * base::kNsPerSecond);
  EXPECT_EQ(told.all[8].ns, -10 * base::kNsPerSecond);
  EXPECT_EQ(told.all[9].ns, make.s.playback->first_ns);
  EXPECT_EQ(told.all[10].ns, make.s.playback->last_ns);
  EXPECT_EQ(screen.view.overlay, Overlay::kNone) << "a file has no other interface";

  SnapshotMaker live;
  add_usual(live);
  Screen other(live.done(), 80, 24);
  Told nothing;
  other.control = nothing.control;
  other.type(".+=-,][><{}");
  EXPECT_TRUE(nothing.all.empty());
  EXPECT_EQ(other.text().find("play"), std::string::npos);
}

TEST(TimeLine, APressGoesThere) {
  SnapshotMaker make;
  add_file(make, usual_playback());
  Told told;
  Screen screen(make.done(), 80, 24);
  screen.control = told.control;
  const auto press = [&](int x, int y) {
    screen.send(MouseEvent{MouseEvent::Action::kPress, 0, x, y});
  };
  press(3, 23);   // the state
  press(78, 23);  // the last column of the line
  press(43, 23);  // its first one
  press(43, 22);  // the keys
  ASSERT_EQ(told.all.size(), 3U);
  EXPECT_EQ(told.all[0].kind, Kind::kPlayOrPause);
  EXPECT_EQ(told.all[1].kind, Kind::kSeekTo);
  EXPECT_EQ(told.all[1].ns, make.s.playback->last_ns);
  EXPECT_EQ(told.all[2].ns, make.s.playback->first_ns);
}

}  // namespace
}  // namespace netwatch::tui
