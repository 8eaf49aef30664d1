#include "collect/cgroup.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kContainerIdDigits = 64;

bool is_hex_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool is_container_id(std::string_view text) {
  return text.size() == kContainerIdDigits && std::all_of(text.begin(), text.end(), is_hex_digit);
}

std::string_view without(std::string_view text, std::string_view end) {
  if (text.ends_with(end)) text.remove_suffix(end.size());
  return text;
}

// What stands before the id: "docker-<id>.scope", "<pod's slice>:cri-containerd:<id>".
struct Prefix {
  std::string_view prefix;
  std::string_view runtime;
};
constexpr std::array<Prefix, 5> kPrefixes{{{"docker", "docker"},
                                           {"cri-containerd", "containerd"},
                                           {"nerdctl", "containerd"},
                                           {"crio", "cri-o"},
                                           {"libpod", "podman"}}};

struct Container {
  std::string_view id;  // empty: the component names none
  std::string_view runtime;
};

Container container_of(std::string_view component, std::string_view parent) {
  component = without(component, ".scope");
  std::string_view prefix;
  if (const std::size_t mark = component.find_last_of(":-"); mark != std::string_view::npos) {
    prefix = component.substr(0, mark);
    component.remove_prefix(mark + 1);
  }
  if (const std::size_t colon = prefix.rfind(':'); colon != std::string_view::npos) {
    prefix.remove_prefix(colon + 1);
  }
  // The monitors of CRI-O and Podman: "crio-conmon-<id>".
  if (!is_container_id(component) || prefix.ends_with("conmon")) return {};
  if (prefix.empty() && parent == "docker") return {component, "docker"};
  for (const Prefix& known : kPrefixes) {
    if (known.prefix == prefix) return {component, known.runtime};
  }
  return {component, {}};
}

// "kubepods-burstable-pod<uid>.slice", "pod<uid>", "kubepods-pod<uid>.slice:cri-containerd:<id>".
// systemd's names have "_" for the uid's "-".
std::string pod_of(std::string_view component) {
  component = without(component.substr(0, component.find(':')), ".slice");
  constexpr std::string_view kPod = "pod";
  const std::size_t place = component.rfind("-pod");
  if (place != std::string_view::npos) component.remove_prefix(place + 1);
  if (!component.starts_with(kPod)) return {};
  std::string uid(component.substr(kPod.size()));
  std::replace(uid.begin(), uid.end(), '_', '-');
  constexpr std::size_t kPlainDigits = 32;  // static pods: a hash
  constexpr std::size_t kUuidLength = 36;
  const bool well_formed =
      (uid.size() == kPlainDigits || uid.size() == kUuidLength) &&
      std::all_of(uid.begin(), uid.end(), [](char c) { return is_hex_digit(c) || c == '-'; });
  return well_formed ? uid : std::string();
}

// One cgroup path, outermost component first.
class PathReader {
 public:
  explicit PathReader(CgroupMembership& found) : found_(found) {}

  // The path's unit.
  std::string_view read(std::string_view path) {
    while (!path.empty()) {
      const std::size_t slash = path.find('/');
      const std::string_view part = path.substr(0, slash);
      path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
      if (!part.empty()) take(part);
      previous_ = part;
    }
    return service_.empty() ? scope_ : service_;
  }

 private:
  void take(std::string_view part) {
    constexpr std::string_view kLxcPayload = "lxc.payload.";
    constexpr std::string_view kNspawn = "systemd-nspawn@";
    if (std::string pod = pod_of(part); !pod.empty()) found_.pod = std::move(pod);
    if (const Container container = container_of(part, previous_); !container.id.empty()) {
      enter(container.id, container.runtime);
    } else if (part.starts_with(kLxcPayload)) {
      enter(part.substr(kLxcPayload.size()), "lxc");
    } else if (previous_ == "lxc") {
      enter(part, "lxc");
    } else if (part == "payload" && previous_.starts_with(kNspawn)) {
      enter(without(previous_.substr(kNspawn.size()), ".service"), "systemd-nspawn");
    } else if (part.ends_with(".service")) {
      service_ = part;
    } else if (part.ends_with(".scope")) {
      scope_ = part;
    }
  }

  // What is outside of a container is not the unit of who is inside.
  void enter(std::string_view container, std::string_view runtime) {
    found_.container = container;
    if (!runtime.empty()) found_.runtime = runtime;
    service_ = {};
    scope_ = {};
  }

  CgroupMembership& found_;
  std::string_view service_;
  std::string_view scope_;
  std::string_view previous_;
};

// Which line tells the unit: systemd's own hierarchy, else that of version 2. Where both versions
// are in use, a container may be moved in the former only.
int rank_of(std::string_view controllers) {
  if (controllers == "name=systemd") return 3;
  return controllers.empty() ? 2 : 1;
}

}  // namespace

// "12:pids:/docker/<id>", "0::/system.slice/ssh.service"
CgroupMembership parse_proc_cgroup(std::string_view text) {
  CgroupMembership found;
  int unit_from = 0;
  while (auto line = next_line(text)) {
    const std::size_t first = line->find(':');
    if (first == std::string_view::npos) continue;
    const std::size_t second = line->find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view unit = PathReader(found).read(line->substr(second + 1));
    const int rank = rank_of(line->substr(first + 1, second - first - 1));
    if (rank <= unit_from) continue;
    unit_from = rank;
    found.unit = unit;
  }
  return found;
}

CgroupMembership membership_of(std::string_view path) {
  CgroupMembership found;
  found.unit = PathReader(found).read(path);
  return found;
}

}  // namespace netwatch::collect
