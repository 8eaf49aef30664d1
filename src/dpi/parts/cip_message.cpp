// The CIP Networks Library, volume 1: 2-4 (message router), appendices A (services), B (status), C
// (paths); volume 5's and Logix' services of tags.
#include "dpi/parts/cip_message.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using std::string_view;

struct Name {
  std::uint16_t number;
  string_view name;
};

constexpr Name kServices[] = {
    {0x01, "get_attributes_all"},
    {0x02, "set_attributes_all"},
    {0x03, "get_attribute_list"},
    {0x04, "set_attribute_list"},
    {0x05, "reset"},
    {0x06, "start"},
    {0x07, "stop"},
    {0x08, "create"},
    {0x09, "delete"},
    {0x0A, "multiple_service_packet"},
    {0x0D, "apply_attributes"},
    {0x0E, "get_attribute_single"},
    {0x10, "set_attribute_single"},
    {0x11, "find_next_object_instance"},
    {0x15, "restore"},
    {0x16, "save"},
    {0x17, "nop"},
    {0x18, "get_member"},
    {0x19, "set_member"},
    {0x1A, "insert_member"},
    {0x1B, "remove_member"},
    {0x1C, "group_sync"},
    {0x4B, "execute_pccc"},
    {0x4C, "read_tag"},
    {0x4D, "write_tag"},
    {0x4E, "read_modify_write_tag"},
    {0x52, "read_tag_fragmented"},
    {0x53, "write_tag_fragmented"},
    {0x55, "get_instance_attribute_list"},
};
constexpr std::uint16_t kConnectionManager = 6;
constexpr Name kConnectionServices[] = {
    {0x4E, "forward_close"},       {0x52, "unconnected_send"},       {0x54, "forward_open"},
    {0x56, "get_connection_data"}, {0x57, "search_connection_data"}, {0x5A, "get_connection_owner"},
    {0x5B, "large_forward_open"},
};
constexpr Name kClasses[] = {
    {0x01, "identity"},
    {0x02, "message_router"},
    {0x04, "assembly"},
    {0x05, "connection"},
    {kConnectionManager, "connection_manager"},
    {0x0F, "parameter"},
    {0x37, "file"},
    {0x43, "time_sync"},
    {0x64, "program_name"},
    {0x67, "pccc"},
    {0x68, "program"},
    {0x69, "map"},
    {0x6B, "symbol"},
    {0x6C, "template"},
    {0x8B, "wall_clock"},
    {0x8E, "controller"},
    {0xF4, "port"},
    {0xF5, "tcp_ip_interface"},
    {0xF6, "ethernet_link"},
};
constexpr Name kStatus[] = {
    {0x00, "success"},
    {0x01, "connection_failure"},
    {0x02, "resource_unavailable"},
    {0x03, "invalid_parameter_value"},
    {0x04, "path_segment_error"},
    {0x05, "path_destination_unknown"},
    {0x06, "partial_transfer"},
    {0x07, "connection_lost"},
    {0x08, "service_not_supported"},
    {0x09, "invalid_attribute_value"},
    {0x0A, "attribute_list_error"},
    {0x0B, "already_in_state"},
    {0x0C, "object_state_conflict"},
    {0x0D, "object_already_exists"},
    {0x0E, "attribute_not_settable"},
    {0x0F, "privilege_violation"},
    {0x10, "device_state_conflict"},
    {0x11, "reply_data_too_large"},
    {0x13, "not_enough_data"},
    {0x14, "attribute_not_supported"},
    {0x15, "too_much_data"},
    {0x16, "object_does_not_exist"},
    {0x1C, "missing_attribute_data"},
    {0x1E, "embedded_service_error"},
    {0x1F, "vendor_specific_error"},
    {0x20, "invalid_parameter"},
    {0x26, "invalid_path_size"},
    {0xFF, "general_error"},
};

template <std::size_t kSize>
string_view name_of(const Name (&names)[kSize], std::int64_t number) {
  const auto* const found =
      std::ranges::find_if(names, [&](const Name& name) { return name.number == number; });
  return found == std::end(names) ? string_view{} : found->name;
}

// C-1.4: logical segments of 8, 16 and 32 bits, and names of tags; others end it.
void read_path(Bytes path, CipMessage& message) {
  constexpr std::uint8_t kSymbol = 0x91;
  Cursor in(path);
  while (in.ok() && !in.at_end()) {
    const std::uint8_t segment = in.u8();
    if (segment == kSymbol) {
      const std::size_t size = in.u8();
      const Bytes name = in.take(size);
      (void)in.take_up_to(size % 2);
      if (!in.ok() || !is_text(name)) return;
      if (!message.symbol.empty()) message.symbol += '.';
      message.symbol += base::as_text(name);
      continue;
    }
    if ((segment & 0xE0) != 0x20 || (segment & 3) == 3) return;
    const std::size_t size = std::size_t{1} << (segment & 3);
    if (size > 1) in.skip(1);
    const auto value = static_cast<std::int64_t>(in.le(size));
    if (!in.ok()) return;
    const int kind = segment >> 2 & 7;
    if (kind == 0) message.class_id = value;
    if (kind == 1) message.instance = value;
    if (kind == 4) message.attribute = value;
  }
}

}  // namespace

bool read_cip(Bytes bytes, CipMessage& message) {
  Cursor in(bytes);
  const std::uint8_t service = in.u8();
  message.service = service & 0x7F;
  message.response = (service & 0x80) != 0;
  if (!message.response) {
    const Bytes path = in.take(in.u8() * std::size_t{2});
    if (!in.ok()) return false;
    read_path(path, message);
  } else {
    in.skip(1);
    message.status = in.u8();
    const std::uint8_t words = in.u8();
    message.has_extended = words > 0;
    if (words > 0) message.extended = in.u16le();
    if (words > 1) in.skip((words - std::size_t{1}) * 2);
    if (!in.ok()) return false;
  }
  message.data = in.rest();
  return true;
}

// 3-5.5.4: two bytes of time-out, then the message with its size.
Bytes routed_message(const CipMessage& message) {
  constexpr std::uint8_t kUnconnectedSend = 0x52;
  if (message.response || message.service != kUnconnectedSend ||
      message.class_id != kConnectionManager)
    return {};
  Cursor in(message.data);
  in.skip(2);
  return in.take(in.u16le());
}

std::string cip_service_name(std::uint8_t service, std::int64_t class_id) {
  string_view name;
  if (class_id == kConnectionManager) name = name_of(kConnectionServices, service);
  if (name.empty()) name = name_of(kServices, service);
  if (name.empty() && class_id < 0) name = name_of(kConnectionServices, service);
  return name.empty() ? hex_number(service, 2) : std::string(name);
}

std::string cip_class_name(std::int64_t class_id) {
  const string_view name = name_of(kClasses, class_id);
  return name.empty() ? hex_number(static_cast<std::uint64_t>(class_id), 2) : std::string(name);
}

std::string cip_status_name(std::uint8_t status) {
  const string_view name = name_of(kStatus, status);
  return name.empty() ? hex_number(status, 2) : std::string(name);
}

}  // namespace netwatch::dpi
