// BitTorrent's peer protocol, over TCP or what uTP carries: BEP 3 (handshake, messages), 4
// (reserved bits), 6 (fast), 10 (extensions), 20 (peer ids), 52 (version 2). Pieces are counted,
// never kept. A connection under message stream encryption (MSE) begins with random bytes: it is
// nobody's.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/bencode.h"
#include "dpi/parts/field_text.h"
#include "dpi/protocol.h"

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

enum Kind : std::uint8_t { kHandshake, kExtended, kTransfer };
constexpr std::array<string_view, 3> kKinds{"handshake", "extended", "transfer"};

enum Field : std::uint8_t {
  kInfoHash,
  kPeerId,
  kClient,
  kReserved,
  kFeatures,
  kVersion,
  kPort,
  kExtensions,
  kQueue,
  kMetadata,
  kPieces,
  kPieceBytes,
  kRequests,
};

constexpr string_view kReservedAlias[] = {"bittorrent.reserved"};
constexpr FieldDef kFields[] = {
    {.name = "bittorrent.info_hash",
     .type = FieldType::kBytes,
     .help = "torrent that is shared",
     .privacy = Privacy::kPersonal},
    {.name = "bittorrent.peer_id", .type = FieldType::kBytes, .help = "id of the sender"},
    {.name = "bittorrent.client",
     .help = "program, from the id of the sender",
     .role = Role::kUserAgent},
    {.name = "bittorrent.reserved_bits",
     .type = FieldType::kBytes,
     .help = "the handshake's reserved bytes",
     .aliases = kReservedAlias},
    {.name = "bittorrent.features",
     .list = true,
     .help = "what they stand for: dht, fast, extensions, v2",
     .max_bytes = 16},
    {.name = "bittorrent.version",
     .help = "program and version, from the extended handshake",
     .role = Role::kSubject},
    {.name = "bittorrent.port", .type = FieldType::kUint, .help = "where the sender listens"},
    {.name = "bittorrent.extensions",
     .list = true,
     .help = "extensions by name: ut_pex, ut_metadata",
     .max_bytes = 32},
    {.name = "bittorrent.queue",
     .type = FieldType::kUint,
     .help = "how many requests the sender keeps waiting"},
    {.name = "bittorrent.metadata_bytes",
     .type = FieldType::kUint,
     .help = "size of the torrent's description"},
    {.name = "bittorrent.pieces",
     .type = FieldType::kUint,
     .help = "blocks of pieces that the sender sent"},
    {.name = "bittorrent.piece_bytes", .type = FieldType::kUint, .help = "bytes in them"},
    {.name = "bittorrent.requests",
     .type = FieldType::kUint,
     .help = "blocks that the sender asked for"},
};
static_assert(std::size(kFields) == kRequests + 1);
constexpr model::Schema kSchema{"bittorrent", "BitTorrent", kKinds, kFields};

constexpr string_view kGreeting =
    "\x13"
    "BitTorrent protocol";
constexpr std::size_t kHandshakeBytes = 68;
constexpr std::size_t kPieceHeadBytes = 13;
constexpr std::size_t kMaxExtendedBytes = 8192;  // a longer one is passed over
constexpr std::uint32_t kMaxMessageBytes = 1U << 24;

enum Message : std::uint8_t { kRequest = 6, kPiece = 7, kExtendedMessage = 20 };

Probe probe_bittorrent(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (const Bytes side : input.sides) {
    const string_view text = base::as_text(side);
    if (text.empty()) continue;
    const std::size_t seen = std::min(text.size(), kGreeting.size());
    if (text.substr(0, seen) != kGreeting.substr(0, seen)) continue;
    if (seen == kGreeting.size()) return Probe::kYes;
    best = Probe::kMore;
  }
  return best;
}

struct ClientName {
  string_view letters;
  string_view name;
};
// BEP 20, and what its readers have added.
constexpr ClientName kClients[] = {
    {"AZ", "Vuze"},         {"BC", "BitComet"},     {"BI", "BiglyBT"},
    {"BT", "BitTorrent"},   {"DE", "Deluge"},       {"FD", "Free Download Manager"},
    {"KT", "KTorrent"},     {"LT", "libtorrent"},   {"lt", "rTorrent"},
    {"qB", "qBittorrent"},  {"SD", "Xunlei"},       {"TL", "Tribler"},
    {"TR", "Transmission"}, {"UM", "uTorrent Mac"}, {"UT", "uTorrent"},
    {"UW", "uTorrent Web"}, {"WW", "WebTorrent"},   {"XL", "Xunlei"},
};

