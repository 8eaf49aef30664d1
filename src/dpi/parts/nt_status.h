#pragma once

#include <cstdint>
#include <string>

namespace netwatch::dpi {

// NTSTATUS values, [MS-ERREF] 2.3.1.
namespace nt_status {
inline constexpr std::uint32_t kSuccess = 0, kPending = 0x103, kNotifyCleanup = 0x10B,
                               kNotifyEnumDir = 0x10C, kBufferOverflow = 0x80000005,
                               kNoMoreFiles = 0x80000006, kEndOfFile = 0xC0000011,
                               kMoreProcessing = 0xC0000016, kCancelled = 0xC0000120;
}  // namespace nt_status

// "STATUS_ACCESS_DENIED"; the number if it is not one that file servers send.
std::string nt_status_name(std::uint32_t status);

}  // namespace netwatch::dpi
