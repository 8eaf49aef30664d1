// NFS version 4's COMPOUND: RFC 7530 section 16, RFC 8881 section 18, RFC 7862 section 15. An
// operation's arguments have no length in front of them, so each has to be known to reach the next;
// behind one that is not, the record is cut.
#include <iterator>

#include "dpi/protocols/sunrpc_decoder.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using std::string_view;

enum Operation : std::uint8_t {
  kAccess = 3,
  kClose = 4,
  kCreate = 6,
  kGetattr = 9,
  kGetfh = 10,
  kLink = 11,
  kLock = 12,
  kLookup = 15,
  kLookupp = 16,
  kNverify = 17,
  kOpen = 18,
  kOpenConfirm = 20,
  kPutfh = 22,
  kPutrootfh = 24,
  kRead = 25,
  kReaddir = 26,
  kRemove = 28,
  kRename = 29,
  kRestorefh = 31,
  kSavefh = 32,
  kSecinfo = 33,
  kSetattr = 34,
  kSetclientid = 35,
  kVerify = 37,
  kWrite = 38,
  kReleaseLockowner = 39,
  kExchangeId = 42,
  kCreateSession = 43,
  kGetdeviceinfo = 47,
  kSequence = 53,
  kTestStateid = 55,
};
constexpr std::size_t kStateidBytes = 16;
constexpr std::uint8_t kUnknownSize = 0xFF;

// Arguments of a fixed size; kUnknownSize where that is not so.
std::uint8_t fixed_arguments(std::uint32_t operation) {
  switch (operation) {
    case 3:   // access
    case 19:  // openattr
    case 52:  // secinfo_no_name
    case 58:  // reclaim_complete
      return 4;
    case kGetfh:
    case kLookupp:
    case 23:  // putpubfh
    case kPutrootfh:
    case 27:  // readlink
    case kRestorefh:
    case kSavefh:
      return 0;
    case kClose:
    case kOpenConfirm:
      return 4 + kStateidBytes;
    case 5:  // commit
      return 12;
    case 7:   // delegpurge
    case 30:  // renew
    case 57:  // destroy_clientid
      return 8;
    case 8:   // delegreturn
    case 44:  // destroy_session
    case 45:  // free_stateid
      return kStateidBytes;
    case 14:  // locku
      return 8 + kStateidBytes + 16;
    case 21:  // open_downgrade
      return kStateidBytes + 12;
    case 36:  // setclientid_confirm
      return 16;
    case 41:  // bind_conn_to_session
      return 24;
    case 50:  // layoutget
      return 12 + 24 + kStateidBytes + 4;
    case kSequence:
      return 32;
    case 59:  // allocate
    case 62:  // deallocate
      return kStateidBytes + 16;
    case 68:  // read_plus
    case 69:  // seek
      return kStateidBytes + 12;
    case 74:  // listxattrs
      return 12;
    default:
      return kUnknownSize;
  }
}

void skip_bitmap(Cursor& in) { in.skip(std::size_t{in.u32()} * 4); }
void skip_attributes(Cursor& in) {
  skip_bitmap(in);
  take_opaque(in);
}

// What the operations of one call are about.
class Walk {
 public:
  Walk(const RpcSeen& seen, RpcMemory& memory, RpcMemory::Call& call)
      : record_(seen.context.record()), memory_(memory), call_(call) {}

  // False: where the next operation begins is not known.
  bool step(std::uint32_t operation, std::uint8_t place, Cursor& in);

 private:
  bool named(std::uint32_t operation, Cursor& in);
  bool other(std::uint32_t operation, Cursor& in);
  bool open(Cursor& in);
  bool client(std::uint32_t operation, Cursor& in);
  void lock(Cursor& in);
  void go_to(string_view name) {
    current_ = nfs_path(current_, name);
    told_ = false;
  }
  // The file at hand, once.
  void tell() {
    if (!told_) add(record_, NfsField::kFile, current_);
    told_ = true;
    if (call_.file == RpcMemory::kNone && !current_.empty())
      call_.file = memory_.add_path(current_);
  }
  void range(std::uint64_t offset, std::uint64_t count) {
    add(record_, NfsField::kOffset, offset);
    add(record_, NfsField::kCount, count);
  }

  model::RecordBuilder& record_;
  RpcMemory& memory_;
  RpcMemory::Call& call_;
  std::string current_;
  std::string saved_;
  bool told_ = false;
};

