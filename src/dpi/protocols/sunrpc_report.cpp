// Sun RPC's records: calls and replies of any program, and what portmapper and rpcbind (RFC 1833)
// and MOUNT (RFC 1813 appendix I) say in them.
#include <iterator>

#include "dpi/parts/field_text.h"
#include "dpi/protocols/sunrpc_decoder.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

constexpr string_view kKinds[] = {"call", "reply"};
enum Field : std::uint8_t {
  kXid,
  kProgram,
  kVersion,
  kProcedure,
  kAuth,
  kUid,
  kGid,
  kMachine,
  kMapping,
  kPort,
  kAddress,
  kPath,
  kExport,
  kStatus,
  kLatency,
};
constexpr string_view kXidAlias[] = {"rpc.xid"};
constexpr string_view kUidAlias[] = {"rpc.auth.uid"};
constexpr string_view kGidAlias[] = {"rpc.auth.gid"};
constexpr string_view kMachineAlias[] = {"rpc.auth.machinename"};
constexpr string_view kPortAlias[] = {"portmap.port"};
constexpr string_view kAddressAlias[] = {"portmap.uaddr"};
constexpr string_view kPathAlias[] = {"mount.path"};
constexpr FieldDef kFields[] = {
    {.name = "sunrpc.xid",
     .type = FieldType::kUint,
     .help = "joins a call and its reply",
     .aliases = kXidAlias},
    {.name = "sunrpc.program", .help = "portmapper, mount, status, ...; or its number"},
    {.name = "sunrpc.version", .type = FieldType::kUint, .role = Role::kVersion},
    {.name = "sunrpc.procedure", .help = "by name, or its number", .role = Role::kMethod},
    {.name = "sunrpc.auth", .help = "none, sys, gss, ..."},
    {.name = "sunrpc.uid", .type = FieldType::kUint, .help = "of the user", .aliases = kUidAlias},
    {.name = "sunrpc.gid", .type = FieldType::kUint, .help = "of the user", .aliases = kGidAlias},
    {.name = "sunrpc.machine",
     .help = "name the client gives itself",
     .privacy = Privacy::kPersonal,
     .aliases = kMachineAlias},
    {.name = "sunrpc.mapping",
     .list = true,
     .help = "what is asked for or listed: nfs 3 tcp, nfs 3 tcp 2049"},
    {.name = "sunrpc.port",
     .type = FieldType::kUint,
     .help = "where the program is; 0: nowhere",
     .aliases = kPortAlias},
    {.name = "sunrpc.address",
     .help = "the same, as rpcbind has it: address and port with dots",
     .aliases = kAddressAlias},
    {.name = "sunrpc.path",
     .help = "what is mounted",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kPathAlias,
     .max_bytes = 1024},
    {.name = "sunrpc.export",
     .list = true,
     .help = "what may be mounted",
     .privacy = Privacy::kPersonal},
    {.name = "sunrpc.status", .help = "SUCCESS, or what went wrong", .role = Role::kStatus},
    {.name = "sunrpc.latency_us",
     .type = FieldType::kDuration,
     .help = "call to reply",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

constexpr int kMaxListed = 32;

std::string procedure_name(std::uint32_t program, std::uint32_t version, std::uint32_t procedure) {
  constexpr std::array<string_view, 6> kPortmap2{"null",    "set",  "unset",
                                                 "getport", "dump", "callit"};
  constexpr std::array<string_view, 13> kRpcbind{
      "null",        "set",         "unset",       "getaddr",  "dump",        "bcast",  "gettime",
      "uaddr2taddr", "taddr2uaddr", "getversaddr", "indirect", "getaddrlist", "getstat"};
  constexpr std::array<string_view, 7> kMount{"null",    "mnt",    "dump",     "umnt",
                                              "umntall", "export", "exportall"};
  std::span<const string_view> names;
  if (program == rpc::kPortmap) names = kRpcbind;
  if (program == rpc::kPortmap && version == 2) names = kPortmap2;
  if (program == rpc::kMount) names = kMount;
  if (procedure < names.size()) return std::string(names[procedure]);
  return procedure == 0 ? "null" : std::to_string(procedure);
}

std::string protocol_name(std::uint32_t protocol) {
  constexpr std::uint32_t kTcp = 6;
  constexpr std::uint32_t kUdp = 17;
  return protocol == kTcp ? "tcp" : protocol == kUdp ? "udp" : std::to_string(protocol);
}

std::string mapping_text(std::uint32_t program, std::uint32_t version, string_view where) {
  return rpc_program_name(program)
      .append(" ")
      .append(std::to_string(version))
      .append(" ")
      .append(where);
}

enum PortmapProcedure : std::uint8_t {
  kSet = 1,
  kUnset = 2,
  kGet = 3,
  kDump = 4,
  kCallIt = 5,
  kGetVersion = 9
};
enum MountProcedure : std::uint8_t {
  kMnt = 1,
  kMountDump = 2,
  kUmnt = 3,
  kExportList = 5,
  kExportAll = 6
};

// RFC 1833 sections 2.1 and 3.1: a mapping, or what is called through the portmapper.
void portmap_call(const RpcMessage& message, model::RecordBuilder& record) {
  Cursor in = message.body;
  const std::uint32_t procedure = message.procedure;
  const bool mapping = procedure >= kSet && procedure <= kGet;
  if (!mapping && procedure != kCallIt && procedure != kGetVersion) return;
  const std::uint32_t program = in.u32();
  const std::uint32_t version = in.u32();
  if (procedure == kCallIt) {
    const std::uint32_t called = in.u32();
    if (!in.ok()) return;
    record.add_text(kMapping,
                    mapping_text(program, version, procedure_name(program, version, called)));
    return;
  }
  if (message.version == 2) {
    const std::uint32_t protocol = in.u32();
    const std::uint32_t port = in.u32();
    if (!in.ok()) return;
    record.add_text(kMapping, mapping_text(program, version, protocol_name(protocol)));
    if (procedure == kSet) record.add_uint(kPort, port);
    return;
  }
  const string_view network = take_string(in);
  const string_view address = take_string(in);
  if (!in.ok()) return;
  record.add_text(kMapping, mapping_text(program, version, network));
  if (procedure == kSet && !address.empty()) record.add_text(kAddress, address);
}

void portmap_reply(const RpcMemory::Call& call, Cursor in, model::RecordBuilder& record) {
  if (call.procedure == kDump) {
    for (int i = 0; i < kMaxListed && in.u32() == 1; ++i) {
      const std::uint32_t program = in.u32();
      const std::uint32_t version = in.u32();
      std::string where;
      if (call.version == 2) {
        where = protocol_name(in.u32());
        where.append(" ").append(std::to_string(in.u32()));
      } else {
        where = take_string(in);
        where.append(" ").append(take_string(in));
        take_string(in);  // its owner
      }
      if (in.ok()) record.add_text(kMapping, mapping_text(program, version, where));
    }
  } else if (call.procedure == kGet && call.version == 2) {
    const std::uint32_t port = in.u32();
    if (in.ok()) record.add_uint(kPort, port);
  } else if (call.procedure == kGet || call.procedure == kGetVersion) {
    const string_view address = take_string(in);
    if (!address.empty()) record.add_text(kAddress, address);
  }
}

void mount_reply(const RpcMemory::Call& call, Cursor in, model::RecordBuilder& record) {
  if (call.procedure == kMnt) {
    const std::uint32_t status = in.u32();
    constexpr std::uint32_t kLast = 3;
    // RFC 1813 appendix I: the numbers are those of NFS.
    std::string name = nfs_status_name(call.version == kLast ? 3 : 2, status);
    name.replace(0, name.find_first_of("_E"), "MNT");
    if (in.ok()) record.add_text(kStatus, name);
    return;
  }
  if (call.procedure != kExportList && call.procedure != kExportAll && call.procedure != kMountDump)
    return;
  for (int i = 0; i < kMaxListed && in.u32() == 1; ++i) {
    const string_view first = take_string(in);
    if (call.procedure == kMountDump) {
      const string_view path = take_string(in);
      if (in.ok()) record.add_text(kExport, std::string(first).append(":").append(path));
      continue;
    }
    for (int group = 0; group < 1000 && in.u32() == 1; ++group) take_string(in);
    if (in.ok()) record.add_text(kExport, first);
  }
}

}  // namespace

constinit const model::Schema kSunrpcSchema{
    .proto = "sunrpc", .title = "Sun RPC", .kinds = kKinds, .fields = kFields};

// A call that is sent again keeps its first time: what the user waited for.
void RpcMemory::ask(const Call& call) {
  for (const Call& known : calls_) {
    if (known.used && known.xid == call.xid && known.side == call.side) return;
  }
  calls_[next_call_] = call;
  calls_[next_call_].used = true;
  next_call_ = static_cast<std::uint8_t>((next_call_ + 1) % calls_.size());
}

RpcMemory::Call RpcMemory::answer(std::uint32_t xid, Side side) {
  for (Call& call : calls_) {
    if (!call.used || call.xid != xid || call.side == side) continue;
    const Call found = call;
    call.used = false;
    return found;
  }
  return {};
}

// FNV-1a: a table of two dozen needs no more. 0 stands for none.
std::uint64_t RpcMemory::hash_of(Bytes handle) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::uint8_t byte : handle) hash = (hash ^ byte) * 0x100000001b3;
  return hash | 1;
}

