#include "ebpf/cgroup_mount.h"

#include <gtest/gtest.h>

namespace netwatch::ebpf {
namespace {

TEST(CgroupMount, IsFoundByItsKind) {
  EXPECT_EQ(
      find_cgroup2("22 1 0:20 / /proc rw - proc proc rw\n"
                   "30 1 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup rw\n"
                   "31 1 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"),
      "/sys/fs/cgroup/unified");
}

TEST(CgroupMount, TheOneThatShowsMost) {
  EXPECT_EQ(find_cgroup2("30 1 0:26 /a/b /part rw - cgroup2 none rw\n"
                         "31 1 0:26 / /whole\\040tree rw - cgroup2 none rw\n"
                         "32 1 0:26 /a /other rw - cgroup2 none rw"),
            "/whole tree");
}

TEST(CgroupMount, NoneAndNonsense) {
  EXPECT_FALSE(find_cgroup2(""));
  EXPECT_FALSE(find_cgroup2("\n - cgroup2\n- cgroup2 x\n1 2 3 - cgroup2"));
  EXPECT_FALSE(find_cgroup2("30 1 0:26 / /cgroup2 rw - tmpfs cgroup2 rw\n"));
}

}  // namespace
}  // namespace netwatch::ebpf
