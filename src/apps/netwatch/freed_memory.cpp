#include "apps/netwatch/freed_memory.h"

#include <cstdlib>  // tells whose library it is

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace netwatch::app {

void give_back_freed_memory() {
#ifdef __GLIBC__
  // Its default, which the library raises to twice the largest block freed so far, up to 64 MiB,
  // unless it is set (mallopt(3), "dynamic mmap threshold").
  constexpr int kThresholdBytes = 128 << 10;
  (void)::mallopt(M_TRIM_THRESHOLD, kThresholdBytes);
#endif
}

}  // namespace netwatch::app
