// SMB 2 and 3: [MS-SMB2] 2.2. Reads and writes are counted and told when their file is closed;
// what else is of no interest by itself (locks, flushes, queries, echoes) is reported if it fails.
// What goes through a pipe is a child stream.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "dpi/parts/nt_status.h"
#include "dpi/parts/utf16.h"
#include "dpi/protocols/smb2_names.h"
#include "dpi/protocols/smb_decoder.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using std::string_view;

constexpr std::size_t kHeadBytes = 64;
constexpr std::uint32_t kAnswerFlag = 1;
constexpr std::uint32_t kAsyncFlag = 2;
constexpr std::uint32_t kRelatedFlag = 4;
constexpr std::uint64_t kSameFile = ~std::uint64_t{0};

enum Command : std::uint8_t {
  kNegotiate,
  kSessionSetup,
  kLogoff,
  kTreeConnect,
  kTreeDisconnect,
  kCreate,
  kClose,
  kFlush,
  kRead,
  kWrite,
  kLock,
  kIoctl,
  kCancel,
  kEcho,
  kQueryDirectory,
  kChangeNotify,
  kQueryInfo,
  kSetInfo,
  kOplockBreak,
};
constexpr std::array<string_view, 19> kCommands{
    "negotiate", "session_setup", "logoff",   "tree_connect", "tree_disconnect",
    "create",    "close",         "flush",    "read",         "write",
    "lock",      "ioctl",         "cancel",   "echo",         "query_directory",
    "notify",    "query_info",    "set_info", "oplock_break"};

// Of an answer without its request.
bool is_loud(std::uint8_t command) { return command <= kCreate || command == kIoctl; }

bool is_failure(std::uint32_t status) {
  using namespace nt_status;
  constexpr std::array<std::uint32_t, 7> kFine{kSuccess,        kNotifyCleanup, kNotifyEnumDir,
                                               kBufferOverflow, kNoMoreFiles,   kEndOfFile,
                                               kCancelled};
  return std::ranges::find(kFine, status) == kFine.end();
}

}  // namespace

struct SmbDecoder::Message2 {
  const Frame& frame;
  Bytes bytes;  // of this one, from its header on
  std::uint32_t status = 0;
  std::uint8_t command = 0;
  std::uint32_t flags = 0;
  std::uint64_t id = 0;
  std::uint32_t tree = 0;
  std::uint64_t session = 0;
  // Of a request, as far as it was read.
  SmbMemory::Handle subject = SmbMemory::kNone;

  [[nodiscard]] Cursor body() const {
    return Cursor(bytes.subspan(std::min(kHeadBytes, bytes.size())));
  }
  // Offsets count from the header.
  [[nodiscard]] Bytes part(std::size_t offset, std::size_t size) const {
    if (offset > bytes.size()) return {};
    return bytes.subspan(offset, std::min(size, bytes.size() - offset));
  }
};

// A frame holds one message, or a compound of them ([MS-SMB2] 3.3.5.2.7).
void SmbDecoder::messages2(Bytes message, const Frame& frame) {
  Bytes rest = message;
  while (!rest.empty()) {
    Cursor in(rest);
    in.skip(4);
    const std::uint16_t size = in.u16le();
    in.skip(2);
    Message2 one{.frame = frame, .bytes = rest};
    one.status = in.u32le();
    const std::uint16_t command = in.u16le();
    in.skip(2);
    one.flags = in.u32le();
    const std::uint32_t next = in.u32le();
    one.id = in.u64le();
    in.skip(4);
    one.tree = in.u32le();
    one.session = in.u64le();
    in.skip(16);
    if (!in.ok() || size != kHeadBytes || command >= kCommands.size()) {
      if (!frame.cut()) frame.context.odd("bad_header");
      return;
    }
    one.command = static_cast<std::uint8_t>(command);
    if ((one.flags & kAsyncFlag) != 0) one.tree = 0;
    const bool more = next >= kHeadBytes && next < rest.size();
    if (more) one.bytes = rest.first(next);
    if ((one.flags & kAnswerFlag) != 0) {
      response2(one);
    } else {
      request2(one);
    }
    rest = more ? rest.subspan(next) : Bytes{};
  }
}

