#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ebpf/programs/notes.h"
#include "model/owner.h"

namespace netwatch::ebpf {

// Of CLOCK_BOOTTIME in USER_HZ, as /proc counts.
std::uint64_t ticks_of(std::uint64_t boot_ns);
// Of the program file that a process has begun to run; empty if it is not known.
std::string path_of_program(const ProcessExec& event);

// Adds what notes do not tell. False: there may be more to add later.
using CompleteProcess = std::function<bool(model::Process&)>;

// The processes that the kernel's notes and events have told of, also those that lived for some
// milliseconds only. Bounded: what is not asked for is forgotten, oldest first. Thread-safe.
class ProcessTable {
 public:
  explicit ProcessTable(std::size_t capacity = std::size_t{16} << 10) : half_(capacity / 2 + 1) {}

  // To be called before anything else.
  void complete_by(CompleteProcess complete) { complete_ = std::move(complete); }

  // What ran already when the events began, by what /proc tells (pid, start_ticks, comm, exe).
  // Once, before the first event is taken: what executes something later is told by that.
  void learn_programs(const std::vector<model::Process>& running);
  // A process has begun to run a program.
  void take_exec(const ProcessNote& note, std::string_view path);
  // A process is over: its number may be another's soon.
  void take_end(std::uint32_t pid);
  // The process of a note; null for that of nobody.
  std::shared_ptr<const model::Process> find(const ProcessNote& note);

 private:
  // A process while it runs one program: execve changes its name and file.
  struct Key {
    std::uint64_t start_ns = 0;
    std::uint32_t pid = 0;
    std::uint32_t exec_id = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Known {
    std::shared_ptr<const model::Process> process;  // null: not known
    bool complete = true;
  };
  using Generation = std::unordered_map<Key, Known, KeyHash>;

  static Key key_of(const ProcessNote& note);
  Known find_locked(const Key& key);
  void put_locked(const Key& key, Known known);
  std::shared_ptr<const model::Process> add_locked(const Key& key, model::Process process);
  [[nodiscard]] std::string program_locked(const model::Process& process) const;

  struct Older {
    std::uint64_t start_ticks = 0;
    std::string comm;
    std::string exe;
  };

  std::size_t half_;
  CompleteProcess complete_;
  std::mutex mutex_;
  Generation young_;  // guarded by mutex_
  Generation old_;    // guarded by mutex_
  // By pid: who ran before the events began and has executed nothing since. Guarded by mutex_.
  std::unordered_map<std::uint32_t, Older> older_;
};

}  // namespace netwatch::ebpf
