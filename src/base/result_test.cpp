#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace netwatch::base {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error{ErrorCode::kInvalid, "odd"};
  return n / 2;
}

TEST(Result, Chains) {
  EXPECT_EQ(*half(8).and_then(half), 2);
  EXPECT_EQ(half(6).and_then(half).error().message, "odd");
  int calls = 0;
  const auto count = [&calls](int n) {
    ++calls;
    return std::to_string(n);
  };
  EXPECT_EQ(*half(4).transform(count), "2");
  EXPECT_FALSE(half(3).transform(count).ok());
  EXPECT_EQ(calls, 1);
}

TEST(Result, HoldsMoveOnlyValues) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(5));
  ASSERT_TRUE(result);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 5);
}

TEST(Result, ErrnoBecomesWords) {
  const struct {
    int value;
    ErrorCode code;
  } cases[] = {{EACCES, ErrorCode::kDenied},   {EPERM, ErrorCode::kDenied},
               {ENOENT, ErrorCode::kNotFound}, {ENODEV, ErrorCode::kNotFound},
               {EIO, ErrorCode::kIo},          {ENOSPC, ErrorCode::kIo}};
  for (const auto& c : cases) EXPECT_EQ(errno_error(c.value, "x").code, c.code) << c.value;
  EXPECT_EQ(errno_error(ENOENT, "/etc/x").message, "/etc/x: No such file or directory");
}

}  // namespace
}  // namespace netwatch::base