void SmbDecoder::request2(Message2& in) {
  if ((in.flags & kRelatedFlag) != 0) {
    in.session = chain_session_;
    in.tree = chain_tree_;
  } else {
    chain_file_ = SmbMemory::kNone;
  }
  chain_session_ = in.session;
  chain_tree_ = in.tree;
  begin(in.frame, SmbKind::kRequest, "2", kCommands[in.command]);
  const bool loud = request_body2(in);
  if (loud) in.frame.context.emit(in.frame.side);
  if (in.command == kCancel) return;
  memory_.ask({.id = in.command == kNegotiate ? 0 : in.id,
               .time_ns = in.frame.time_ns,
               .session = in.session,
               .tree = in.tree,
               .subject = in.subject,
               .command = in.command,
               .side = in.frame.side,
               .quiet = !loud});
}

// Whether the request is worth a record.
bool SmbDecoder::request_body2(Message2& in) {
  Cursor body = in.body();
  // Where the identifier of a file lies in the body.
  const auto file_at = [&](std::size_t offset) {
    body.skip(offset + 8);
    const std::uint64_t id = body.u64le();
    in.subject = id == kSameFile ? chain_file_ : memory_.file_of(id);
    chain_file_ = in.subject;
  };
  switch (in.command) {
    case kNegotiate:
      negotiate2(in);
      return true;
    case kSessionSetup:
      session_setup2(in);
      return true;
    case kTreeConnect:
      tree_connect2(in);
      return true;
    case kCreate:
      create2(in);
      return true;
    case kIoctl:
      file_at(8);
      ioctl2(in);
      pipe2(in, in.subject, 24);
      return true;
    case kSetInfo:
      file_at(16);
      return set_info2(in);
    case kQueryDirectory:
      file_at(8);
      return query_directory2(in);
    case kClose:
    case kFlush:
    case kLock:
    case kChangeNotify:
      file_at(8);
      break;
    case kRead:
      file_at(16);
      break;
    case kWrite:
      file_at(16);
      pipe2(in, in.subject, 2);
      break;
    case kQueryInfo:
      file_at(24);
      break;
    default:
      break;
  }
  add_names(in.session, in.tree, in.subject);
  return in.command == kLogoff || in.command == kTreeDisconnect;
}

void SmbDecoder::negotiate2(const Message2& in) {
  constexpr std::uint16_t kMost = 16;
  Cursor body = in.body();
  body.skip(2);
  const std::uint16_t count = body.u16le();
  body.skip(32);
  for (std::uint16_t i = 0; i < std::min(count, kMost); ++i) {
    add(SmbField::kDialects, dialect_name(body.u16le()));
  }
}

void SmbDecoder::session_setup2(Message2& in) {
  Cursor body = in.body();
  body.skip(12);
  const std::uint16_t offset = body.u16le();
  const std::uint16_t size = body.u16le();
  if (body.ok()) in.subject = add_token(in.part(offset, size), in.session);
}

void SmbDecoder::tree_connect2(Message2& in) {
  Cursor body = in.body();
  body.skip(4);
  const std::uint16_t offset = body.u16le();
  const std::uint16_t size = body.u16le();
  const std::string share = utf16_text(in.part(offset, size));
  in.subject = memory_.add_tree(share);
  add(SmbField::kUser, memory_.user_of(in.session));
  add(SmbField::kShare, share);
}

void SmbDecoder::create2(Message2& in) {
  constexpr std::array<string_view, 6> kDispositions{"supersede", "open",      "create",
                                                     "open_if",   "overwrite", "overwrite_if"};
  Cursor body = in.body();
  body.skip(36);
  const std::uint32_t disposition = body.u32le();
  body.skip(4);
  const std::uint16_t offset = body.u16le();
  const std::uint16_t size = body.u16le();
  if (!body.ok()) return;
  // The root of a share has no name.
  std::string name = utf16_text(in.part(offset, size));
  if (name.empty() && !in.frame.cut()) name = "\\";
  in.subject = memory_.add_file(name);
  chain_file_ = in.subject;
  add_names(in.session, in.tree, SmbMemory::kNone);
  add(SmbField::kFile, name);
  if (disposition < kDispositions.size()) add(SmbField::kDisposition, kDispositions[disposition]);
}

void SmbDecoder::ioctl2(const Message2& in) {
  Cursor body = in.body();
  body.skip(4);
  const std::uint32_t code = body.u32le();
  if (!body.ok()) return;
  add(SmbField::kFunction, control_name(code));
  add_names(in.session, in.tree, in.subject);
}

