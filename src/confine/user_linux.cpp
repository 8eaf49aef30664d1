// The user, the capabilities and what belongs to them.
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "confine/measures_linux.h"

namespace netwatch::confine {
namespace {

// Zero is no answer: root is what is to be given up.
std::optional<std::uint32_t> id_from_environment(const char* name) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  if (text == nullptr) return std::nullopt;
  const std::string_view digits = text;
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || id == 0 || id == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return id;
}

User nobody() {
  constexpr std::uint32_t kOverflowId = 65534;  // user_namespaces(7): whom the kernel calls so
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread
  if (const passwd* const found = ::getpwnam("nobody"); found != nullptr && found->pw_uid != 0) {
    return {.uid = found->pw_uid, .gid = found->pw_gid};
  }
  return {.uid = kOverflowId, .gid = kOverflowId};
}

base::Error refused(const char* what) { return base::errno_error(errno, what); }

// As the effective user.
base::Status check_outputs(const std::vector<OutputFolder>& outputs, const User& user) {
  for (const OutputFolder& folder : outputs) {
    if (::faccessat(AT_FDCWD, folder.path.c_str(), W_OK | X_OK, AT_EACCESS) == 0) continue;
    return base::Error{base::ErrorCode::kDenied,
                       "user " + std::to_string(user.uid) + " may not write to " + folder.path +
                           ", so root does; choose a folder of that user"};
  }
  return base::ok_status();
}

}  // namespace

std::optional<User> less_privileged_user() {
  if (::geteuid() != 0) return std::nullopt;
  if (::getuid() != 0) return User{.uid = ::getuid(), .gid = ::getgid(), .known = true};
  const auto uid = id_from_environment("SUDO_UID");
  const auto gid = id_from_environment("SUDO_GID");
  return uid && gid ? User{.uid = *uid, .gid = *gid, .known = true} : nobody();
}

base::Status become(const User& user, const std::vector<OutputFolder>& outputs) {
  // Files of nobody could be read by whatever else runs as nobody.
  if (!user.known && !outputs.empty()) {
    return base::Error{base::ErrorCode::kDenied,
                       "what is written is to belong to root, so root writes; start it by sudo as "
                       "a user, or write to a pipe"};
  }
  // First as the effective user only, from where there is a way back.
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  if (::getgroups(static_cast<int>(groups.size()), groups.data()) < 0) return refused("getgroups");
  const gid_t group = ::getegid();
  if (::setgroups(0, nullptr) != 0) return refused("giving up groups");
  base::Status fine = base::ok_status();
  if (::setegid(user.gid) != 0 || ::seteuid(user.uid) != 0) {
    fine = refused("becoming another user");
  } else {
    fine = check_outputs(outputs, user);
  }
  if (::geteuid() != 0 && ::seteuid(0) != 0) return refused("becoming root again");
  if (!fine.ok()) {
    if (::setegid(group) != 0 || ::setgroups(groups.size(), groups.data()) != 0) {
      return refused("restoring groups");
    }
    return fine;
  }
  if (::setresgid(user.gid, user.gid, user.gid) != 0) return refused("setresgid");
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return refused("setresuid");
  if (::setuid(0) == 0) {
    return base::Error{base::ErrorCode::kDenied, "root could be taken back"};
  }
  return base::ok_status();
}

void empty_bounding_set() {
  for (cap_value_t value = 0; ::cap_get_bound(value) >= 0; ++value) (void)::cap_drop_bound(value);
}

base::Status drop_capabilities() {
  (void)::cap_reset_ambient();  // kernels before 4.3 have none
  const std::unique_ptr<void, decltype(&::cap_free)> none(::cap_init(), &::cap_free);
  if (!none || ::cap_set_proc(static_cast<cap_t>(none.get())) != 0) {
    return refused("dropping capabilities");
  }
  const std::unique_ptr<void, decltype(&::cap_free)> left(::cap_get_proc(), &::cap_free);
  if (left && ::cap_compare(static_cast<cap_t>(left.get()), static_cast<cap_t>(none.get())) != 0) {
    return base::Error{base::ErrorCode::kDenied, "some capabilities are still there"};
  }
  return base::ok_status();
}

base::Status give_up_lent_rights() {
  const uid_t user = ::getuid();
  const gid_t group = ::getgid();
  if (user == 0) return base::ok_status();
  if (::setresgid(group, group, group) != 0 || ::setresuid(user, user, user) != 0) {
    return refused("giving up the rights of the program's file");
  }
  return drop_capabilities();
}

bool has_lent_rights() {
  const uid_t user = ::getuid();
  if (user == 0) return false;
  if (::geteuid() != user || ::getegid() != ::getgid()) return true;
  const std::unique_ptr<void, decltype(&::cap_free)> now(::cap_get_proc(), &::cap_free);
  const std::unique_ptr<void, decltype(&::cap_free)> none(::cap_init(), &::cap_free);
  return !now || !none ||
         ::cap_compare(static_cast<cap_t>(now.get()), static_cast<cap_t>(none.get())) != 0;
}

base::Status keep_broker_capabilities(const BrokerNeeds& needs) {
  // /proc/PID/fd of other users takes both of these.
  std::vector<cap_value_t> wanted{CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
  if (needs.captures) wanted.push_back(CAP_NET_RAW);
  if (needs.enters) wanted.push_back(CAP_SYS_ADMIN);  // setns(2)
  const std::unique_ptr<void, decltype(&::cap_free)> now(::cap_get_proc(), &::cap_free);
  const std::unique_ptr<void, decltype(&::cap_free)> kept(::cap_init(), &::cap_free);
  if (!now || !kept) return refused("capabilities");
  for (const cap_value_t value : wanted) {
    cap_flag_value_t there = CAP_CLEAR;
    (void)::cap_get_flag(static_cast<cap_t>(now.get()), value, CAP_PERMITTED, &there);
    if (there != CAP_SET) continue;
    for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE}) {
      (void)::cap_set_flag(static_cast<cap_t>(kept.get()), flag, 1, &value, CAP_SET);
    }
  }
  empty_bounding_set();
  if (const auto user = less_privileged_user()) {
    (void)::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (auto became = become(*user, {}); !became.ok()) return became;
    (void)::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  }
  if (::cap_set_proc(static_cast<cap_t>(kept.get())) != 0) return refused("capabilities");
  return base::ok_status();
}

base::Status forbid_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refused("no_new_privs");
  return base::ok_status();
}

// RLIMIT_NPROC is no measure here: it counts threads as well, of all processes of the user. New
// processes are forbidden by seccomp.
base::Status hide_memory() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return refused("core dumps");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return refused("hiding memory");
  return base::ok_status();
}

}  // namespace netwatch::confine
