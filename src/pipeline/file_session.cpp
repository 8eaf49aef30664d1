#include "pipeline/file_session.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "pipeline/file_extent.h"

namespace netwatch::pipeline {
namespace {

using Phase = model::Playback::Phase;

constexpr std::array<std::uint32_t, 5> kSpeeds{1, 2, 10, 100, 0};  // 0: as fast as it can be read
constexpr base::TimeNs kShowEveryNs = base::kNsPerSecond / 4;
constexpr base::TimeNs kPlayEveryNs = base::kNsPerSecond / 20;
constexpr std::uint32_t kMostSteps = 1000;  // that wait

std::string joined(const std::vector<capture::OpenedFile>& files) {
  std::string out;
  for (const auto& file : files) {
    if (!out.empty()) out += ' ';
    // Where it lies is not for a screen.
    out += file.name().substr(file.name().rfind('/') + 1);
  }
  return out;
}

std::string words_of(const std::vector<base::Error>& errors) {
  if (errors.empty()) return {};
  std::string out = errors.front().message;
  if (errors.size() > 1) out += " (and " + std::to_string(errors.size() - 1) + " more)";
  return out;
}

}  // namespace

base::Result<std::unique_ptr<FileSession>> FileSession::start(
    std::vector<capture::OpenedFile> files, std::vector<model::Ability> abilities) {
  std::uint64_t bytes = 0;
  for (capture::OpenedFile& file : files) {
    auto source = file.read(0);
    if (!source.ok()) return source.error();
    auto batch = (*source)->next(-1);
    if (!batch.ok()) return batch.error();
    bytes += (*source)->bytes_total();
  }
  return std::unique_ptr<FileSession>(
      new FileSession(std::move(files), std::move(abilities), bytes));
}

FileSession::FileSession(std::vector<capture::OpenedFile> files,
                         std::vector<model::Ability> abilities, std::uint64_t bytes)
    : files_(std::move(files)), abilities_(std::move(abilities)), source_(joined(files_)) {
  playback_.total = bytes;
  thread_ = std::thread([this] { run(); });
}

FileSession::~FileSession() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  told_.notify_all();
  thread_.join();
}

model::SnapshotPtr FileSession::latest() const {
  const std::lock_guard lock(mutex_);
  return latest_;
}

std::vector<base::Error> FileSession::errors() const {
  const std::lock_guard lock(mutex_);
  return errors_;
}

// ---- wishes, by any thread ----

void FileSession::want_time(base::TimeNs ns) {
  ns = std::clamp(ns, playback_.first_ns, playback_.last_ns);
  wanted_.packets = 0;
  wanted_.seek_ns = position_ns_ = ns;
  at_end_ = false;
}

// A whole second later or earlier, as the seconds are since the first packet.
void FileSession::want_second(std::int64_t by) {
  const base::TimeNs since_ns = position_ns_ - playback_.first_ns;
  const std::int64_t begun = since_ns / base::kNsPerSecond;
  const bool within = since_ns % base::kNsPerSecond != 0;
  const std::int64_t to = by > 0 || !within ? begun + by : begun;
  want_time(playback_.first_ns + to * base::kNsPerSecond);
}

void FileSession::post(const model::PlaybackCommand& command) {
  using Kind = model::PlaybackCommand::Kind;
  const std::lock_guard lock(mutex_);
  if (!measured_ || playback_.packets == 0) return;
  switch (command.kind) {
    case Kind::kPlayOrPause:
      wanted_.playing = !wanted_.playing;
      if (wanted_.playing && at_end_) want_time(playback_.first_ns);
      break;
    case Kind::kFaster:
      wanted_.speed = std::min(wanted_.speed + 1, kSpeeds.size() - 1);
      break;
    case Kind::kSlower:
      wanted_.speed -= wanted_.speed > 0 ? 1 : 0;
      break;
    case Kind::kNextPacket:
      wanted_.playing = false;
      wanted_.packets = std::min(wanted_.packets + 1, kMostSteps);
      break;
    case Kind::kNextSecond:
    case Kind::kPreviousSecond:
      wanted_.playing = false;
      want_second(command.kind == Kind::kNextSecond ? 1 : -1);
      break;
    case Kind::kSeekBy: {
      const base::TimeNs far_ns = playback_.last_ns - playback_.first_ns;
      want_time(position_ns_ + std::clamp(command.ns, -far_ns, far_ns));
      break;
    }
    case Kind::kSeekTo:
      want_time(command.ns);
      break;
  }
  changed_ = true;
  told_.notify_all();
}

// ---- the thread ----

void FileSession::run() {
  if (!measure()) return;
  seek(playback_.last_ns);
  for (;;) {
    const Wanted wish = next_wish();
    if (stopping()) return;
    if (wish.seek_ns) {
      seek(*wish.seek_ns);
    } else if (wish.packets > 0) {
      step(wish.packets);
    } else if (wish.playing) {
      play(kSpeeds[wish.speed]);
      continue;
    } else {
      show();  // another speed, or paused
    }
    played_until_ns_ = 0;
  }
}

bool FileSession::stopping() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