// Of what can be set: that a file goes, or has another name ([MS-FSCC] 2.4).
bool SmbDecoder::set_info2(const Message2& in) {
  constexpr std::uint8_t kOfFile = 1;
  constexpr std::uint8_t kRename = 10;
  constexpr std::uint8_t kLink = 11;
  constexpr std::uint8_t kDisposition = 13;
  constexpr std::uint8_t kDispositionEx = 64;
  constexpr std::size_t kNameSizeAt = 16;
  Cursor body = in.body();
  body.skip(2);
  const std::uint8_t type = body.u8();
  const std::uint8_t what = body.u8();
  const std::uint32_t size = body.u32le();
  const std::uint16_t offset = body.u16le();
  const Bytes data = in.part(offset, size);
  if (type == kOfFile && (what == kRename || what == kLink)) {
    add(SmbField::kFunction, what == kRename ? "rename" : "link");
    Cursor name(data);
    name.skip(kNameSizeAt);
    const std::uint32_t name_size = name.u32le();
    add(SmbField::kNewName, utf16_text(name.take_up_to(name_size)));
  } else if (type == kOfFile && (what == kDisposition || what == kDispositionEx)) {
    if (data.empty() || (data[0] & 1) == 0) return false;
    add(SmbField::kFunction, "delete");
  } else {
    add_names(in.session, in.tree, in.subject);
    return false;
  }
  add_names(in.session, in.tree, in.subject);
  return true;
}

// A listing takes many requests: the first is reported.
bool SmbDecoder::query_directory2(const Message2& in) {
  Cursor body = in.body();
  body.skip(24);
  const std::uint16_t offset = body.u16le();
  const std::uint16_t size = body.u16le();
  add(SmbField::kPattern, utf16_text(in.part(offset, size)));
  add_names(in.session, in.tree, in.subject);
  SmbMemory::File* file = memory_.file(in.subject);
  return file == nullptr || !std::exchange(file->listed, true);
}

void SmbDecoder::response2(Message2& in) {
  if (in.status == nt_status::kPending) return;  // the answer will come
  const bool negotiate = in.command == kNegotiate;
  const model::Side side = in.frame.side;
  SmbMemory::Request asked = memory_.answer(negotiate ? 0 : in.id, in.command, side);
  const bool paired = asked.used;
  // Who asks does not answer itself: the request goes on waiting.
  if (!paired && asked.side == side) return in.frame.context.odd("wrong_side");
  if (paired) {
    if (in.session == 0) in.session = asked.session;
    if (in.tree == 0) in.tree = asked.tree;
  }
  // The server's own: it tells that an oplock is taken away.
  if (in.command == kOplockBreak && !paired) return;
  begin(in.frame, SmbKind::kResponse, "2", kCommands[in.command]);
  const bool failed = is_failure(in.status);
  const bool setup = in.command == kSessionSetup || in.command == kTreeConnect;
  bool loud = failed || (paired ? !asked.quiet : is_loud(in.command));
  add(SmbField::kStatus, nt_status_name(in.status));
  SmbMemory::Tree* const tree = memory_.tree(asked.subject);
  SmbMemory::File* const file = memory_.file(asked.subject);
  if (tree != nullptr) add(SmbField::kShare, tree->share.view());
  add_file(asked.subject);
  if (!failed || in.status == nt_status::kMoreProcessing) response_body2(in, asked);
  if (file != nullptr && in.command == kClose && !failed) {
    loud = loud || file->read_bytes + file->written_bytes > 0;
    add_close(*file);
  }
  if (file != nullptr && in.command == kCreate && failed) *file = {};
  add(SmbField::kUser, memory_.user_of(in.session));
  if (!setup) add(SmbField::kShare, memory_.share_of(in.session, in.tree));
  if (paired) {
    const base::TimeNs ns = in.frame.time_ns - asked.time_ns;
    record_->add_int(static_cast<std::uint8_t>(SmbField::kLatency), std::max<base::TimeNs>(ns, 0));
  }
  if (loud) in.frame.context.emit(in.frame.side);
}