// "-TR3000-............" and "A2-1-36-0-.........."; empty if it is of neither form.
std::string client_of(string_view id) {
  const auto is_plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  };
  if (id[0] == '-' && id[7] == '-' && std::ranges::all_of(id.substr(1, 6), is_plain)) {
    const auto* const found = std::ranges::find(kClients, id.substr(1, 2), &ClientName::letters);
    const string_view name = found == std::end(kClients) ? id.substr(1, 2) : found->name;
    return std::string(name) + " " + std::string(id.substr(3, 4));
  }
  if (!id.starts_with("A2-") && !id.starts_with('M')) return {};
  string_view digits = id.substr(id[0] == 'A' ? 3 : 1);
  std::string version;
  for (; !digits.empty() && (digits[0] == '-' || (digits[0] >= '0' && digits[0] <= '9'));
       digits.remove_prefix(1)) {
    if (digits.starts_with("--")) break;
    version += digits[0] == '-' ? '.' : digits[0];
  }
  while (version.ends_with('.')) version.pop_back();
  if (std::ranges::count(version, '.') < 2) return {};
  return (id[0] == 'A' ? "aria2 " : "BitTorrent ") + version;
}

void add_features(Bytes reserved, model::RecordBuilder& record) {
  if ((reserved[7] & 1) != 0) record.add_text(kFeatures, "dht");
  if ((reserved[7] & 4) != 0) record.add_text(kFeatures, "fast");
  if ((reserved[5] & 0x10) != 0) record.add_text(kFeatures, "extensions");
  if ((reserved[7] & 0x10) != 0) record.add_text(kFeatures, "v2");
}

class BittorrentDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override;
  void on_end(Context& context) override;

 private:
  struct SideState {
    std::uint64_t pieces = 0;
    std::uint64_t piece_bytes = 0;
    std::uint64_t requests = 0;
    std::uint64_t piece_left = 0;  // of a piece that has begun: what has not come yet
    bool greeted = false;
    bool lost = false;  // where messages begin is not known any more
    bool extended = false;
  };
  Step message(Bytes rest, const model::StreamChunk& chunk, Context& context);
  // Of so many bytes those that belong to a piece; they are counted as they come: what is only
  // announced may never do so.
  static std::uint64_t pass_piece(std::uint64_t bytes, SideState& own) {
    const std::uint64_t passed = std::min(bytes, own.piece_left);
    own.piece_left -= passed;
    own.piece_bytes += passed;
    return passed;
  }
  static void handshake(Bytes bytes, Side side, Context& context);
  static void extended(Bytes dictionary, Side side, Context& context);

  std::array<SideState, 2> sides_;
  bool known_ = false;
};

void BittorrentDecoder::handshake(Bytes bytes, Side side, Context& context) {
  Cursor in(bytes);
  in.skip(kGreeting.size());
  const Bytes reserved = in.take(8);
  const Bytes info_hash = in.take(20);
  const Bytes peer = in.take(20);
  model::RecordBuilder& record = context.record();
  record.start(kSchema, kHandshake);
  record.add_bytes(kInfoHash, info_hash);
  record.add_bytes(kPeerId, peer);
  if (const std::string client = client_of(base::as_text(peer)); !client.empty()) {
    record.add_text(kClient, client);
  }
  record.add_bytes(kReserved, reserved);
  add_features(reserved, record);
  context.emit(side);
}

void BittorrentDecoder::extended(Bytes dictionary, Side side, Context& context) {
  constexpr unsigned kMaxExtensions = 16;
  Cursor in(dictionary);
  BencodeValue all;
  if (!next_bencode(in, all) || all.type != BencodeType::kDictionary) {
    context.odd("bad_extended_handshake");
    return;
  }
  model::RecordBuilder& record = context.record();
  record.start(kSchema, kExtended);
  const auto text = find_bencode(all.bytes, "v");
  if (text && text->type == BencodeType::kString && is_text(text->bytes)) {
    record.add_text(kVersion, base::as_text(text->bytes));
  }
  const auto number = [&](string_view key, Field field) {
    const auto value = find_bencode(all.bytes, key);
    if (!value || value->type != BencodeType::kInteger || value->number <= 0) return;
    record.add_uint(field, static_cast<std::uint64_t>(value->number));
  };
  number("p", kPort);
  const auto names = find_bencode(all.bytes, "m");
  if (names && names->type == BencodeType::kDictionary) {
    Cursor entries(names->bytes);
    BencodeValue key;
    BencodeValue value;
    for (unsigned i = 0; i < kMaxExtensions && !entries.at_end(); ++i) {
      if (!next_bencode(entries, key) || !next_bencode(entries, value)) break;
      if (key.type == BencodeType::kString && is_text(key.bytes)) {
        record.add_text(kExtensions, base::as_text(key.bytes));
      }
    }
  }
  number("reqq", kQueue);
  number("metadata_size", kMetadata);
  context.emit(side);
}

