#pragma once

#include <cstdint>
#include <string>

#include "model/flow.h"

namespace netwatch::flow {

// Community ID v1 of a flow, "1:" and base64 (or lower-case hex) of its SHA-1
// (https://github.com/corelight/community-id-spec). Endpoint order does not matter for the result.
std::string community_id(const model::Endpoint& one, const model::Endpoint& other,
                         std::uint8_t proto, std::uint16_t seed = 0, bool base64 = true);

}  // namespace netwatch::flow