bool Walk::step(std::uint32_t operation, std::uint8_t place, Cursor& in) {
  switch (operation) {
    case kPutfh:
      current_ = memory_.path_of(take_opaque(in));
      told_ = false;
      return true;
    case kPutrootfh:
      current_ = "/";
      told_ = false;
      return true;
    case kSavefh:
      saved_ = current_;
      return true;
    case kRestorefh:
      current_ = saved_;
      told_ = true;
      return true;
    case kLookup:
      go_to(take_string(in));
      tell();
      return in.ok();
    case kLookupp:
      current_.clear();
      return true;
    case kGetfh:
      if (current_.empty()) return true;
      call_.file = memory_.add_path(current_);
      call_.handle_at = place;
      return true;
    default:
      return named(operation, in);
  }
}

// Operations that have the name of a file.
bool Walk::named(std::uint32_t operation, Cursor& in) {
  switch (operation) {
    case kRemove:
    case kSecinfo:
      add(record_, NfsField::kFile, nfs_path(current_, take_string(in)));
      return in.ok();
    case kRename: {
      const std::string old_path = nfs_path(saved_, take_string(in));
      add(record_, NfsField::kFile, old_path);
      memory_.forget(old_path);
      add(record_, NfsField::kNewName, nfs_path(current_, take_string(in)));
      return in.ok();
    }
    case kLink:
      add(record_, NfsField::kFile, saved_);
      add(record_, NfsField::kNewName, nfs_path(current_, take_string(in)));
      return in.ok();
    case kCreate: {
      constexpr std::uint32_t kBlock = 3;
      constexpr std::uint32_t kCharacter = 4;
      constexpr std::uint32_t kSymlink = 5;
      const std::uint32_t type = in.u32();
      if (type == kSymlink) add(record_, NfsField::kNewName, take_string(in));
      if (type == kBlock || type == kCharacter) in.skip(8);
      go_to(take_string(in));
      tell();
      skip_attributes(in);
      return in.ok();
    }
    case kOpen:
      return open(in);
    default:
      return other(operation, in);
  }
}

bool Walk::other(std::uint32_t operation, Cursor& in) {
  switch (operation) {
    case kRead:
    case kWrite: {
      tell();
      in.skip(kStateidBytes);
      const std::uint64_t offset = in.u64();
      if (operation == kWrite) in.skip(4);
      const std::uint32_t count = in.u32();
      if (in.ok()) range(offset, count);
      if (operation == kWrite) in.skip((std::size_t{count} + 3) & ~std::size_t{3});
      return in.ok();
    }
    case kGetattr:
      tell();
      skip_bitmap(in);
      return in.ok();
    case kReaddir:
      tell();
      in.skip(24);
      skip_bitmap(in);
      return in.ok();
    case kSetattr:
      tell();
      in.skip(kStateidBytes);
      skip_attributes(in);
      return in.ok();
    case kVerify:
    case kNverify:
      skip_attributes(in);
      return in.ok();
    case kLock:
      lock(in);
      return in.ok();
    case kTestStateid:
      in.skip(std::size_t{in.u32()} * kStateidBytes);
      return in.ok();
    case kSetclientid:
    case kExchangeId:
    case kReleaseLockowner:
      return client(operation, in);
    default: {
      const std::uint8_t size = fixed_arguments(operation);
      if (size == kUnknownSize) return false;
      in.skip(size);
      if (operation == kAccess || operation == kClose) tell();
      return in.ok();
    }
  }
}

// RFC 8881 section 18.16.
bool Walk::open(Cursor& in) {
  enum Claim : std::uint8_t {
    kNull,
    kPrevious,
    kDelegateCurrent,
    kDelegatePrevious,
    kFile,
    kFileCurrent
  };
  constexpr std::uint32_t kExclusive = 2;
  constexpr std::uint32_t kExclusive41 = 3;
  in.skip(12 + 8);
  take_opaque(in);  // the owner
  if (in.u32() == 1) {
    const std::uint32_t mode = in.u32();
    if (mode == kExclusive || mode == kExclusive41) in.skip(8);
    if (mode != kExclusive) skip_attributes(in);
  }
  switch (in.u32()) {
    case kDelegateCurrent:
      in.skip(kStateidBytes);
      [[fallthrough]];
    case kNull:
    case kDelegatePrevious:
      go_to(take_string(in));
      break;
    case kPrevious:
      in.skip(4);
      break;
    case kFileCurrent:
      in.skip(kStateidBytes);
      break;
    default:
      break;
  }
  if (in.ok()) tell();
  return in.ok();
}

void Walk::lock(Cursor& in) {
  in.skip(8);
  const std::uint64_t offset = in.u64();
  const std::uint64_t size = in.u64();
  if (in.u32() == 1) {
    in.skip(4 + kStateidBytes + 4 + 8);
    take_opaque(in);
  } else {
    in.skip(kStateidBytes + 4);
  }
  tell();
  if (in.ok()) range(offset, size);
}

