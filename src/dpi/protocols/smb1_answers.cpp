// SMB 1: names of commands, and responses. Reads and writes are counted and told when their file is
// closed.
#include <algorithm>
#include <array>
#include <string>

#include "dpi/parts/field_text.h"
#include "dpi/parts/nt_status.h"
#include "dpi/protocols/smb1_message.h"

namespace netwatch::dpi {
namespace {

using base::Cursor;
using std::string_view;

using namespace smb1;

struct CommandName {
  std::uint8_t command;
  string_view name;
  bool loud;  // reported also where nothing of it is read
};
constexpr CommandName kCommands[] = {
    {kCreateDirectory, "create_directory", true},
    {kDeleteDirectory, "delete_directory", true},
    {kOpen, "open", true},
    {kCreate, "create", true},
    {kClose, "close", false},
    {0x05, "flush", false},
    {kDelete, "delete", true},
    {kRename, "rename", true},
    {kQueryInformation, "query_information", true},
    {kSetInformation, "set_information", true},
    {0x0A, "read", false},
    {0x0B, "write", false},
    {kCreateNew, "create_new", true},
    {kCheckDirectory, "check_directory", true},
    {0x1A, "read_raw", false},
    {0x1D, "write_raw", false},
    {0x23, "query_information2", false},
    {kLocking, "locking_andx", false},
    {kTransaction, "transaction", true},
    {0x26, "transaction_secondary", false},
    {0x2B, "echo", false},
    {0x2C, "write_and_close", false},
    {kOpenAndx, "open_andx", true},
    {kRead, "read_andx", false},
    {kWrite, "write_andx", false},
    {kTransaction2, "transaction2", false},
    {0x33, "transaction2_secondary", false},
    {0x34, "find_close2", false},
    {kTreeConnectOld, "tree_connect", true},
    {kTreeDisconnect, "tree_disconnect", true},
    {kNegotiate, "negotiate", true},
    {kSessionSetup, "session_setup_andx", true},
    {kLogoff, "logoff_andx", true},
    {kTreeConnect, "tree_connect_andx", true},
    {0x80, "query_information_disk", false},
    {0x81, "search", true},
    {kNtTransact, "nt_transact", true},
    {0xA1, "nt_transact_secondary", false},
    {kNtCreate, "nt_create_andx", true},
    {kNtCancel, "nt_cancel", false},
    {0xA5, "nt_rename", true},
    {0xC0, "open_print_file", true},
};

}  // namespace

std::string smb1::command_name(std::uint8_t command) {
  const auto* const found = std::ranges::find(kCommands, command, &CommandName::command);
  return found != std::end(kCommands) ? std::string(found->name) : hex_number(command, 2);
}

bool smb1::is_loud(std::uint8_t command) {
  const auto* const found = std::ranges::find(kCommands, command, &CommandName::command);
  return found == std::end(kCommands) || found->loud;
}

void SmbDecoder::response1(const Message1& in) {
  const bool negotiate = in.command == kNegotiate;
  const model::Side side = in.frame.side;
  const SmbMemory::Request asked =
      negotiate ? memory_.answer(0, 0, side) : memory_.answer(in.id, in.command, side);
  // Who asks does not answer itself: the request goes on waiting.
  if (!asked.used && asked.side == side) return in.frame.context.odd("wrong_side");
  begin(in.frame, SmbKind::kResponse, "1", command_name(in.command));
  if (in.nt_status) {
    add(SmbField::kStatus, nt_status_name(in.status));
  } else {
    // [MS-CIFS] 2.2.1.5: a class and a code.
    const std::uint32_t error_class = in.status & 0xFF;
    const std::uint32_t code = in.status >> 16;
    add(SmbField::kStatus,
        in.status == 0 ? nt_status_name(0)
                       : "class " + std::to_string(error_class) + " error " + std::to_string(code));
  }
  const bool failed = in.status != 0 && in.status != nt_status::kBufferOverflow &&
                      in.status != nt_status::kCancelled;
  bool loud = failed || (asked.used ? !asked.quiet : is_loud(in.command));
  const bool login = in.command == kSessionSetup;
  const bool tree = in.command == kTreeConnect || in.command == kTreeConnectOld;
  if (negotiate) {
    negotiate_answer1(in);
  } else if (login) {
    if (SmbMemory::User* user = memory_.user(asked.subject)) user->session = in.session();
    session_answer1(in);
  } else if (SmbMemory::Tree* known = memory_.tree(asked.subject)) {
    if (!failed) known->id = in.tree;
    if (!failed) known->session = in.session();
    add(SmbField::kShare, known->share.view());
  } else if (SmbMemory::File* file = memory_.file(asked.subject)) {
    add_file(asked.subject);
    if (!failed) open_answer1(in, *file);
    if (!failed) count_data1(in, *file);
    if (in.command == kClose) loud = loud || file->read_bytes + file->written_bytes > 0;
    if (in.command == kClose && !failed) add_close(*file);
    if (!file->open) *file = {};  // it was only named
  }
  add(SmbField::kUser, memory_.user_of(in.session()));
  if (!tree) add(SmbField::kShare, memory_.share_of(in.session(), in.tree));
  if (asked.used) {
    const base::TimeNs ns = in.frame.time_ns - asked.time_ns;
    record_->add_int(static_cast<std::uint8_t>(SmbField::kLatency), std::max<base::TimeNs>(ns, 0));
  }
  if (loud) in.frame.context.emit(in.frame.side);
}

void SmbDecoder::negotiate_answer1(const Message1& in) {
  Cursor words(in.words);
  const std::uint16_t index = words.u16le();
  if (!words.ok()) return;
  if (index < dialect_count_) add(SmbField::kDialect, kDialectNames[dialects_[index]]);
  const std::uint8_t mode = words.u8();
  if (in.words.size() < 34 || !words.ok()) return;
  add(SmbField::kSigning, (mode & 8) != 0 ? "required" : (mode & 4) != 0 ? "enabled" : "");
}

void SmbDecoder::session_answer1(const Message1& in) {
  Cursor words(in.words);
  words.skip(4);
  const std::uint16_t action = words.u16le();
  Cursor bytes(in.bytes);
  if (in.words.size() == 8) add_token(bytes.take_up_to(words.u16le()), in.session());
  if (words.ok() && (action & 1) != 0) add(SmbField::kLogin, "guest");
  if (bytes.at_end()) return;
  add(SmbField::kSystem, in.text(bytes));
  add(SmbField::kSystem, in.text(bytes));
}

void SmbDecoder::open_answer1(const Message1& in, SmbMemory::File& file) {
  constexpr std::array<string_view, 4> kActions{"superseded", "opened", "created", "overwritten"};
  Cursor words(in.words);
  std::uint16_t id = 0;
  if (in.command == kNtCreate) {
    words.skip(5);
    id = words.u16le();
    const std::uint32_t action = words.u32le();
    words.skip(32 + 4 + 8);
    const std::uint64_t size = words.u64le();
    if (!words.ok()) return;
    if (action < kActions.size()) add(SmbField::kAction, kActions[action]);
    add(SmbField::kSize, size);
  } else if (in.command == kOpenAndx) {
    words.skip(4);
    id = words.u16le();
    words.skip(6);
    const std::uint32_t size = words.u32le();
    if (!words.ok()) return;
    add(SmbField::kSize, size);
  } else if (in.command == kOpen || in.command == kCreate || in.command == kCreateNew) {
    id = words.u16le();
    if (!words.ok()) return;
  } else {
    return;
  }
  file.id = in.file_key(id);
  file.open = true;
}

void SmbDecoder::count_data1(const Message1& in, SmbMemory::File& file) {
  Cursor words(in.words);
  if (in.command == kRead) {
    words.skip(10);
    const std::uint64_t low = words.u16le();
    words.skip(2);
    file.read_bytes += low | std::uint64_t{words.u16le()} << 16;
  } else if (in.command == kWrite) {
    words.skip(4);
    const std::uint64_t low = words.u16le();
    words.skip(2);
    file.written_bytes += low | std::uint64_t{words.u16le()} << 16;
  }
}

}  // namespace netwatch::dpi