RpcMemory::Handle RpcMemory::file_of(Bytes handle) const {
  const std::uint64_t hash = hash_of(handle);
  const auto* const found = std::ranges::find(names_, hash, &Named::hash);
  return found != names_.end() ? found->handle : kNone;
}

string_view RpcMemory::path_of(Bytes handle) const { return path(file_of(handle)); }

// One row for one path, unless it had to be cut.
RpcMemory::Handle RpcMemory::add_path(string_view path) {
  for (const Named& named : names_) {
    if (named.handle != kNone && named.path.view() == path) return named.handle;
  }
  if (++last_handle_ == kNone) ++last_handle_;
  Named& row = names_[next_name_];
  next_name_ = static_cast<std::uint8_t>((next_name_ + 1) % names_.size());
  row = {};
  row.handle = last_handle_;
  row.path.set(path);
  return row.handle;
}

void RpcMemory::set_handle(Handle file, Bytes handle) {
  const std::uint64_t hash = hash_of(handle);
  for (Named& named : names_) {
    if (file != kNone && named.handle == file) {
      named.hash = hash;
    } else if (named.hash == hash) {
      named.hash = 0;  // it has a new name
    }
  }
}

void RpcMemory::forget(string_view path) {
  for (Named& named : names_) {
    const string_view known = named.path.view();
    const bool inside = known.size() > path.size() && known[path.size()] == '/';
    if (known.starts_with(path) && (inside || known == path)) named.hash = 0;
  }
}

