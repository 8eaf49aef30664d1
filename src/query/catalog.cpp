#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "query/lexer.h"
#include "query/names.h"

namespace netwatch::query {
namespace {

using model::FieldDef;
using model::FlowField;
using model::Role;
using model::Schema;

constexpr std::size_t kLongestName = 64;

// What the flow's `l4` field says, and other ways to write it.
struct Transport {
  std::string_view word;
  std::string_view spelling;
};
constexpr std::array<Transport, 6> kTransports{{{"tcp", "tcp"},
                                                {"udp", "udp"},
                                                {"icmp", "icmp"},
                                                {"icmp6", "icmp6"},
                                                {"icmpv6", "icmp6"},
                                                {"sctp", "sctp"}}};

template <typename Add>
void for_each_field(const Catalog& catalog, Add add) {
  for (const Schema* schema : catalog.schemas()) {
    for (const FieldDef& field : schema->fields) add(field);
  }
}

void add_once(std::vector<const FieldDef*>& fields, const FieldDef* field) {
  if (field != nullptr && std::find(fields.begin(), fields.end(), field) == fields.end()) {
    fields.push_back(field);
  }
}

bool is_called(const FieldDef& field, std::string_view name) {
  return equal_ignoring_case(field.name, name) ||
         std::any_of(field.aliases.begin(), field.aliases.end(),
                     [name](std::string_view alias) { return equal_ignoring_case(alias, name); });
}

// How many changes still make a misspelling: one in a short name, three in a long one.
std::size_t tolerance(std::string_view name) {
  return std::min<std::size_t>(3, std::max<std::size_t>(1, name.size() / 3));
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return to_lower(x) == to_lower(y);
         });
}

const std::vector<ShortForm>& short_forms() {
  static const std::vector<ShortForm> kForms{
      {"sni", {}, {Role::kServerName}, "server name asked for in clear"},
      {"host",
       {FlowField::kName},
       {Role::kServerName, Role::kHostName},
       "name of the responder, from whatever told it"},
      {"app", {FlowField::kApp}, {}, "application protocol"},
      {"process", {FlowField::kOwnerName}, {}, "program at either end"},
      {"pid", {FlowField::kOwnerPid}, {}, "process at either end"},
      {"user", {FlowField::kOwnerUser}, {}, "user of the process at either end"},
      {"port", {FlowField::kPort}, {}, "port of either end"},
      {"ip", {FlowField::kIpAddr}, {}, "address of either end"},
  };
  return kForms;
}

const FieldDef* flow_field(const Catalog& catalog, FlowField field) {
  const auto id = static_cast<std::size_t>(field);
  if (catalog.schemas().empty() || id >= catalog.schemas().front()->fields.size()) return nullptr;
  return &catalog.schemas().front()->fields[id];
}

std::optional<FlowField> flow_field_of(const Catalog& catalog, const FieldDef& field) {
  if (catalog.schemas().empty()) return std::nullopt;
  const auto& fields = catalog.schemas().front()->fields;
  for (std::size_t id = 0; id < fields.size(); ++id) {
    if (&fields[id] == &field) return static_cast<FlowField>(id);
  }
  return std::nullopt;
}

std::string protocol_spelling(const Catalog& catalog, std::string_view word) {
  for (const Transport& transport : kTransports) {
    if (equal_ignoring_case(transport.word, word)) return std::string(transport.spelling);
  }
  for (std::size_t i = 1; i < catalog.schemas().size(); ++i) {
    const std::string_view proto = catalog.schemas()[i]->proto;
    if (equal_ignoring_case(proto, word)) return std::string(proto);
  }
  return {};
}

Catalog::Catalog(std::vector<const Schema*> schemas) : schemas_(std::move(schemas)) {
  std::erase(schemas_, nullptr);
}

std::vector<const FieldDef*> Catalog::find(std::string_view name) const {
  std::vector<const FieldDef*> found;
  for_each_field(*this, [&](const FieldDef& field) {
    if (is_called(field, name)) add_once(found, &field);
  });
  for (const ShortForm& form : short_forms()) {
    if (!equal_ignoring_case(form.name, name)) continue;
    for (const FlowField id : form.flow_fields) add_once(found, flow_field(*this, id));
    for_each_field(*this, [&](const FieldDef& field) {
      if (std::find(form.roles.begin(), form.roles.end(), field.role) != form.roles.end()) {
        add_once(found, &field);
      }
    });
  }
  return found;
}

bool Catalog::is_protocol(std::string_view name) const {
  return !protocol_spelling(*this, name).empty();
}

std::string Catalog::nearest(std::string_view name) const {
  return nearest_name(*this, name, false);
}

std::vector<KnownName> known_names(const Catalog& catalog) {
  std::vector<KnownName> names;
  for_each_field(catalog, [&](const FieldDef& field) { names.push_back({field.name}); });
  for_each_field(catalog, [&](const FieldDef& field) {
    for (const std::string_view alias : field.aliases) names.push_back({alias, false, true});
  });
  for (const ShortForm& form : short_forms()) {
    if (!catalog.find(form.name).empty()) names.push_back({form.name, false, true});
  }
  for (const Transport& transport : kTransports) names.push_back({transport.spelling, true});
  for (std::size_t i = 1; i < catalog.schemas().size(); ++i) {
    names.push_back({catalog.schemas()[i]->proto, true});
  }
  const auto rank = [](const KnownName& known) {
    return std::tuple(known.name, known.is_protocol, known.is_alias);
  };
  std::sort(names.begin(), names.end(),
            [rank](const KnownName& a, const KnownName& b) { return rank(a) < rank(b); });
  const auto same = [](const KnownName& a, const KnownName& b) { return a.name == b.name; };
  names.erase(std::unique(names.begin(), names.end(), same), names.end());
  return names;
}

std::string nearest_name(const Catalog& catalog, std::string_view name, bool fields_only) {
  if (name.empty() || name.size() > kLongestName) return {};
  const KnownName* best = nullptr;
  std::size_t best_distance = tolerance(name) + 1;
  const std::vector<KnownName> names = known_names(catalog);
  for (const KnownName& known : names) {
    if (fields_only && known.is_protocol) continue;
    const std::size_t distance = edit_distance(name, known.name, tolerance(name));
    const bool nearer = distance < best_distance;
    const bool plainer =
        best != nullptr && distance == best_distance && best->is_alias && !known.is_alias;
    if (distance <= tolerance(name) && (nearer || plainer)) {
      best = &known;
      best_distance = distance;
    }
  }
  return best != nullptr ? std::string(best->name) : std::string();
}

}  // namespace netwatch::query
