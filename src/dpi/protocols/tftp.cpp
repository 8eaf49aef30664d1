// TFTP: RFC 1350, options of RFC 2347 to 2349 and RFC 7440. The answer comes from a port of the
// server's own choice, so a transfer is a flow without its request: the request announces it, or it
// is known by its first block or acknowledgement.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/http_message.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using std::string_view;

enum Kind : std::uint8_t { kRead, kWrite, kOptionsAgreed, kErrorKind, kTransfer };
constexpr std::array<string_view, 5> kKinds{"read", "write", "options", "error", "transfer"};

enum Field : std::uint8_t { kFile, kMode, kOptions, kErrorCode, kReason, kBytes, kBlocks };

constexpr string_view kFileAlias[] = {"tftp.source_file", "tftp.destination_file"};
constexpr string_view kModeAlias[] = {"tftp.type"};
constexpr string_view kErrorAlias[] = {"tftp.error.code"};
constexpr string_view kReasonAlias[] = {"tftp.error.message"};

constexpr FieldDef kFields[] = {
    {.name = "tftp.file",
     .help = "file that is read or written",
     .role = model::Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kFileAlias},
    {.name = "tftp.mode", .help = "octet, netascii or mail", .aliases = kModeAlias},
    {.name = "tftp.option", .list = true, .help = "options with their values: blksize=1428"},
    {.name = "tftp.error",
     .type = FieldType::kUint,
     .help = "error code",
     .role = model::Role::kStatus,
     .aliases = kErrorAlias},
    {.name = "tftp.reason", .help = "the error in words", .aliases = kReasonAlias},
    {.name = "tftp.data_bytes",
     .type = FieldType::kUint,
     .help = "bytes of the file that were sent, repetitions left out"},
    {.name = "tftp.blocks", .type = FieldType::kUint, .help = "blocks that they came in"},
};
static_assert(std::size(kFields) == kBlocks + 1);

const model::Schema kTftpSchema{"tftp", "TFTP", kKinds, kFields};

enum Opcode : std::uint16_t { kRrq = 1, kWrq, kData, kAck, kError, kOack };
constexpr std::size_t kUsualBlockBytes = 512;
constexpr std::size_t kMaxOptionText = 64;

// A text that ends with NUL; nothing else ends it. Empty if there is none.
string_view next_text(Cursor& in) {
  const string_view rest = base::as_text(in.rest());
  const std::size_t end = rest.find('\0');
  if (end == string_view::npos) {
    in.fail();
    return {};
  }
  in.skip(end + 1);
  return rest.substr(0, end);
}

bool is_mode(string_view text) {
  return same_ignoring_case(text, "octet") || same_ignoring_case(text, "netascii") ||
         same_ignoring_case(text, "mail");
}

// Pairs up to the end: names of letters and digits, values of text.
template <typename Visit>
bool for_each_option(Cursor in, Visit visit) {
  while (!in.at_end()) {
    const string_view name = next_text(in);
    const string_view value = next_text(in);
    const bool fine = in.ok() && !name.empty() && name.size() <= kMaxOptionText &&
                      value.size() <= kMaxOptionText && std::ranges::all_of(name, is_token_char) &&
                      is_text(base::as_bytes(value));
    if (!fine) return false;
    visit(name, value);
  }
  return true;
}

struct Packet {
  std::uint16_t opcode = 0;
  std::uint16_t number = 0;  // of a block, or the error's code
  string_view file, mode, reason;
  Bytes rest;  // data, or options
};

bool read_packet(Bytes bytes, Packet& packet) {
  Cursor in(bytes);
  packet.opcode = in.u16();
  switch (packet.opcode) {
    case kRrq:
    case kWrq: {
      packet.file = next_text(in);
      packet.mode = next_text(in);
      packet.rest = in.rest();
      // Some pad what follows the mode. A name may be empty, and is refused by the server.
      return in.ok() && is_text(base::as_bytes(packet.file)) && is_mode(packet.mode);
    }
    case kData:
    case kAck:
      packet.number = in.u16();
      packet.rest = in.rest();
      return in.ok() && (packet.opcode == kData || packet.rest.empty());
    case kError:
      packet.number = in.u16();
      packet.reason = until_nul(in.rest());
      return in.ok() && packet.number <= 8 && is_text(base::as_bytes(packet.reason)) &&
             packet.reason.size() + 1 >= in.remaining();
    case kOack:
      packet.rest = in.rest();
      return in.ok() && !in.at_end() && for_each_option(in, [](string_view, string_view) {});
    default:
      return false;
  }
}

// HSRP (RFC 2281) and others begin with the same four bytes and say how long they are.
bool says_its_length(Bytes data) {
  Cursor in(data);
  const std::size_t length = in.u16();
  return in.ok() && length >= data.size() - 2 && length <= data.size() + 4;
}

