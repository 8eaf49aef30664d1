#include "dpi/protocols.h"

#include <array>

namespace netwatch::dpi {

// One row per protocol: declare it, then list it.
extern const ProtocolDef kTls;
extern const ProtocolDef kHttp;
extern const ProtocolDef kDns;

std::span<const ProtocolDef* const> protocols() {
  static constexpr std::array kTable{&kTls, &kHttp, &kDns};
  return kTable;
}

}  // namespace netwatch::dpi
