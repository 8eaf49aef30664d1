// What may come back from the network when a probe was sent.
#include "collect/probes/health.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const netwatch::base::Bytes message(data, size);
  const std::int32_t rcode = netwatch::collect::root_answer_rcode(message, 0x4141);
  if (rcode < -1 || rcode > 15) __builtin_trap();
  for (const bool v4 : {true, false}) {
    if (netwatch::collect::is_echo_reply(message, v4, 0x4141, 0) && size != 64) __builtin_trap();
  }
  return 0;
}
