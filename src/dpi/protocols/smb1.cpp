// SMB 1: [MS-CIFS] 2.2, [MS-SMB] 2.2. A message may be a chain of blocks (AndX); each with what is
// reported of it is a record. Here: chains and requests; smb1_answers.cpp has the rest.
#include <algorithm>
#include <array>
#include <string>

#include "dpi/protocols/smb1_message.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using std::string_view;

constexpr std::size_t kHeadBytes = 32;
constexpr std::uint8_t kAnswerFlag = 0x80;
constexpr std::uint16_t kNtStatusFlag = 0x4000;
constexpr std::uint16_t kUnicodeFlag = 0x8000;
constexpr std::uint8_t kNoAndx = 0xFF;

using namespace smb1;

constexpr bool has_andx(std::uint8_t command) {
  switch (command) {
    case kLocking:
    case kOpenAndx:
    case kRead:
    case kWrite:
    case kSessionSetup:
    case kLogoff:
    case kTreeConnect:
    case kNtCreate:
      return true;
    default:
      return false;
  }
}

}  // namespace

void SmbDecoder::message1(Bytes message, const Frame& frame) {
  constexpr int kMaxBlocks = 8;
  Cursor head(message);
  head.skip(4);
  Message1 in{.frame = frame, .message = message};
  in.command = head.u8();
  in.status = head.u32le();
  in.answer = (head.u8() & kAnswerFlag) != 0;
  const std::uint16_t flags = head.u16le();
  in.nt_status = (flags & kNtStatusFlag) != 0;
  in.unicode = (flags & kUnicodeFlag) != 0;
  head.skip(2 + 8 + 2);
  in.tree = head.u16le();
  const std::uint64_t process = head.u16le();
  in.user = head.u16le();
  in.id = kSmb1 | process << 16 | head.u16le();
  if (!head.ok()) return;
  std::size_t at = kHeadBytes;
  for (int i = 0; i < kMaxBlocks && at < message.size(); ++i) {
    if (!block1(in, Cursor(message.subspan(at)))) return;
    // Where the next block begins: the words begin with its command and its offset.
    if (!has_andx(in.command) || in.words.size() < 4 || in.words[0] == kNoAndx) return;
    Cursor next(in.words);
    in.command = next.u8();
    next.skip(1);
    const std::size_t next_at = next.u16le();
    if (next_at <= at) return;
    at = next_at;
  }
}

// One block: its words, then its bytes. False if it does not lie in the message.
bool SmbDecoder::block1(Message1& in, Cursor block) {
  in.words = block.take(std::size_t{block.u8()} * 2);
  const std::size_t size = block.u16le();
  if (!block.ok()) {
    if (!in.frame.cut()) in.frame.context.odd("bad_block");
    return false;
  }
  in.bytes_at = in.message.size() - block.remaining();
  // A message over 64 KiB has more bytes than it says (large writes).
  in.bytes = block.take_up_to(size);
  in.subject = SmbMemory::kNone;
  if (in.answer) {
    response1(in);
  } else {
    request1(in);
  }
  return true;
}

void SmbDecoder::request1(const Message1& in) {
  begin(in.frame, SmbKind::kRequest, "1", command_name(in.command));
  in.loud = is_loud(in.command);
  // Where in the words the identifier of a file lies.
  const auto file_at = [&](std::size_t offset) {
    Cursor words(in.words);
    words.skip(offset);
    const std::uint16_t file = words.u16le();
    if (words.ok()) in.subject = memory_.file_of(in.file_key(file));
  };
  switch (in.command) {
    case kNegotiate:
      negotiate1(in);
      break;
    case kSessionSetup:
      session_setup1(in);
      break;
    case kTreeConnect:
    case kTreeConnectOld:
      tree_connect1(in);
      break;
    case kTransaction:
      transaction1(in, false);
      break;
    case kTransaction2:
      transaction1(in, true);
      break;
    case kNtCreate:
    case kOpenAndx:
      open1(in);
      break;
    case kClose:
      file_at(0);
      break;
    case kRead:
    case kWrite:
      file_at(4);
      break;
    default:
      paths1(in);
      break;
  }
  const bool login = in.command == kSessionSetup;
  if (!login) add(SmbField::kUser, memory_.user_of(in.session()));
  if (in.command != kTreeConnect) {
    add(SmbField::kShare, memory_.share_of(in.session(), in.tree));
  }
  if (in.loud) in.frame.context.emit(in.frame.side);
  if (in.command == kNtCancel) return;
  const bool negotiate = in.command == kNegotiate;
  memory_.ask({.id = negotiate ? 0 : in.id,
               .time_ns = in.frame.time_ns,
               .session = in.session(),
               .tree = in.tree,
               .subject = in.subject,
               .command = negotiate ? std::uint8_t{0} : in.command,
               .side = in.frame.side,
               .quiet = !in.loud});
}

void SmbDecoder::negotiate1(const Message1& in) {
  dialect_count_ = 0;
  Cursor bytes(in.bytes);
  while (bytes.remaining() > 1 && dialect_count_ < dialects_.size()) {
    bytes.skip(1);  // "dialect follows"
    const std::string name = in.text(bytes, false);
    add(SmbField::kDialects, name);
    const auto* const known = std::ranges::find(kDialectNames, string_view(name));
    const bool found = known != kDialectNames.end();
    dialects_[dialect_count_++] =
        found ? static_cast<std::uint8_t>(known - kDialectNames.begin()) : std::uint8_t{0};
  }
}

