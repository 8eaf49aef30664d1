// SMB: version 1 ([MS-CIFS], [MS-SMB]), versions 2 and 3 ([MS-SMB2]), over direct TCP ([MS-SMB2]
// 2.1) and, behind `nbss`, over NetBIOS sessions (RFC 1002 section 4.3.1), which have the same four
// bytes in front of a message. Here: framing, what a connection remembers, what records share.
// Of what is encrypted ([MS-SMB2] 2.2.41) only that it is.
#include <iterator>
#include <string>

#include "dpi/protocols/smb_decoder.h"

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

constexpr string_view kKinds[] = {"request", "response", "encrypted"};
constexpr string_view kDialectAlias[] = {"smb2.dialect"};
constexpr string_view kUserAlias[] = {"ntlmssp.auth.username"};
constexpr string_view kDomainAlias[] = {"ntlmssp.auth.domain"};
constexpr string_view kWorkstationAlias[] = {"ntlmssp.auth.hostname"};
constexpr string_view kServerAlias[] = {"ntlmssp.challenge.target_info.nb_computer_name"};
constexpr string_view kShareAlias[] = {"smb2.tree", "smb.path"};
constexpr string_view kFileAlias[] = {"smb2.filename"};
constexpr FieldDef kFields[] = {
    {.name = "smb.version",
     .help = "1, 2 (3 has the messages of 2), or 3 if encrypted",
     .role = Role::kVersion},
    {.name = "smb.command", .help = "negotiate, create, tree_connect, ...", .role = Role::kMethod},
    {.name = "smb.function", .help = "what is asked for in the command: rename, pipe_transceive"},
    {.name = "smb.dialects", .list = true, .help = "what the client offers"},
    {.name = "smb.dialect", .help = "what the server chose", .aliases = kDialectAlias},
    {.name = "smb.signing", .help = "enabled or required, as the server says"},
    {.name = "smb.cipher", .help = "what would encrypt, as the server chose"},
    {.name = "smb.auth", .help = "ntlm, kerberos, or plain for a password in SMB itself"},
    {.name = "smb.user",
     .help = "who logs in, or whose session it is",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "smb.domain",
     .help = "domain of the user",
     .privacy = Privacy::kPersonal,
     .aliases = kDomainAlias},
    {.name = "smb.workstation",
     .help = "name the client gives itself",
     .privacy = Privacy::kPersonal,
     .aliases = kWorkstationAlias},
    {.name = "smb.server",
     .help = "name the server gives itself",
     .role = Role::kSubject,
     .privacy = Privacy::kPersonal,
     .aliases = kServerAlias},
    {.name = "smb.os", .list = true, .help = "operating system and program of the sender"},
    {.name = "smb.login", .help = "anonymous, or guest if the server let it in as that"},
    {.name = "smb.share",
     .help = "share, as the client names it",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kShareAlias},
    {.name = "smb.share_type", .help = "disk, pipe or printer"},
    {.name = "smb.file",
     .help = "path in the share, or the pipe",
     .privacy = Privacy::kPersonal,
     .aliases = kFileAlias,
     .max_bytes = 1024},
    {.name = "smb.new_name",
     .help = "what it is renamed or linked to",
     .privacy = Privacy::kPersonal,
     .max_bytes = 1024},
    {.name = "smb.pattern", .help = "names that a listing asks for", .privacy = Privacy::kPersonal},
    {.name = "smb.disposition", .help = "what to do if the file exists, or does not"},
    {.name = "smb.action", .help = "what was done: opened, created, overwritten, superseded"},
    {.name = "smb.size_bytes", .type = FieldType::kUint, .help = "of the file when it was opened"},
    {.name = "smb.read_bytes",
     .type = FieldType::kUint,
     .help = "read while it was open, told when it is closed"},
    {.name = "smb.written_bytes",
     .type = FieldType::kUint,
     .help = "written while it was open, told when it is closed"},
    {.name = "smb.status", .help = "result by its name", .role = Role::kStatus},
    {.name = "smb.latency_us",
     .type = FieldType::kDuration,
     .help = "request to its last answer",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == static_cast<std::size_t>(SmbField::kLatency) + 1);

constexpr std::size_t kFrameHeadBytes = 4;
constexpr std::uint8_t kSessionMessage = 0;
constexpr std::uint8_t kFirstOfSession = 0x81;
constexpr std::uint8_t kKeepAlive = 0x85;
enum Magic : std::uint8_t { kCompressed = 0xFC, kTransform = 0xFD, kTwo = 0xFE, kOne = 0xFF };

bool has_magic(Bytes message) {
  return message.size() >= 4 && message[0] >= kCompressed && message[1] == 'S' &&
         message[2] == 'M' && message[3] == 'B';
}

// Frame head and the first bytes of a header; `bytes` may hold less.
Probe look(Bytes bytes) {
  constexpr std::uint32_t kHead1Bytes = 32;  // of version 1
  Cursor in(bytes);
  if (in.u8() != kSessionMessage) return Probe::kNo;
  const std::uint32_t size = in.u24();
  if (!in.ok()) return Probe::kMore;
  if (size < kHead1Bytes) return Probe::kNo;
  constexpr string_view kRest = "SMB";
  const string_view magic = base::as_text(in.take_up_to(4));
  if (magic.empty()) return Probe::kMore;
  const auto kind = static_cast<std::uint8_t>(magic[0]);
  if (kind < kCompressed || !kRest.starts_with(magic.substr(1))) return Probe::kNo;
  if (magic.size() < 4) return Probe::kMore;
  if (kind != kTwo) return Probe::kYes;
  const std::uint16_t head_size = in.u16le();
  if (!in.ok()) return Probe::kMore;
  return head_size == 64 ? Probe::kYes : Probe::kNo;
}

Probe probe_smb(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (Bytes bytes : input.sides) {
    // Behind a session that began before the capture there may be keep-alives.
    while (bytes.size() > kFrameHeadBytes && bytes[0] == kKeepAlive && bytes[1] == 0 &&
           bytes[2] == 0 && bytes[3] == 0) {
      bytes = bytes.subspan(kFrameHeadBytes);
    }
    if (bytes.empty()) continue;
    const Probe probe = look(bytes);
    if (probe == Probe::kYes) return probe;
    if (probe == Probe::kMore) best = probe;
  }
  return best;
}

}  // namespace

