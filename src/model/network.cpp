#include "model/network.h"

namespace netwatch::model {

const Route* RouteTable::default_route(bool v4) const {
  const Route* best = nullptr;
  for (const Route& route : routes) {
    if (!route.is_default() || route.v4 != v4) continue;
    if (best == nullptr || route.metric < best->metric) best = &route;
  }
  return best;
}

}  // namespace netwatch::model
