#include "apps/netwatch/health_courier.h"

#include <algorithm>
#include <iterator>
#include <string_view>
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

// What a round could not ask, by the kind of probe (of ping by doctor's name), and whom it could
// not look up: those rows have no target.
std::vector<model::Ability> judge(const model::HealthTable& table) {
  const auto ability = [&](std::string_view name, const auto& is_of) {
    model::Ability out{.name = std::string(name), .on = true, .why = {}, .fix = {}};
    const auto refused = std::ranges::find_if(table.rows, [&](const model::HealthRow& row) {
      return !row.why.empty() && is_of(row.target);
    });
    if (refused == table.rows.end()) return out;
    out.on = false;
    out.why = refused->why;
    out.fix = refused->fix;
    return out;
  };
  const auto of = [](model::ProbeKind kind) {
    return [kind](const model::HealthTarget& target) {
      return target.kind == kind && !target.address.is_unspecified();
    };
  };
  return {ability("ping without rights", of(model::ProbeKind::kIcmpEcho)),
          ability("questions to resolvers", of(model::ProbeKind::kDnsQuery)),
          ability("targets of health probes", [](const model::HealthTarget& target) {
            return target.address.is_unspecified();
          })};
}

}  // namespace

HealthCourier::HealthCourier(confine::Mode mode, bool probes) {
  if (!probes) {
    probes_ = {.name = "health probes",
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
    probes_.on = false;
    probes_.why = courier.error().message;
  }
}

void HealthCourier::prepare(pipeline::LiveSessionOptions& options) {
  options.take_health = [this] { return take(); };
  options.watched_abilities = [this, others = std::move(options.watched_abilities)] {
    std::vector<model::Ability> all;
    if (others) all = others();
    std::ranges::move(abilities(), std::back_inserter(all));
    return all;
  };
}

std::optional<model::HealthTable> HealthCourier::take() {
  if (!courier_) return std::nullopt;
  auto table = courier_->health();
  const std::lock_guard lock(mutex_);
  if (table) kinds_ = judge(*table);
  if (!courier_->alive()) {
    probes_ = {.name = "health probes",
               .on = false,
               .why = "the process that asks gateway and resolvers has ended",
               .fix = "start netwatch again"};
  }
  return table;
}

std::vector<model::Ability> HealthCourier::abilities() const {
  const std::lock_guard lock(mutex_);
  std::vector<model::Ability> out{probes_};
  out.insert(out.end(), kinds_.begin(), kinds_.end());
  return out;
}

}  // namespace netwatch::app
