// NFS versions 2 and 3: RFC 1094, RFC 1813; version 4 is in nfs4.cpp. A file is named by what its
// handle was looked up as, as far as that was seen.
#include <iterator>

#include "dpi/protocols/sunrpc_decoder.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using std::string_view;

constexpr string_view kKinds[] = {"call", "reply"};
constexpr string_view kFileAlias[] = {"nfs.name"};
constexpr FieldDef kFields[] = {
    {.name = "nfs.version", .type = FieldType::kUint, .help = "2, 3 or 4", .role = Role::kVersion},
    {.name = "nfs.xid", .type = FieldType::kUint, .help = "joins a call and its reply"},
    {.name = "nfs.operation",
     .list = true,
     .help = "lookup, read, ...; several in version 4",
     .role = Role::kMethod},
    {.name = "nfs.file",
     .list = true,
     .help = "files it is about; with their folders as far as those were seen",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kFileAlias,
     .max_bytes = 1024},
    {.name = "nfs.new_name",
     .help = "what it is renamed or linked to, or where a link leads",
     .privacy = Privacy::kPersonal,
     .max_bytes = 1024},
    {.name = "nfs.offset", .type = FieldType::kUint, .help = "where it is read or written"},
    {.name = "nfs.count", .type = FieldType::kUint, .help = "bytes to read or write, or done"},
    {.name = "nfs.client",
     .help = "name the client gives itself (version 4)",
     .privacy = Privacy::kPersonal},
    {.name = "nfs.auth", .help = "none, sys, gss, ..."},
    {.name = "nfs.uid", .type = FieldType::kUint, .help = "of the user"},
    {.name = "nfs.gid", .type = FieldType::kUint, .help = "of the user"},
    {.name = "nfs.machine", .help = "name of the client's host", .privacy = Privacy::kPersonal},
    {.name = "nfs.status", .help = "result by its name", .role = Role::kStatus},
    {.name = "nfs.failed", .help = "operation that failed (version 4)"},
    {.name = "nfs.latency_us",
     .type = FieldType::kDuration,
     .help = "call to reply",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == static_cast<std::size_t>(NfsField::kLatency) + 1);

constexpr std::array<string_view, 18> kProcedures2{
    "null",   "getattr", "setattr", "root", "lookup",  "readlink", "read",  "writecache", "write",
    "create", "remove",  "rename",  "link", "symlink", "mkdir",    "rmdir", "readdir",    "statfs"};
constexpr std::array<string_view, 22> kProcedures3{
    "null",    "getattr",     "setattr", "lookup", "access",   "readlink", "read",   "write",
    "create",  "mkdir",       "symlink", "mknod",  "remove",   "rmdir",    "rename", "link",
    "readdir", "readdirplus", "fsstat",  "fsinfo", "pathconf", "commit"};

// What of a procedure's arguments is read, in both versions.
enum class Shape : std::uint8_t { kNothing, kFile, kName, kRename, kLink, kSymlink, kRead, kWrite };

Shape shape_of(string_view procedure) {
  if (procedure == "lookup" || procedure == "create" || procedure == "mkdir" ||
      procedure == "mknod" || procedure == "remove" || procedure == "rmdir") {
    return Shape::kName;
  }
  if (procedure == "rename") return Shape::kRename;
  if (procedure == "link") return Shape::kLink;
  if (procedure == "symlink") return Shape::kSymlink;
  if (procedure == "read") return Shape::kRead;
  if (procedure == "write") return Shape::kWrite;
  const bool none = procedure == "null" || procedure == "root" || procedure == "writecache";
  return none || procedure.empty() ? Shape::kNothing : Shape::kFile;
}

string_view procedure_name(std::uint32_t version, std::uint32_t procedure) {
  if (version == 2 && procedure < kProcedures2.size()) return kProcedures2[procedure];
  if (version == 3 && procedure < kProcedures3.size()) return kProcedures3[procedure];
  if (version == 4 && procedure == 0) return "null";
  return {};
}

Bytes take_handle(Cursor& in, std::uint32_t version) {
  constexpr std::size_t kHandle2Bytes = 32;
  return version == 2 ? in.take(kHandle2Bytes) : take_opaque(in);
}

void read_arguments(const RpcSeen& seen, Shape shape, RpcMemory& memory, RpcMemory::Call& call) {
  model::RecordBuilder& record = seen.context.record();
  const std::uint32_t version = seen.message.version;
  Cursor in = seen.message.body;
  if (call.gss_service == 2) in.skip(8);  // RFC 2203 section 5.3.2.2
  if (shape == Shape::kNothing) return;
  const Bytes handle = take_handle(in, version);
  if (!in.ok()) return;
  std::string path(memory.path_of(handle));
  const bool named = shape == Shape::kName || shape == Shape::kRename || shape == Shape::kSymlink;
  if (named) {
    const string_view name = take_string(in);
    if (!in.ok()) return;
    path = nfs_path(path, name);
  }
  add(record, NfsField::kFile, path);
  call.file = named && !path.empty() ? memory.add_path(path) : memory.file_of(handle);
  if (shape == Shape::kRename) memory.forget(path);
  if (shape == Shape::kRename || shape == Shape::kLink) {
    const Bytes directory = take_handle(in, version);
    const string_view name = take_string(in);
    if (in.ok()) add(record, NfsField::kNewName, nfs_path(memory.path_of(directory), name));
  } else if (shape == Shape::kSymlink) {
    constexpr std::size_t kSet = 1;
    // sattr3: six unions in front of the path; version 2 has its attributes behind it.
    if (version == 3) {
      for (const std::size_t size : {4U, 4U, 4U, 8U}) {
        if (in.u32() == kSet) in.skip(size);
      }
      for (int time = 0; time < 2; ++time) {
        if (in.u32() == 2) in.skip(8);
      }
    }
    const string_view target = take_string(in);
    if (in.ok()) add(record, NfsField::kNewName, target);
  } else if (shape == Shape::kRead || shape == Shape::kWrite) {
    if (version == 2 && shape == Shape::kWrite) in.skip(4);
    const std::uint64_t offset = version == 2 ? in.u32() : in.u64();
    if (version == 2 && shape == Shape::kWrite) in.skip(4);
    const std::uint32_t count = in.u32();
    if (!in.ok()) return;
    add(record, NfsField::kOffset, offset);
    add(record, NfsField::kCount, count);
  }
}

// What a reply that went well brings: a handle for the name that was asked for, or how much.
void read_results(const RpcMemory::Call& call, string_view procedure, Cursor in, RpcMemory& memory,
                  model::RecordBuilder& record) {
  constexpr std::size_t kAttributes3Bytes = 84;
  const bool lookup = procedure == "lookup";
  const bool makes = procedure == "create" || procedure == "mkdir" || procedure == "mknod" ||
                     (procedure == "symlink" && call.version == 3);
  if (lookup || makes) {
    const bool has_handle = lookup || call.version == 2 || in.u32() == 1;
    const Bytes handle = take_handle(in, call.version);
    if (has_handle && in.ok()) memory.set_handle(call.file, handle);
    return;
  }
  if (call.version != 3) return;
  if (procedure == "read") {
    if (in.u32() == 1) in.skip(kAttributes3Bytes);
  } else if (procedure == "write") {
    constexpr std::size_t kBeforeBytes = 24;
    if (in.u32() == 1) in.skip(kBeforeBytes);
    if (in.u32() == 1) in.skip(kAttributes3Bytes);
  } else {
    return;
  }
  const std::uint32_t count = in.u32();
  if (in.ok()) add(record, NfsField::kCount, count);
}

}  // namespace