constinit const model::Schema kSmbSchema{
    .proto = "smb", .title = "SMB", .kinds = kKinds, .fields = kFields};

SmbMemory::Handle SmbMemory::add_user(std::uint64_t session, std::string_view name) {
  auto* row = std::ranges::find(users_, session, &User::session);
  if (session == 0 || row == users_.end()) {
    row = &users_[next_user_];
    next_user_ = static_cast<std::uint8_t>((next_user_ + 1) % users_.size());
  }
  *row = {.session = session, .handle = next_handle(), .name = {}};
  row->name.set(name);
  return row->handle;
}

SmbMemory::Handle SmbMemory::add_tree(std::string_view share) {
  Tree& row = trees_[next_tree_];
  next_tree_ = static_cast<std::uint8_t>((next_tree_ + 1) % trees_.size());
  row = {};
  row.handle = next_handle();
  row.share.set(share);
  return row.handle;
}

SmbMemory::Handle SmbMemory::add_file(std::string_view name) {
  std::uint8_t slot = next_file_;
  for (std::size_t i = 0; i < files_.size() && files_[slot].handle != kNone; ++i) {
    slot = static_cast<std::uint8_t>((slot + 1) % files_.size());
  }
  next_file_ = static_cast<std::uint8_t>((slot + 1) % files_.size());
  File& row = files_[slot];
  row = {};
  row.handle = next_handle();
  row.name.set(name);
  return row.handle;
}

void SmbMemory::ask(const Request& request) {
  requests_[next_request_] = request;
  requests_[next_request_].used = true;
  next_request_ = static_cast<std::uint8_t>((next_request_ + 1) % requests_.size());
}

SmbMemory::Request SmbMemory::answer(std::uint64_t id, std::uint8_t command, Side side) {
  Request none{.side = model::other(side)};
  for (Request& request : requests_) {
    if (!request.used || request.id != id || request.command != command) continue;
    if (request.side == side) {
      none.side = side;
      continue;
    }
    const Request found = request;
    request.used = false;
    return found;
  }
  return none;
}

std::string_view SmbMemory::user_of(std::uint64_t session) const {
  for (const User& user : users_) {
    if (session != 0 && user.session == session) return user.name.view();
  }
  return {};
}

std::string_view SmbMemory::share_of(std::uint64_t session, std::uint32_t tree) const {
  for (const Tree& known : trees_) {
    if (known.id == tree && known.session == session && tree != 0) return known.share.view();
  }
  return {};
}

SmbMemory::Handle SmbMemory::file_of(std::uint64_t id) const {
  for (const File& file : files_) {
    if (file.open && file.id == id) return file.handle;
  }
  return kNone;
}

FrameSize SmbDecoder::size_of(Bytes bytes, Side /*side*/) {
  if (bytes.size() < kFrameHeadBytes) return {};
  Cursor in(bytes);
  const std::uint8_t type = in.u8();
  const std::uint64_t size = kFrameHeadBytes + in.u24();
  if (type >= kFirstOfSession && type <= kKeepAlive) {
    return size <= 128 ? FrameSize::known(size) : FrameSize::bad();
  }
  if (type != kSessionMessage) return FrameSize::bad();
  // What a raw write of version 1 sends has no header.
  if (known_) return FrameSize::known(size);
  if (bytes.size() < kFrameHeadBytes + 4) return {};
  return has_magic(bytes.subspan(kFrameHeadBytes)) ? FrameSize::known(size) : FrameSize::bad();
}

