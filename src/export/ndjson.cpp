#include "export/ndjson.h"

#include <array>
#include <bitset>
#include <cstddef>
#include <optional>

#include "base/crypto.h"
#include "base/json_writer.h"
#include "base/time.h"
#include "export/ndjson_parts.h"

namespace netwatch::exporting {
namespace {

using base::JsonWriter;
using model::FieldType;
using model::Side;

void write_address(JsonWriter& json, const base::IpAddress& address) {
  std::string& out = json.raw_value();
  out += '"';
  address.append_to(out);
  out += '"';
}

void write_flow_id(JsonWriter& json, model::FlowId id) {
  std::string& out = json.raw_value();
  out += '"';
  model::append_flow_id(out, id);
  out += '"';
}

void write_value(JsonWriter& json, const model::FieldValue& value) {
  switch (value.def->type) {
    case FieldType::kBool:
      return json.boolean(value.boolean());
    case FieldType::kUint:
      return json.uint(value.uint());
    case FieldType::kInt:
      return json.integer(value.sint());
    case FieldType::kReal:
      return json.real(value.real());
    case FieldType::kText:
      return json.string(value.text());
    case FieldType::kBytes: {
      std::string& out = json.raw_value();
      out += '"';
      base::append_hex(out, value.raw);
      out += '"';
      return;
    }
    case FieldType::kAddress:
      return write_address(json, value.address());
    case FieldType::kTime:
      return write_time(json, value.sint());
    case FieldType::kDuration:
      return json.integer(value.sint() / base::kNsPerUs);
  }
}

// Writes the values of a record as nested objects: fields whose names share a prefix up to a dot
// share an object, wherever they stand in the record. Keys come in the order of their fields'
// first values. Works on the stack, by offsets into the record's body.
class FieldTree {
 public:
  explicit FieldTree(const model::Record& record) : record_(record) {
    const model::FieldDef* const fields = record.schema->fields.data();
    model::ValueCursor values(record);
    std::size_t end = 0;
    while (const auto value = values.next()) {
      const auto id = static_cast<std::uint8_t>(value->def - fields);
      if (!seen_[id]) {
        seen_[id] = true;
        order_[count_] = id;
        first_[count_++] = static_cast<std::uint16_t>(end);
      }
      end += kValueHeadBytes + value->raw.size();
    }
  }

  void write(JsonWriter& json) {
    for (std::size_t i = 0; i < count_; ++i) write_from(json, i, 0);
  }

 private:
  static constexpr std::size_t kMaxFields = 255;
  static constexpr std::size_t kValueHeadBytes = 3;  // see RecordBuilder

  [[nodiscard]] const model::FieldDef& def(std::size_t place) const {
    return record_.schema->fields[order_[place]];
  }

  // The field at `place`, whose first `prefix` bytes of name the open objects have said, and with
  // it all later ones that belong into the same object. As deep as a name has dots.
  void write_from(JsonWriter& json, std::size_t place, std::size_t prefix) {
    if (!seen_[order_[place]]) return;  // written with an earlier one
    const std::string_view name = def(place).name;
    const std::size_t dot = name.find('.', prefix);
    if (dot == std::string_view::npos) {
      json.key(name.substr(prefix));
      write_values(json, place);
      seen_[order_[place]] = false;
      return;
    }
    json.key(name.substr(prefix, dot - prefix));
    json.begin_object();
    const std::string_view group = name.substr(0, dot + 1);
    for (std::size_t i = place; i < count_; ++i) {
      if (def(i).name.starts_with(group)) write_from(json, i, dot + 1);
    }
    json.end_object();
  }

  void write_values(JsonWriter& json, std::size_t place) const {
    const model::FieldDef& field = def(place);
    model::Record tail = record_;
    tail.body = record_.body.subspan(first_[place]);
    model::ValueCursor values(tail);
    std::optional<model::FieldValue> value = values.next();
    if (!value) return json.null();
    if (!field.list) return write_value(json, *value);
    json.begin_array();
    for (; value; value = values.next()) {
      if (value->def == &field) write_value(json, *value);
    }
    json.end_array();
  }

