#pragma once

#include <span>
#include <string>

#include "model/socket.h"

namespace netwatch::tui {

// Sockets as lines for people, a head above them; in the order in which they are given. `columns`:
// of the terminal; where they do not suffice, the less wanted columns are left out and addresses
// and names are cut, an end's port never. 0: everything is shown in full (a pipe). Text of
// programs and users is sanitised.
std::string socket_lines(std::span<const model::Socket* const> sockets, int columns);

}  // namespace netwatch::tui
