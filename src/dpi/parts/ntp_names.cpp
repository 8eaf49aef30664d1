#include "dpi/parts/ntp_names.h"

#include <array>
#include <string_view>

#include "dpi/parts/field_text.h"

namespace netwatch::dpi {

std::string ntp_control_name(std::uint8_t opcode) {
  constexpr std::array<std::string_view, 13> kNames{
      "",
      "read_status",
      "read_variables",
      "write_variables",
      "read_clock",
      "write_clock",
      "set_trap",
      "trap",
      "configure",
      "save_config",
      "read_mru",
      "read_ordered_list",
      "request_nonce",
  };
  if (opcode == 31) return "unset_trap";
  return opcode > 0 && opcode < kNames.size() ? std::string(kNames[opcode])
                                              : std::to_string(opcode);
}

std::string ntp_private_name(std::uint8_t code) {
  constexpr std::array<std::string_view, 46> kNames{"peer_list",
                                                    "peer_list_sum",
                                                    "peer_info",
                                                    "peer_stats",
                                                    "sys_info",
                                                    "sys_stats",
                                                    "io_stats",
                                                    "mem_stats",
                                                    "loop_info",
                                                    "timer_stats",
                                                    "config",
                                                    "unconfig",
                                                    "set_sys_flag",
                                                    "clr_sys_flag",
                                                    "monitor",
                                                    "no_monitor",
                                                    "get_restrict",
                                                    "res_add_flags",
                                                    "res_sub_flags",
                                                    "unrestrict",
                                                    "mon_getlist",
                                                    "reset_stats",
                                                    "reset_peer",
                                                    "reread_keys",
                                                    "do_dirty_hack",
                                                    "dont_dirty_hack",
                                                    "trust_key",
                                                    "untrust_key",
                                                    "auth_info",
                                                    "traps",
                                                    "add_trap",
                                                    "clr_trap",
                                                    "request_key",
                                                    "control_key",
                                                    "get_ctl_stats",
                                                    "get_leap_info",
                                                    "get_clock_info",
                                                    "set_clk_fudge",
                                                    "get_kernel",
                                                    "get_clkbug_info",
                                                    "",
                                                    "set_precision",
                                                    "mon_getlist_1",
                                                    "hostname_associd",
                                                    "if_stats",
                                                    "if_reload"};
  return code < kNames.size() && !kNames[code].empty() ? std::string(kNames[code])
                                                       : std::to_string(code);
}

std::string ntp_extension_name(std::uint16_t type) {
  switch (type) {
    case 0x0104:
      return "unique_id";  // RFC 8915
    case 0x0204:
      return "nts_cookie";
    case 0x0304:
      return "nts_cookie_placeholder";
    case 0x0404:
      return "nts_authenticator";
    case 0x2005:
      return "checksum_complement";  // RFC 7821
    default:
      return hex_number(type, 4);
  }
}

}  // namespace netwatch::dpi
