#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/cursor.h"
#include "dpi/protocol.h"

// The head of a message of ONC RPC (RFC 5531) and the types of XDR (RFC 4506) that it is made of.
namespace netwatch::dpi {

struct RpcMessage {
  std::uint32_t xid = 0;
  bool reply = false;
  // Of a call.
  std::uint32_t program = 0;
  std::uint32_t version = 0;
  std::uint32_t procedure = 0;
  std::uint32_t flavor = 0;       // of its credentials
  std::uint32_t gss_service = 0;  // RFC 2203: 1 none, 2 integrity, 3 privacy
  bool gss_control = false;       // sets a context up: its body is GSS's
  bool has_user = false;          // AUTH_SYS, whose fields follow
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string_view machine;
  // Of a reply.
  std::string_view failure;  // empty: the procedure was called
  // Arguments or results; what does not lie in the message is missing.
  base::Cursor body;
};

// Opaque data of variable length with their padding.
base::Bytes take_opaque(base::Cursor& in);
inline std::string_view take_string(base::Cursor& in) { return base::as_text(take_opaque(in)); }

// kNo: it cannot be one. kMore: `bytes` end inside the head.
Probe read_rpc_message(base::Bytes bytes, RpcMessage& message);

namespace rpc {
inline constexpr std::uint32_t kPortmap = 100000, kNfs = 100003, kMount = 100005, kNfsAcl = 100227;
inline constexpr std::uint32_t kAuthSys = 1, kAuthGss = 6;
}  // namespace rpc
// "nfs"; the number if it is not a well-known one.
std::string rpc_program_name(std::uint32_t program);
// "sys", "gss"; the number if it is another.
std::string rpc_flavor_name(std::uint32_t flavor);

}  // namespace netwatch::dpi
