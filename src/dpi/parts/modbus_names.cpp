#include "dpi/parts/modbus_names.h"

#include <array>

namespace netwatch::dpi::modbus {

using std::string_view;

string_view function_name(std::uint8_t code) {
  switch (code) {
    case kReadCoils:
      return "read_coils";
    case kReadInputs:
      return "read_discrete_inputs";
    case kReadHolding:
      return "read_holding_registers";
    case kReadInputRegisters:
      return "read_input_registers";
    case kWriteCoil:
      return "write_single_coil";
    case kWriteRegister:
      return "write_single_register";
    case kReadException:
      return "read_exception_status";
    case kDiagnostics:
      return "diagnostics";
    case kEventCounter:
      return "get_comm_event_counter";
    case kEventLog:
      return "get_comm_event_log";
    case kWriteCoils:
      return "write_multiple_coils";
    case kWriteRegisters:
      return "write_multiple_registers";
    case kReportServer:
      return "report_server_id";
    case kReadFile:
      return "read_file_record";
    case kWriteFile:
      return "write_file_record";
    case kMaskWrite:
      return "mask_write_register";
    case kReadWrite:
      return "read_write_multiple_registers";
    case kReadFifo:
      return "read_fifo_queue";
    case kEncapsulated:
      return "encapsulated_interface";
    default:
      return {};
  }
}

std::string exception_name(std::uint8_t code) {
  constexpr std::array<string_view, 12> kNames{"",
                                               "illegal_function",
                                               "illegal_data_address",
                                               "illegal_data_value",
                                               "server_device_failure",
                                               "acknowledge",
                                               "server_device_busy",
                                               "negative_acknowledge",
                                               "memory_parity_error",
                                               "",
                                               "gateway_path_unavailable",
                                               "gateway_target_failed"};
  const bool known = code < kNames.size() && !kNames[code].empty();
  return known ? std::string(kNames[code]) : std::to_string(code);
}

}  // namespace netwatch::dpi::modbus
