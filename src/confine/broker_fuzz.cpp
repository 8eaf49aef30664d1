// What a worker that was taken over may send to its broker.
#include "confine/broker.h"

#include <algorithm>

namespace {

namespace confine = netwatch::confine;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const netwatch::base::Bytes message(data, size);
  const auto parsed = confine::parse_request(message);
  if (!parsed.ok()) return 0;
  // There is one way only to ask for something, and what is asked for is within its bounds.
  const auto again = confine::encode(*parsed);
  require(std::equal(again.begin(), again.end(), message.begin(), message.end()));
  if (const auto* const capture = std::get_if<confine::CaptureRequest>(&*parsed)) {
    require(!capture->interface.empty() &&
            capture->interface.size() <= confine::CaptureRequest::kMaxInterfaceBytes);
    require(!capture->filter.empty() &&
            capture->filter.size() <= confine::CaptureRequest::kMaxInstructions);
    require(capture->ring_mebibytes > 0 &&
            capture->ring_mebibytes <= confine::CaptureRequest::kMaxRingMebibytes);
  }
  if (const auto* const dump = std::get_if<confine::SocketDumpRequest>(&*parsed)) {
    require(dump->netns != 0 && dump->table < confine::SocketDumpRequest::kTables);
  }
  return 0;
}
