#pragma once

#include <memory>

#include "query/filter.h"

namespace netwatch::app {

// Every name a filter may use: the flow's own fields and those of all protocols.
std::shared_ptr<const query::Catalog> catalog();

}  // namespace netwatch::app
