#pragma once

#include <string_view>
#include <vector>

#include "model/network.h"

namespace netwatch::collect {

// The name servers of a resolv.conf(5): at most three, as the C library takes them.
std::vector<model::Resolver> parse_resolv_conf(std::string_view text);

}  // namespace netwatch::collect