// The message that `rest` begins with: what is consumed may lie beyond it.
Step BittorrentDecoder::message(Bytes rest, const model::StreamChunk& chunk, Context& context) {
  SideState& own = sides_[model::index(chunk.side)];
  Cursor in(rest);
  const std::uint32_t length = in.u32();
  if (!in.ok()) return {.wanted = 4};
  if (length == 0) return {.consumed = 4};  // keeps the connection alive
  const std::uint8_t id = in.u8();
  if (!in.ok()) return {.wanted = 5};
  if (length > kMaxMessageBytes || id > 23) {
    context.odd("bad_message");
    own.lost = true;
    return {.consumed = rest.size()};
  }
  const std::uint64_t whole = std::uint64_t{4} + length;
  if (id == kRequest) ++own.requests;
  if (id == kPiece && whole >= kPieceHeadBytes) {
    ++own.pieces;
    own.piece_left = whole - kPieceHeadBytes;
    return {.consumed = kPieceHeadBytes};
  }
  if (id == kExtendedMessage && length < 2) {
    context.odd("bad_message");
    return {.consumed = whole};
  }
  if (id != kExtendedMessage || own.extended) return {.consumed = whole};
  const std::uint8_t kind = in.u8();
  if (!in.ok()) return {.wanted = 6};
  if (kind != 0 || length > kMaxExtendedBytes) return {.consumed = whole};
  if (rest.size() < whole && !chunk.cut) return {.wanted = static_cast<std::size_t>(whole)};
  own.extended = true;
  if (rest.size() >= whole) extended(in.take(length - 2), chunk.side, context);
  return {.consumed = whole};
}

Step BittorrentDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  SideState& own = sides_[model::index(chunk.side)];
  if (own.lost) return {.consumed = chunk.bytes.size()};
  Step step;
  if (!own.greeted) {
    const string_view text = base::as_text(chunk.bytes);
    const std::size_t seen = std::min(text.size(), kGreeting.size());
    if (text.substr(0, seen) != kGreeting.substr(0, seen)) {
      // The other side is one; of this one the beginning is missing.
      if (!known_) return {.verdict = Verdict::kNotMine};
      own.lost = true;
      return {.consumed = chunk.bytes.size()};
    }
    if (text.size() < kHandshakeBytes) return {.wanted = kHandshakeBytes};
    if (!known_) context.set_originator(chunk.side);
    known_ = own.greeted = true;
    handshake(chunk.bytes.first(kHandshakeBytes), chunk.side, context);
    step.consumed = kHandshakeBytes;
  }
  while (step.consumed < chunk.bytes.size() && !own.lost) {
    step.consumed += pass_piece(chunk.bytes.size() - step.consumed, own);
    if (step.consumed == chunk.bytes.size()) break;
    const Step next =
        message(chunk.bytes.subspan(static_cast<std::size_t>(step.consumed)), chunk, context);
    step.consumed += next.consumed;
    step.wanted = next.wanted;
    if (next.consumed == 0) break;
  }
  if (own.lost || chunk.cut)
    step.consumed = std::max<std::uint64_t>(step.consumed, chunk.bytes.size());
  // Inside a piece nothing is lost: the gap that follows is its.
  own.lost |= chunk.cut && own.piece_left == 0;
  return step;
}

Verdict BittorrentDecoder::on_gap(const model::StreamChunk& chunk, Context& /*context*/) {
  SideState& own = sides_[model::index(chunk.side)];
  // A piece goes on behind it.
  own.lost = own.lost || pass_piece(chunk.gap_bytes, own) < chunk.gap_bytes;
  return known_ ? Verdict::kFine : Verdict::kNotMine;
}

void BittorrentDecoder::on_end(Context& context) {
  for (const Side side : {Side::kOriginator, Side::kResponder}) {
    const SideState& own = sides_[model::index(side)];
    if (own.pieces + own.requests == 0) continue;
    model::RecordBuilder& record = context.record();
    record.start(kSchema, kTransfer);
    record.add_uint(kPieces, own.pieces);
    record.add_uint(kPieceBytes, own.piece_bytes);
    record.add_uint(kRequests, own.requests);
    context.emit(side);
  }
}

}  // namespace

extern const ProtocolDef kBittorrent;
constinit const ProtocolDef kBittorrent{
    .name = "bittorrent",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x13"),
    .probe = probe_bittorrent,
    .schema = &kSchema,
    .state_bytes = sizeof(BittorrentDecoder),
    .make = make_decoder<BittorrentDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
