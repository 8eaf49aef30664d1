#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/edit_distance.h"
#include "model/flow_fields.h"
#include "query/filter.h"

// The names of a catalog as the parser, the proposals and the completion see them.
namespace netwatch::query {

// A name that stands for fields by what they are for, whatever the protocol.
struct ShortForm {
  std::string_view name;
  std::vector<model::FlowField> flow_fields;
  std::vector<model::Role> roles;
  std::string_view help;
};
const std::vector<ShortForm>& short_forms();

// The field `field` of the flow's own schema; nullptr if the catalog has none.
const model::FieldDef* flow_field(const Catalog& catalog, model::FlowField field);
// The other way round; nothing for a field of a record.
std::optional<model::FlowField> flow_field_of(const Catalog& catalog, const model::FieldDef& field);

// A bare word that stands for a protocol, in the spelling of Flow::apps or the l4 field; empty if
// it is none.
std::string protocol_spelling(const Catalog& catalog, std::string_view word);

// Every name, sorted and once each: of fields, then their aliases, short forms and protocols.
struct KnownName {
  std::string_view name;
  bool is_protocol = false;
  bool is_alias = false;
};
std::vector<KnownName> known_names(const Catalog& catalog);

// As Catalog::nearest, over fields only where `fields_only`.
std::string nearest_name(const Catalog& catalog, std::string_view name, bool fields_only);

using base::edit_distance;

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace netwatch::query
