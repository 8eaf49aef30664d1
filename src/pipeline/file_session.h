#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "capture/opened_file.h"
#include "model/playback.h"
#include "model/snapshot.h"
#include "pipeline/file_play.h"

namespace netwatch::pipeline {

// A view of capture files in time: a thread plays them, steps and seeks as it is told, and
// publishes snapshots as a live session does. It begins at their end, with all that is in them.
// What is before the position is found by running the files again from their start.
class FileSession {
 public:
  // The files, as one capture in this order; each can be read again. An error is one of a file
  // that tells no packet at all: nothing runs then. The abilities are a snapshot's.
  static base::Result<std::unique_ptr<FileSession>> start(
      std::vector<capture::OpenedFile> files, std::vector<model::Ability> abilities = {});
  ~FileSession();
  FileSession(const FileSession&) = delete;
  FileSession& operator=(const FileSession&) = delete;

  // The newest snapshot; null before the first one. Never waits. Safe from any thread.
  [[nodiscard]] model::SnapshotPtr latest() const;
  // Never waits; of several wishes where to be, the last one counts. Safe from any thread.
  void post(const model::PlaybackCommand& command);
  // Where files were broken. Complete once their length is known. Safe from any thread.
  [[nodiscard]] std::vector<base::Error> errors() const;

 private:
  // What was asked for and not done yet, and how to go on.
  struct Wanted {
    std::optional<base::TimeNs> seek_ns;
    std::uint32_t packets = 0;  // steps
    bool playing = false;
    std::size_t speed = 0;  // into the speeds
  };

  FileSession(std::vector<capture::OpenedFile> files, std::vector<model::Ability> abilities,
              std::uint64_t bytes);
  void run();
  bool measure();
  Wanted next_wish();
  void seek(base::TimeNs target_ns);
  void step(std::uint32_t packets);
  void play(std::uint32_t speed);
  void show();
  void show_progress();
  void publish(model::Snapshot snapshot);
  [[nodiscard]] bool stopping() const;
  [[nodiscard]] bool go_on();
  [[nodiscard]] bool at_end();
  void want_second(std::int64_t by);
  void want_time(base::TimeNs ns);

  std::vector<capture::OpenedFile> files_;
  std::vector<model::Ability> abilities_;
  std::string source_;
  // Of the thread alone, once it runs.
  std::unique_ptr<FilePlay> play_;
  model::Playback playback_;  // what does not change, and the progress
  std::uint64_t sequence_ = 0;
  base::TimeNs played_until_ns_ = 0;  // by the monotonic clock; 0: not playing
  base::TimeNs next_show_ns_ = 0;     // likewise

  mutable std::mutex mutex_;
  std::condition_variable told_;
  bool stop_ = false;      // guarded by mutex_, as all that follows
  bool changed_ = false;   // something was asked for
  bool measured_ = false;  // from then on what post() reads of playback_ stays
  Wanted wanted_;
  base::TimeNs position_ns_ = 0;  // where it is, or is on its way to
  bool at_end_ = false;
  std::vector<base::Error> errors_;
  model::SnapshotPtr latest_;
  std::thread thread_;
};

}  // namespace netwatch::pipeline
