#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace netwatch::query {

// RFC 3339 in UTC, ends may be left out: 2026-11-20, 2026-11-20T12:00, 2026-11-20 12:00:05.25Z.
// Years 1970 to 2261. Nothing if `text` is no such time.
std::optional<base::TimeNs> parse_timestamp(std::string_view text);

}  // namespace netwatch::query
