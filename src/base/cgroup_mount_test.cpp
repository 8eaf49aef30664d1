#include "base/cgroup_mount.h"

#include <gtest/gtest.h>

namespace netwatch::base {
namespace {

TEST(CgroupMount, IsFoundByItsKind) {
  const auto mount = find_cgroup2(
      "22 1 0:20 / /proc rw - proc proc rw\n"
      "30 1 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup rw\n"
      "31 1 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->point, "/sys/fs/cgroup/unified");
  EXPECT_EQ(mount->root, "/");
  EXPECT_FALSE(mount->is_only_version());
  EXPECT_TRUE(find_cgroup2("30 1 0:26 / /sys/fs/cgroup rw - cgroup2 none rw")->is_only_version());
}

TEST(CgroupMount, TheOneThatShowsMost) {
  const auto mount = find_cgroup2(
      "30 1 0:26 /a/b /part rw - cgroup2 none rw\n"
      "31 1 0:26 / /whole\\040tree rw - cgroup2 none rw\n"
      "32 1 0:26 /a /other rw - cgroup2 none rw");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->point, "/whole tree");
  EXPECT_EQ(find_cgroup2("30 1 0:26 /a/b /part rw - cgroup2 none rw\n")->root, "/a/b");
}

TEST(CgroupMount, NoneAndNonsense) {
  EXPECT_FALSE(find_cgroup2(""));
  EXPECT_FALSE(find_cgroup2("\n - cgroup2\n- cgroup2 x\n1 2 3 - cgroup2"));
  EXPECT_FALSE(find_cgroup2("30 1 0:26 / /cgroup2 rw - tmpfs cgroup2 rw\n"));
}

}  // namespace
}  // namespace netwatch::base
