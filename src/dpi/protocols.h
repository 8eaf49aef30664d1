#pragma once

#include <span>

#include "dpi/protocol.h"

namespace netwatch::dpi {

// Every protocol that is decoded, most specific probe first.
std::span<const ProtocolDef* const> protocols();

}  // namespace netwatch::dpi
