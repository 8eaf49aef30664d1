// What a host allows besides what the live screen needs.
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "collect/collect.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::string_view kPingGroups = "proc/sys/net/ipv4/ping_group_range";
constexpr std::size_t kMaxLineBytes = 256;

// The groups that may open datagram sockets for ICMP (icmp(7)); "1 0", the kernel's own setting, is
// nobody.
std::string ping_groups_text(const Root& root) {
  const auto text = read_text_file(root.join(kPingGroups), kMaxLineBytes);
  if (!text) return {};
  std::string_view line = *text;
  const std::string_view first = next_word(line);
  const std::string_view last = next_word(line);
  const auto from = to_number<std::uint64_t>(first);
  const auto to = to_number<std::uint64_t>(last.substr(0, last.find('\n')));
  if (!from || !to) return {};
  if (*from > *to) return "net.ipv4.ping_group_range allows it to no group";
  return "net.ipv4.ping_group_range allows it to groups " + std::to_string(*from) + " to " +
         std::to_string(*to) + " only";
}

model::Ability ping_ability(const Root& root) {
  model::Ability ability{.name = "ping without rights", .on = true, .why = {}, .fix = {}};
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
  const int failure = errno;
  if (fd >= 0) {
    ::close(fd);
    return ability;
  }
  ability.on = false;
  ability.why = "ICMP socket: " + std::generic_category().message(failure);
  if (failure != EACCES && failure != EPERM) return ability;
  if (const std::string groups = ping_groups_text(root); !groups.empty()) ability.why = groups;
  ability.fix = "sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'";
  return ability;
}

model::Ability namespaces_ability(const Root& root) {
  model::Ability ability{.name = "other network namespaces", .on = true, .why = {}, .fix = {}};
  // Into the one we are in: nothing changes, and the same rights are asked for (setns(2)).
  const int fd = ::open(root.join("proc/self/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
  const bool entered = fd >= 0 && ::setns(fd, CLONE_NEWNET) == 0;
  const int failure = errno;
  if (fd >= 0) ::close(fd);
  if (entered) return ability;
  ability.on = false;
  if (fd >= 0 && failure == EPERM) {
    ability.why = "entering one needs CAP_SYS_ADMIN";
    ability.fix = "start netwatch with sudo";
  } else {
    ability.why = "network namespace: " + std::generic_category().message(failure);
  }
  return ability;
}

}  // namespace

std::vector<model::Ability> collect_host_abilities(const Root& root) {
  if (root.path != "/") return {};
  return {ping_ability(root), namespaces_ability(root)};
}

}  // namespace netwatch::collect
