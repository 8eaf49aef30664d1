#include "apps/netwatch/stats_line.h"

#include "export/ndjson.h"

namespace netwatch::app {

void append_stats_line(std::string& out, const pipeline::Totals& totals) {
  exporting::append_stats(out, {.packets = totals.packets,
                                .wire_bytes = totals.wire_bytes,
                                .flows = totals.flows,
                                .records = totals.records,
                                .first_ns = totals.first_ns,
                                .last_ns = totals.last_ns,
                                .clock_steps = totals.clock_steps,
                                .non_ip = totals.non_ip,
                                .drops = totals.drops});
}

}  // namespace netwatch::app
