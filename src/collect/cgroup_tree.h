#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "collect/cgroup.h"
#include "collect/collect.h"

namespace netwatch::collect {

struct CgroupTreeLimits {
  std::size_t walked = std::size_t{16} << 10;  // cgroups that one walk may see
  std::size_t known = std::size_t{64} << 10;   // those that are gone, too
};

// Which container, pod and unit a cgroup of version 2 belongs to, by the id that the programs in
// the kernel tell: the inode of its folder, which never comes again. So a process is placed that
// was gone before its /proc/PID/cgroup could be read.
//
// An id that is not known has the tree walked, once for each, and no more often than 2 % of a core
// allow. What was known stays known when the cgroup goes, until too many others have been asked
// for since. Rather unknown than wrong: a cgroup that is not below our mount (in a container, a
// cgroup namespace) is unknown, and so are units where version 1 is in use, too, since a process
// may be in a container's cgroup there only. Not thread-safe.
class CgroupTree {
 public:
  // Opens the tree's folder; later walks need no more than to read what is below it.
  explicit CgroupTree(const Root& root = {}, CgroupTreeLimits limits = {});
  ~CgroupTree();
  CgroupTree(const CgroupTree&) = delete;
  CgroupTree& operator=(const CgroupTree&) = delete;

  // Of the real root; empty where no tree is mounted.
  static std::string folder();
  // False: /proc tells more of who still lives. Version 1 is in use, too, or the tree is not in
  // sight.
  [[nodiscard]] bool tells_all() const { return fd_ >= 0 && tells_units_; }

  // A cgroup that was just made, which then takes no walk, though it may be gone at once. `path` is
  // from the root of the whole tree; in a cgroup namespace nobody else calls it so, and it is left
  // to a walk.
  void learn(std::uint64_t id, std::string_view path);
  // All empty: in no container or unit, or unknown for ever. Null: to be asked again later.
  std::shared_ptr<const CgroupMembership> find(std::uint64_t id,
                                               base::TimeNs now_ns = base::monotonic_clock_ns());

 private:
  using Memberships = std::unordered_map<std::uint64_t, std::shared_ptr<const CgroupMembership>>;

  std::shared_ptr<const CgroupMembership> find_known(std::uint64_t id);
  void put(std::uint64_t id, std::shared_ptr<const CgroupMembership> membership);
  void walk();
  void list(const std::string& folder, std::vector<std::string>& folders, std::size_t& left);
  void place(std::uint64_t id, std::string_view path);

  CgroupTreeLimits limits_;
  int fd_ = -1;  // of the tree's folder; -1: there is none
  std::uint64_t device_ = 0;
  std::string mounted_;  // what of the tree is mounted there, without a "/" at its end
  bool tells_units_ = false;
  bool in_first_namespace_ = false;  // of cgroups
  base::TimeNs next_walk_ns_ = 0;
  std::shared_ptr<const CgroupMembership> nowhere_;
  Memberships young_;
  Memberships old_;
};

}  // namespace netwatch::collect
