#include "dpi/parts/s7_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "dpi/parts/field_text.h"

namespace netwatch::dpi::s7 {
namespace {

using base::Bytes;
using base::Cursor;
using std::string_view;

struct Name {
  std::uint16_t number;
  string_view name;
};

template <std::size_t kSize>
string_view name_of(const Name (&names)[kSize], std::uint16_t number) {
  const auto* const found = std::ranges::find(names, number, &Name::number);
  return found == std::end(names) ? string_view{} : found->name;
}

constexpr Name kFunctions[] = {
    {0x00, "cpu_services"},
    {kReadVar, "read_var"},
    {kWriteVar, "write_var"},
    {kRequestDownload, "request_download"},
    {kDownloadBlock, "download_block"},
    {kDownloadEnded, "download_ended"},
    {kStartUpload, "start_upload"},
    {kUpload, "upload"},
    {kEndUpload, "end_upload"},
    {kPlcControl, "plc_control"},
    {kPlcStop, "plc_stop"},
    {kSetup, "setup_communication"},
};

constexpr Name kGroups[] = {{0, "mode_transition"}, {1, "programmer"}, {2, "cyclic"},
                            {3, "block"},           {4, "cpu"},        {5, "security"},
                            {6, "bsend"},           {7, "time"},       {15, "nc"}};

// The group in the high byte.
constexpr Name kServices[] = {
    {0x0102, "variable_table"},
    {0x0201, "cyclic_transfer"},
    {0x0204, "unsubscribe"},
    {0x0205, "change_driven_transfer"},
    {0x0207, "change_driven_transfer_modify"},
    {0x0301, "list_blocks"},
    {0x0302, "list_blocks_of_type"},
    {0x0303, "get_block_info"},
    {0x0401, "read_szl"},
    {0x0402, "message_service"},
    {0x0403, "diagnostic_message"},
    {0x0405, "alarm_8_indication"},
    {0x0406, "notify_indication"},
    {0x0407, "alarm_8_lock"},
    {0x0408, "alarm_8_unlock"},
    {0x0409, "scan_indication"},
    {0x040B, "alarm_ack"},
    {0x040C, "alarm_ack_indication"},
    {0x0411, "alarm_sq_indication"},
    {0x0412, "alarm_s_indication"},
    {0x0413, "alarm_query"},
    {0x0416, "notify_8_indication"},
    {0x0501, "set_password"},
    {0x0502, "clear_password"},
    {0x0701, "read_clock"},
    {0x0702, "set_clock"},
    {0x0703, "read_clock_following"},
    {0x0704, "set_clock"},
};

constexpr Name kReturnCodes[] = {
    {0x01, "hardware_fault"},
    {0x03, "access_denied"},
    {0x05, "invalid_address"},
    {0x06, "data_type_not_supported"},
    {0x07, "data_type_inconsistent"},
    {0x0A, "object_does_not_exist"},
    {0xFF, "success"},
};

constexpr Name kSizes[] = {
    {1, "bit"},   {2, "byte"},    {3, "char"},           {4, "word"},     {5, "int"},
    {6, "dword"}, {7, "dint"},    {8, "real"},           {9, "date"},     {10, "tod"},
    {11, "time"}, {12, "s5time"}, {15, "date_and_time"}, {28, "counter"}, {29, "timer"}};

constexpr Name kAreas[] = {{0x03, "SYS"}, {0x05, "SYSF"}, {0x1C, "C"}, {0x1D, "T"},
                           {0x80, "P"},   {0x81, "I"},    {0x82, "Q"}, {0x83, "M"},
                           {0x84, "DB"},  {0x85, "DI"},   {0x86, "L"}, {0x87, "V"}};

std::string or_number(string_view name, std::uint8_t number) {
  return name.empty() ? hex_number(number, 2) : std::string(name);
}

}  // namespace

std::string function_name(std::uint8_t function) {
  return or_number(name_of(kFunctions, function), function);
}

std::string service_name(std::uint8_t group, std::uint8_t function) {
  const auto both = static_cast<std::uint16_t>(group << 8 | function);
  const string_view name = name_of(kServices, both);
  if (!name.empty()) return std::string(name);
  return or_number(name_of(kGroups, group), group) + "/" + std::to_string(function);
}

std::string return_code_name(std::uint8_t code) {
  return or_number(name_of(kReturnCodes, code), code);
}

// Its head says how long it is; of S7ANY (0x10) size, count, block, area, and the address in bits.
std::string take_item(Cursor& in) {
  constexpr std::uint8_t kHead = 0x12;
  constexpr std::uint8_t kAny = 0x10;
  constexpr std::uint8_t kCounter = 0x1C;
  constexpr std::uint8_t kTimer = 0x1D;
  constexpr std::uint8_t kDataBlock = 0x84;
  constexpr std::uint8_t kInstanceBlock = 0x85;
  const bool head = in.u8() == kHead;
  Cursor item = in.sub(in.u8());
  const bool any = item.u8() == kAny;
  const std::uint8_t size = item.u8();
  const std::uint16_t count = item.u16();
  const std::uint16_t block = item.u16();
  const std::uint8_t area = item.u8();
  const std::uint32_t address = item.u24();
  if (!head || !any || !item.ok()) return {};
  std::string text = or_number(name_of(kAreas, area), area);
  if (area == kDataBlock || area == kInstanceBlock) {
    text.append(std::to_string(block)).append(area == kDataBlock ? ".DBX" : ".DIX");
  }
  if (area == kCounter || area == kTimer) {
    text.append(std::to_string(address));
  } else {
    text.append(std::to_string(address >> 3)).append(".").append(std::to_string(address & 7));
  }
  return text.append(" ")
      .append(or_number(name_of(kSizes, size), size))
      .append(" ")
      .append(std::to_string(count));
}

std::string block_name(string_view file) {
  constexpr Name kTypes[] = {{'8', "OB"},  {'A', "DB"}, {'B', "SDB"}, {'C', "FC"},
                             {'D', "SFC"}, {'E', "FB"}, {'F', "SFB"}};
  constexpr std::size_t kBytes = 9;  // '_', '0' and a type, five digits, where it lies
  if (file.size() != kBytes || file[0] != '_' || file[1] != '0') return {};
  const string_view type = name_of(kTypes, static_cast<std::uint8_t>(file[2]));
  unsigned number = 0;
  const char* const end = file.data() + 8;
  if (type.empty() || std::from_chars(file.data() + 3, end, number).ptr != end) return {};
  return std::string(type) + std::to_string(number);
}

}  // namespace netwatch::dpi::s7