void SmbDecoder::response_body2(const Message2& in, const SmbMemory::Request& asked) {
  constexpr std::array<string_view, 4> kShareTypes{"", "disk", "pipe", "printer"};
  SmbMemory::File* const file = memory_.file(asked.subject);
  Cursor body = in.body();
  body.skip(2);
  switch (in.command) {
    case kNegotiate:
      negotiate_answer2(in);
      break;
    case kSessionSetup:
      session_answer2(in);
      if (SmbMemory::User* user = memory_.user(asked.subject)) user->session = in.session;
      break;
    case kTreeConnect: {
      if (SmbMemory::Tree* tree = memory_.tree(asked.subject)) {
        tree->session = in.session;
        tree->id = in.tree;
      }
      const std::uint8_t type = body.u8();
      if (type < kShareTypes.size()) add(SmbField::kShareType, kShareTypes[type]);
      break;
    }
    case kCreate:
      create_answer2(in, file);
      break;
    case kRead:
      body.skip(2);
      if (file != nullptr) file->read_bytes += body.u32le();
      pipe2(in, asked.subject, 2);
      break;
    case kIoctl:
      pipe2(in, asked.subject, 32);
      break;
    case kWrite:
      body.skip(2);
      if (file != nullptr) file->written_bytes += body.u32le();
      break;
    default:
      break;
  }
}

// Data that are written, read or exchanged; where it is said where they are differs.
void SmbDecoder::pipe2(const Message2& in, SmbMemory::Handle file, std::size_t place_at) {
  const bool answer = (in.flags & kAnswerFlag) != 0;
  Cursor body = in.body();
  body.skip(place_at);
  std::size_t offset = 0;
  if (in.command == kIoctl) {
    offset = body.u32le();
  } else if (answer) {
    offset = body.u16le() & 0xFF;  // the other byte is reserved
  } else {
    offset = body.u16le();
  }
  const std::uint32_t size = body.u32le();
  if (body.ok() && size > 0) carry(file, in.part(offset, size), size, in.frame);
}

void SmbDecoder::negotiate_answer2(const Message2& in) {
  constexpr std::uint16_t kEncryption = 2;
  constexpr std::array<string_view, 5> kCiphers{"", "AES-128-CCM", "AES-128-GCM", "AES-256-CCM",
                                                "AES-256-GCM"};
  Cursor body = in.body();
  body.skip(2);
  const std::uint16_t security = body.u16le();
  const std::uint16_t dialect = body.u16le();
  std::uint16_t contexts = body.u16le();
  body.skip(48 + 4);  // server, capabilities, sizes, times, its token
  const std::uint32_t at = body.u32le();
  if (!body.ok()) return;
  add(SmbField::kDialect, dialect_name(dialect));
  add(SmbField::kSigning, (security & 2) != 0 ? "required" : (security & 1) != 0 ? "enabled" : "");
  if (dialect != 0x0311) return;
  Cursor context(in.part(at, in.bytes.size()));
  for (; contexts > 0 && context.ok(); --contexts) {
    const std::uint16_t type = context.u16le();
    const std::uint16_t size = context.u16le();
    context.skip(4);
    Cursor value(context.take(size));
    context.take_up_to((8 - size % 8) % 8);
    if (type != kEncryption || value.u16le() != 1) continue;
    const std::uint16_t cipher = value.u16le();
    if (value.ok() && cipher < kCiphers.size()) add(SmbField::kCipher, kCiphers[cipher]);
  }
}

void SmbDecoder::session_answer2(const Message2& in) {
  Cursor body = in.body();
  body.skip(2);
  const std::uint16_t flags = body.u16le();
  const std::uint16_t offset = body.u16le();
  const std::uint16_t size = body.u16le();
  if (!body.ok()) return;
  add_token(in.part(offset, size), in.session);
  if ((flags & 3) != 0) add(SmbField::kLogin, (flags & 1) != 0 ? "guest" : "anonymous");
}

void SmbDecoder::create_answer2(const Message2& in, SmbMemory::File* file) {
  constexpr std::array<string_view, 4> kActions{"superseded", "opened", "created", "overwritten"};
  Cursor body = in.body();
  body.skip(4);
  const std::uint32_t action = body.u32le();
  body.skip(40);
  const std::uint64_t size = body.u64le();
  body.skip(8 + 8);
  const std::uint64_t id = body.u64le();
  if (!body.ok()) return;
  if (file != nullptr) {
    file->id = id;
    file->open = true;
  }
  if (action < kActions.size()) add(SmbField::kAction, kActions[action]);
  add(SmbField::kSize, size);
}

}  // namespace netwatch::dpi
