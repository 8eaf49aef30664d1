#pragma once

#include <string>

#include "pipeline/totals.h"

namespace netwatch::app {

// The NDJSON line that ends what `read` and `live` print.
void append_stats_line(std::string& out, const pipeline::Totals& totals);

}  // namespace netwatch::app
