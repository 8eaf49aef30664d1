#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "confine/confine.h"

// The single measures, in the order in which confine() takes them. An error says why a measure is
// not in force.
namespace netwatch::confine {

// Becomes that user, with no other groups. Files have to be made in `outputs` afterwards: if that
// user may not, nothing is changed.
base::Status become(const User& user, const std::vector<OutputFolder>& outputs);
// Those that a later execve() could bring back. Only with CAP_SETPCAP; without it there is nothing
// to do, since no_new_privs is set.
void empty_bounding_set();
base::Status drop_capabilities();
base::Status forbid_new_privileges();
// No core dump, and no look into this process by others of the same user.
base::Status hide_memory();

// Landlock (landlock(7)): no file is opened, made or run, but for the plan's; no TCP; no signal to
// a process outside. The rules are made while folders may still be looked up, and are in force from
// enforce() on.
class FileRules {
 public:
  static base::Result<FileRules> make(const Plan& plan);
  FileRules(FileRules&& from) noexcept;
  FileRules& operator=(FileRules&&) = delete;
  ~FileRules();
  base::Status enforce() const;

 private:
  explicit FileRules(int fd) : fd_(fd) {}
  int fd_;
};

// For the broker: the user of less_privileged_user(), with the capabilities that its duties need,
// as far as they are there.
struct BrokerNeeds {
  bool captures = false;  // CAP_NET_RAW
  bool enters = false;    // network namespaces: CAP_SYS_ADMIN
};
base::Status keep_broker_capabilities(const BrokerNeeds& needs);
// A list of what no duty needs: programs, processes, connections, the kernel's own programs,
// mounts; other namespaces, but for those of the network if it `enters` them.
base::Status deny_broker_calls(bool enters);
// The same for the keeper of a file, which renames and removes its own.
base::Status deny_keeper_calls();

// seccomp(2): an allow-list. Everything else fails with EPERM.
base::Status restrict_system_calls(const Plan& plan);

}  // namespace netwatch::confine
