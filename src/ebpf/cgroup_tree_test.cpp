#include "ebpf/cgroup_tree.h"

#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

namespace netwatch::ebpf {
namespace {

// Its type, and whether it can be listed.
bool is_cgroup2(int fd) {
  struct statfs about{};
  return ::fstatfs(fd, &about) == 0 && about.f_type == CGROUP2_SUPER_MAGIC &&
         ::faccessat(fd, "cgroup.procs", R_OK, 0) == 0;
}

TEST(CgroupTree, IsMountedNowhereWhereItHasNoPlace) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto tree = open_cgroup_tree("", "/dev/null");
  ASSERT_TRUE(tree.ok()) << tree.error().message;
  EXPECT_TRUE(is_cgroup2(*tree));
  ::close(*tree);
  EXPECT_FALSE(open_cgroup_tree("/nowhere", "/dev/null").ok());
}

// As a user who may not.
TEST(CgroupTree, SaysSoWhereItMayNotBeMounted) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    const auto tree = open_cgroup_tree("", "/dev/null");
    ::_exit(!tree.ok() && tree.error().code == base::ErrorCode::kNotFound ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace netwatch::ebpf
