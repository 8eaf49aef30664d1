#pragma once

#include <span>

#include "dpi/protocol.h"

namespace netwatch::dpi {

// Every protocol that is decoded. Those whose usual port it is are asked first, then in this order,
// and the first yes counts: a probe that others' messages may pass stands behind theirs.
std::span<const ProtocolDef* const> protocols();

}  // namespace netwatch::dpi
