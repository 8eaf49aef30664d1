#include "collect/cgroup_tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>

#include "collect/fake_root.h"

namespace netwatch::collect {
namespace {

constexpr base::TimeNs kLater = 1000 * base::kNsPerSecond;
const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kPod = "4ab1f5de-0f4a-4a7e-9d0b-3c1c5f8d2e11";

class CgroupTreeTest : public testing::Test, protected FakeRoot {
 protected:
  void mounted(const std::string& point, const std::string& root = "/") {
    point_ = point.substr(1);
    write("proc/self/mountinfo", "22 1 0:20 / /proc rw - proc proc rw\n30 1 0:26 " + root + " " +
                                     point + " rw,nosuid - cgroup2 cgroup2 rw\n");
    std::filesystem::create_directories(root_.join(point_));
  }
  // Its id.
  std::uint64_t make(const std::string& path) const {
    const std::string folder = root_.join(point_ + "/" + path);
    std::filesystem::create_directories(folder);
    struct stat about{};
    return ::stat(folder.c_str(), &about) == 0 ? about.st_ino : 0;
  }
  void remove(const std::string& path) const {
    std::filesystem::remove_all(root_.join(point_ + "/" + path));
  }
  void open(CgroupTreeLimits limits = {}) { tree_ = std::make_unique<CgroupTree>(root_, limits); }

  // "container runtime pod unit", each "-" if it is empty; "later" if it is to be asked again.
  std::string find(std::uint64_t id) {
    const auto found = tree_->find(id, now_ns_);
    if (!found) return "later";
    std::string out;
    for (const std::string& one : {found->container, found->runtime, found->pod, found->unit}) {
      out += (out.empty() ? "" : " ") + (one.empty() ? "-" : one);
    }
    return out;
  }