  const model::Record& record_;
  std::bitset<kMaxFields + 1> seen_;  // by field id: in the record and not yet written
  std::size_t count_ = 0;
  std::array<std::uint8_t, kMaxFields + 1> order_;   // field ids, as they first appear
  std::array<std::uint16_t, kMaxFields + 1> first_;  // offset of the first value of order_[i]
};

void write_known(JsonWriter& json, std::string_view key, std::int64_t value) {
  if (value < 0) return;
  json.key(key);
  json.integer(value);
}

// The members of an endpoint, inside an open object.
void write_endpoint(JsonWriter& json, const model::Endpoint& endpoint, std::uint8_t proto) {
  json.key("ip");
  write_address(json, endpoint.address);
  if (model::ip_proto::has_ports(proto)) write_uint(json, "port", endpoint.port);
}

void write_quality(JsonWriter& json, const model::SideQuality& quality, bool tcp) {
  write_known(json, "rtt_us", quality.rtt_us);
  write_known(json, "rtt_min_us", quality.rtt_min_us);
  if (!tcp) return;
  write_uint(json, "out_of_order", quality.out_of_order);
  write_uint(json, "duplicate_acks", quality.duplicate_acks);
  write_uint(json, "zero_windows", quality.zero_windows);
  write_uint(json, "syn_retries", quality.syn_retries);
  write_uint(json, "resets", quality.resets);
  write_known(json, "window_scale", quality.window_scale);
}

void write_side(JsonWriter& json, const model::Flow& flow, Side side) {
  const model::DirectionCounters& sent = flow.counters(side);
  json.key(side == Side::kOriginator ? "orig" : "resp");
  json.begin_object();
  write_endpoint(json, flow.endpoint(side), flow.proto);
  write_uint(json, "packets", sent.packets);
  write_uint(json, "wire_bytes", sent.wire_bytes);
  write_uint(json, "ip_bytes", sent.ip_bytes);
  write_uint(json, "payload_bytes", sent.payload_bytes);
  if (flow.proto == model::ip_proto::kTcp) {
    write_uint(json, "retransmitted", sent.retransmitted);
    write_uint(json, "lost_bytes", sent.lost_bytes);
  }
  write_quality(json, flow.quality[model::index(side)], flow.proto == model::ip_proto::kTcp);
  write_owner(json, flow.owners[model::index(side)]);
  json.end_object();
}

void write_apps(JsonWriter& json, const model::Flow& flow) {
  if (flow.apps[0].empty()) return;
  json.key("app");
  json.begin_array();
  for (const std::string_view app : flow.apps) {
    if (!app.empty()) json.string(app);
  }
  json.end_array();
}

void write_tunnels(JsonWriter& json, const model::Tunnels& tunnels) {
  if (tunnels.empty()) return;
  json.key("tunnel");
  json.begin_array();
  for (unsigned i = 0; i < tunnels.size(); ++i) json.string(model::tunnel_name(tunnels[i]));
  json.end_array();
  if (tunnels.has_id()) write_uint(json, "tunnel_id", tunnels.id());
}

void write_socket(JsonWriter& json, const model::Socket& socket) {
  json.key("l4");
  json.string(model::ip_proto_name(socket.proto));
  write_text_if(json, "state", model::tcp_state_name(socket.state));
  json.key("local");
  json.begin_object();
  write_endpoint(json, socket.local, socket.proto);
  json.end_object();
  if (model::is_connected(socket)) {
    json.key("remote");
    json.begin_object();
    write_endpoint(json, socket.remote, socket.proto);
    json.end_object();
  }
  write_owner(json, socket.owner);
  write_known(json, "rtt_us", socket.rtt_us);
  write_known(json, "sent_bytes", socket.bytes_sent);
  write_known(json, "received_bytes", socket.bytes_received);
  write_known(json, "retransmitted", socket.retransmits);
  write_peers(json, socket);
  write_uint(json, "uid", socket.uid);
  if (socket.inode != 0) write_uint(json, "inode", socket.inode);
  if (socket.netns != 0) write_uint(json, "netns", socket.netns);
}

}  // namespace

void write_time(JsonWriter& json, base::TimeNs time_ns) {
  std::string& out = json.raw_value();
  out += '"';
  base::append_rfc3339(out, time_ns);
  out += '"';
}

void write_text_if(JsonWriter& json, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  json.key(key);
  json.string(text);
}

void write_uint(JsonWriter& json, std::string_view key, std::uint64_t value) {
  json.key(key);
  json.uint(value);
}

void write_owner(JsonWriter& json, const model::Owner& owner) {
  if (owner.quality == model::Quality::kUnknown) return;
  json.key("owner");
  json.begin_object();
  write_text_if(json, "quality", model::quality_name(owner.quality));
  write_text_if(json, "via", model::owner_via_name(owner.via));
  if (owner.process != nullptr) {
    const model::Process& process = *owner.process;
    if (process.pid != 0) write_uint(json, "pid", process.pid);
    write_text_if(json, "name", process.comm);
    write_text_if(json, "exe", process.exe);
    write_text_if(json, "user", process.user);
    write_text_if(json, "parent", process.parent);
    write_text_if(json, "container", process.container);
    write_text_if(json, "unit", process.unit);
  }
  json.end_object();
}

JsonWriter begin_line(std::string& out, std::string_view type) {
  JsonWriter json(out);
  json.begin_object();
  json.key("type");
  json.string(type);
  return json;
}

void end_line(std::string& out, JsonWriter& json) {
  json.end_object();
  out += '\n';
}

void append_meta(std::string& out, const MetaLine& meta,
                 std::string_view (*linktype_name)(std::uint16_t)) {
  JsonWriter json(out);
  json.begin_object();
  json.key("_meta");
  json.begin_object();
  json.key("schema");
  json.string("netwatch.v1");
  write_text_if(json, "program", meta.program);
  write_text_if(json, "source", meta.source);
  if (!meta.linktypes.empty()) {
    json.key("linktypes");
    json.begin_array();
    for (const std::uint16_t linktype : meta.linktypes) json.string(linktype_name(linktype));
    json.end_array();
  }
  json.end_object();
  end_line(out, json);
}

void append_record(std::string& out, const model::Record& record) {
  JsonWriter json = begin_line(out, "record");
  json.key("ts");
  write_time(json, record.time_ns);
  if (record.flow != model::kNoFlow) {
    json.key("flow");
    write_flow_id(json, record.flow);
  }
  if (record.packet != 0) {
    json.key("packet");
    json.uint(record.packet);
    json.key("from");
    json.string(record.side == model::Side::kOriginator ? "orig" : "resp");
  }
  json.key("proto");
  json.string(record.schema->proto);
  json.key("kind");
  json.string(record.kind_name());
  if (record.origin == model::RecordOrigin::kDecrypted) {
    json.key("origin");
    json.string("decrypted");
  }
  if (record.cut) {
    json.key("cut");
    json.boolean(true);
  }
  FieldTree(record).write(json);
  end_line(out, json);
}

void append_flow(std::string& out, const model::Flow& flow) {
  JsonWriter json = begin_line(out, "flow");
  json.key("ts");
  write_time(json, flow.first_ns);
  json.key("ts_end");
  write_time(json, flow.last_ns);
  json.key("flow");
  write_flow_id(json, flow.id);
  if (flow.parent != model::kNoFlow) {
    json.key("parent");
    write_flow_id(json, flow.parent);
  }
  if (flow.migrated_from != model::kNoFlow) {
    json.key("migrated_from");
    write_flow_id(json, flow.migrated_from);
  }
  write_text_if(json, "community_id", flow.community_id);
  json.key("l4");
  json.string(model::ip_proto_name(flow.proto));
  write_side(json, flow, Side::kOriginator);
  write_side(json, flow, Side::kResponder);
  write_tunnels(json, flow.tunnels);
  write_apps(json, flow);
  write_text_if(json, "name", flow.name);
  write_text_if(json, "name_from", model::name_source_name(flow.name_from));
  write_known(json, "rtt_us", flow.handshake_rtt_us);
  write_known(json, "answer_us", flow.answer_us);
  write_text_if(json, "conn_state", flow.conn_state);
  write_text_if(json, "history", flow.history);
  if (flow.end == model::FlowEnd::kOpen) {
    json.key("open");
    json.boolean(true);
  } else {
    json.key("end");
    json.string(model::flow_end_name(flow.end));
  }
  end_line(out, json);
}

void append_socket(std::string& out, const model::Socket& socket, base::TimeNs taken_ns) {
  JsonWriter json = begin_line(out, "socket");
  json.key("ts");
  write_time(json, taken_ns);
  write_socket(json, socket);
  end_line(out, json);
}

void append_socket_event(std::string& out, const model::SocketEvent& event) {
  JsonWriter json = begin_line(out, "socket");
  json.key("ts");
  write_time(json, event.time_ns);
  json.key("event");
  json.string(model::socket_event_name(event.kind));
  if (event.opened_ns != 0) {
    json.key("ts_opened");
    write_time(json, event.opened_ns);
  }
  write_socket(json, *event.socket);
  if (event.socket->cookie != 0) write_uint(json, "cookie", event.socket->cookie);
  end_line(out, json);
}

void append_drop(std::string& out, base::TimeNs time_ns, model::Drop drop, std::uint64_t count,
                 std::uint64_t total) {
  JsonWriter json = begin_line(out, "drop");
  json.key("ts");
  write_time(json, time_ns);
  json.key("what");
  json.string(model::drop_name(drop));
  write_uint(json, "count", count);
  write_uint(json, "total", total);
  end_line(out, json);
}

void append_ability(std::string& out, const model::Ability& ability, base::TimeNs since_ns) {
  JsonWriter json = begin_line(out, "ability");
  if (since_ns != 0) {
    json.key("ts");
    write_time(json, since_ns);
  }
  json.key("name");
  json.string(ability.name);
  json.key("on");
  json.boolean(ability.on);
  write_text_if(json, "why", ability.why);
  write_text_if(json, "fix", ability.fix);
  end_line(out, json);
}

void append_socket_stats(std::string& out, const SocketTotals& totals) {
  JsonWriter json = begin_line(out, "stats");
  json.key("ts");
  write_time(json, totals.taken_ns);
  json.key("sockets");
  json.begin_object();
  write_uint(json, "seen", totals.seen);
  write_uint(json, "written", totals.written);
  for (const auto quality :
       {model::Quality::kExact, model::Quality::kInferred, model::Quality::kUnknown}) {
    write_uint(json, model::quality_name(quality),
               totals.owners[static_cast<std::size_t>(quality)]);
  }
  write_uint(json, "ended", totals.ended);
  write_uint(json, "unreadable_processes", totals.unreadable_processes);
  write_uint(json, "holdings_not_kept", totals.holdings_not_kept);
  write_uint(json, "torn_tables", totals.torn_tables);
  json.end_object();
  end_line(out, json);
}

void append_stats(std::string& out, const Totals& totals) {
  JsonWriter json = begin_line(out, "stats");
  if (totals.packets > 0) {
    json.key("ts");
    write_time(json, totals.first_ns);
    json.key("ts_end");
    write_time(json, totals.last_ns);
  }
  write_uint(json, "packets", totals.packets);
  write_uint(json, "wire_bytes", totals.wire_bytes);
  write_uint(json, "malformed", totals.drops[model::Drop::kMalformed]);
  write_uint(json, "non_ip", totals.non_ip);
  write_uint(json, "clock_steps", totals.clock_steps);
  json.key("dropped");
  json.begin_object();
  for (std::size_t i = 0; i < totals.drops.counts.size(); ++i) {
    const auto drop = static_cast<model::Drop>(i);
    if (drop != model::Drop::kMalformed)
      write_uint(json, model::drop_name(drop), totals.drops[drop]);
  }
  json.end_object();
  write_uint(json, "flows", totals.flows);
  write_uint(json, "records", totals.records);
  end_line(out, json);
}

}  // namespace netwatch::exporting
