#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/cursor.h"

// What numbers of S7 communication mean.
namespace netwatch::dpi::s7 {

enum Function : std::uint8_t {
  kReadVar = 0x04,
  kWriteVar = 0x05,
  kRequestDownload = 0x1A,
  kDownloadBlock = 0x1B,
  kDownloadEnded = 0x1C,
  kStartUpload = 0x1D,
  kUpload = 0x1E,
  kEndUpload = 0x1F,
  kPlcControl = 0x28,
  kPlcStop = 0x29,
  kSetup = 0xF0,
};
std::string function_name(std::uint8_t function);
// Of user data: a group and a function in it.
std::string service_name(std::uint8_t group, std::uint8_t function);
std::string return_code_name(std::uint8_t code);
// "DB1.DBX0.0 byte 10": one address of a request; empty if it is of another kind than S7ANY.
std::string take_item(base::Cursor& in);
// "DB1" of "_0A00001P": the block that a file name stands for; empty if it is none.
std::string block_name(std::string_view file);

}  // namespace netwatch::dpi::s7
