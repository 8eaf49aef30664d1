// Numbers of AFS-3's interfaces, as OpenAFS's .xg files and its volume and RX errors have them.
#include "dpi/parts/rx_names.h"

#include <array>
#include <span>

namespace netwatch::dpi::rx {
namespace {

using std::string_view;

enum Service : std::uint16_t {
  kFile = 1,  // also: cache manager, bosserver, update server
  kVolume = 4,
  kVote = 50,
  kDisk = 51,
  kLocation = 52,
  kProtection = 73,
  kStatistics = 409,
  kAuthentication = 731,
  kTickets = 732,
  kMaintenance = 733,
  kBackup = 22314,
};

// Operations that are numbered one after the other.
struct Run {
  std::uint16_t service_id;
  string_view service;
  std::uint32_t first;
  std::span<const string_view> names;
};

constexpr string_view kFileNames[] = {
    "fetch_data",
    "fetch_acl",
    "fetch_status",
    "store_data",
    "store_acl",
    "store_status",
    "remove_file",
    "create_file",
    "rename",
    "symlink",
    "link",
    "make_dir",
    "remove_dir",
    "old_set_lock",
    "old_extend_lock",
    "old_release_lock",
    "get_statistics",
    "give_up_callbacks",
    "get_volume_info",
    "get_volume_status",
    "set_volume_status",
    "get_root_volume",
    "check_token",
    "get_time",
    "nget_volume_info",
    "bulk_status",
    "set_lock",
    "extend_lock",
    "release_lock",
    "xstats_version",
    "get_xstats",
    "lookup",
    "flush_cps",
    "dfs_symlink",
};
constexpr string_view kFile64Names[] = {
    "inline_bulk_status", "fetch_data64",          "store_data64",     "give_up_all_callbacks",
    "get_capabilities",   "callback_rx_conn_addr", "get_statistics64",
};
constexpr string_view kCallbackNames[] = {
    "callback",
    "init_callback_state",
    "probe",
    "get_lock",
    "get_ce",
    "xstats_version",
    "get_xstats",
    "init_callback_state2",
    "who_are_you",
    "init_callback_state3",
    "probe_uuid",
    "get_server_prefs",
    "get_cellservdb",
    "get_local_cell",
    "get_cache_config",
};
constexpr string_view kCallback64Names[] = {"get_ce64", "get_cell_by_num",
                                            "tell_me_about_yourself"};
constexpr string_view kBosNames[] = {
    "create_bnode",
    "delete_bnode",
    "set_status",
    "get_status",
    "enumerate_instance",
    "get_instance_info",
    "get_instance_parm",
    "add_superuser",
    "delete_superuser",
    "list_superusers",
    "list_keys",
    "add_key",
    "delete_key",
    "set_cell_name",
    "get_cell_name",
    "get_cell_host",
    "add_cell_host",
    "delete_cell_host",
    "set_t_status",
    "shutdown_all",
    "restart_all",
    "startup_all",
    "set_noauth_flag",
    "rebozo",
    "restart",
    "install",
    "uninstall",
    "get_dates",
    "exec",
    "prune",
    "set_restart_time",
    "get_restart_time",
    "get_log",
    "wait_all",
    "get_instance_strings",
    "get_restricted",
    "set_restricted",
};
constexpr string_view kVolumeNames[] = {
    "create_volume",
    "delete_volume",
    "restore",
    "forward",
    "end_trans",
    "clone",
    "set_flags",
    "get_flags",
    "trans_create",
    "dump",
    "get_nth_volume",
    "set_forwarding",
    "get_name",
    "get_status",
    "signal_restore",
    "list_partitions",
    "list_volumes",
    "set_ids_types",
    "monitor",
    "partition_info",
    "reclone",
    "list_one_volume",
    "nuke",
    "set_date",
    "xlist_volumes",
    "xlist_one_volume",
    "set_info",
    "xlist_partitions",
    "forward_multiple",
};
constexpr string_view kVolume64Names[] = {"convert_ro", "get_size", "dump_v2", "partition_info64"};
constexpr string_view kLocationNames[] = {
    "create_entry",        "delete_entry",
    "get_entry_by_id",     "get_entry_by_name",
    "get_new_volume_id",   "replace_entry",
    "update_entry",        "set_lock",
    "release_lock",        "list_entry",
    "list_attributes",     "linked_list",
    "get_stats",           "probe",
    "get_addrs",           "change_addr",
    "create_entry_n",      "get_entry_by_id_n",
    "get_entry_by_name_n", "replace_entry_n",
    "list_entry_n",        "list_attributes_n",
    "linked_list_n",       "update_entry_by_name",
    "create_entry_u",      "get_entry_by_id_u",
    "get_entry_by_name_u", "replace_entry_u",
    "list_entry_u",        "list_attributes_u",
    "linked_list_u",       "register_addrs",
    "get_addrs_u",         "list_attributes_n2",
};
constexpr string_view kProtectionNames[] = {
    "new_user",     "where_is_it",      "dump_entry",        "add_to_group", "name_to_id",
    "id_to_name",   "delete",           "remove_from_group", "get_cps",      "new_entry",
    "list_max",     "set_max",          "list_entry",        "change_entry", "list_elements",
    "is_member_of", "set_fields_entry", "list_owned",        "get_cps2",     "get_host_cps",
    "update_entry", "list_entries",
};
constexpr string_view kSupergroupNames[] = {"list_supergroups"};
constexpr string_view kAuthNames[] = {
    "authenticate_old", "change_password", "get_ticket_old", "set_password",
    "set_fields",       "create_user",     "delete_user",    "get_entry",
    "list_entry",       "get_stats",       "debug",          "get_password",
    "get_random_key",   "unlock",          "lock_status",
};
constexpr string_view kAuth2Names[] = {"authenticate", "authenticate_v2", "get_ticket"};
constexpr string_view kVoteNames[] = {"beacon", "debug_old", "sdebug_old", "get_sync_site",
                                      "debug",  "sdebug",    "xdebug",     "xsdebug"};
constexpr string_view kDiskNames[] = {
    "begin", "commit",        "lock",     "write", "get_version", "get_file",       "send_file",
    "abort", "release_locks", "truncate", "probe", "writev",      "interface_addr", "set_version"};
constexpr string_view kBackupNames[] = {
    "add_volume",      "create_dump",       "delete_dump",
    "delete_tape",     "delete_vdp",        "find_clone",
    "find_dump",       "find_latest_dump",  "make_dump_appended",
    "find_last_tape",  "finish_dump",       "finish_tape",
    "get_dumps",       "get_tapes",         "get_volumes",
    "use_tape",        "get_text",          "get_text_version",
    "save_text",       "free_all_locks",    "free_lock",
    "get_instance_id", "get_lock",          "verify",
    "dump_db",         "restore_db_header", "get_version",
    "dump_hash_table", "dump_database",     "add_volumes",
    "list_dumps",
};

constexpr std::array kRuns{
    Run{kFile, "fs", 130, kFileNames},
    Run{kFile, "fs", 65536, kFile64Names},
    Run{kFile, "cb", 204, kCallbackNames},
    Run{kFile, "bos", 80, kBosNames},
    Run{kVolume, "vol", 100, kVolumeNames},
    Run{kVolume, "vol", 65536, kVolume64Names},
    Run{kLocation, "vldb", 501, kLocationNames},
    Run{kProtection, "prot", 500, kProtectionNames},
    Run{kProtection, "prot", 530, kSupergroupNames},
    Run{kAuthentication, "kauth", 1, kAuthNames},
    Run{kAuthentication, "kauth", 21, kAuth2Names},
    Run{kTickets, "kauth", 1, kAuthNames},
    Run{kTickets, "kauth", 21, kAuth2Names},
    Run{kMaintenance, "kauth", 1, kAuthNames},
    Run{kMaintenance, "kauth", 21, kAuth2Names},
    Run{kVote, "vote", 10000, kVoteNames},
    Run{kDisk, "disk", 20000, kDiskNames},
    Run{kBackup, "backup", 0, kBackupNames},
};

struct Error {
  std::int32_t code;
  string_view name;
};
constexpr std::array kErrors{
    Error{-455, "unknown_operation"},
    Error{-454, "client_decode"},
    Error{-453, "server_encode"},
    Error{-452, "server_decode"},
    Error{-451, "client_encode"},
    Error{-450, "decode"},
    Error{-100, "restarting"},
    Error{-8, "message_size"},
    Error{-7, "address_in_use"},
    Error{-6, "user_abort"},
    Error{-5, "protocol_error"},
    Error{-4, "end_of_data"},
    Error{-3, "call_timeout"},
    Error{-2, "invalid_operation"},
    Error{-1, "call_dead"},
    Error{1, "EPERM"},
    Error{2, "ENOENT"},
    Error{5, "EIO"},
    Error{11, "EAGAIN"},
    Error{13, "EACCES"},
    Error{17, "EEXIST"},
    Error{18, "EXDEV"},
    Error{20, "ENOTDIR"},
    Error{21, "EISDIR"},
    Error{22, "EINVAL"},
    Error{27, "EFBIG"},
    Error{28, "ENOSPC"},
    Error{30, "EROFS"},
    Error{39, "ENOTEMPTY"},
    Error{101, "volume_salvage"},
    Error{102, "no_vnode"},
    Error{103, "no_volume"},
    Error{104, "volume_exists"},
    Error{105, "no_service"},
    Error{106, "volume_offline"},
    Error{107, "volume_online"},
    Error{108, "disk_full"},
    Error{109, "over_quota"},
    Error{110, "volume_busy"},
    Error{111, "volume_moved"},
    Error{267268, "prot_no_entry"},
    Error{267269, "prot_permission"},
    Error{363524, "vldb_no_entry"},
    Error{363546, "vldb_permission"},
    Error{19270402, "security_level"},
    Error{19270405, "no_auth"},
    Error{19270406, "bad_key"},
    Error{19270407, "bad_ticket"},
    Error{19270408, "unknown_key"},
    Error{19270409, "expired"},
    Error{19270410, "bad_seal"},
};

}  // namespace

Operation operation_name(std::uint16_t service_id, std::uint32_t opcode, std::size_t call_bytes) {
  constexpr std::uint32_t kFirst64 = 65536;
  constexpr std::size_t kLongestCallback = 8;  // an operation and at most one number
  if (service_id == kFile && call_bytes <= kLongestCallback && opcode >= kFirst64 &&
      opcode - kFirst64 < std::size(kCallback64Names)) {
    return {"cb", kCallback64Names[opcode - kFirst64]};
  }
  for (const Run& run : kRuns) {
    if (run.service_id != service_id || opcode < run.first) continue;
    if (opcode - run.first < run.names.size()) return {run.service, run.names[opcode - run.first]};
  }
  return {};
}

string_view service_name(std::uint16_t service_id) {
  if (service_id == kFile) return {};
  for (const Run& run : kRuns) {
    if (run.service_id == service_id) return run.service;
  }
  return {};
}

bool is_known_service(std::uint16_t service_id) {
  return service_id == kFile || service_id == kStatistics || !service_name(service_id).empty();
}

string_view abort_name(std::int32_t code) {
  for (const Error& error : kErrors) {
    if (error.code == code) return error.name;
  }
  return {};
}

}  // namespace netwatch::dpi::rx
