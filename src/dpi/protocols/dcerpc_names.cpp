// Interfaces: [MS-RPCE] 1.9 and what the specifications of each say ([MS-SAMR], [MS-LSAD],
// [MS-NRPC], [MS-SRVS], [MS-WKST], [MS-SCMR], [MS-TSCH], [MS-RRP], [MS-DRSR], [MS-RPRN], [MS-DCOM],
// ...); PROFINET IO: IEC 61158-6-10. Status values: C706 appendix E, [MS-RPCE] 2.2.2.
#include "dpi/protocols/dcerpc_names.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "dpi/parts/field_text.h"

namespace netwatch::dpi::dcerpc {
namespace {

using std::string_view;

struct Interface {
  string_view uuid;
  string_view name;
  string_view operations = {};  // by number, with a blank between; "-" has no name
};

constexpr string_view kSamr =
    "SamrConnect SamrCloseHandle SamrSetSecurityObject SamrQuerySecurityObject "
    "SamrShutdownSamServer SamrLookupDomainInSamServer SamrEnumerateDomainsInSamServer "
    "SamrOpenDomain SamrQueryInformationDomain SamrSetInformationDomain SamrCreateGroupInDomain "
    "SamrEnumerateGroupsInDomain SamrCreateUserInDomain SamrEnumerateUsersInDomain "
    "SamrCreateAliasInDomain SamrEnumerateAliasesInDomain SamrGetAliasMembership "
    "SamrLookupNamesInDomain SamrLookupIdsInDomain SamrOpenGroup SamrQueryInformationGroup "
    "SamrSetInformationGroup SamrAddMemberToGroup SamrDeleteGroup SamrRemoveMemberFromGroup "
    "SamrGetMembersInGroup SamrSetMemberAttributesOfGroup SamrOpenAlias SamrQueryInformationAlias "
    "SamrSetInformationAlias SamrDeleteAlias SamrAddMemberToAlias SamrRemoveMemberFromAlias "
    "SamrGetMembersInAlias SamrOpenUser SamrDeleteUser SamrQueryInformationUser "
    "SamrSetInformationUser SamrChangePasswordUser SamrGetGroupsForUser "
    "SamrQueryDisplayInformation SamrGetDisplayEnumerationIndex - - "
    "SamrGetUserDomainPasswordInformation SamrRemoveMemberFromForeignDomain "
    "SamrQueryInformationDomain2 SamrQueryInformationUser2 SamrQueryDisplayInformation2 "
    "SamrGetDisplayEnumerationIndex2 SamrCreateUser2InDomain SamrQueryDisplayInformation3 "
    "SamrAddMultipleMembersToAlias SamrRemoveMultipleMembersFromAlias SamrOemChangePasswordUser2 "
    "SamrUnicodeChangePasswordUser2 SamrGetDomainPasswordInformation SamrConnect2 "
    "SamrSetInformationUser2 - - - SamrConnect4 - SamrConnect5 SamrRidToSid SamrSetDSRMPassword "
    "SamrValidatePassword";
constexpr string_view kLsarpc =
    "LsarClose LsarDelete LsarEnumeratePrivileges LsarQuerySecurityObject LsarSetSecurityObject - "
    "LsarOpenPolicy LsarQueryInformationPolicy LsarSetInformationPolicy - LsarCreateAccount "
    "LsarEnumerateAccounts LsarCreateTrustedDomain LsarEnumerateTrustedDomains LsarLookupNames "
    "LsarLookupSids LsarCreateSecret LsarOpenAccount LsarEnumeratePrivilegesAccount "
    "LsarAddPrivilegesToAccount LsarRemovePrivilegesFromAccount - - LsarGetSystemAccessAccount "
    "LsarSetSystemAccessAccount LsarOpenTrustedDomain LsarQueryInfoTrustedDomain "
    "LsarSetInformationTrustedDomain LsarOpenSecret LsarSetSecret LsarQuerySecret "
    "LsarLookupPrivilegeValue LsarLookupPrivilegeName LsarLookupPrivilegeDisplayName "
    "LsarDeleteObject LsarEnumerateAccountsWithUserRight LsarEnumerateAccountRights "
    "LsarAddAccountRights LsarRemoveAccountRights LsarQueryTrustedDomainInfo "
    "LsarSetTrustedDomainInfo LsarDeleteTrustedDomain LsarStorePrivateData "
    "LsarRetrievePrivateData LsarOpenPolicy2 LsarGetUserName LsarQueryInformationPolicy2 "
    "LsarSetInformationPolicy2 LsarQueryTrustedDomainInfoByName LsarSetTrustedDomainInfoByName "
    "LsarEnumerateTrustedDomainsEx LsarCreateTrustedDomainEx - LsarQueryDomainInformationPolicy "
    "LsarSetDomainInformationPolicy LsarOpenTrustedDomainByName - LsarLookupSids2 "
    "LsarLookupNames2 LsarCreateTrustedDomainEx2 - - - - - - - - LsarLookupNames3 - - - - "
    "LsarQueryForestTrustInformation LsarSetForestTrustInformation - LsarLookupSids3 "
    "LsarLookupNames4";
constexpr string_view kNetlogon =
    "NetrLogonUasLogon NetrLogonUasLogoff NetrLogonSamLogon NetrLogonSamLogoff "
    "NetrServerReqChallenge NetrServerAuthenticate NetrServerPasswordSet NetrDatabaseDeltas "
    "NetrDatabaseSync NetrAccountDeltas NetrAccountSync NetrGetDCName NetrLogonControl "
    "NetrGetAnyDCName NetrLogonControl2 NetrServerAuthenticate2 NetrDatabaseSync2 "
    "NetrDatabaseRedo NetrLogonControl2Ex NetrEnumerateTrustedDomains DsrGetDcName "
    "NetrLogonGetCapabilities NetrLogonSetServiceBits NetrLogonGetTrustRid "
    "NetrLogonComputeServerDigest NetrLogonComputeClientDigest NetrServerAuthenticate3 "
    "DsrGetDcNameEx DsrGetSiteName NetrLogonGetDomainInfo NetrServerPasswordSet2 "
    "NetrServerPasswordGet NetrLogonSendToSam DsrAddressToSiteNamesW DsrGetDcNameEx2 "
    "NetrLogonGetTimeServiceParentDomain NetrEnumerateTrustedDomainsEx DsrAddressToSiteNamesExW "
    "DsrGetDcSiteCoverageW NetrLogonSamLogonEx DsrEnumerateDomainTrusts "
    "DsrDeregisterDnsHostRecords NetrServerTrustPasswordsGet DsrGetForestTrustInformation "
    "NetrGetForestTrustInformation NetrLogonSamLogonWithFlags NetrServerGetTrustInfo - "
    "DsrUpdateReadOnlyServerDnsRecords NetrChainSetClientAttributes";
constexpr string_view kSrvsvc =
    "- - - - - - - - NetrConnectionEnum NetrFileEnum NetrFileGetInfo NetrFileClose "
    "NetrSessionEnum NetrSessionDel NetrShareAdd NetrShareEnum NetrShareGetInfo NetrShareSetInfo "
    "NetrShareDel NetrShareDelSticky NetrShareCheck NetrServerGetInfo NetrServerSetInfo "
    "NetrServerDiskEnum NetrServerStatisticsGet NetrServerTransportAdd NetrServerTransportEnum "
    "NetrServerTransportDel NetrRemoteTOD - NetprPathType NetprPathCanonicalize NetprPathCompare "
    "NetprNameValidate NetprNameCanonicalize NetprNameCompare NetrShareEnumSticky "
    "NetrShareDelStart NetrShareDelCommit NetrpGetFileSecurity NetrpSetFileSecurity "
    "NetrServerTransportAddEx - NetrDfsGetVersion NetrDfsCreateLocalPartition "
    "NetrDfsDeleteLocalPartition NetrDfsSetLocalVolumeState - NetrDfsCreateExitPoint "
    "NetrDfsDeleteExitPoint NetrDfsModifyPrefix NetrDfsFixLocalVolume "
    "NetrDfsManagerReportSiteInfo NetrServerTransportDelEx NetrServerAliasAdd "
    "NetrServerAliasEnum NetrServerAliasDel NetrShareDelEx";
constexpr string_view kWkssvc =
    "NetrWkstaGetInfo NetrWkstaSetInfo NetrWkstaUserEnum - - NetrWkstaTransportEnum "
    "NetrWkstaTransportAdd NetrWkstaTransportDel NetrUseAdd NetrUseGetInfo NetrUseDel NetrUseEnum "
    "- NetrWorkstationStatisticsGet - - - - - - NetrGetJoinInformation - NetrJoinDomain2 "
    "NetrUnjoinDomain2 NetrRenameMachineInDomain2 NetrValidateName2 NetrGetJoinableOUs2 "
    "NetrAddAlternateComputerName NetrRemoveAlternateComputerName NetrSetPrimaryComputerName "
    "NetrEnumerateComputerNames";
constexpr string_view kSvcctl =
    "RCloseServiceHandle RControlService RDeleteService RLockServiceDatabase "
    "RQueryServiceObjectSecurity RSetServiceObjectSecurity RQueryServiceStatus RSetServiceStatus "
    "RUnlockServiceDatabase RNotifyBootConfigStatus - RChangeServiceConfigW RCreateServiceW "
    "REnumDependentServicesW REnumServicesStatusW ROpenSCManagerW ROpenServiceW "
    "RQueryServiceConfigW RQueryServiceLockStatusW RStartServiceW RGetServiceDisplayNameW "
    "RGetServiceKeyNameW - RChangeServiceConfigA RCreateServiceA REnumDependentServicesA "
    "REnumServicesStatusA ROpenSCManagerA ROpenServiceA RQueryServiceConfigA "
    "RQueryServiceLockStatusA RStartServiceA RGetServiceDisplayNameA RGetServiceKeyNameA - "
    "REnumServiceGroupW RChangeServiceConfig2A RChangeServiceConfig2W RQueryServiceConfig2A "
    "RQueryServiceConfig2W RQueryServiceStatusEx REnumServicesStatusExA REnumServicesStatusExW - "
    "RCreateServiceWOW64A RCreateServiceWOW64W - RNotifyServiceStatusChange RGetNotifyResults "
    "RCloseNotifyHandle RControlServiceExA RControlServiceExW - - - - RQueryServiceConfigEx - - - "
    "RCreateWowService - - - ROpenSCManager2";
constexpr string_view kTaskScheduler =
    "SchRpcHighestVersion SchRpcRegisterTask SchRpcRetrieveTask SchRpcCreateFolder "
    "SchRpcSetSecurity SchRpcGetSecurity SchRpcEnumFolders SchRpcEnumTasks SchRpcEnumInstances "
    "SchRpcGetInstanceInfo SchRpcStopInstance SchRpcStop SchRpcRun SchRpcDelete SchRpcRename "
    "SchRpcScheduledRuntimes SchRpcGetLastRunInfo SchRpcGetTaskInfo SchRpcGetNumberOfMissedRuns "
    "SchRpcEnableTask";
constexpr string_view kWinreg =
    "OpenClassesRoot OpenCurrentUser OpenLocalMachine OpenPerformanceData OpenUsers "
    "BaseRegCloseKey BaseRegCreateKey BaseRegDeleteKey BaseRegDeleteValue BaseRegEnumKey "
    "BaseRegEnumValue BaseRegFlushKey BaseRegGetKeySecurity BaseRegLoadKey - BaseRegOpenKey "
    "BaseRegQueryInfoKey BaseRegQueryValue BaseRegReplaceKey BaseRegRestoreKey BaseRegSaveKey "
    "BaseRegSetKeySecurity BaseRegSetValue BaseRegUnLoadKey BaseInitiateSystemShutdown "
    "BaseAbortSystemShutdown BaseRegGetVersion OpenCurrentConfig - BaseRegQueryMultipleValues "
    "BaseInitiateSystemShutdownEx BaseRegSaveKeyEx OpenPerformanceText OpenPerformanceNlsText "
    "BaseRegQueryMultipleValues2 BaseRegDeleteKeyEx";
constexpr string_view kDrsuapi =
    "DRSBind DRSUnbind DRSReplicaSync DRSGetNCChanges DRSUpdateRefs DRSReplicaAdd DRSReplicaDel "
    "DRSReplicaModify DRSVerifyNames DRSGetMemberships DRSInterDomainMove DRSGetNT4ChangeLog "
    "DRSCrackNames DRSWriteSPN DRSRemoveDsServer DRSRemoveDsDomain DRSDomainControllerInfo "
    "DRSAddEntry DRSExecuteKCC DRSGetReplInfo DRSAddSidHistory DRSGetMemberships2 "
    "DRSReplicaVerifyObjects DRSGetObjectExistence DRSQuerySitesByCost DRSInitDemotion "
    "DRSReplicaDemotion DRSFinishDemotion DRSAddCloneDC DRSWriteNgcKey DRSReadNgcKey";
constexpr string_view kSpoolss =
    "RpcEnumPrinters RpcOpenPrinter RpcSetJob RpcGetJob RpcEnumJobs RpcAddPrinter "
    "RpcDeletePrinter RpcSetPrinter RpcGetPrinter RpcAddPrinterDriver RpcEnumPrinterDrivers "
    "RpcGetPrinterDriver RpcGetPrinterDriverDirectory RpcDeletePrinterDriver "
    "RpcAddPrintProcessor RpcEnumPrintProcessors RpcGetPrintProcessorDirectory "
    "RpcStartDocPrinter RpcStartPagePrinter RpcWritePrinter RpcEndPagePrinter RpcAbortPrinter "
    "RpcReadPrinter RpcEndDocPrinter RpcAddJob RpcScheduleJob RpcGetPrinterData "
    "RpcSetPrinterData RpcWaitForPrinterChange RpcClosePrinter RpcAddForm RpcDeleteForm "
    "RpcGetForm RpcSetForm RpcEnumForms RpcEnumPorts RpcEnumMonitors RpcAddPort RpcConfigurePort "
    "RpcDeletePort RpcCreatePrinterIC RpcPlayGdiScriptOnPrinterIC RpcDeletePrinterIC - - - "
    "RpcAddMonitor RpcDeleteMonitor RpcDeletePrintProcessor - - RpcResetPrinter "
    "RpcGetPrinterDriver2 - - RpcFindClosePrinterChangeNotification - - "
    "RpcReplyOpenPrinter RpcRouterReplyPrinter RpcReplyClosePrinter RpcAddPortEx - - - "
    "RpcRemoteFindFirstPrinterChangeNotificationEx RpcRouterReplyPrinterEx "
    "RpcRouterRefreshPrinterChangeNotification - RpcOpenPrinterEx RpcAddPrinterEx RpcSetPort "
    "RpcEnumPrinterData RpcDeletePrinterData - - - RpcSetPrinterDataEx RpcGetPrinterDataEx "
    "RpcEnumPrinterDataEx RpcEnumPrinterKey RpcDeletePrinterDataEx RpcDeletePrinterKey - "
    "RpcDeletePrinterDriverEx RpcAddPerMachineConnection RpcDeletePerMachineConnection "
    "RpcEnumPerMachineConnections RpcXcvData RpcAddPrinterDriverEx";
constexpr string_view kEpmapper =
    "ept_insert ept_delete ept_lookup ept_map ept_lookup_handle_free ept_inq_object "
    "ept_mgmt_delete";
constexpr string_view kMgmt =
    "inq_if_ids inq_stats is_server_listening stop_server_listening "
    "inq_princ_name";
constexpr string_view kObjectExporter =
    "ResolveOxid SimplePing ComplexPing ServerAlive ResolveOxid2 ServerAlive2";
constexpr string_view kRemUnknown = "- - - RemQueryInterface RemAddRef RemRelease";
constexpr string_view kProfinet = "Connect Release Read Write Control ReadImplicit";
constexpr string_view kNspi =
    "NspiBind NspiUnbind NspiUpdateStat NspiQueryRows NspiSeekEntries NspiGetMatches "
    "NspiResortRestriction NspiDNToMId NspiGetPropList NspiGetProps NspiCompareMIds NspiModProps "
    "NspiGetSpecialTable NspiGetTemplateInfo NspiModLinkAtt - NspiQueryColumns - - "
    "NspiResolveNames NspiResolveNamesW";
constexpr string_view kEfs =
    "EfsRpcOpenFileRaw EfsRpcReadFileRaw EfsRpcWriteFileRaw EfsRpcCloseRaw EfsRpcEncryptFileSrv "
    "EfsRpcDecryptFileSrv EfsRpcQueryUsersOnFile EfsRpcQueryRecoveryAgents "
    "EfsRpcRemoveUsersFromFile EfsRpcAddUsersToFile - EfsRpcNotSupported EfsRpcFileKeyInfo "
    "EfsRpcDuplicateEncryptionInfoFile - EfsRpcAddUsersToFileEx EfsRpcFileKeyInfoEx - "
    "EfsRpcGetEncryptedFileMetadata EfsRpcSetEncryptedFileMetadata EfsRpcFlushEfsCache "
    "EfsRpcEncryptFileExSrv EfsRpcQueryProtectors";

constexpr Interface kInterfaces[] = {
    {kEpmapperUuid, "epmapper", kEpmapper},
    {"afa8bd80-7d8a-11c9-bef4-08002b102989", "mgmt", kMgmt},
    {"12345778-1234-abcd-ef00-0123456789ac", "samr", kSamr},
    {"12345778-1234-abcd-ef00-0123456789ab", "lsarpc", kLsarpc},
    {"12345678-1234-abcd-ef00-01234567cffb", "netlogon", kNetlogon},
    {"4b324fc8-1670-01d3-1278-5a47bf6ee188", "srvsvc", kSrvsvc},
    {"6bffd098-a112-3610-9833-46c3f87e345a", "wkssvc", kWkssvc},
    {"367abb81-9844-35f1-ad32-98f038001003", "svcctl", kSvcctl},
    {"1ff70682-0a51-30e8-076d-740be8cee98b", "atsvc",
     "NetrJobAdd NetrJobDel NetrJobEnum NetrJobGetInfo"},
    {"378e52b0-c0a9-11cf-822d-00aa0051e40f", "sasec",
     "SASetAccountInformation SASetNSAccountInformation SAGetNSAccountInformation "
     "SAGetAccountInformation"},
    {"86d35949-83c9-4044-b424-db363231fd0c", "ITaskSchedulerService", kTaskScheduler},
    {"338cd001-2244-31f1-aaaa-900038001003", "winreg", kWinreg},
    {"e3514235-4b06-11d1-ab04-00c04fc2dcd2", "drsuapi", kDrsuapi},
    {"12345678-1234-abcd-ef00-0123456789ab", "spoolss", kSpoolss},
    {"76f03f96-cdfd-44fc-a22c-64950a001209", "IRemoteWinspool"},
    {"3919286a-b10c-11d0-9ba8-00c04fd92ef5", "dssetup", "DsRolerGetPrimaryDomainInformation"},
    {"99fcfec4-5260-101b-bbcb-00aa0021347a", "IOXIDResolver", kObjectExporter},
    {"4d9f4ab8-7d1c-11cf-861e-0020af6e7c57", "IActivation", "RemoteActivation"},
    {"000001a0-0000-0000-c000-000000000046", "ISystemActivator",
     "- - - RemoteGetClassObject RemoteCreateInstance"},
    {"00000131-0000-0000-c000-000000000046", "IRemUnknown", kRemUnknown},
    {"00000143-0000-0000-c000-000000000046", "IRemUnknown2",
     "- - - RemQueryInterface RemAddRef RemRelease RemQueryInterface2"},
    {"00000000-0000-0000-c000-000000000046", "IUnknown"},
    {"00000001-0000-0000-c000-000000000046", "IClassFactory"},
    {"00020400-0000-0000-c000-000000000046", "IDispatch",
     "- - - GetTypeInfoCount GetTypeInfo GetIDsOfNames Invoke"},
    {"00020401-0000-0000-c000-000000000046", "ITypeInfo"},
    {"f309ad18-d86a-11d0-a075-00c04fb68820", "IWbemLevel1Login",
     "- - - EstablishPosition RequestChallenge WBEMLogin NTLMLogin"},
    {"9556dc99-828c-11cf-a37e-00aa003240c7", "IWbemServices",
     "- - - OpenNamespace CancelAsyncCall QueryObjectSink GetObject GetObjectAsync PutClass "
     "PutClassAsync DeleteClass DeleteClassAsync CreateClassEnum CreateClassEnumAsync "
     "PutInstance PutInstanceAsync DeleteInstance DeleteInstanceAsync CreateInstanceEnum "
     "CreateInstanceEnumAsync ExecQuery ExecQueryAsync ExecNotificationQuery "
     "ExecNotificationQueryAsync ExecMethod ExecMethodAsync"},
    {"c681d488-d850-11d0-8c52-00c04fd90f7e", "efsrpc", kEfs},
    {"df1941c5-fe89-4e79-bf10-463657acf44d", "efsrpc", kEfs},
    {"82273fdc-e32a-18c3-3f78-827929dc23ea", "eventlog"},
    {"f6beaff7-1e19-4fbb-9f8f-b89e2018337c", "IEventService"},
    {"4fc742e0-4a10-11cf-8273-00aa004ae673", "netdfs"},
    {"50abc2a4-574d-40b3-9d66-ee4fd5fba076", "dnsserver"},
    {"6bffd098-a112-3610-9833-012892020162", "browser"},
    {"5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc", "msgsvcsend"},
    {"17fdd703-1827-4e34-79d4-24a55c53bb37", "msgsvc"},
    {"894de0c0-0d55-11d3-a322-00c04fa321a1", "InitShutdown"},
    {"d95afe70-a6d5-4259-822e-2c84da1ddb0d", "WindowsShutdown"},
    {"8d9f4e40-a03d-11ce-8f69-08003e30051b", "plugplay"},
    {"3dde7c30-165d-11d1-ab8f-00805f14db40", "BackupKey"},
    {"f5cc5a18-4264-101a-8c59-08002b2f8426", "nspi", kNspi},
    {"1544f5e0-613c-11d1-93df-00c04fd7bd09", "rfr", "RfrGetNewDSA RfrGetFQDNFromServerDN"},
    {"a4f1db00-ca47-1067-b31f-00dd010662da", "emsmdb",
     "EcDoConnect EcDoDisconnect EcDoRpc - EcRRegisterPushNotification - EcDummyRpc - - - "
     "EcDoConnectEx EcDoRpcExt2 - - EcDoAsyncConnectEx"},
    {"5261574a-4572-206e-b268-6b199213b4e4", "asyncemsmdb", "EcDoAsyncWaitEx"},
    {"dea00001-6c97-11d1-8271-00a02442df7d", "pnio", kProfinet},
    {"dea00002-6c97-11d1-8271-00a02442df7d", "pnio_controller", kProfinet},
    {"dea00003-6c97-11d1-8271-00a02442df7d", "pnio_supervisor", kProfinet},
    {"dea00004-6c97-11d1-8271-00a02442df7d", "pnio_parameter_server", kProfinet},
};

struct Name {
  std::uint32_t number;
  string_view name;
};

constexpr Name kStatus[] = {
    {5, "access_denied"},
    {0x6D1, "procnum_out_of_range"},
    {0x6F7, "bad_stub_data"},
    {0x1C000001, "nca_s_fault_int_div_by_zero"},
    {0x1C000002, "nca_s_fault_addr_error"},
    {0x1C000006, "nca_s_fault_invalid_tag"},
    {0x1C000007, "nca_s_fault_invalid_bound"},
    {0x1C000008, "nca_rpc_version_mismatch"},
    {0x1C000009, "nca_unspec_reject"},
    {0x1C00000A, "nca_s_bad_actid"},
    {0x1C00000B, "nca_who_are_you_failed"},
    {0x1C00000C, "nca_manager_not_entered"},
    {0x1C00000D, "nca_s_fault_cancel"},
    {0x1C000012, "nca_s_fault_unspec"},
    {0x1C000013, "nca_s_fault_remote_comm_failure"},
    {0x1C00001A, "nca_s_fault_context_mismatch"},
    {0x1C00001B, "nca_s_fault_remote_no_memory"},
    {0x1C00001C, "nca_invalid_pres_context_id"},
    {0x1C00001D, "nca_unsupported_authn_level"},
    {0x1C00001F, "nca_invalid_checksum"},
    {0x1C000020, "nca_invalid_crc"},
    {0x1C000021, "nca_s_fault_user_defined"},
    {0x1C000024, "nca_s_fault_object_not_found"},
    {0x1C010001, "nca_comm_failure"},
    {0x1C010002, "nca_op_rng_error"},
    {0x1C010003, "nca_unk_if"},
    {0x1C010006, "nca_wrong_boot_time"},
    {0x1C010009, "nca_s_you_crashed"},
    {0x1C01000B, "nca_proto_error"},
    {0x1C010013, "nca_out_args_too_big"},
    {0x1C010014, "nca_server_too_busy"},
    {0x1C010017, "nca_unsupported_type"},
};

std::string from_list(std::span<const string_view> names, std::uint32_t number) {
  return number < names.size() ? std::string(names[number]) : std::to_string(number);
}

}  // namespace

int find_interface(string_view uuid) {
  const auto* const found = std::ranges::find(kInterfaces, uuid, &Interface::uuid);
  return found == std::end(kInterfaces) ? -1 : static_cast<int>(found - kInterfaces);
}

string_view interface_name(int interface) {
  return interface < 0 ? string_view{} : kInterfaces[interface].name;
}

string_view operation_name(int interface, std::uint16_t opnum) {
  if (interface < 0) return {};
  string_view names = kInterfaces[interface].operations;
  for (; opnum > 0 && !names.empty(); --opnum) {
    const std::size_t end = names.find(' ');
    names = end == string_view::npos ? string_view{} : names.substr(end + 1);
  }
  const string_view name = names.substr(0, names.find(' '));
  return name == "-" ? string_view{} : name;
}

string_view transfer_name(string_view uuid) {
  if (uuid == "8a885d04-1ceb-11c9-9fe8-08002b104860") return "ndr";
  if (uuid == "71710533-beba-4937-8319-b5dbef9ccc36") return "ndr64";
  return uuid;
}

bool is_feature_negotiation(string_view uuid) { return uuid.starts_with("6cb71c2c-9812-4540-"); }

std::string status_name(std::uint32_t status) {
  const auto* const found = std::ranges::find(kStatus, status, &Name::number);
  return found == std::end(kStatus) ? hex_number(status, 8) : std::string(found->name);
}

std::string reject_reason_name(std::uint16_t reason) {
  constexpr std::array<string_view, 10> kNames{"not_specified",
                                               "temporary_congestion",
                                               "local_limit_exceeded",
                                               "called_paddr_unknown",
                                               "protocol_version_not_supported",
                                               "default_context_not_supported",
                                               "user_data_not_readable",
                                               "no_psap_available",
                                               "authentication_type_not_recognized",
                                               "invalid_checksum"};
  return from_list(kNames, reason);
}

// C706 12.6.3.1; of a refusal its reason says more.
std::string result_name(std::uint16_t result, std::uint16_t reason) {
  constexpr std::array<string_view, 4> kResults{"acceptance", "user_rejection",
                                                "provider_rejection", "negotiate_ack"};
  constexpr std::array<string_view, 4> kReasons{
      "provider_rejection", "abstract_syntax_not_supported",
      "proposed_transfer_syntaxes_not_supported", "local_limit_exceeded"};
  constexpr std::uint16_t kProvider = 2;
  return result == kProvider ? from_list(kReasons, reason) : from_list(kResults, result);
}

// [MS-RPCE] 2.2.1.1.7.
std::string auth_type_name(std::uint8_t type) {
  switch (type) {
    case 9:
      return "spnego";
    case 10:
      return "ntlm";
    case 14:
      return "schannel";
    case 16:
      return "kerberos";
    case 68:
      return "netlogon";
    default:
      return type == 0 ? "none" : std::to_string(type);
  }
}

// [MS-RPCE] 2.2.1.1.8.
std::string auth_level_name(std::uint8_t level) {
  constexpr std::array<string_view, 7> kNames{"default", "none",      "connect", "call",
                                              "packet",  "integrity", "privacy"};
  return from_list(kNames, level);
}

}  // namespace netwatch::dpi::dcerpc
