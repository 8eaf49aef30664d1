// OPC 10000-6 annex A: numeric identifiers and status codes.
#include "dpi/parts/opcua_names.h"

#include <algorithm>
#include <array>
#include <span>

#include "dpi/parts/field_text.h"

namespace netwatch::dpi::opcua {
namespace {

using std::string_view;

struct Name {
  std::uint32_t number;
  string_view name;
};

// Of requests; a response's is three higher.
constexpr Name kServices[] = {
    {422, "FindServers"},
    {428, "GetEndpoints"},
    {437, "RegisterServer"},
    {kOpenSecureChannel, "OpenSecureChannel"},
    {452, "CloseSecureChannel"},
    {kCreateSession, "CreateSession"},
    {kActivateSession, "ActivateSession"},
    {473, "CloseSession"},
    {479, "Cancel"},
    {488, "AddNodes"},
    {494, "AddReferences"},
    {500, "DeleteNodes"},
    {506, "DeleteReferences"},
    {527, "Browse"},
    {533, "BrowseNext"},
    {554, "TranslateBrowsePathsToNodeIds"},
    {560, "RegisterNodes"},
    {566, "UnregisterNodes"},
    {615, "QueryFirst"},
    {621, "QueryNext"},
    {kRead, "Read"},
    {664, "HistoryRead"},
    {kWrite, "Write"},
    {700, "HistoryUpdate"},
    {kCall, "Call"},
    {751, "CreateMonitoredItems"},
    {763, "ModifyMonitoredItems"},
    {769, "SetMonitoringMode"},
    {775, "SetTriggering"},
    {781, "DeleteMonitoredItems"},
    {787, "CreateSubscription"},
    {793, "ModifySubscription"},
    {799, "SetPublishingMode"},
    {kPublish, "Publish"},
    {832, "Republish"},
    {841, "TransferSubscriptions"},
    {847, "DeleteSubscriptions"},
};

// Their upper half.
constexpr Name kStatus[] = {
    {0x0000, "Good"},
    {0x8001, "BadUnexpectedError"},
    {0x8002, "BadInternalError"},
    {0x800A, "BadTimeout"},
    {0x800B, "BadServiceUnsupported"},
    {0x8012, "BadCertificateInvalid"},
    {0x8013, "BadSecurityChecksFailed"},
    {0x801A, "BadCertificateUntrusted"},
    {0x801F, "BadUserAccessDenied"},
    {0x8020, "BadIdentityTokenInvalid"},
    {0x8021, "BadIdentityTokenRejected"},
    {0x8022, "BadSecureChannelIdInvalid"},
    {0x8025, "BadSessionIdInvalid"},
    {0x8026, "BadSessionClosed"},
    {0x8027, "BadSessionNotActivated"},
    {0x8028, "BadSubscriptionIdInvalid"},
    {0x8034, "BadNodeIdUnknown"},
    {0x8054, "BadSecurityModeRejected"},
    {0x8055, "BadSecurityPolicyRejected"},
    {0x8079, "BadNoSubscription"},
    {0x807D, "BadTcpServerTooBusy"},
    {0x807E, "BadTcpMessageTypeInvalid"},
    {0x807F, "BadTcpSecureChannelUnknown"},
    {0x8080, "BadTcpMessageTooLarge"},
    {0x8081, "BadTcpNotEnoughResources"},
    {0x8082, "BadTcpInternalError"},
    {0x8083, "BadTcpEndpointUrlInvalid"},
};

string_view name_of(std::span<const Name> names, std::uint32_t number) {
  const auto found =
      std::ranges::find_if(names, [&](const Name& name) { return name.number == number; });
  return found == names.end() ? string_view{} : found->name;
}

}  // namespace

Service find_service(std::uint32_t type_id) {
  if (type_id == kServiceFault) return {"ServiceFault", true};
  const string_view request = name_of(kServices, type_id);
  if (!request.empty()) return {request, false};
  return {type_id < 3 ? string_view{} : name_of(kServices, type_id - 3), true};
}

std::string status_name(std::uint32_t status) {
  const string_view name = name_of(kStatus, status >> 16);
  return name.empty() ? hex_number(status, 8) : std::string(name);
}

string_view security_mode_name(std::uint32_t mode) {
  constexpr std::array<string_view, 4> kNames{"invalid", "none", "sign", "sign_and_encrypt"};
  return mode < kNames.size() ? kNames[mode] : string_view{};
}

}  // namespace netwatch::dpi::opcua
