#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/sample.h"

// What a process that parses hostile bytes gives up first (docs/confinement.md).
namespace netwatch::confine {

enum class Mode : std::uint8_t {
  kBestEffort,  // what this host allows; the rest is told
  kStrict,      // all of it, or an error
  kOff,
};
std::optional<Mode> mode_of(std::string_view name);  // "strict", "best-effort", "off"

// A folder that is still needed for output.
struct OutputFolder {
  enum class Use : std::uint8_t {
    kFinish,  // files are renamed and removed in it; those that are written are open already
    kCreate,  // files are made in it, too
  };
  std::string path;
  Use use = Use::kFinish;
};

// What will still be needed; everything else goes. Descriptors that are open stay usable, but for
// writing: write(2) works on `written` only, which cannot be closed any more, so that no other
// descriptor ever takes such a number. What is opened later is written by pwrite(2), which no
// socket knows.
struct Plan {
  Mode mode = Mode::kBestEffort;
  std::vector<int> written;
  std::vector<OutputFolder> outputs;
  std::vector<std::string> readable;  // files and folders that may still be opened for reading
  bool receives = false;              // datagrams and descriptors, on sockets that are open
  bool asks = false;                  // opens sockets for UDP and ping, and sends on them
  bool terminal = false;              // changes the settings of its terminal
  bool bpf_iterators = false;         // starts those of links that are open
};

// The user that a process started by root works as.
struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool known = false;  // somebody's, not nobody's
};
// Who asked root to run this (sudo's SUDO_UID and SUDO_GID, the real user of a set-user-ID
// program), else nobody. None if we are not root.
std::optional<User> less_privileged_user();

// Gives up, for ever, what the program's file lends to whoever starts it: its capabilities
// (setcap(8)), its owner's rights (a set-user-ID file). For what opens files that the user names:
// they are to be the user's to open. Nothing happens to somebody who is root.
base::Status give_up_lent_rights();
// Whether there are any.
bool has_lent_rights();

// What is in force now. Each measure is an ability: off has a reason.
struct Confinement {
  Mode mode = Mode::kOff;
  std::vector<model::Ability> measures;
  // Who we are now, if root gave that up.
  std::optional<User> user;

  [[nodiscard]] bool complete() const;
  // "Landlock: the kernel has none; ..." or empty.
  [[nodiscard]] std::string missing() const;
  // All of it as one ability, called "confinement".
  [[nodiscard]] model::Ability ability() const;
};

// For the whole process, for ever. To be called before its first thread starts: with more than one
// thread it is an error, whatever the mode. kStrict: an error, too, if any measure is missing; what
// had been given up by then stays so, and the caller should end.
base::Result<Confinement> confine(const Plan& plan);

}  // namespace netwatch::confine
