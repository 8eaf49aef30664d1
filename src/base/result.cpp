#include "base/result.h"

#include <cerrno>
#include <system_error>

namespace netwatch::base {

Error errno_error(int errno_value, std::string what) {
  ErrorCode code = ErrorCode::kIo;
  if (errno_value == EACCES || errno_value == EPERM) code = ErrorCode::kDenied;
  if (errno_value == ENOENT || errno_value == ENODEV) code = ErrorCode::kNotFound;
  what += ": ";
  what += std::generic_category().message(errno_value);
  return {code, std::move(what)};
}

}  // namespace netwatch::base
