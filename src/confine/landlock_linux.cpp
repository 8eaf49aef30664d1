// Landlock by its system calls: libc has no functions for it, and the headers of Debian 12 know
// version 2 only. Versions and their rights: Documentation/userspace-api/landlock.rst.
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "confine/measures_linux.h"

namespace netwatch::confine {
namespace {

// struct landlock_ruleset_attr as of version 6; older kernels take the front of it.
struct RulesetAttributes {
  std::uint64_t files = 0;
  std::uint64_t net = 0;     // from 4
  std::uint64_t scoped = 0;  // from 6
};

namespace files {
constexpr std::uint64_t kExecute = LANDLOCK_ACCESS_FS_EXECUTE;
constexpr std::uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t kReadFolder = LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kRemove = LANDLOCK_ACCESS_FS_REMOVE_FILE;
constexpr std::uint64_t kMake = LANDLOCK_ACCESS_FS_MAKE_REG;
constexpr std::uint64_t kFirst = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // all of version 1
constexpr std::uint64_t kRefer = LANDLOCK_ACCESS_FS_REFER;                // from 2
constexpr std::uint64_t kTruncate = std::uint64_t{1} << 14;               // from 3
constexpr std::uint64_t kDeviceIoctl = std::uint64_t{1} << 15;            // from 5
static_assert((kFirst & kExecute) != 0 && (kFirst & kRefer) == 0);
}  // namespace files
constexpr std::uint64_t kBindAndConnectTcp = 0x3;     // from 4
constexpr std::uint64_t kAbstractSocketsSignals = 3;  // from 6

std::uint64_t known_files(long version) {
  std::uint64_t out = files::kFirst;
  if (version >= 2) out |= files::kRefer;
  if (version >= 3) out |= files::kTruncate;
  if (version >= 5) out |= files::kDeviceIoctl;
  return out;
}

std::size_t attribute_bytes(long version) {
  if (version >= 6) return sizeof(RulesetAttributes);
  return version >= 4 ? offsetof(RulesetAttributes, scoped) : offsetof(RulesetAttributes, net);
}

base::Status allow(int rules, const std::string& path, std::uint64_t rights) {
  const int fd = ::open(path.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return base::errno_error(errno, path);
  struct stat about{};
  // The rights of folders mean nothing for a file.
  if (::fstat(fd, &about) == 0 && !S_ISDIR(about.st_mode)) {
    rights &= files::kRead | files::kWrite | files::kTruncate;
  }
  const landlock_path_beneath_attr rule{.allowed_access = rights, .parent_fd = fd};
  const long added = ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0U);
  const int failure = errno;
  ::close(fd);
  return added == 0 ? base::ok_status() : base::Status(base::errno_error(failure, path));
}

base::Status allow_all(int rules, const Plan& plan, std::uint64_t known) {
  for (const OutputFolder& folder : plan.outputs) {
    std::uint64_t rights = files::kRemove | files::kMake;
    if (folder.use == OutputFolder::Use::kCreate) rights |= files::kWrite | files::kTruncate;
    if (auto status = allow(rules, folder.path, rights & known); !status.ok()) return status;
  }
  for (const std::string& path : plan.readable) {
    auto status = allow(rules, path, files::kRead | files::kReadFolder);
    // What is not there now cannot be opened later either.
    if (!status.ok() && status.error().code != base::ErrorCode::kNotFound) return status;
  }
  return base::ok_status();
}

}  // namespace

base::Result<FileRules> FileRules::make(const Plan& plan) {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version <= 0) {
    const bool off = errno == EOPNOTSUPP;
    return base::Error{base::ErrorCode::kUnsupported,
                       off ? "the kernel was started without it (lsm=...,landlock)"
                           : "the kernel has none (5.13 or newer is needed)"};
  }
  RulesetAttributes attributes;
  attributes.files = known_files(version);
  if (version >= 4) attributes.net = kBindAndConnectTcp;
  if (version >= 6) attributes.scoped = kAbstractSocketsSignals;
  const long fd = ::syscall(SYS_landlock_create_ruleset, &attributes, attribute_bytes(version), 0U);
  if (fd < 0) return base::errno_error(errno, "making the rules");
  FileRules rules(static_cast<int>(fd));
  if (auto status = allow_all(rules.fd_, plan, attributes.files); !status.ok()) {
    return status.error();
  }
  return rules;
}

FileRules::FileRules(FileRules&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}

FileRules::~FileRules() {
  if (fd_ >= 0) ::close(fd_);
}

base::Status FileRules::enforce() const {
  if (::syscall(SYS_landlock_restrict_self, fd_, 0U) != 0) {
    return base::errno_error(errno, "enforcing the rules");
  }
  return base::ok_status();
}

}  // namespace netwatch::confine