Probe probe_tftp(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  Packet packet;
  if (!read_packet(bytes, packet)) return Probe::kNo;
  if (input.expected) return Probe::kYes;
  switch (packet.opcode) {
    case kRrq:
    case kWrq:
    case kOack:
      return Probe::kYes;
    case kData:  // a transfer begins with block 1, of the usual size if there was no OACK before it
      if (packet.number != 1 || packet.rest.size() > kUsualBlockBytes) return Probe::kNo;
      return says_its_length(packet.rest) ? Probe::kNo : Probe::kYes;
    case kAck:  // a write, or what follows an OACK
      return packet.number == 0 ? Probe::kYes : Probe::kNo;
    case kError:
      return packet.reason.empty() ? Probe::kNo : Probe::kYes;
    default:
      return Probe::kNo;
  }
}

class TftpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  void on_end(Context& context) override;

 private:
  void request(const Packet& packet, const model::StreamChunk& chunk, Context& context);
  void data(const Packet& packet, model::Side side);

  static constexpr std::size_t kMaxFileBytes = 128;  // longer names are not kept

  std::uint64_t bytes_ = 0;
  std::uint64_t blocks_ = 0;
  bool begun_ = false;
  std::uint8_t file_size_ = 0;
  std::array<char, kMaxFileBytes> file_;
  std::uint16_t last_ = 0;
  model::Side sender_ = model::Side::kOriginator;
};

void TftpDecoder::request(const Packet& packet, const model::StreamChunk& chunk, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kTftpSchema, packet.opcode == kRrq ? kRead : kWrite);
  record.add_text(kFile, packet.file);
  record.add_text(kMode, packet.mode);
  for_each_option(Cursor(packet.rest), [&](string_view name, string_view value) {
    record.add_text(kOptions, std::string(name) + "=" + std::string(value));
  });
  context.set_originator(chunk.side);
  context.emit(chunk.side);
  context.expect({.protocol = "tftp",
                  .transport = Transport::kUdp,
                  .address = context.address(chunk.side),
                  .port = context.port(chunk.side),
                  .note = base::as_bytes(packet.file)});
}

// Numbers wrap after 65535; a repeated block has the last one's.
void TftpDecoder::data(const Packet& packet, model::Side side) {
  sender_ = side;
  if (blocks_ > 0 && static_cast<std::int16_t>(packet.number - last_) <= 0) return;
  last_ = packet.number;
  bytes_ += packet.rest.size();
  ++blocks_;
}

Step TftpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Packet packet;
  if (!read_packet(chunk.bytes, packet)) return {.verdict = Verdict::kNotMine};
  if (!begun_) {
    begun_ = true;
    for (const model::Side side : {model::Side::kOriginator, model::Side::kResponder}) {
      const string_view file = base::as_text(context.announced(side));
      if (file.empty() || file.size() > file_.size()) continue;
      std::ranges::copy(file, file_.begin());
      file_size_ = static_cast<std::uint8_t>(file.size());
    }
  }
  model::RecordBuilder& record = context.record();
  switch (packet.opcode) {
    case kRrq:
    case kWrq:
      request(packet, chunk, context);
      break;
    case kData:
      data(packet, chunk.side);
      break;
    case kError:
      record.start(kTftpSchema, kErrorKind);
      record.add_uint(kErrorCode, packet.number);
      if (!packet.reason.empty()) record.add_text(kReason, packet.reason);
      context.emit(chunk.side);
      break;
    case kOack:
      record.start(kTftpSchema, kOptionsAgreed);
      for_each_option(Cursor(packet.rest), [&](string_view name, string_view value) {
        record.add_text(kOptions, std::string(name) + "=" + std::string(value));
      });
      context.emit(chunk.side);
      break;
    default:
      break;
  }
  return {.consumed = chunk.bytes.size()};
}

void TftpDecoder::on_end(Context& context) {
  if (blocks_ == 0) return;
  context.record().start(kTftpSchema, kTransfer);
  if (file_size_ > 0) context.record().add_text(kFile, {file_.data(), file_size_});
  context.record().add_uint(kBytes, bytes_);
  context.record().add_uint(kBlocks, blocks_);
  context.emit(sender_);
}

constexpr std::uint16_t kUsualPorts[] = {69};

}  // namespace

extern const ProtocolDef kTftp;
constinit const ProtocolDef kTftp{
    .name = "tftp",
    .transport = Transport::kUdp,
    .first = FirstBytes::of(string_view("\0", 1)),
    .usual_ports = kUsualPorts,
    .probe = probe_tftp,
    .schema = &kTftpSchema,
    .state_bytes = sizeof(TftpDecoder),
    .make = make_decoder<TftpDecoder>,
};

}  // namespace netwatch::dpi
