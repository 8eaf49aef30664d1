#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Functions and exceptions of Modbus, "MODBUS Application Protocol Specification" V1.1b3.
namespace netwatch::dpi::modbus {

// Section 6.
enum Code : std::uint8_t {
  kReadCoils = 1,
  kReadInputs = 2,
  kReadHolding = 3,
  kReadInputRegisters = 4,
  kWriteCoil = 5,
  kWriteRegister = 6,
  kReadException = 7,
  kDiagnostics = 8,
  kEventCounter = 11,
  kEventLog = 12,
  kWriteCoils = 15,
  kWriteRegisters = 16,
  kReportServer = 17,
  kReadFile = 20,
  kWriteFile = 21,
  kMaskWrite = 22,
  kReadWrite = 23,
  kReadFifo = 24,
  kEncapsulated = 43,
};
// Empty if the standard has none.
std::string_view function_name(std::uint8_t code);
// Section 7; the number if it has none.
std::string exception_name(std::uint8_t code);

}  // namespace netwatch::dpi::modbus
