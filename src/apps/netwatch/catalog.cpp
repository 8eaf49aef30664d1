#include "apps/netwatch/catalog.h"

#include "dpi/protocols.h"
#include "model/flow_fields.h"

namespace netwatch::app {

std::shared_ptr<const query::Catalog> catalog() {
  static const auto all = std::make_shared<const query::Catalog>([] {
    std::vector<const model::Schema*> schemas{&model::flow_schema()};
    for (const dpi::ProtocolDef* protocol : dpi::protocols()) schemas.push_back(protocol->schema);
    return schemas;
  }());
  return all;
}

}  // namespace netwatch::app
