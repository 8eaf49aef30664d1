#pragma once

namespace netwatch::model {

// One second of traffic, in bytes per second.
struct RatePoint {
  float up = 0;
  float down = 0;
};

}  // namespace netwatch::model
