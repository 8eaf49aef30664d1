#pragma once

namespace netwatch::app {

struct DoctorOptions {
  bool json = false;
};

// `netwatch doctor`: what this host and these rights allow, why not more, and the command that
// mends it. Returns the exit status, which does not depend on what is off.
int run_doctor(const DoctorOptions& options);

}  // namespace netwatch::app