// [MS-CIFS] 2.2.4.53.1; 12 words: [MS-SMB] 2.2.4.6.1; 10: LAN Manager.
void SmbDecoder::session_setup1(const Message1& in) {
  constexpr std::size_t kSizesAt = 14;
  Cursor words(in.words);
  words.skip(kSizesAt);
  const std::size_t count = in.words.size() / 2;
  const std::size_t size = words.u16le();
  Cursor bytes(in.bytes);
  if (count == 12) {
    in.subject = add_token(bytes.take_up_to(size), in.session());
  } else if (count == 13 || count == 10) {
    const std::size_t second = count == 13 ? words.u16le() : 0;
    bytes.take_up_to(size + second);
    const std::string user = in.text(bytes);
    const std::string domain = in.text(bytes);
    add(SmbField::kAuth, second > 0 || size > 1 ? "ntlm" : "");
    in.subject = add_login(user, domain, in.session());
  } else {
    return;
  }
  add(SmbField::kSystem, in.text(bytes));
  add(SmbField::kSystem, in.text(bytes));
}

void SmbDecoder::tree_connect1(const Message1& in) {
  Cursor words(in.words);
  Cursor bytes(in.bytes);
  std::string share;
  if (in.command == kTreeConnect) {
    words.skip(6);
    bytes.take_up_to(words.u16le());  // a password
    share = in.text(bytes);
  } else {
    bytes.skip(1);
    share = in.text(bytes, false);
  }
  in.subject = memory_.add_tree(share);
  add(SmbField::kShare, share);
}

// [MS-CIFS] 2.2.4.33 (pipes) and 2.2.4.46 (files). Parameters lie where the words say.
void SmbDecoder::transaction1(const Message1& in, bool second) {
  constexpr std::uint8_t kFindFirst = 1;
  constexpr std::uint8_t kQueryPath = 5;
  constexpr std::uint8_t kSetPath = 6;
  constexpr std::uint8_t kGetDfsReferral = 16;
  constexpr std::uint16_t kTransactPipe = 0x26;
  Cursor words(in.words);
  words.skip(18);
  const std::size_t size = words.u16le();
  const std::size_t at = words.u16le();
  words.skip(4);
  const std::uint8_t setup = words.u8();
  words.skip(1);
  const std::uint16_t function = words.u16le();
  if (!second) {
    Cursor bytes(in.bytes);
    const std::string name = in.text(bytes);
    add(SmbField::kFile, name);
    if (setup < 2 || function != kTransactPipe) return;
    add(SmbField::kFunction, "transact_pipe");
    in.subject = memory_.file_of(in.file_key(words.u16le()));
    add_file(in.subject);
    return;
  }
  if (!words.ok() || setup == 0 || at > in.message.size()) return;
  Message1 part = in;
  part.bytes_at = at;
  part.bytes = in.message.subspan(at, std::min(size, in.message.size() - at));
  Cursor parameters(part.bytes);
  SmbField field = SmbField::kFile;
  switch (function) {
    case kFindFirst:
      add(SmbField::kFunction, "find_first2");
      field = SmbField::kPattern;
      parameters.skip(12);
      break;
    case kQueryPath:
      add(SmbField::kFunction, "query_path_information");
      parameters.skip(6);
      break;
    case kSetPath:
      add(SmbField::kFunction, "set_path_information");
      parameters.skip(6);
      break;
    case kGetDfsReferral:
      add(SmbField::kFunction, "get_dfs_referral");
      parameters.skip(2);
      break;
    default:
      return;
  }
  in.loud = true;
  const std::string name = part.text(parameters);
  if (field == SmbField::kFile) in.subject = memory_.add_file(name);
  add(field, name);
}

// Commands whose bytes are names, each behind a byte that says so: [MS-CIFS] 2.2.4.
void SmbDecoder::paths1(const Message1& in) {
  constexpr std::uint8_t kName = 4;
  switch (in.command) {
    case kCreateDirectory:
    case kDeleteDirectory:
    case kOpen:
    case kCreate:
    case kDelete:
    case kRename:
    case kQueryInformation:
    case kSetInformation:
    case kCreateNew:
    case kCheckDirectory:
      break;
    default:
      return;
  }
  Cursor bytes(in.bytes);
  if (bytes.u8() != kName) return;
  const std::string name = in.text(bytes);
  add(SmbField::kFile, name);
  in.subject = memory_.add_file(name);
  if (in.command == kRename && bytes.u8() == kName) add(SmbField::kNewName, in.text(bytes));
}

void SmbDecoder::open1(const Message1& in) {
  constexpr std::array<string_view, 6> kDispositions{"supersede", "open",      "create",
                                                     "open_if",   "overwrite", "overwrite_if"};
  Cursor bytes(in.bytes);
  std::string name = in.text(bytes);
  if (name.empty() && !in.frame.cut()) name = "\\";
  in.subject = memory_.add_file(name);
  add(SmbField::kFile, name);
  if (in.command != kNtCreate) return;
  constexpr std::size_t kDispositionAt = 35;
  Cursor words(in.words);
  words.skip(kDispositionAt);
  const std::uint32_t disposition = words.u32le();
  if (words.ok() && disposition < kDispositions.size()) {
    add(SmbField::kDisposition, kDispositions[disposition]);
  }
}

}  // namespace netwatch::dpi
