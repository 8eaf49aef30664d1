// ASHRAE 135: annex J (BACnet/IP), clauses 6.2.4 (network), 21 (application).
#include "dpi/parts/bacnet_names.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "dpi/parts/field_text.h"

namespace netwatch::dpi::bacnet {
namespace {

using std::string_view;

struct Name {
  std::uint16_t number;
  string_view name;
};

std::string from_table(std::span<const Name> names, std::uint32_t number) {
  const auto found =
      std::ranges::find_if(names, [&](const Name& name) { return name.number == number; });
  return found == names.end() ? std::to_string(number) : std::string(found->name);
}

std::string from_list(std::span<const string_view> names, std::uint32_t number) {
  return number < names.size() ? std::string(names[number]) : std::to_string(number);
}

constexpr string_view kLinkFunctions[] = {"result",
                                          "write_bdt",
                                          "read_bdt",
                                          "read_bdt_ack",
                                          "forwarded_npdu",
                                          "register_foreign_device",
                                          "read_fdt",
                                          "read_fdt_ack",
                                          "delete_fdt_entry",
                                          "distribute_broadcast",
                                          "original_unicast_npdu",
                                          "original_broadcast_npdu"};

constexpr Name kLinkResults[] = {{0x00, "success"},
                                 {0x10, "write_bdt_nak"},
                                 {0x20, "read_bdt_nak"},
                                 {0x30, "register_foreign_device_nak"},
                                 {0x40, "read_fdt_nak"},
                                 {0x50, "delete_fdt_entry_nak"},
                                 {0x60, "distribute_broadcast_nak"}};

constexpr Name kNetworkMessages[] = {
    {0x00, "who_is_router_to_network"},        {0x01, "i_am_router_to_network"},
    {0x02, "i_could_be_router_to_network"},    {0x03, "reject_message_to_network"},
    {0x04, "router_busy_to_network"},          {0x05, "router_available_to_network"},
    {0x06, "initialize_routing_table"},        {0x07, "initialize_routing_table_ack"},
    {0x08, "establish_connection_to_network"}, {0x09, "disconnect_connection_to_network"},
    {0x12, "what_is_network_number"},          {0x13, "network_number_is"}};

constexpr string_view kConfirmed[] = {"acknowledge_alarm",
                                      "confirmed_cov_notification",
                                      "confirmed_event_notification",
                                      "get_alarm_summary",
                                      "get_enrollment_summary",
                                      "subscribe_cov",
                                      "atomic_read_file",
                                      "atomic_write_file",
                                      "add_list_element",
                                      "remove_list_element",
                                      "create_object",
                                      "delete_object",
                                      "read_property",
                                      "read_property_conditional",
                                      "read_property_multiple",
                                      "write_property",
                                      "write_property_multiple",
                                      "device_communication_control",
                                      "confirmed_private_transfer",
                                      "confirmed_text_message",
                                      "reinitialize_device",
                                      "vt_open",
                                      "vt_close",
                                      "vt_data",
                                      "authenticate",
                                      "request_key",
                                      "read_range",
                                      "life_safety_operation",
                                      "subscribe_cov_property",
                                      "get_event_information"};

constexpr string_view kUnconfirmed[] = {"i_am",
                                        "i_have",
                                        "unconfirmed_cov_notification",
                                        "unconfirmed_event_notification",
                                        "unconfirmed_private_transfer",
                                        "unconfirmed_text_message",
                                        "time_synchronization",
                                        "who_has",
                                        "who_is",
                                        "utc_time_synchronization",
                                        "write_group"};

constexpr string_view kObjects[] = {"analog_input",
                                    "analog_output",
                                    "analog_value",
                                    "binary_input",
                                    "binary_output",
                                    "binary_value",
                                    "calendar",
                                    "command",
                                    "device",
                                    "event_enrollment",
                                    "file",
                                    "group",
                                    "loop",
                                    "multi_state_input",
                                    "multi_state_output",
                                    "notification_class",
                                    "program",
                                    "schedule",
                                    "averaging",
                                    "multi_state_value",
                                    "trend_log",
                                    "life_safety_point",
                                    "life_safety_zone",
                                    "accumulator",
                                    "pulse_converter",
                                    "event_log",
                                    "global_group",
                                    "trend_log_multiple",
                                    "load_control",
                                    "structured_view"};

constexpr Name kProperties[] = {{4, "active_text"},
                                {8, "all"},
                                {11, "apdu_timeout"},
                                {12, "application_software_version"},
                                {17, "notification_class"},
                                {22, "cov_increment"},
                                {24, "daylight_savings_status"},
                                {25, "deadband"},
                                {28, "description"},
                                {30, "device_address_binding"},
                                {32, "effective_period"},
                                {36, "event_state"},
                                {38, "exception_schedule"},
                                {44, "firmware_revision"},
                                {45, "high_limit"},
                                {46, "inactive_text"},
                                {56, "local_date"},
                                {57, "local_time"},
                                {58, "location"},
                                {59, "low_limit"},
                                {62, "max_apdu_length_accepted"},
                                {65, "max_pres_value"},
                                {69, "min_pres_value"},
                                {70, "model_name"},
                                {73, "number_of_apdu_retries"},
                                {74, "number_of_states"},
                                {75, "object_identifier"},
                                {76, "object_list"},
                                {77, "object_name"},
                                {79, "object_type"},
                                {80, "optional"},
                                {81, "out_of_service"},
                                {84, "polarity"},
                                {85, "present_value"},
                                {87, "priority_array"},
                                {96, "protocol_object_types_supported"},
                                {97, "protocol_services_supported"},
                                {98, "protocol_version"},
                                {103, "reliability"},
                                {104, "relinquish_default"},
                                {105, "required"},
                                {107, "segmentation_supported"},
                                {110, "state_text"},
                                {111, "status_flags"},
                                {112, "system_status"},
                                {117, "units"},
                                {119, "utc_offset"},
                                {120, "vendor_identifier"},
                                {121, "vendor_name"},
                                {123, "weekly_schedule"},
                                {131, "log_buffer"},
                                {139, "protocol_revision"},
                                {155, "database_revision"}};

constexpr string_view kErrorClasses[] = {"device",   "object",   "property", "resources",
                                         "security", "services", "vt",       "communication"};

constexpr Name kErrors[] = {{0, "other"},
                            {2, "configuration_in_progress"},
                            {3, "device_busy"},
                            {4, "dynamic_creation_not_supported"},
                            {9, "invalid_data_type"},
                            {16, "missing_required_parameter"},
                            {25, "operational_problem"},
                            {26, "password_failure"},
                            {27, "read_access_denied"},
                            {29, "service_request_denied"},
                            {30, "timeout"},
                            {31, "unknown_object"},
                            {32, "unknown_property"},
                            {37, "value_out_of_range"},
                            {40, "write_access_denied"},
                            {42, "invalid_array_index"},
                            {43, "cov_subscription_failed"},
                            {44, "not_cov_property"},
                            {50, "property_is_not_an_array"},
                            {70, "unknown_device"}};

constexpr string_view kRejects[] = {"other",
                                    "buffer_overflow",
                                    "inconsistent_parameters",
                                    "invalid_parameter_data_type",
                                    "invalid_tag",
                                    "missing_required_parameter",
                                    "parameter_out_of_range",
                                    "too_many_arguments",
                                    "undefined_enumeration",
                                    "unrecognized_service"};

constexpr string_view kAborts[] = {"other",
                                   "buffer_overflow",
                                   "invalid_apdu_in_this_state",
                                   "preempted_by_higher_priority_task",
                                   "segmentation_not_supported",
                                   "security_error",
                                   "insufficient_security",
                                   "window_size_out_of_range",
                                   "application_exceeded_reply_time",
                                   "out_of_resources",
                                   "tsm_timeout",
                                   "apdu_too_long"};

}  // namespace

string_view link_function_name(std::uint8_t function) {
  return function < std::size(kLinkFunctions) ? kLinkFunctions[function] : string_view{};
}
std::string link_result_name(std::uint16_t result) { return from_table(kLinkResults, result); }
std::string network_message_name(std::uint8_t type) { return from_table(kNetworkMessages, type); }
std::string confirmed_service_name(std::uint8_t service) { return from_list(kConfirmed, service); }
std::string unconfirmed_service_name(std::uint8_t service) {
  return from_list(kUnconfirmed, service);
}

// 20.2.14: ten bits of type, 22 of instance.
std::string object_text(std::uint32_t identifier) {
  return from_list(kObjects, identifier >> 22)
      .append(":")
      .append(std::to_string(identifier & 0x3FFFFF));
}

std::string property_name(std::uint32_t property) { return from_table(kProperties, property); }
std::string error_text(std::uint32_t error_class, std::uint32_t code) {
  return from_list(kErrorClasses, error_class).append("/").append(from_table(kErrors, code));
}
std::string reject_name(std::uint8_t reason) { return from_list(kRejects, reason); }
std::string abort_name(std::uint8_t reason) { return from_list(kAborts, reason); }

}  // namespace netwatch::dpi::bacnet
