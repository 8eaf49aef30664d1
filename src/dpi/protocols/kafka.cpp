// Kafka's protocol (Apache Kafka documentation, "Kafka protocol guide"): requests with their API,
// version and client identifier; topics of the requests that name them first (Metadata, Produce,
// and Fetch in their forms without tagged fields). Responses and messages are passed over.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

constexpr string_view kKinds[] = {"request"};
enum Field : std::uint8_t { kApi, kVersion, kClientId, kTopic, kAuth };

constexpr string_view kClientAlias[] = {"kafka.client_id"};
constexpr string_view kVersionAlias[] = {"kafka.api_version"};
constexpr string_view kTopicAlias[] = {"kafka.topic_name"};
constexpr FieldDef kFields[] = {
    {.name = "kafka.api", .help = "produce, fetch, metadata, ...", .role = Role::kMethod},
    {.name = "kafka.version",
     .type = FieldType::kUint,
     .help = "version of the API",
     .role = Role::kVersion,
     .aliases = kVersionAlias},
    {.name = "kafka.client",
     .help = "name the client gives itself",
     .role = Role::kUserAgent,
     .aliases = kClientAlias},
    {.name = "kafka.topic",
     .list = true,
     .help = "topics that are asked for or written to",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kTopicAlias,
     .max_bytes = 249},
    {.name = "kafka.auth", .help = "authentication mechanism"},
};
constexpr model::Schema kSchema{
    .proto = "kafka", .title = "Kafka", .kinds = kKinds, .fields = kFields};

constexpr std::uint32_t kMaxRequestBytes = 100U << 20;
constexpr std::uint16_t kMaxVersion = 20;
constexpr std::array<string_view, 69> kApis{"produce",
                                            "fetch",
                                            "list_offsets",
                                            "metadata",
                                            "leader_and_isr",
                                            "stop_replica",
                                            "update_metadata",
                                            "controlled_shutdown",
                                            "offset_commit",
                                            "offset_fetch",
                                            "find_coordinator",
                                            "join_group",
                                            "heartbeat",
                                            "leave_group",
                                            "sync_group",
                                            "describe_groups",
                                            "list_groups",
                                            "sasl_handshake",
                                            "api_versions",
                                            "create_topics",
                                            "delete_topics",
                                            "delete_records",
                                            "init_producer_id",
                                            "offset_for_leader_epoch",
                                            "add_partitions_to_txn",
                                            "add_offsets_to_txn",
                                            "end_txn",
                                            "write_txn_markers",
                                            "txn_offset_commit",
                                            "describe_acls",
                                            "create_acls",
                                            "delete_acls",
                                            "describe_configs",
                                            "alter_configs",
                                            "alter_replica_log_dirs",
                                            "describe_log_dirs",
                                            "sasl_authenticate",
                                            "create_partitions",
                                            "create_delegation_token",
                                            "renew_delegation_token",
                                            "expire_delegation_token",
                                            "describe_delegation_token",
                                            "delete_groups",
                                            "elect_leaders",
                                            "incremental_alter_configs",
                                            "alter_partition_reassignments",
                                            "list_partition_reassignments",
                                            "offset_delete",
                                            "describe_client_quotas",
                                            "alter_client_quotas",
                                            "describe_user_scram",
                                            "alter_user_scram",
                                            "vote",
                                            "begin_quorum_epoch",
                                            "end_quorum_epoch",
                                            "describe_quorum",
                                            "alter_partition",
                                            "update_features",
                                            "envelope",
                                            "fetch_snapshot",
                                            "describe_cluster",
                                            "describe_producers",
                                            "broker_registration",
                                            "broker_heartbeat",
                                            "unregister_broker",
                                            "describe_transactions",
                                            "list_transactions",
                                            "allocate_producer_ids",
                                            "consumer_group_heartbeat"};
enum Api : std::uint16_t {
  kProduce = 0,
  kFetch = 1,
  kMetadata = 3,
  kSaslHandshake = 17,
  kApiVersions = 18,
};

// "Request header v1": size, API, version, correlation, client.
struct Header {
  std::uint32_t size = 0;
  std::uint16_t api = 0;
  std::uint16_t version = 0;
  string_view client;
  std::size_t body_at = 0;  // 0 while the header is not here whole
  bool bad = false;
};

Header read_header(Bytes bytes) {
  Header header;
  base::Cursor cursor(bytes);
  header.size = cursor.u32();
  header.api = cursor.u16();
  header.version = cursor.u16();
  if (!cursor.ok()) return header;
  cursor.skip(4);
  const std::uint16_t client_size = cursor.u16();
  header.bad = header.size < 10 || header.size > kMaxRequestBytes || header.api >= kApis.size() ||
               header.version > kMaxVersion;
  if (header.bad || !cursor.ok()) return header;
  if (client_size != 0xffff) {  // null
    header.bad = client_size > 255 || client_size + 10U > header.size;
    if (header.bad) return header;
    header.client = base::as_text(cursor.take(client_size));
    header.bad = !is_plain_text(header.client);
  }
  if (cursor.ok()) header.body_at = cursor.offset();
  return header;
}

