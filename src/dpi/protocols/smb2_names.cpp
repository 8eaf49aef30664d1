#include "dpi/protocols/smb2_names.h"

#include <algorithm>
#include <iterator>

#include "dpi/parts/field_text.h"

namespace netwatch::dpi {

using std::string_view;

string_view dialect_name(std::uint16_t dialect) {
  switch (dialect) {
    case 0x0202:
      return "2.0.2";
    case 0x0210:
      return "2.1";
    case 0x02FF:
      return "2.???";
    case 0x0300:
      return "3.0";
    case 0x0302:
      return "3.0.2";
    case 0x0311:
      return "3.1.1";
    default:
      return {};
  }
}

// [MS-FSCC] 2.3 and [MS-SMB2] 2.2.31.
std::string control_name(std::uint32_t code) {
  struct Control {
    std::uint32_t code;
    string_view name;
  };
  static constexpr Control kControls[] = {
      {0x00060194, "dfs_get_referrals"},
      {0x000601B0, "dfs_get_referrals_ex"},
      {0x0009009C, "get_object_id"},
      {0x000900A4, "set_reparse_point"},
      {0x000900A8, "get_reparse_point"},
      {0x000900C0, "create_or_get_object_id"},
      {0x000900C4, "set_sparse"},
      {0x000940CF, "query_allocated_ranges"},
      {0x000980C8, "set_zero_data"},
      {0x00098344, "file_level_trim"},
      {0x0011400C, "pipe_peek"},
      {0x00110018, "pipe_wait"},
      {0x0011C017, "pipe_transceive"},
      {0x00140078, "request_resume_key"},
      {0x001401D4, "lmr_request_resiliency"},
      {0x001401FC, "query_network_interface_info"},
      {0x00140204, "validate_negotiate_info"},
      {0x00144064, "enumerate_snapshots"},
      {0x001440F2, "copy_chunk"},
      {0x001441BB, "read_hash"},
      {0x001480F2, "copy_chunk_write"},
  };
  const auto* const found = std::ranges::find(kControls, code, &Control::code);
  return found != std::end(kControls) ? std::string(found->name) : hex_number(code, 8);
}

}  // namespace netwatch::dpi