constinit const model::Schema kNfsSchema{
    .proto = "nfs", .title = "NFS", .kinds = kKinds, .fields = kFields};

std::string nfs_path(string_view directory, string_view name) {
  if (name == "." && !directory.empty()) return std::string(directory);
  if (directory == ".") return std::string(name);
  std::string path(directory);
  if (!path.empty() && path.back() != '/') path += '/';
  return path.append(name);
}

void nfs_call(const RpcSeen& seen, RpcMemory& memory, RpcMemory::Call& call) {
  const RpcMessage& message = seen.message;
  model::RecordBuilder& record = seen.context.record();
  record.start(kNfsSchema, static_cast<std::uint8_t>(RpcKind::kCall));
  add(record, NfsField::kVersion, message.version);
  add(record, NfsField::kXid, message.xid);
  const string_view procedure = procedure_name(message.version, message.procedure);
  add(record, NfsField::kOperation, procedure);
  add(record, NfsField::kAuth, rpc_flavor_name(message.flavor));
  if (message.has_user) {
    add(record, NfsField::kUid, message.uid);
    add(record, NfsField::kGid, message.gid);
    add(record, NfsField::kMachine, message.machine);
  }
  constexpr std::uint8_t kSealed = 3;
  if (call.gss_service != kSealed) {
    if (message.version == 4 && message.procedure == 1) {
      nfs4_call(seen, memory, call);
    } else {
      read_arguments(seen, shape_of(procedure), memory, call);
    }
  }
  seen.context.emit(seen.side);
}

void nfs_reply(const RpcSeen& seen, RpcMemory& memory, const RpcMemory::Call& call) {
  const RpcMessage& message = seen.message;
  model::RecordBuilder& record = seen.context.record();
  record.start(kNfsSchema, static_cast<std::uint8_t>(RpcKind::kReply));
  add(record, NfsField::kVersion, call.version);
  add(record, NfsField::kXid, message.xid);
  const string_view procedure = procedure_name(call.version, call.procedure);
  add(record, NfsField::kOperation, procedure);
  constexpr std::uint8_t kSealed = 3;
  if (!message.failure.empty()) {
    add(record, NfsField::kStatus, message.failure);
  } else if (call.version == 4 && call.procedure == 1) {
    nfs4_reply(seen, memory, call);
  } else if (call.procedure != 0 && call.gss_service != kSealed) {
    Cursor in = message.body;
    if (call.gss_service == 2) in.skip(8);
    const std::uint32_t status = in.u32();
    add(record, NfsField::kFile, memory.path(call.file));
    if (in.ok()) add(record, NfsField::kStatus, nfs_status_name(call.version, status));
    if (in.ok() && status == 0) read_results(call, procedure, in, memory, record);
  }
  if (seen.time_ns >= call.time_ns) {
    record.add_int(static_cast<std::uint8_t>(NfsField::kLatency), seen.time_ns - call.time_ns);
  }
  seen.context.emit(seen.side);
}

}  // namespace netwatch::dpi
