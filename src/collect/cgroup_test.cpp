#include "collect/cgroup.h"

#include <gtest/gtest.h>

#include <vector>

namespace netwatch::collect {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kPod = "4ab1f5de-0f4a-4a7e-9d0b-3c1c5f8d2e11";
const std::string kPodUnderscored = "4ab1f5de_0f4a_4a7e_9d0b_3c1c5f8d2e11";

struct Case {
  std::string text, container, runtime, pod, unit;
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const CgroupMembership found = parse_proc_cgroup(c.text);
    EXPECT_EQ(found.container, c.container) << c.text;
    EXPECT_EQ(found.runtime, c.runtime) << c.text;
    EXPECT_EQ(found.pod, c.pod) << c.text;
    EXPECT_EQ(found.unit, c.unit) << c.text;
  }
}

TEST(ProcCgroup, Units) {
  expect_all({
      {"0::/system.slice/nginx.service\n", "", "", "", "nginx.service"},
      {"0::/system.slice/system-getty.slice/getty@tty1.service\n", "", "", "",
       "getty@tty1.service"},
      {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.service\n", "", "", "",
       "app-x.service"},
      {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n", "", "", "",
       "user@1000.service"},
      {"0::/user.slice/user-1000.slice/session-3.scope\n", "", "", "", "session-3.scope"},
      {"0::/init.scope\n", "", "", "", "init.scope"},
      {"0::/\n", "", "", "", ""},
      {"nothing of this form", "", "", "", ""},
  });
}

TEST(ProcCgroup, Containers) {
  expect_all({
      {"0::/system.slice/docker-" + kId + ".scope\n", kId, "docker", "", ""},
      {"12:pids:/docker/" + kId + "\n0::/\n", kId, "docker", "", ""},
      {"0::/docker/" + kId + "/docker/" + kId.substr(1) + "f\n", kId.substr(1) + "f", "docker", "",
       ""},  // a container in a container
      {"0::/system.slice/nerdctl-" + kId + ".scope\n", kId, "containerd", "", ""},
      {"0::/machine.slice/libpod-" + kId + ".scope/container\n", kId, "podman", "", ""},
      {"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope\n",
       kId, "podman", "", ""},
      {"0::/machine.slice/libpod-conmon-" + kId + ".scope\n", "", "", "",
       "libpod-conmon-" + kId + ".scope"},  // its monitor runs outside
      {"0::/lxc.payload.web/system.slice/ssh.service\n", "web", "lxc", "", "ssh.service"},
      {"0::/lxc.monitor.web\n", "", "", "", ""},
      {"4:memory:/lxc/web\n", "web", "lxc", "", ""},
      {"0::/machine.slice/systemd-nspawn@web.service/payload/system.slice/ssh.service\n", "web",
       "systemd-nspawn", "", "ssh.service"},
      {"0::/machine.slice/systemd-nspawn@web.service/supervisor\n", "", "", "",
       "systemd-nspawn@web.service"},
      {"0::/a/" + kId.substr(1) + "\n", "", "", "", ""},
  });
}

TEST(ProcCgroup, Kubernetes) {
  const std::string slices =
      "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kPodUnderscored;
  expect_all({
      {"0::" + slices + ".slice/cri-containerd-" + kId + ".scope\n", kId, "containerd", kPod, ""},
      {"0::" + slices + ".slice/crio-" + kId + ".scope\n", kId, "cri-o", kPod, ""},
      {"0::" + slices + ".slice/crio-conmon-" + kId + ".scope\n", "", "", kPod,
       "crio-conmon-" + kId + ".scope"},
      {"0::" + slices + ".slice/docker-" + kId + ".scope\n", kId, "docker", kPod, ""},
      {"11:cpu:/kubepods/besteffort/pod" + kPod + "/" + kId + "\n", kId, "", kPod, ""},
      {"0::/system.slice/containerd.service/kubepods-pod" + kPodUnderscored +
           ".slice:cri-containerd:" + kId + "\n",
       kId, "containerd", kPod, ""},
      {"0::/kubepods.slice/kubepods-pod0123456789abcdef0123456789abcdef.slice/crio-" + kId +
           ".scope\n",
       kId, "cri-o", "0123456789abcdef0123456789abcdef", ""},  // a static pod
      {"0::/kubepods/podcast\n", "", "", "", ""},
  });
}

// Where versions 1 and 2 live side by side, systemd's own hierarchy tells the unit.
TEST(ProcCgroup, BothVersions) {
  expect_all({
      {"12:pids:/docker/" + kId + "\n1:name=systemd:/docker/" + kId +
           "\n0::/system.slice/containerd.service\n",
       kId, "docker", "", ""},
      {"9:memory:/system.slice\n1:name=systemd:/system.slice/cron.service\n0::/user.slice\n", "",
       "", "", "cron.service"},
      {"9:memory:/system.slice/a.service\n0::/system.slice/b.service\n", "", "", "", "b.service"},
  });
}

}  // namespace
}  // namespace netwatch::collect
