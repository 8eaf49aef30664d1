#pragma once

#include <string_view>

#include "model/sample.h"

// What goes to standard error, in one form.
namespace netwatch::app {

// "netwatch: " and the words, made safe for a terminal.
void complain(std::string_view message);
// That something is off, why, and what turns it on; nothing of one that is on.
void complain_of(const model::Ability& ability);

}  // namespace netwatch::app