  std::string point_;
  base::TimeNs now_ns_ = kLater;
  std::unique_ptr<CgroupTree> tree_;
};

TEST_F(CgroupTreeTest, ContainerPodAndUnitById) {
  mounted("/sys/fs/cgroup");
  const auto service = make("system.slice/ssh.service");
  const auto container = make("system.slice/docker-" + kId + ".scope");
  const auto pod = make("kubepods/besteffort/pod" + kPod + "/" + kId);
  const auto inside = make("lxc.payload.web/system.slice/nginx.service");
  const auto slice = make("system.slice");
  write(point_ + "/system.slice/cgroup.procs", "1\n");
  open();
  EXPECT_EQ(find(service), "- - - ssh.service");
  EXPECT_EQ(find(container), kId + " docker - -");
  EXPECT_EQ(find(pod), kId + " - " + kPod + " -");
  EXPECT_EQ(find(inside), "web lxc - nginx.service");
  EXPECT_EQ(find(slice), "- - - -");
  EXPECT_EQ(find(make("")), "- - - -");
  EXPECT_EQ(find(0), "- - - -") << "of nobody";
}

TEST_F(CgroupTreeTest, OfCgroupsThatCameLaterAndOfThoseThatAreGone) {
  mounted("/sys/fs/cgroup");
  const auto first = make("system.slice/first.service");
  open();
  EXPECT_EQ(find(first), "- - - first.service");
  const auto second = make("system.slice/second.service");
  EXPECT_EQ(find(second), "later") << "walks take a share of the time";
  now_ns_ += kLater;
  remove("system.slice/first.service");
  EXPECT_EQ(find(second), "- - - second.service");
  EXPECT_EQ(find(first), "- - - first.service") << "it was known";
}

// One walk for each id that cannot be found, not one for each time it is asked for.
TEST_F(CgroupTreeTest, AnIdThatAWalkHasNotFoundIsUnknownForEver) {
  mounted("/sys/fs/cgroup");
  open();
  constexpr std::uint64_t kElsewhere = std::uint64_t{1} << 60;
  EXPECT_EQ(find(kElsewhere), "- - - -");
  EXPECT_EQ(find(kElsewhere), "- - - -");
  const auto late = make("system.slice/late.service");
  EXPECT_EQ(find(late), "later") << "the walk was a moment ago";
  now_ns_ += kLater;
  EXPECT_EQ(find(kElsewhere), "- - - -");
  EXPECT_EQ(find(late), "- - - late.service") << "no walk was spent on the other one";
}

// By the kernel's own word of it.
TEST_F(CgroupTreeTest, OfAContainerThatIsGoneBeforeAnybodyLooks) {
  mounted("/sys/fs/cgroup");
  open();
  constexpr std::uint64_t kGone = std::uint64_t{1} << 60;
  tree_->learn(kGone, "/system.slice/docker-" + kId + ".scope");
  EXPECT_EQ(find(kGone), kId + " docker - -");
  const auto later = make("system.slice/later.service");
  EXPECT_EQ(find(later), "- - - later.service") << "no walk was made for it";
}

// Its path there is not what our own /proc says of processes that live.
TEST_F(CgroupTreeTest, InACgroupNamespaceTheKernelsPathsAreNotOurs) {
  mounted("/sys/fs/cgroup");
  std::filesystem::create_directories(root_.join("proc/self/ns"));
  std::filesystem::create_symlink("cgroup:[4026532000]", root_.join("proc/self/ns/cgroup"));
  open();
  const auto inside = make("system.slice/ssh.service");
  tree_->learn(inside, "/system.slice/docker-" + kId + ".scope/system.slice/ssh.service");
  EXPECT_EQ(find(inside), "- - - ssh.service");
}

// Where version 1 is in use, too, a process may be in a container's cgroup of that only.
TEST_F(CgroupTreeTest, NoUnitsBesideVersionOne) {
  mounted("/sys/fs/cgroup/unified");
  const auto runtime = make("system.slice/containerd.service");
  const auto container = make("system.slice/docker-" + kId + ".scope");
  open();
  EXPECT_EQ(find(runtime), "- - - -");
  EXPECT_EQ(find(container), kId + " docker - -");
}

TEST_F(CgroupTreeTest, WhatIsMountedMayBeAPartOfTheTree) {
  mounted("/sys/fs/cgroup", "/system.slice/docker-" + kId + ".scope");
  const auto inside = make("system.slice/cron.service");
  open();
  EXPECT_EQ(find(make("")), kId + " docker - -");
  EXPECT_EQ(find(inside), kId + " docker - cron.service");
}

TEST_F(CgroupTreeTest, WithoutATreeNothingIsKnown) {
  open();
  EXPECT_EQ(find(7), "- - - -");
  write("proc/self/mountinfo", "30 1 0:26 / /not/there rw - cgroup2 cgroup2 rw\n");
  open();
  EXPECT_EQ(find(7), "- - - -");
  EXPECT_FALSE(tree_->tells_all());
  tree_->learn(8, "/docker/" + kId);
  EXPECT_EQ(find(8), kId + " docker - -") << "but what the kernel tells";
}

TEST_F(CgroupTreeTest, LinksAreNotFollowed) {
  mounted("/sys/fs/cgroup");
  const std::string elsewhere = root_.join("elsewhere/evil.service");
  std::filesystem::create_directories(elsewhere);
  std::filesystem::create_directory_symlink(root_.join("elsewhere"),
                                            root_.join(point_ + "/link.service"));
  struct stat about{};
  ASSERT_EQ(::stat(elsewhere.c_str(), &about), 0);
  open();
  EXPECT_EQ(find(about.st_ino), "- - - -");
}

TEST_F(CgroupTreeTest, AWalkHasAnEnd) {
  mounted("/sys/fs/cgroup");
  std::array<std::uint64_t, 20> ids{};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = make("many/" + std::to_string(i) + ".service");
  }
  const auto outer = make("outer.service");
  open({.walked = 10, .known = 1000});
  EXPECT_EQ(find(outer), "- - - outer.service") << "those deep down are left out first";
  int known = 0;
  for (const std::uint64_t id : ids) {
    now_ns_ += kLater;
    known += find(id) == "- - - -" ? 0 : 1;
  }
  EXPECT_GE(known, 6);
  EXPECT_LE(known, 9);
}

TEST_F(CgroupTreeTest, WhatIsAskedForIsKept) {
  mounted("/sys/fs/cgroup");
  const auto gone = make("gone.service");
  const auto forgotten = make("forgotten.service");
  open({.walked = 100, .known = 20});
  EXPECT_EQ(find(gone), "- - - gone.service");
  // Their inodes stay in use, so that no other folder gets them.
  std::filesystem::rename(root_.join(point_ + "/gone.service"), root_.join("gone"));
  std::filesystem::rename(root_.join(point_ + "/forgotten.service"), root_.join("forgotten"));
  for (std::uint64_t id = 1; id < 100; ++id) {
    now_ns_ += kLater;
    find((std::uint64_t{1} << 60) + id);
    EXPECT_EQ(find(gone), "- - - gone.service") << id;
  }
  now_ns_ += kLater;
  EXPECT_EQ(find(forgotten), "- - - -");
}

}  // namespace
}  // namespace netwatch::collect
