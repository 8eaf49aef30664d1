#pragma once

// What netwatch's exit status says (netwatch(1), "Exit status"). Stable.
namespace netwatch::app {

inline constexpr int kExitOk = 0;
inline constexpr int kExitBrokenInput = 1;  // a file was damaged or unreadable; the rest was shown
inline constexpr int kExitUsage = 2;        // an option, filter or value is wrong
inline constexpr int kExitNotPossible = 3;  // this host, or these rights, do not allow it

}  // namespace netwatch::app
