#include "collect/resolvers.h"

#include <algorithm>

#include "collect/collect.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxBytes = 64U << 10;
constexpr std::size_t kMaxResolvers = 3;  // MAXNS of <resolv.h>
// Where stubs on this host write whom they ask themselves.
constexpr std::string_view kUpstreamFiles[] = {"run/systemd/resolve/resolv.conf",
                                               "run/NetworkManager/no-stub-resolv.conf"};

bool all_loopback(const std::vector<model::Resolver>& resolvers) {
  return std::all_of(resolvers.begin(), resolvers.end(), [](const model::Resolver& resolver) {
    return resolver.address.is_loopback();
  });
}

}  // namespace

std::vector<model::Resolver> parse_resolv_conf(std::string_view text) {
  std::vector<model::Resolver> resolvers;
  while (auto line = next_line(text)) {
    // The keyword begins the line, or it is none.
    if (line->starts_with(' ') || line->starts_with('\t')) continue;
    if (next_word(*line) != "nameserver") continue;
    const std::string_view word = next_word(*line);
    const std::size_t percent = word.find('%');
    const auto address = base::IpAddress::parse(word.substr(0, percent));
    if (!address || resolvers.size() == kMaxResolvers) continue;
    model::Resolver resolver{*address, {}};
    if (percent != std::string_view::npos) resolver.zone = word.substr(percent + 1);
    if (std::find(resolvers.begin(), resolvers.end(), resolver) == resolvers.end()) {
      resolvers.push_back(std::move(resolver));
    }
  }
  return resolvers;
}

base::Result<model::ResolverList> collect_resolvers(const Root& root) {
  const auto text = read_text_file(root.join("etc/resolv.conf"), kMaxBytes);
  if (!text) return text.error();
  model::ResolverList list;
  list.configured = parse_resolv_conf(*text);
  list.upstream = list.configured;
  if (!all_loopback(list.configured)) return list;
  for (const std::string_view file : kUpstreamFiles) {
    const auto told = read_text_file(root.join(file), kMaxBytes);
    if (!told) continue;
    auto upstream = parse_resolv_conf(*told);
    if (upstream.empty() || all_loopback(upstream)) continue;
    list.upstream = std::move(upstream);
    break;
  }
  return list;
}

}  // namespace netwatch::collect
