#pragma once

#include "query/filter.h"

namespace netwatch::app {

// Every name a filter may use: the flow's own fields and those of all protocols.
const query::Catalog& catalog();

}  // namespace netwatch::app
