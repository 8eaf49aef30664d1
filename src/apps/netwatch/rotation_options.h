#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "record/pcapng_writer.h"

namespace netwatch::app {

// KEY:VALUE as dumpcap(1) takes them: filesize (kB, or with a unit), duration and interval
// (seconds, or with a unit), packets, files. An error names the one that is wrong and what would be
// right.
base::Result<record::Rotation> parse_rotation(const std::vector<std::string>& options);

}  // namespace netwatch::app