// What is to be done next: waits for something, if it is not playing.
FileSession::Wanted FileSession::next_wish() {
  std::unique_lock lock(mutex_);
  const auto something = [this] { return stop_ || changed_; };
  if (!wanted_.playing) {
    told_.wait(lock, something);
  } else if (played_until_ns_ != 0) {
    told_.wait_for(lock, std::chrono::nanoseconds(kPlayEveryNs), something);
  }
  changed_ = false;
  Wanted wish = wanted_;
  wanted_.seek_ns.reset();
  wanted_.packets = 0;
  return wish;
}

// Asked while packets are taken: a newer wish where to be makes this one vain.
bool FileSession::go_on() {
  show_progress();
  const std::lock_guard lock(mutex_);
  return !stop_ && !wanted_.seek_ns;
}

// Reads all packets once, for their times alone; false: we are to stop.
bool FileSession::measure() {
  FilePackets packets(files_);
  FileExtent extent;
  while (auto batch = packets.take(INT64_MAX)) {
    for (const model::Packet& packet : batch->packets) {
      extent.add(FilePackets::time_of(packet), packet.wire_len);
    }
    playback_.done = packets.bytes_read();
    show_progress();
    if (stopping()) return false;
  }
  playback_.first_ns = extent.first_ns();
  playback_.last_ns = extent.last_ns();
  playback_.packets = extent.packets();
  playback_.load = std::make_shared<const std::vector<float>>(extent.load());
  playback_.load_part_ns = extent.part_ns();
  playback_.problem = words_of(packets.errors());
  const std::lock_guard lock(mutex_);
  errors_ = packets.errors();
  position_ns_ = playback_.last_ns;
  measured_ = true;
  return true;
}

void FileSession::seek(base::TimeNs target_ns) {
  playback_.wanted_ns = target_ns;
  playback_.phase = Phase::kSeeking;
  if (play_ == nullptr || !play_->can_run_to(target_ns)) {
    play_.reset();  // one at a time: of the memory, and of who reads the files
    play_ = std::make_unique<FilePlay>(files_, source_, playback_.first_ns);
  }
  if (play_->run_to(target_ns, [this] { return go_on(); })) show();
}

void FileSession::step(std::uint32_t packets) {
  const auto on = [this] { return go_on(); };
  for (std::uint32_t i = 0; i < packets && on() && play_->step(on); ++i) {
  }
  show();
}

// Goes on for the time that has passed since the last call, so many times as fast.
void FileSession::play(std::uint32_t speed) {
  const base::TimeNs now_ns = base::monotonic_clock_ns();
  // Where it cannot be read so fast it takes longer.
  const base::TimeNs passed_ns =
      played_until_ns_ == 0 ? 0 : std::min(now_ns - played_until_ns_, kShowEveryNs);
  played_until_ns_ = now_ns;
  playback_.phase = Phase::kPlaying;
  const auto on = [this] { return go_on(); };
  const auto within = [this](base::TimeNs ns) { return std::min(ns, playback_.last_ns); };
  bool whole = true;
  if (speed > 0) {
    whole = play_->run_to(within(play_->position_ns() + passed_ns * speed), on);
  } else {
    // Second by second, over what is empty at once.
    while (whole && !at_end() && base::monotonic_clock_ns() - now_ns < kPlayEveryNs) {
      const base::TimeNs next_ns = play_->next_ns().value_or(playback_.last_ns);
      whole =
          play_->run_to(within(std::max(play_->position_ns() + base::kNsPerSecond, next_ns)), on);
    }
  }
  if (!whole) return;  // there is something else to be done
  if (at_end() || now_ns >= next_show_ns_) show();
}

bool FileSession::at_end() {
  return play_->position_ns() >= playback_.last_ns && !play_->next_ns();
}

// Publishes what there is at the position.
void FileSession::show() {
  const bool at_end = this->at_end();
  model::Snapshot snapshot = play_->look();
  {
    const std::lock_guard lock(mutex_);
    const bool elsewhere = wanted_.seek_ns.has_value();
    if (at_end && !elsewhere) wanted_.playing = false;
    if (!elsewhere) {
      position_ns_ = play_->position_ns();
      at_end_ = at_end;
    }
    playback_.phase = at_end ? Phase::kAtEnd : wanted_.playing ? Phase::kPlaying : Phase::kPaused;
    playback_.speed = kSpeeds[wanted_.speed];
  }
  playback_.position_ns = play_->position_ns();
  publish(std::move(snapshot));
}

// While the new is made, the old is shown, and how far it is.
void FileSession::show_progress() {
  if (playback_.phase == Phase::kPlaying) return;
  const base::TimeNs now_ns = base::monotonic_clock_ns();
  if (now_ns < next_show_ns_) return;
  if (play_ != nullptr) playback_.done = play_->bytes_read();
  const model::SnapshotPtr before = latest();
  model::Snapshot snapshot = before == nullptr ? model::Snapshot{} : *before;
  snapshot.source = source_;
  snapshot.capturing = true;  // what is counted are frames
  publish(std::move(snapshot));
}

void FileSession::publish(model::Snapshot snapshot) {
  next_show_ns_ = base::monotonic_clock_ns() + kShowEveryNs;
  snapshot.sequence = ++sequence_;
  snapshot.playback = playback_;
  snapshot.abilities = abilities_;
  auto shared = std::make_shared<const model::Snapshot>(std::move(snapshot));
  const std::lock_guard lock(mutex_);
  latest_ = std::move(shared);
}

}  // namespace netwatch::pipeline
