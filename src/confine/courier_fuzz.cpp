// What a courier that was taken over may tell its worker.
#include <algorithm>

#include "confine/courier.h"

namespace {

namespace confine = netwatch::confine;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const netwatch::base::Bytes message(data, size);
  const auto parsed = confine::parse_health(message);
  if (!parsed.ok()) return 0;
  // There is one way only to tell something, and what is told is within its bounds.
  const auto again = confine::encode_health(*parsed);
  require(std::equal(again.begin(), again.end(), message.begin(), message.end()));
  require(parsed->rows.size() <= confine::HealthMessage::kMaxRows);
  for (const auto& row : parsed->rows) {
    require(row.rtts_ns.size() <= netwatch::model::kProbeSamples);
    require(row.loss >= -1 && row.loss <= 1);
  }
  return 0;
}
