// BitTorrent's distributed hash table: BEP 5 (Kademlia over bencoded datagrams), BEP 32 (IPv6),
// BEP 42 (the asker's address), BEP 51.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/bencode.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;

enum Kind : std::uint8_t { kQuery, kResponse, kErrorKind };
constexpr std::array<std::string_view, 3> kKinds{"query", "response", "error"};

enum Field : std::uint8_t {
  kMethod,
  kNode,
  kInfoHash,
  kTarget,
  kPort,
  kNodes,
  kPeers,
  kPeer,
  kOwnAddress,
  kClient,
  kErrorCode,
  kReason,
  kLatency,
};

constexpr FieldDef kFields[] = {
    {.name = "bt_dht.method",
     .help = "ping, find_node, get_peers, announce_peer",
     .role = Role::kMethod},
    {.name = "bt_dht.node", .type = FieldType::kBytes, .help = "id of the sender"},
    {.name = "bt_dht.info_hash",
     .type = FieldType::kBytes,
     .help = "torrent that is looked for or announced",
     .privacy = Privacy::kPersonal},
    {.name = "bt_dht.target", .type = FieldType::kBytes, .help = "id of a node that is looked for"},
    {.name = "bt_dht.port", .type = FieldType::kUint, .help = "where the announced peer listens"},
    {.name = "bt_dht.nodes", .type = FieldType::kUint, .help = "how many nodes are answered"},
    {.name = "bt_dht.peers", .type = FieldType::kUint, .help = "how many peers are answered"},
    {.name = "bt_dht.peer",
     .type = FieldType::kAddress,
     .list = true,
     .help = "addresses of the first peers that have the torrent",
     .privacy = Privacy::kPersonal},
    {.name = "bt_dht.own_address",
     .type = FieldType::kAddress,
     .help = "what the asker's address seems to be",
     .privacy = Privacy::kPersonal},
    {.name = "bt_dht.client",
     .help = "program and version, as it writes them",
     .role = Role::kUserAgent},
    {.name = "bt_dht.error", .type = FieldType::kInt, .help = "error code", .role = Role::kStatus},
    {.name = "bt_dht.reason", .help = "the error in words"},
    {.name = "bt_dht.latency_us",
     .type = FieldType::kDuration,
     .help = "query to this answer",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kBtDhtSchema{"bt_dht", "BitTorrent DHT", kKinds, kFields};

constexpr std::size_t kIdBytes = 20;
constexpr int kMaxPeers = 8;

struct Message {
  Kind kind = kQuery;
  Bytes transaction;
  Bytes all;   // the dictionary
  Bytes body;  // of a query its arguments, of a response its values, of an error the list
  Bytes method;
};

// A dictionary with transaction, kind, and what belongs to that kind.
bool read_message(Bytes bytes, Message& message) {
  Cursor in(bytes);
  BencodeValue whole;
  if (!next_bencode(in, whole) || whole.type != BencodeType::kDictionary) return false;
  message.all = whole.bytes;
  const auto transaction = find_bencode(whole.bytes, "t");
  const auto kind = find_bencode(whole.bytes, "y");
  if (!transaction || !kind || transaction->type != BencodeType::kString) return false;
  message.transaction = transaction->bytes;
  const std::string_view letter = base::as_text(kind->bytes);
  if (letter != "q" && letter != "r" && letter != "e") return false;
  message.kind = letter == "q" ? kQuery : letter == "r" ? kResponse : kErrorKind;
  const auto body = find_bencode(whole.bytes, letter == "q" ? "a" : letter);
  if (!body || body->type == BencodeType::kInteger || body->type == BencodeType::kString) {
    return false;
  }
  message.body = body->bytes;
  if (message.kind != kQuery) return true;
  const auto method = find_bencode(whole.bytes, "q");
  if (!method || method->type != BencodeType::kString || !is_text(method->bytes)) return false;
  message.method = method->bytes;
  return body->type == BencodeType::kDictionary;
}

Bytes id_of(Bytes dictionary, std::string_view key) {
  const auto value = find_bencode(dictionary, key);
  const bool is_id =
      value && value->type == BencodeType::kString && value->bytes.size() == kIdBytes;
  return is_id ? value->bytes : Bytes{};
}

// BEP 20's letters and a version: "LT\x01\x02" is "LT 1.2".
std::string client_name(Bytes version) {
  if (version.size() < 2 || !is_text(version.first(2))) return hex_text(version);
  std::string name(base::as_text(version.first(2)));
  for (std::size_t i = 2; i < std::min<std::size_t>(version.size(), 4); ++i) {
    name += (i == 2 ? " " : ".") + std::to_string(version[i]);
  }
  return name;
}

void add_peers(Bytes list, model::RecordBuilder& record) {
  Cursor in(list);
  BencodeValue peer;
  std::uint64_t count = 0;
  while (!in.at_end() && next_bencode(in, peer)) {
    const std::size_t size = peer.bytes.size();  // an address and a port
    if (peer.type != BencodeType::kString || (size != 6 && size != 18)) continue;
    if (++count > kMaxPeers) continue;
    record.add_address(kPeer, size == 6 ? base::IpAddress::v4(peer.bytes.data())
                                        : base::IpAddress::v6(peer.bytes.data()));
  }
  if (count > 0) record.add_uint(kPeers, count);
}

void add_answer(const Message& message, model::RecordBuilder& record) {
  std::uint64_t nodes = 0;
  if (const auto list = find_bencode(message.body, "nodes")) nodes += list->bytes.size() / 26;
  if (const auto list = find_bencode(message.body, "nodes6")) nodes += list->bytes.size() / 38;
  if (nodes > 0) record.add_uint(kNodes, nodes);
  const auto values = find_bencode(message.body, "values");
  if (values && values->type == BencodeType::kList) add_peers(values->bytes, record);
  const auto own = find_bencode(message.all, "ip");
  if (own && own->bytes.size() == 6) {
    record.add_address(kOwnAddress, base::IpAddress::v4(own->bytes.data()));
  } else if (own && own->bytes.size() == 18) {
    record.add_address(kOwnAddress, base::IpAddress::v6(own->bytes.data()));
  }
}

void add_error(const Message& message, model::RecordBuilder& record) {
  Cursor in(message.body);
  BencodeValue value;
  if (next_bencode(in, value) && value.type == BencodeType::kInteger) {
    record.add_int(kErrorCode, value.number);
  }
  if (next_bencode(in, value) && value.type == BencodeType::kString && is_text(value.bytes)) {
    record.add_text(kReason, base::as_text(value.bytes));
  }
}

class BtDhtDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  Waiting<std::uint64_t, 4> waiting_;
};

Step BtDhtDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Message message;
  if (!read_message(chunk.bytes, message)) return {.verdict = Verdict::kNotMine};
  model::RecordBuilder& record = context.record();
  record.start(kBtDhtSchema, message.kind);
  if (message.kind == kQuery) record.add_text(kMethod, base::as_text(message.method));
  const auto add_id = [&](Field field, std::string_view key) {
    const Bytes id = id_of(message.body, key);
    if (!id.empty()) record.add_bytes(field, id);
  };
  if (message.kind != kErrorKind) {
    add_id(kNode, "id");
    add_id(kInfoHash, "info_hash");
    add_id(kTarget, "target");
  }
  const auto port = find_bencode(message.body, "port");
  if (message.kind == kQuery && port && port->number > 0) {
    record.add_uint(kPort, static_cast<std::uint64_t>(port->number));
  }
  if (message.kind == kResponse) add_answer(message, record);
  if (message.kind == kErrorKind) add_error(message, record);
  const auto client = find_bencode(message.all, "v");
  if (client && !client->bytes.empty()) record.add_text(kClient, client_name(client->bytes));
  const std::size_t size = std::min<std::size_t>(message.transaction.size(), 8);
  const std::uint64_t key = Cursor(message.transaction).be(size);
  if (message.kind == kQuery) {
    waiting_.ask(key, chunk.side, chunk.time_ns);
  } else if (const base::TimeNs ns = waiting_.answer(key, chunk.side, chunk.time_ns); ns >= 0) {
    record.add_int(kLatency, ns);
  }
  context.emit(chunk.side);
  return {.consumed = chunk.bytes.size()};
}

Probe probe_bt_dht(const ProbeInput& input) {
  Message message;
  return read_message(input.of(input.latest), message) ? Probe::kYes : Probe::kNo;
}

}  // namespace

extern const ProtocolDef kBtDht;
constinit const ProtocolDef kBtDht{
    .name = "bt_dht",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("d"),
    .probe = probe_bt_dht,
    .schema = &kBtDhtSchema,
    .state_bytes = sizeof(BtDhtDecoder),
    .make = make_decoder<BtDhtDecoder>,
};

}  // namespace netwatch::dpi
