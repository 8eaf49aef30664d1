// NetBIOS datagram service: RFC 1001 section 17, RFC 1002 section 4.4. Most carry an SMB
// transaction to a mailslot ([MS-MAIL] 2.2.1); of it the mailslot and, of browsers ([MS-BRWS] 2.2),
// the command and the server's name are read.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/netbios_name.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;

// By message type less 0x10.
constexpr std::array<std::string_view, 7> kKinds{"direct",        "group", "broadcast", "error",
                                                 "query_request", "found", "not_found"};
enum Kind : std::uint8_t { kDirect, kGroup, kBroadcast, kError, kQuery };

enum Field : std::uint8_t {
  kId,
  kAddress,
  kPort,
  kSource,
  kSourceSuffix,
  kDestination,
  kDestinationSuffix,
  kErrorCode,
  kMailslot,
  kCommand,
  kServer,
  kComment,
};

constexpr std::string_view kIdAlias[] = {"nbdgm.dgram_id"};
constexpr std::string_view kAddressAlias[] = {"nbdgm.src.ip"};
constexpr std::string_view kPortAlias[] = {"nbdgm.src.port"};
constexpr std::string_view kSourceAlias[] = {"nbdgm.source_name"};
constexpr std::string_view kDestinationAlias[] = {"nbdgm.destination_name"};

constexpr FieldDef kFields[] = {
    {.name = "nbdgm.id",
     .type = FieldType::kUint,
     .help = "number of the datagram",
     .aliases = kIdAlias},
    {.name = "nbdgm.address",
     .type = FieldType::kAddress,
     .help = "address the sender says it has",
     .privacy = Privacy::kPersonal,
     .aliases = kAddressAlias},
    {.name = "nbdgm.port",
     .type = FieldType::kUint,
     .help = "port the sender says it has",
     .aliases = kPortAlias},
    {.name = "nbdgm.source",
     .help = "name of the sender",
     .privacy = Privacy::kPersonal,
     .aliases = kSourceAlias},
    {.name = "nbdgm.source_suffix", .help = "what the sender's name is for"},
    {.name = "nbdgm.destination",
     .help = "name that it is for",
     .privacy = Privacy::kPersonal,
     .aliases = kDestinationAlias},
    {.name = "nbdgm.destination_suffix", .help = "what that name is for"},
    {.name = "nbdgm.error",
     .type = FieldType::kUint,
     .help = "why it was not delivered: 130 no such name, 131, 132 bad source or destination name",
     .role = model::Role::kStatus},
    {.name = "nbdgm.mailslot", .help = "program that it is for: \\MAILSLOT\\BROWSE, ..."},
    {.name = "nbdgm.command", .help = "what a browser says: host_announcement, ..."},
    {.name = "nbdgm.server",
     .help = "server, or domain, that is announced",
     .privacy = Privacy::kPersonal},
    {.name = "nbdgm.comment",
     .help = "what its owner wrote about it",
     .privacy = Privacy::kPersonal},
};
static_assert(std::size(kFields) == kComment + 1);

const model::Schema kNbdgmSchema{"nbdgm", "NetBIOS datagram", kKinds, kFields};

struct Datagram {
  std::uint8_t kind = 0;
  std::uint16_t id = 0;
  Bytes address;
  std::uint16_t port = 0;
  NetbiosName source;
  NetbiosName destination;
  std::uint8_t error = 0;
  Bytes data;
};

bool read_datagram(Bytes bytes, Datagram& datagram) {
  Cursor in(bytes);
  const std::uint8_t type = in.u8();
  const std::uint8_t flags = in.u8();
  datagram.id = in.u16();
  datagram.address = in.take(4);
  datagram.port = in.u16();
  if (!in.ok() || type < 0x10 || type > 0x16 || (flags & 0xF0) != 0) return false;
  datagram.kind = type & 0x0F;
  if (datagram.kind == kError) {
    datagram.error = in.u8();
    return in.ok() && in.at_end() && datagram.error >= 0x82 && datagram.error <= 0x84;
  }
  if (datagram.kind >= kQuery) return read_netbios_name(in, datagram.destination) && in.at_end();
  // The two names are proof enough: a capture may hold less than the length says.
  in.skip(4);  // length; offset, of a fragment
  const bool named =
      read_netbios_name(in, datagram.source) && read_netbios_name(in, datagram.destination);
  datagram.data = in.rest();
  return named && in.ok();
}

