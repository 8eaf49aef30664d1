#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

// For test programs: what a process that was taken over would try, and what came of it.
namespace netwatch::confine {

struct Attempt {
  const char* name;
  std::function<long()> run;  // negative and errno if it did not work
};

inline long close_if_open(int fd) {
  if (fd >= 0) ::close(fd);
  return fd;
}

inline long new_process(long pid) {
  if (pid == 0) ::_exit(0);
  if (pid > 0) (void)::waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return pid;
}

inline long run_program(bool at) {
  std::string name = "/bin/true";
  std::array<char*, 2> arguments{name.data(), nullptr};
  std::array<char*, 1> environment{nullptr};
  return at ? ::syscall(SYS_execveat, AT_FDCWD, name.c_str(), arguments.data(), environment.data(),
                        0)
            : ::execve(name.c_str(), arguments.data(), environment.data());
}

inline const char* verdict(long result, int failure) {
  if (result >= 0) return "done";
  // ESPIPE: sockets have no positions to write at.
  constexpr std::array kRefusals{EPERM, EACCES, ENOSYS, ESPIPE};
  for (const int refusal : kRefusals) {
    if (failure == refusal) return "refused";
  }
  return "failed";
}

// "WHO NAME VERDICT WHY", each a field of a line.
inline std::string try_one(const std::string& who, const Attempt& attempt) {
  errno = 0;
  const long result = attempt.run();
  const int failure = errno;
  return who + '\t' + attempt.name + '\t' + verdict(result, failure) + '\t' +
         (result < 0 ? std::strerror(failure) : "") + '\n';
}

}  // namespace netwatch::confine
