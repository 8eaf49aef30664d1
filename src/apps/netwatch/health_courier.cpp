#include "apps/netwatch/health_courier.h"

#include <algorithm>
#include <utility>

#include "collect/collect.h"
#include "collect/kept_access.h"
#include "collect/probes/health.h"

namespace netwatch::app {
namespace {

// ---- in the courier's process ----

// Whom to ask is looked up each time: gateways and resolvers change.
class Prober {
 public:
  std::vector<int> open() {
    root_.kept = collect::KeptAccess::open();
    if (!root_.kept->route) return {};
    return {root_.kept->route->fd()};
  }

  model::HealthTable round() {
    unread_.clear();
    const auto routes = taken(collect::collect_routes(root_));
    const auto resolvers = taken(collect::collect_resolvers(root_));
    const auto interfaces = taken(collect::collect_interfaces(root_));
    prober_.set_targets(collect::own_targets(routes, resolvers, interfaces));
    model::HealthTable table = prober_.round();
    for (std::string& why : unread_) table.rows.emplace_back().why = std::move(why);
    return table;
  }

 private:
  template <typename Table>
  Table taken(base::Result<Table> told) {
    if (told.ok()) return *std::move(told);
    unread_.push_back(told.error().message);
    return {};
  }

  collect::Root root_;
  collect::HealthProber prober_;
  std::vector<std::string> unread_;  // what could not be looked up: a row without a target each
};

// ---- in the worker's ----

// One ability of what a round could and could not ask.
void judge(const model::HealthTable& table, model::Ability& ability) {
  const auto refused =
      std::ranges::find_if(table.rows, [](const auto& row) { return !row.why.empty(); });
  ability.on = refused == table.rows.end();
  ability.why = ability.on ? std::string() : refused->why;
  ability.fix = ability.on ? std::string() : refused->fix;
}

}  // namespace

HealthCourier::HealthCourier(confine::Mode mode, bool probes) {
  if (!probes) {
    ability_ = {.name = "health probes",
                .on = false,
                .why = "turned off with --no-probes",
                .fix = "start without --no-probes"};
    return;
  }
  Prober prober;
  // What resolv.conf may be a link to, and who names its resolvers elsewhere.
  auto courier = confine::CourierClient::start(
      {.open = [&prober] { return prober.open(); }, .probe = [&prober] { return prober.round(); }},
      mode, {"/etc", "/sys", "/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf"});
  if (courier.ok()) {
    courier_ = *std::move(courier);
  } else {
    ability_.on = false;
    ability_.why = courier.error().message;
  }
}

void HealthCourier::prepare(pipeline::LiveSessionOptions& options) {
  options.take_health = [this] { return take(); };
  options.watched_abilities = [this, others = std::move(options.watched_abilities)] {
    std::vector<model::Ability> all;
    if (others) all = others();
    all.push_back(ability());
    return all;
  };
}

std::optional<model::HealthTable> HealthCourier::take() {
  if (!courier_) return std::nullopt;
  auto table = courier_->health();
  const std::lock_guard lock(mutex_);
  if (table) judge(*table, ability_);
  if (!courier_->alive()) {
    ability_ = {.name = "health probes",
                .on = false,
                .why = "the process that asks gateway and resolvers has ended",
                .fix = "start netwatch again"};
  }
  return table;
}

model::Ability HealthCourier::ability() const {
  const std::lock_guard lock(mutex_);
  return ability_;
}

}  // namespace netwatch::app
