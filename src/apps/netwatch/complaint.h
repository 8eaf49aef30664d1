#pragma once

#include <string_view>

#include "model/sample.h"

// What goes to standard error, in one form.
namespace netwatch::app {

// As it is, by one write(2). An error is ignored: standard error may be closed, full or a pipe that
// nobody reads any more, and there is nobody left to tell.
void say(std::string_view text);
// "netwatch: " and the words, made safe for a terminal.
void complain(std::string_view message);
// That something is off, why, and what turns it on; nothing of one that is on.
void complain_of(const model::Ability& ability);

}  // namespace netwatch::app