// The first request is one of few, has a client that is named, and ends where the bytes do.
Probe probe_kafka(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (Bytes bytes : input.sides) {
    if (bytes.empty() || bytes[0] != 0) continue;
    if (bytes.size() < 14) {
      const Header header = read_header(bytes);
      if (!header.bad) best = Probe::kMore;
      continue;
    }
    const Header header = read_header(bytes);
    if (header.bad) continue;
    const bool whole = bytes.size() == std::size_t{header.size} + 4;
    const bool opens = header.api == kApiVersions || header.api == kMetadata ||
                       header.api == kSaslHandshake || header.api == kProduce ||
                       header.api == kFetch;
    if (header.body_at == 0 || (bytes.size() < std::size_t{header.size} + 4 && opens)) {
      best = Probe::kMore;
      continue;
    }
    if (!opens || header.client.empty()) continue;
    if (whole) return Probe::kYes;
    const Header next = read_header(bytes.subspan(std::size_t{header.size} + 4));
    if (!next.bad && next.client == header.client) return Probe::kYes;
  }
  return best;
}

class KafkaDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side side) override;
  Onward on_frame(const Frame& frame) override;

 private:
  static void topics(const Header& header, base::Cursor cursor, model::RecordBuilder& record);

  bool known_ = false;
  Side client_ = Side::kOriginator;
};

FrameSize KafkaDecoder::size_of(Bytes bytes, Side side) {
  if (bytes.size() < 14 && (!known_ || side == client_)) return {};
  if (bytes.size() < 8) return {};
  if (!known_) {
    // A response holds no client: its fifth to eighth byte is a number that was seen in a request.
    const Header header = read_header(bytes);
    if (!header.bad) {
      known_ = true;
      client_ = side;
    }
  }
  const std::uint32_t size = base::Cursor(bytes).u32();
  if (size < 4 || size > kMaxRequestBytes) return FrameSize::bad();
  if (known_ && side == client_ && read_header(bytes).bad) return FrameSize::bad();
  return FrameSize::known(std::uint64_t{size} + 4);
}

Onward KafkaDecoder::on_frame(const Frame& frame) {
  if (!known_ || frame.side != client_) return {};
  frame.context.set_originator(client_);
  const Header header = read_header(frame.bytes);
  if (header.body_at == 0) return {};
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, 0);
  record.add_text(kApi, kApis[header.api]);
  record.add_uint(kVersion, header.version);
  if (!header.client.empty()) record.add_text(kClientId, header.client);
  topics(header, base::Cursor(frame.bytes.subspan(header.body_at)), record);
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
  return {};
}

void KafkaDecoder::topics(const Header& header, base::Cursor cursor, model::RecordBuilder& record) {
  constexpr std::uint32_t kMaxTopics = 32;
  const auto text = [&] { return base::as_text(cursor.take(cursor.u16())); };
  std::uint32_t names = 0;
  switch (header.api) {
    case kSaslHandshake:
      record.add_text(kAuth, text());
      return;
    case kMetadata:
      if (header.version > 8) return;  // a flexible version: other encodings
      names = cursor.u32();
      if (names == 0xffffffff) names = 0;  // all of them
      break;
    case kProduce:
      if (header.version > 8) return;
      if (header.version >= 3 && cursor.peek() == 0xff) {
        cursor.skip(2);
      } else if (header.version >= 3) {
        text();
      }
      cursor.skip(6);
      names = std::min(cursor.u32(), 1U);  // what follows a name is not read
      break;
    case kFetch:
      if (header.version > 11) return;
      cursor.skip(12);
      if (header.version >= 3) cursor.skip(4);
      if (header.version >= 4) cursor.skip(1);
      if (header.version >= 7) cursor.skip(8);
      names = std::min(cursor.u32(), 1U);
      break;
    default:
      return;
  }
  for (std::uint32_t i = 0; i < std::min(names, kMaxTopics) && cursor.ok(); ++i) {
    const string_view name = text();
    if (cursor.ok() && !name.empty()) record.add_text(kTopic, name);
  }
}

constexpr std::uint16_t kPorts[] = {9092};

}  // namespace

extern const ProtocolDef kKafka;
constinit const ProtocolDef kKafka{
    .name = "kafka",
    .transport = Transport::kTcp,
    .first = FirstBytes::of(string_view("\0", 1)),
    .usual_ports = kPorts,
    .probe = probe_kafka,
    .schema = &kSchema,
    .state_bytes = sizeof(KafkaDecoder),
    .make = make_decoder<KafkaDecoder>,
};

}  // namespace netwatch::dpi
