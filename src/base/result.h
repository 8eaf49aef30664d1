#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <type_traits>
#include <utility>

namespace netwatch::base {

enum class ErrorCode : std::uint8_t {
  kInvalid,      // malformed input: a file, a filter, an option
  kNotFound,     // no such file, interface, process
  kDenied,       // the operating system refused: a permission or capability is missing
  kUnsupported,  // known, but not spoken here
  kTruncated,    // ends early
  kLimit,        // a stated budget is exhausted
  kIo,           // the operating system failed
};

// What went wrong, where, and what to do about it, in words for a person.
struct Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;
};

// A value or an Error: for the operating system and for whole inputs (files, filters, configs).
// Hostile packets are not errors: they are verdicts and counters.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}                     // NOLINT(*-explicit-*)
  Result(Error error) : value_(std::unexpect, std::move(error)) {}  // NOLINT(*-explicit-*)

  [[nodiscard]] bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  [[nodiscard]] const Error& error() const { return value_.error(); }

  // f: T -> Result<U>
  template <typename F>
  auto and_then(F&& f) && -> std::invoke_result_t<F, T&&> {
    if (!ok()) return error();
    return std::forward<F>(f)(*std::move(value_));
  }
  // f: T -> U
  template <typename F>
  auto transform(F&& f) && -> Result<std::invoke_result_t<F, T&&>> {
    if (!ok()) return error();
    return std::forward<F>(f)(*std::move(value_));
  }

 private:
  std::expected<T, Error> value_;
};

struct Unit {};
using Status = Result<Unit>;
inline Status ok_status() { return Unit{}; }

// errno as an Error: "<what>: <strerror>", EACCES and EPERM as kDenied, ENOENT as kNotFound.
Error errno_error(int errno_value, std::string what);

}  // namespace netwatch::base
