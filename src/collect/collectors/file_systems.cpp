// Room in file systems: /proc/self/mountinfo (proc(5)) says which are there, statvfs(3) how full
// they are. A file system counts if it stands on a block device (/proc/filesystems does not call it
// "nodev") or is ZFS; an overlay only as the root, where a container has nothing else. Images that
// are full by nature are left out, and so are network file systems: asking a server that is gone
// blocks without end. One file system that is mounted in several places is one row.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxMountBytes = 16U << 20;
constexpr std::size_t kMaxTypeBytes = 64U << 10;
constexpr std::size_t kMaxFileSystems = 1024;
constexpr std::array<std::string_view, 5> kImages{"squashfs", "erofs", "iso9660", "cramfs",
                                                  "romfs"};

enum Metric : std::uint8_t {
  kTotal,
  kUsed,
  kFree,
  kAvailable,
  kUsedRatio,
  kInodes,
  kFreeInodes,
  kReadOnly
};
constexpr std::string_view kLabels[] = {"mount", "device", "type"};
constexpr std::string_view kReadOnlyStates[] = {"writable", "read_only"};
constexpr auto kBytes = model::MetricUnit::kBytes;
constexpr model::MetricDef kMetrics[] = {
    {.name = "filesystem.total_bytes",
     .unit = kBytes,
     .help = "size of the file system",
     .labels = kLabels},
    {.name = "filesystem.used_bytes",
     .unit = kBytes,
     .help = "room that is taken",
     .labels = kLabels},
    {.name = "filesystem.free_bytes",
     .unit = kBytes,
     .help = "room with root's reserve",
     .labels = kLabels},
    {.name = "filesystem.available_bytes",
     .unit = kBytes,
     .help = "room for others than root",
     .labels = kLabels},
    {.name = "filesystem.used",
     .unit = model::MetricUnit::kRatio,
     .help = "used of used and available, as df says it",
     .labels = kLabels},
    {.name = "filesystem.inodes", .help = "files that it can hold", .labels = kLabels},
    {.name = "filesystem.free_inodes", .help = "files that it can still hold", .labels = kLabels},
    {.name = "filesystem.access",
     .kind = model::MetricKind::kState,
     .help = "whether it may be written to",
     .labels = kLabels,
     .states = kReadOnlyStates},
};
constexpr std::string_view kNeeds[] = {"/proc/self/mountinfo", "/proc/filesystems"};

struct Mount {
  std::string_view device_number;  // "254:0"
  std::string_view root;           // what of the file system is mounted: "/" is all of it
  std::string_view mount_point;    // with spaces as \040
  std::string_view type;
  std::string_view device;
};

// "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard"
std::optional<Mount> parse_mount(std::string_view line) {
  Mount mount;
  next_word(line);  // id
  next_word(line);  // parent
  mount.device_number = next_word(line);
  mount.root = next_word(line);
  mount.mount_point = next_word(line);
  next_word(line);  // options
  for (std::string_view word = next_word(line); word != "-"; word = next_word(line)) {
    if (word.empty()) return std::nullopt;
  }
  mount.type = next_word(line);
  mount.device = next_word(line);
  if (mount.device.empty()) return std::nullopt;
  return mount;
}

// The kernel writes space, tab, newline and backslash as three octal digits.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto code = text[i] == '\\' && i + 3 < text.size()
                          ? to_number<std::uint8_t>(text.substr(i + 1, 3), 8)
                          : std::nullopt;
    plain += code ? static_cast<char>(*code) : text[i];
    if (code) i += 3;
  }
  return plain;
}

// The types that stand on a block device: "\text4", not "nodev\tproc".
std::vector<std::string_view> device_types(std::string_view text) {
  std::vector<std::string_view> types;
  while (auto line = next_line(text)) {
    const std::string_view word = next_word(*line);
    if (!word.empty() && word != "nodev" && next_word(*line).empty()) types.push_back(word);
  }
  return types;
}

bool contains(const auto& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// Of two mounts of one file system: the one that shows all of it, then the shorter path.
bool shows_more(const Mount& a, const Mount& b) {
  if ((a.root == "/") != (b.root == "/")) return a.root == "/";
  return a.mount_point.size() < b.mount_point.size();
}

class FileSystemsCollector final : public Collector {
 public:
  void collect(Look& look) override {
    const auto types_text = look.read("proc/filesystems", kMaxTypeBytes);
    const auto text = look.read("proc/self/mountinfo", kMaxMountBytes);
    if (!types_text || !text) return;
    const auto types = device_types(*types_text);
    std::vector<Mount> chosen;
    std::string_view rest = *text;
    while (const auto line = next_line(rest)) {
      const auto mount = parse_mount(*line);
      if (!mount) {
        look.damaged("proc/self/mountinfo");
      } else if (is_real(*mount, types)) {
        choose(look, chosen, *mount);
      }
    }
    for (const Mount& mount : chosen) add(look, mount);
  }

 private:
  static bool is_real(const Mount& mount, const std::vector<std::string_view>& types) {
    if (contains(kImages, mount.type)) return false;
    if (mount.type == "overlay") return mount.mount_point == "/";
    return mount.type == "zfs" || mount.type == "btrfs" || contains(types, mount.type);
  }

  static void choose(Look& look, std::vector<Mount>& chosen, const Mount& mount) {
    // What is mounted over another one hides it.
    std::erase_if(chosen,
                  [&](const Mount& other) { return other.mount_point == mount.mount_point; });
    const auto same = std::find_if(chosen.begin(), chosen.end(), [&](const Mount& other) {
      return other.device_number == mount.device_number;
    });
    if (same != chosen.end()) {
      if (shows_more(mount, *same)) *same = mount;
    } else if (chosen.size() < kMaxFileSystems) {
      chosen.push_back(mount);
    } else {
      look.lacks("more than " + std::to_string(kMaxFileSystems) + " file systems");
    }
  }

  static void add(Look& look, const Mount& mount) {
    const std::string mount_point = unescaped(mount.mount_point);
    const std::string device = unescaped(mount.device);
    const auto space = look.host().space(mount_point);
    if (!space) return look.lacks(space.error().message);
    if (space->total_bytes < space->free_bytes) {
      return look.lacks(mount_point + ": more room is free than there is");
    }
    const auto put = [&](Metric metric, auto value) {
      look.add(kMetrics[metric], value, {mount_point, device, mount.type});
    };
    const std::uint64_t used = space->total_bytes - space->free_bytes;
    put(kTotal, space->total_bytes);
    put(kUsed, used);
    put(kFree, space->free_bytes);
    put(kAvailable, space->available_bytes);
    const auto usable = static_cast<double>(used) + static_cast<double>(space->available_bytes);
    if (usable > 0) put(kUsedRatio, static_cast<double>(used) / usable);
    if (space->inodes > 0) {
      put(kInodes, space->inodes);
      put(kFreeInodes, space->free_inodes);
    }
    put(kReadOnly, std::uint64_t{space->read_only ? 1U : 0U});
  }
};

}  // namespace

extern const CollectorDef kFileSystems{.name = "file systems",
                                       .needs = kNeeds,
                                       .metrics = kMetrics,
                                       .make = make_collector<FileSystemsCollector>};

}  // namespace netwatch::collect
