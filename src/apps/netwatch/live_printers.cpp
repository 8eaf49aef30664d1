#include "apps/netwatch/live_printers.h"

#include <fmt/format.h>

#include <cstdio>

namespace netwatch::app {

void LiveTextPrinter::on_drop(base::TimeNs /*now_ns*/, model::Drop drop, std::uint64_t count,
                              std::uint64_t total) {
  fmt::print(stderr, "netwatch: lost: {} {} more, {} in all\n", model::drop_name(drop), count,
             total);
}

}  // namespace netwatch::app