bool Walk::client(std::uint32_t operation, Cursor& in) {
  in.skip(8);  // a verifier, or a client's number
  const string_view owner = take_string(in);
  if (!in.ok()) return false;
  if (operation != kReleaseLockowner) add(record_, NfsField::kClient, owner);
  if (operation == kSetclientid) {
    in.skip(4);
    take_opaque(in);
    take_opaque(in);
    in.skip(4);
  } else if (operation == kExchangeId) {
    in.skip(4);
    if (in.u32() != 0) return false;  // state protection
    if (in.u32() == 1) {
      take_opaque(in);
      take_opaque(in);
      in.skip(12);
    }
  }
  return in.ok();
}

// Results of an operation that went well; `file` is whose handle it may bring. False: where the
// next begins is not known.
bool skip_result(std::uint32_t operation, Cursor& in, RpcMemory& memory, RpcMemory::Handle file,
                 model::RecordBuilder& record) {
  constexpr std::size_t kChangeBytes = 20;
  switch (operation) {
    case kSequence:
      in.skip(36);
      return in.ok();
    case kGetfh: {
      const Bytes handle = take_opaque(in);
      if (in.ok() && file != RpcMemory::kNone) memory.set_handle(file, handle);
      return in.ok();
    }
    case kPutfh:
    case kPutrootfh:
    case 23:  // putpubfh
    case kSavefh:
    case kRestorefh:
    case kLookup:
    case kLookupp:
      return true;
    case kAccess:
      in.skip(8);
      return in.ok();
    case kGetattr:
      skip_attributes(in);
      return in.ok();
    case kCreate:
      in.skip(kChangeBytes);
      skip_bitmap(in);
      return in.ok();
    case kOpen:
      in.skip(kStateidBytes + kChangeBytes + 4);
      skip_bitmap(in);
      return in.u32() == 0 && in.ok();  // no delegation
    case kRead: {
      in.skip(4);
      const std::uint32_t count = in.u32();
      if (in.ok()) add(record, NfsField::kCount, count);
      in.skip((std::size_t{count} + 3) & ~std::size_t{3});
      return in.ok();
    }
    case kWrite: {
      const std::uint32_t count = in.u32();
      if (in.ok()) add(record, NfsField::kCount, count);
      in.skip(12);
      return in.ok();
    }
    default:
      return false;
  }
}

}  // namespace

void nfs4_call(const RpcSeen& seen, RpcMemory& memory, RpcMemory::Call& call) {
  constexpr std::uint32_t kMaxWalked = 64;
  model::RecordBuilder& record = seen.context.record();
  Cursor in = seen.message.body;
  if (call.gss_service == 2) in.skip(8);
  take_opaque(in);  // a tag
  in.skip(4);       // the minor version
  const std::uint32_t count = in.u32();
  Walk walk(seen, memory, call);
  for (std::uint32_t i = 0; i < std::min(count, kMaxWalked); ++i) {
    const std::uint32_t operation = in.u32();
    if (!in.ok() || nfs4_operation_name(operation).empty()) {
      record.mark_cut();
      return;
    }
    add(record, NfsField::kOperation, nfs4_operation_name(operation));
    if (call.operation_count < RpcMemory::kMaxOperations) {
      call.operations[call.operation_count++] = static_cast<std::uint8_t>(operation);
    }
    if (!walk.step(operation, static_cast<std::uint8_t>(i), in)) {
      if (i + 1 < count) record.mark_cut();
      return;
    }
  }
}

void nfs4_reply(const RpcSeen& seen, RpcMemory& memory, const RpcMemory::Call& call) {
  model::RecordBuilder& record = seen.context.record();
  for (std::uint8_t i = 0; i < call.operation_count; ++i) {
    add(record, NfsField::kOperation, nfs4_operation_name(call.operations[i]));
  }
  if (call.gss_service > 2) return;
  Cursor in = seen.message.body;
  if (call.gss_service == 2) in.skip(8);
  const std::uint32_t status = in.u32();
  take_opaque(in);
  const std::uint32_t count = in.u32();
  if (!in.ok()) return;
  add(record, NfsField::kFile, memory.path(call.file));
  add(record, NfsField::kStatus, nfs_status_name(4, status));
  // The results end with what failed.
  if (status != 0 && count > 0 && count <= call.operation_count) {
    add(record, NfsField::kFailed, nfs4_operation_name(call.operations[count - 1]));
  }
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(count, 64); ++i) {
    const std::uint32_t operation = in.u32();
    const std::uint32_t result = in.u32();
    // Another one's handle is not that of the name at the end.
    const RpcMemory::Handle file = i == call.handle_at ? call.file : RpcMemory::kNone;
    if (!in.ok() || result != 0 || !skip_result(operation, in, memory, file, record)) return;
  }
}

}  // namespace netwatch::dpi