std::string command_name(std::uint8_t command) {
  switch (command) {
    case 1:
      return "host_announcement";
    case 2:
      return "announcement_request";
    case 8:
      return "election";
    case 9:
      return "get_backup_list";
    case 10:
      return "backup_list";
    case 11:
      return "become_backup";
    case 12:
      return "domain_announcement";
    case 13:
      return "master_announcement";
    case 14:
      return "reset_state";
    case 15:
      return "local_master_announcement";
    default:
      return std::to_string(command);
  }
}

void browser(Bytes data, model::RecordBuilder& record) {
  Cursor in(data);
  const std::uint8_t command = in.u8();
  if (!in.ok()) return;
  record.add_text(kCommand, command_name(command));
  if (command != 1 && command != 12 && command != 15) return;
  in.skip(5);  // count, period
  const std::string_view server = until_nul(in.take(16));
  if (!in.ok()) return;
  if (!server.empty()) record.add_text(kServer, server);
  in.skip(10);  // versions, kind of server, signature
  const std::string_view comment = until_nul(in.rest());
  if (!comment.empty()) record.add_text(kComment, comment);
}

// An SMB header of 32 bytes, the words of a transaction with where its data lie, and its name.
void mailslot(Bytes smb, model::RecordBuilder& record) {
  constexpr std::uint8_t kTransaction = 0x25;
  constexpr std::size_t kHeadBytes = 32;
  constexpr std::size_t kDataCountAt = 22;  // in the words
  constexpr std::size_t kDataOffsetAt = 24;
  Cursor in(smb);
  const Bytes mark = in.take(4);
  if (!in.ok() || base::as_text(mark) != std::string_view("\xFFSMB", 4)) return;
  if (in.u8() != kTransaction) return;
  in.skip(kHeadBytes - 5);
  const std::size_t word_bytes = std::size_t{in.u8()} * 2;
  const Bytes words = in.take(word_bytes);
  in.skip(2);
  if (!in.ok() || words.size() < kDataOffsetAt + 2) return;
  const std::string_view name = until_nul(in.rest());
  if (!name.starts_with("\\MAILSLOT\\")) return;
  record.add_text(kMailslot, name);
  Cursor places(words.subspan(kDataCountAt));
  const std::size_t count = places.u16le();
  const std::size_t offset = places.u16le();
  if (name == "\\MAILSLOT\\BROWSE" && offset <= smb.size()) {
    browser(smb.subspan(offset).first(std::min(count, smb.size() - offset)), record);
  }
}

class NbdgmDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
};

Step NbdgmDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Datagram datagram;
  if (!read_datagram(chunk.bytes, datagram)) return {.verdict = Verdict::kNotMine};
  model::RecordBuilder& record = context.record();
  record.start(kNbdgmSchema, datagram.kind);
  record.add_uint(kId, datagram.id);
  record.add_address(kAddress, base::IpAddress::v4(datagram.address.data()));
  record.add_uint(kPort, datagram.port);
  if (!datagram.source.name.empty()) {
    record.add_text(kSource, datagram.source.name);
    record.add_text(kSourceSuffix, netbios_suffix_name(datagram.source.suffix));
  }
  if (!datagram.destination.name.empty()) {
    record.add_text(kDestination, datagram.destination.name);
    record.add_text(kDestinationSuffix, netbios_suffix_name(datagram.destination.suffix));
  }
  if (datagram.kind == kError) record.add_uint(kErrorCode, datagram.error);
  mailslot(datagram.data, record);
  if (chunk.cut) record.mark_cut();
  context.emit(chunk.side);
  return {.consumed = chunk.bytes.size()};
}

Probe probe_nbdgm(const ProbeInput& input) {
  Datagram datagram;
  return read_datagram(input.of(input.latest), datagram) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kUsualPorts[] = {138};

}  // namespace

extern const ProtocolDef kNbdgm;
constinit const ProtocolDef kNbdgm{
    .name = "nbdgm",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("\x10\x11\x12\x13\x14\x15\x16"),
    .usual_ports = kUsualPorts,
    .probe = probe_nbdgm,
    .schema = &kNbdgmSchema,
    .state_bytes = sizeof(NbdgmDecoder),
    .make = make_decoder<NbdgmDecoder>,
};

}  // namespace netwatch::dpi
