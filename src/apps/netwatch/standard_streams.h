#pragma once

namespace netwatch::app {

// Takes the descriptors 0 to 2 that are closed, before anything else is opened: else a capture or a
// socket would get such a number, and what is said to people would be written into it. Reading and
// writing them fails as before. False if that is not possible.
[[nodiscard]] bool reserve_standard_streams();

}  // namespace netwatch::app
