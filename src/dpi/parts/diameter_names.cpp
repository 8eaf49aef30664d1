// RFC 6733 sections 3.1, 7.1 and 11; RFC 8506, RFC 4005, RFC 4072; 3GPP TS 29.230.
#include "dpi/parts/diameter_names.h"

#include <array>
#include <span>

namespace netwatch::dpi::diameter {
namespace {

using std::string_view;

struct Name {
  std::uint32_t number;
  string_view name;
};

constexpr Name kCommands[] = {
    {257, "capabilities_exchange"},
    {258, "re_auth"},
    {265, "aa"},
    {268, "diameter_eap"},
    {271, "accounting"},
    {272, "credit_control"},
    {274, "abort_session"},
    {275, "session_termination"},
    {280, "device_watchdog"},
    {282, "disconnect_peer"},
    {300, "user_authorization"},
    {301, "server_assignment"},
    {302, "location_info"},
    {303, "multimedia_auth"},
    {304, "registration_termination"},
    {305, "push_profile"},
    {306, "user_data"},
    {307, "profile_update"},
    {308, "subscribe_notifications"},
    {309, "push_notification"},
    {316, "update_location"},
    {317, "cancel_location"},
    {318, "authentication_information"},
    {319, "insert_subscriber_data"},
    {320, "delete_subscriber_data"},
    {321, "purge_ue"},
    {322, "reset"},
    {323, "notify"},
    {324, "me_identity_check"},
    {8388620, "provide_location"},
    {8388621, "location_report"},
    {8388622, "lcs_routing_info"},
    {8388635, "spending_limit"},
    {8388636, "spending_status_notification"},
};
constexpr Name kApplications[] = {
    {0, "base"},       {1, "nasreq"},         {2, "mobile_ip"},
    {3, "accounting"}, {4, "credit_control"}, {5, "eap"},
    {6, "sip"},        {16777216, "cx"},      {16777217, "sh"},
    {16777236, "rx"},  {16777238, "gx"},      {16777250, "sta"},
    {16777251, "s6a"}, {16777252, "s13"},     {16777255, "slg"},
    {16777264, "swm"}, {16777265, "swx"},     {16777267, "s9"},
    {16777272, "s6b"}, {16777291, "slh"},     {16777302, "sy"},
    {16777308, "s7a"}, {0xFFFFFFFF, "relay"},
};
constexpr Name kResults[] = {
    {1001, "multi_round_auth"},
    {2001, "success"},
    {2002, "limited_success"},
    {3001, "command_unsupported"},
    {3002, "unable_to_deliver"},
    {3003, "realm_not_served"},
    {3004, "too_busy"},
    {3005, "loop_detected"},
    {3006, "redirect_indication"},
    {3007, "application_unsupported"},
    {3008, "invalid_header_bits"},
    {3009, "invalid_avp_bits"},
    {3010, "unknown_peer"},
    {4001, "authentication_rejected"},
    {4002, "out_of_space"},
    {4003, "election_lost"},
    {4010, "end_user_service_denied"},
    {4011, "credit_control_not_applicable"},
    {4012, "credit_limit_reached"},
    {5001, "avp_unsupported"},
    {5002, "unknown_session_id"},
    {5003, "authorization_rejected"},
    {5004, "invalid_avp_value"},
    {5005, "missing_avp"},
    {5006, "resources_exceeded"},
    {5007, "contradicting_avps"},
    {5008, "avp_not_allowed"},
    {5009, "avp_occurs_too_many_times"},
    {5010, "no_common_application"},
    {5011, "unsupported_version"},
    {5012, "unable_to_comply"},
    {5013, "invalid_bit_in_header"},
    {5014, "invalid_avp_length"},
    {5015, "invalid_message_length"},
    {5016, "invalid_avp_bit_combo"},
    {5017, "no_common_security"},
    {5030, "user_unknown"},
    {5031, "rating_failed"},
};
constexpr Name kExperimental[] = {
    {2001, "first_registration"},
    {2002, "subsequent_registration"},
    {2003, "unregistered_service"},
    {2004, "success_server_name_not_stored"},
    {4181, "authentication_data_unavailable"},
    {5001, "user_unknown"},
    {5002, "identities_dont_match"},
    {5003, "identity_not_registered"},
    {5004, "roaming_not_allowed"},
    {5005, "identity_already_registered"},
    {5006, "auth_scheme_not_supported"},
    {5420, "unknown_eps_subscription"},
    {5421, "rat_not_allowed"},
    {5422, "equipment_unknown"},
    {5423, "unknown_serving_node"},
};

string_view find(std::span<const Name> names, std::uint32_t number) {
  for (const Name& name : names) {
    if (name.number == number) return name.name;
  }
  return {};
}

}  // namespace

string_view command_name(std::uint32_t code) { return find(kCommands, code); }
string_view application_name(std::uint32_t id) { return find(kApplications, id); }
string_view result_name(std::uint32_t code) { return find(kResults, code); }

string_view experimental_name(std::uint32_t vendor, std::uint32_t code) {
  constexpr std::uint32_t k3gpp = 10415;
  return vendor == k3gpp ? find(kExperimental, code) : string_view();
}

}  // namespace netwatch::dpi::diameter