bool SmbDecoder::begins_with(Bytes bytes, Side /*side*/) { return look(bytes) == Probe::kYes; }

Onward SmbDecoder::on_frame(const Frame& frame) {
  if (frame.bytes[0] != kSessionMessage) return {};
  const Bytes message = frame.bytes.subspan(kFrameHeadBytes);
  if (!has_magic(message)) return {};
  known_ = true;
  record_ = &frame.context.record();
  if (message[0] == kOne) {
    message1(message, frame);
  } else if (message[0] == kTwo) {
    messages2(message, frame);
  } else if (message[0] == kTransform) {
    constexpr std::size_t kSessionAt = 44;
    Cursor in(message);
    in.skip(kSessionAt);
    const std::uint64_t session = in.u64le();
    record_->start(kSmbSchema, static_cast<std::uint8_t>(SmbKind::kEncrypted));
    add(SmbField::kVersion, "3");
    add_names(session, 0, SmbMemory::kNone);
    frame.context.emit(frame.side);
    return Onward::done();
  }
  return {};
}

model::RecordBuilder& SmbDecoder::begin(const Frame& frame, SmbKind kind, string_view version,
                                        string_view command) {
  const bool request = kind == SmbKind::kRequest;
  frame.context.set_originator(request ? frame.side : model::other(frame.side));
  record_->start(kSmbSchema, static_cast<std::uint8_t>(kind));
  add(SmbField::kVersion, version);
  add(SmbField::kCommand, command);
  if (frame.cut()) record_->mark_cut();
  return *record_;
}

void SmbDecoder::add(SmbField field, string_view text) {
  if (!text.empty()) record_->add_text(static_cast<std::uint8_t>(field), text);
}

void SmbDecoder::add(SmbField field, std::uint64_t number) {
  record_->add_uint(static_cast<std::uint8_t>(field), number);
}

void SmbDecoder::add_file(SmbMemory::Handle file) {
  if (const SmbMemory::File* known = memory_.file(file)) add(SmbField::kFile, known->name.view());
}

void SmbDecoder::add_names(std::uint64_t session, std::uint32_t tree, SmbMemory::Handle file) {
  add(SmbField::kUser, memory_.user_of(session));
  add(SmbField::kShare, memory_.share_of(session, tree));
  add_file(file);
}

SmbMemory::Handle SmbDecoder::add_token(Bytes bytes, std::uint64_t session) {
  const SecurityToken token = read_security_token(bytes);
  add(SmbField::kAuth, token.mechanism);
  add(SmbField::kServer, token.server);
  if (token.step != 3) return SmbMemory::kNone;
  const SmbMemory::Handle user = add_login(token.user, token.domain, session);
  add(SmbField::kWorkstation, token.workstation);
  return user;
}

SmbMemory::Handle SmbDecoder::add_login(string_view user, string_view domain,
                                        std::uint64_t session) {
  add(SmbField::kUser, user);
  add(SmbField::kDomain, domain);
  if (user.empty()) add(SmbField::kLogin, "anonymous");
  return memory_.add_user(session, user);
}

// While another pipe is open its data would mix with the first one's: they are passed over.
void SmbDecoder::carry(SmbMemory::Handle file, Bytes data, std::uint64_t size, const Frame& frame) {
  constexpr std::string_view kBind("\x05\x00\x0b", 3);
  if (file == SmbMemory::kNone) return;
  const bool open = memory_.file(pipe_) != nullptr && memory_.file(pipe_)->open;
  if (file != pipe_ && (open || !base::as_text(data).starts_with(kBind))) return;
  pipe_ = file;
  frame.context.child({.side = frame.side, .time_ns = frame.time_ns, .bytes = data});
  if (data.size() < size)
    frame.context.child({.side = frame.side,
                         .time_ns = frame.time_ns,
                         .bytes = {},
                         .gap_bytes = size - data.size()});
}

void SmbDecoder::add_close(SmbMemory::File& file) {
  if (file.read_bytes > 0) add(SmbField::kRead, file.read_bytes);
  if (file.written_bytes > 0) add(SmbField::kWritten, file.written_bytes);
  file = {};
}

namespace {

constexpr std::uint16_t kPorts[] = {445, 139};

}  // namespace

extern const ProtocolDef kSmb;
constinit const ProtocolDef kSmb{
    .name = "smb",
    .transport = Transport::kTcp,
    .first = FirstBytes::of(string_view("\x00\x85", 2)),
    .usual_ports = kPorts,
    .probe = probe_smb,
    .schema = &kSmbSchema,
    .state_bytes = sizeof(SmbDecoder),
    .make = make_decoder<SmbDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
