#pragma once

#include <memory>

#include "query/filter.h"
#include "tui/view_state.h"

namespace netwatch::tui {

// The filter language over connection rows. A text that asks for fields of messages (tls.ja4) is
// a problem at that field's column: rows carry no messages, and "nothing matches" would be a lie.
FilterCompiler make_row_filter(std::shared_ptr<const query::Catalog> catalog);
// Proposes what such a filter may say.
FilterCompleter make_row_completer(std::shared_ptr<const query::Catalog> catalog);

}  // namespace netwatch::tui