string_view RpcMemory::path(Handle file) const {
  for (const Named& named : names_) {
    if (file != kNone && named.handle == file) return named.path.view();
  }
  return {};
}

bool RpcReader::message(Bytes bytes, bool cut, const model::StreamChunk& chunk, Context& context) {
  RpcMessage message;
  const Probe probe = read_rpc_message(bytes, message);
  if (probe == Probe::kNo) return false;
  if (probe == Probe::kMore) return cut;
  const RpcSeen seen{message, chunk.side, chunk.time_ns, context, cut};
  if (message.reply) {
    reply(seen);
  } else {
    call(seen);
  }
  return true;
}

// By the first message: later ones may be calls back to the client (RFC 8881 section 2.10.3.1).
void RpcReader::opened_by(Side side, Context& context) {
  if (!opened_) context.set_originator(side);
  opened_ = true;
}

void RpcReader::call(const RpcSeen& seen) {
  const RpcMessage& message = seen.message;
  opened_by(seen.side, seen.context);
  RpcMemory::Call call{.time_ns = seen.time_ns,
                       .xid = message.xid,
                       .program = message.program,
                       .version = static_cast<std::uint16_t>(message.version),
                       .procedure = static_cast<std::uint16_t>(message.procedure),
                       .side = seen.side,
                       .gss_service = static_cast<std::uint8_t>(std::min(message.gss_service, 3U))};
  if (message.gss_control) call.gss_service = 3;
  if (message.program == rpc::kNfs) {
    nfs_call(seen, memory_, call);
    memory_.ask(call);
    return;
  }
  model::RecordBuilder& record = seen.context.record();
  record.start(kSunrpcSchema, static_cast<std::uint8_t>(RpcKind::kCall));
  record.add_uint(kXid, message.xid);
  record.add_text(kProgram, rpc_program_name(message.program));
  record.add_uint(kVersion, message.version);
  record.add_text(kProcedure, procedure_name(message.program, message.version, message.procedure));
  record.add_text(kAuth, rpc_flavor_name(message.flavor));
  if (message.has_user) {
    record.add_uint(kUid, message.uid);
    record.add_uint(kGid, message.gid);
    if (!message.machine.empty()) record.add_text(kMachine, message.machine);
  }
  if (call.gss_service <= 1) {
    const bool mount = message.program == rpc::kMount;
    if (message.program == rpc::kPortmap) portmap_call(message, record);
    if (mount && (message.procedure == kMnt || message.procedure == kUmnt)) {
      Cursor in = message.body;
      const string_view path = take_string(in);
      if (in.ok()) record.add_text(kPath, path);
      call.file = memory_.add_path(path);
    }
  }
  if (seen.cut) record.mark_cut();
  seen.context.emit(seen.side);
  memory_.ask(call);
}

void RpcReader::reply(const RpcSeen& seen) {
  const RpcMessage& message = seen.message;
  opened_by(model::other(seen.side), seen.context);
  const RpcMemory::Call call = memory_.answer(message.xid, seen.side);
  if (call.used && call.program == rpc::kNfs) return nfs_reply(seen, memory_, call);
  model::RecordBuilder& record = seen.context.record();
  record.start(kSunrpcSchema, static_cast<std::uint8_t>(RpcKind::kReply));
  record.add_uint(kXid, message.xid);
  bool done = false;
  if (call.used) {
    record.add_text(kProgram, rpc_program_name(call.program));
    record.add_uint(kVersion, call.version);
    record.add_text(kProcedure, procedure_name(call.program, call.version, call.procedure));
    const string_view path = memory_.path(call.file);
    if (!path.empty()) record.add_text(kPath, path);
    if (message.failure.empty() && call.gss_service <= 1) {
      if (call.program == rpc::kPortmap) portmap_reply(call, message.body, record);
      if (call.program == rpc::kMount) mount_reply(call, message.body, record);
      done = call.program == rpc::kMount && call.procedure == kMnt && message.body.remaining() >= 4;
    }
  }
  if (!done) record.add_text(kStatus, message.failure.empty() ? "SUCCESS" : message.failure);
  if (call.used && seen.time_ns >= call.time_ns) {
    record.add_int(kLatency, seen.time_ns - call.time_ns);
  }
  if (seen.cut) record.mark_cut();
  seen.context.emit(seen.side);
}

}  // namespace netwatch::dpi
