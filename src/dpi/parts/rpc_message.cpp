#include "dpi/parts/rpc_message.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;

constexpr std::uint32_t kMaxAuthBytes = 400;  // RFC 5531 section 8.2
constexpr std::uint32_t kRpcVersion = 2;
// Versions and procedures are small numbers in every program that there is.
constexpr std::uint32_t kMaxVersion = 1000;
constexpr std::uint32_t kMaxProcedure = 2000;
constexpr std::uint32_t kAuthDh = 3;

bool known_flavor(std::uint32_t flavor) {
  constexpr std::uint32_t kPrivate = 200000;  // those that Sun gave out lie above
  return flavor <= rpc::kAuthGss + 1 || (flavor >= kPrivate && flavor < 400000);
}

// RFC 5531 appendix A; RFC 2203 section 5.
void read_credentials(Bytes body, RpcMessage& message) {
  constexpr std::uint32_t kMaxMachineBytes = 255;
  Cursor in(body);
  if (message.flavor == rpc::kAuthSys) {
    in.skip(4);  // a stamp
    message.machine = take_string(in);
    message.uid = in.u32();
    message.gid = in.u32();
    message.has_user = in.ok() && message.machine.size() <= kMaxMachineBytes;
  } else if (message.flavor == rpc::kAuthGss) {
    in.skip(4);
    const std::uint32_t procedure = in.u32();
    in.skip(4);
    message.gss_service = in.u32();
    message.gss_control = procedure != 0;
  }
}

// Flavour and length; false if they cannot be those of an authenticator.
bool read_auth(Cursor& in, std::uint32_t& flavor, Bytes& body) {
  flavor = in.u32();
  const std::uint32_t size = in.u32();
  if (!in.ok()) return true;
  if (!known_flavor(flavor) || size > kMaxAuthBytes) return false;
  body = in.take((size + 3) & ~3U);
  return true;
}

Probe read_call(Cursor& in, RpcMessage& message) {
  const std::uint32_t version = in.u32();
  if (in.ok() && version != kRpcVersion) return Probe::kNo;
  message.program = in.u32();
  message.version = in.u32();
  message.procedure = in.u32();
  if (!in.ok()) return Probe::kMore;
  if (message.version > kMaxVersion || message.procedure > kMaxProcedure || message.program == 0) {
    return Probe::kNo;
  }
  Bytes credentials;
  Bytes verifier;
  std::uint32_t flavor = 0;
  if (!read_auth(in, message.flavor, credentials)) return Probe::kNo;
  if (!read_auth(in, flavor, verifier)) return Probe::kNo;
  if (!in.ok()) return Probe::kMore;
  read_credentials(credentials, message);
  return Probe::kYes;
}

Probe read_reply(Cursor& in, RpcMessage& message) {
  constexpr std::array<std::string_view, 6> kAccepted{
      "", "PROG_UNAVAIL", "PROG_MISMATCH", "PROC_UNAVAIL", "GARBAGE_ARGS", "SYSTEM_ERR"};
  constexpr std::array<std::string_view, 2> kDenied{"RPC_MISMATCH", "AUTH_ERROR"};
  constexpr std::uint32_t kMostReasons = 20;
  const std::uint32_t denied = in.u32();
  if (!in.ok()) return Probe::kMore;
  if (denied > 1) return Probe::kNo;
  if (denied == 1) {
    const std::uint32_t why = in.u32();
    const std::uint32_t detail = in.u32();
    if (why > 1) return Probe::kNo;
    if (why == 0) in.skip(4);  // two versions, not a reason
    if (!in.ok()) return Probe::kMore;
    message.failure = kDenied[why];
    // There is nothing behind it; otherwise it is not much that tells it from others' numbers.
    return in.at_end() && detail > 0 && detail <= kMostReasons ? Probe::kYes : Probe::kNo;
  }
  std::uint32_t flavor = 0;
  Bytes verifier;
  if (!read_auth(in, flavor, verifier)) return Probe::kNo;
  const std::uint32_t status = in.u32();
  if (!in.ok()) return Probe::kMore;
  if (status >= kAccepted.size() || (flavor == 0 && !verifier.empty())) return Probe::kNo;
  message.failure = kAccepted[status];
  return Probe::kYes;
}

}  // namespace

Bytes take_opaque(Cursor& in) {
  const std::size_t size = in.u32();
  const Bytes value = in.take(size);
  in.take_up_to((4 - size % 4) % 4);
  return value;
}

Probe read_rpc_message(Bytes bytes, RpcMessage& message) {
  Cursor in(bytes);
  message.xid = in.u32();
  const std::uint32_t type = in.u32();
  if (!in.ok()) return Probe::kMore;
  if (type > 1) return Probe::kNo;
  message.reply = type == 1;
  const Probe probe = message.reply ? read_reply(in, message) : read_call(in, message);
  message.body = in;
  return probe;
}

// The IANA's register of ONC RPC program numbers.
std::string rpc_program_name(std::uint32_t program) {
  struct Program {
    std::uint32_t number;
    std::string_view name;
  };
  static constexpr Program kPrograms[] = {
      {100000, "portmapper"},  {100001, "rstatd"},     {100002, "rusersd"},
      {100003, "nfs"},         {100004, "ypserv"},     {100005, "mount"},
      {100007, "ypbind"},      {100008, "walld"},      {100009, "yppasswdd"},
      {100011, "rquotad"},     {100012, "sprayd"},     {100017, "rexd"},
      {100020, "llockmgr"},    {100021, "nlockmgr"},   {100024, "status"},
      {100026, "bootparam"},   {100028, "ypupdated"},  {100068, "cmsd"},
      {100069, "ypxfrd"},      {100083, "ttdbserver"}, {100099, "autofs"},
      {100133, "nsm_addrand"}, {100227, "nfs_acl"},    {100229, "metad"},
      {100232, "sadmind"},     {100249, "snmpXdmid"},  {100300, "nisd"},
      {150001, "pcnfsd"},      {390113, "nsrexec"},    {395183, "vxi11_core"},
      {395184, "vxi11_async"}, {395185, "vxi11_intr"}, {0x40000000, "nfs_cb"},
  };
  const auto* const found = std::ranges::find(kPrograms, program, &Program::number);
  return found != std::end(kPrograms) ? std::string(found->name) : std::to_string(program);
}

std::string rpc_flavor_name(std::uint32_t flavor) {
  switch (flavor) {
    case 0:
      return "none";
    case rpc::kAuthSys:
      return "sys";
    case 2:
      return "short";
    case kAuthDh:
      return "dh";
    case rpc::kAuthGss:
      return "gss";
    case 7:
      return "tls";
    default:
      return std::to_string(flavor);
  }
}

}  // namespace netwatch::dpi
