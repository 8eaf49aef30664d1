// MongoDB's wire protocol: OP_MSG, and the older OP_QUERY and OP_REPLY that connections begin with
// (MongoDB manual, "Wire Protocol"); BSON 1.1. Commands with their collection and database are
// reported, replies if they are errors. Documents are not.
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

enum Kind : std::uint8_t { kRequest, kError };
enum Field : std::uint8_t {
  kCommand,
  kDatabase,
  kCollection,
  kAuth,
  kUser,
  kStatus,
  kErrorText,
};

constexpr string_view kKinds[] = {"request", "error"};
constexpr FieldDef kFields[] = {
    {.name = "mongodb.command", .help = "find, insert, hello, ...", .role = Role::kMethod},
    {.name = "mongodb.database", .help = "database", .privacy = Privacy::kPersonal},
    {.name = "mongodb.collection",
     .help = "collection that a command is about",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal},
    {.name = "mongodb.auth", .help = "authentication mechanism"},
    {.name = "mongodb.user",
     .help = "name the client logs in with (SCRAM)",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "mongodb.status",
     .type = FieldType::kInt,
     .help = "code of an error",
     .role = Role::kStatus},
    {.name = "mongodb.error", .help = "message of an error", .privacy = Privacy::kPersonal},
};
constexpr model::Schema kSchema{
    .proto = "mongodb", .title = "MongoDB", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kHeaderBytes = 16;
constexpr std::uint32_t kMaxMessageBytes = 48'000'000;  // the server's own limit
constexpr std::uint32_t kOpReply = 1;
constexpr std::uint32_t kOpQuery = 2004;
constexpr std::uint32_t kOpCompressed = 2012;
constexpr std::uint32_t kOpMsg = 2013;

struct Header {
  std::uint32_t size = 0;
  std::uint32_t response_to = 0;
  std::uint32_t operation = 0;
};

bool read_header(Bytes bytes, Header& header) {
  base::Cursor cursor(bytes);
  header.size = cursor.u32le();
  cursor.skip(4);
  header.response_to = cursor.u32le();
  header.operation = cursor.u32le();
  constexpr std::array<std::uint32_t, 10> kOperations{kOpReply, 2001, 2002, kOpQuery,      2005,
                                                      2006,     2007, 2010, kOpCompressed, kOpMsg};
  const bool known = std::ranges::find(kOperations, header.operation) != kOperations.end();
  return cursor.ok() && known && header.size >= kHeaderBytes + 4 && header.size <= kMaxMessageBytes;
}

string_view take_nul_text(base::Cursor& cursor) {
  const string_view rest = base::as_text(cursor.rest());
  const std::size_t end = rest.find('\0');
  if (end == string_view::npos) {
    cursor.fail();
    return {};
  }
  cursor.skip(end + 1);
  return rest.substr(0, end);
}

// One element of a BSON document; its value is as long as its type says.
struct Element {
  std::uint8_t type = 0;
  string_view name;
  Bytes value;
};

bool next_element(base::Cursor& cursor, Element& element) {
  element.type = cursor.u8();
  if (!cursor.ok() || element.type == 0) return false;
  element.name = take_nul_text(cursor);
  switch (element.type) {
    case 0x01:  // double
    case 0x09:  // date
    case 0x11:  // timestamp
    case 0x12:  // int64
      element.value = cursor.take(8);
      break;
    case 0x02:  // string
    case 0x0d: {
      const std::uint32_t size = cursor.u32le();
      const Bytes text = cursor.take(size);
      element.value = text.empty() ? text : text.first(text.size() - 1);
      break;
    }
    case 0x03:  // document, array: their length counts itself
    case 0x04: {
      const std::uint32_t size = base::Cursor(cursor.rest()).u32le();
      if (size < 5) cursor.fail();
      element.value = cursor.take(size);
      break;
    }
    case 0x05: {  // binary
      const std::uint32_t size = cursor.u32le();
      cursor.skip(1);
      element.value = cursor.take(size);
      break;
    }
    case 0x06:  // undefined, null, keys
    case 0x0a:
    case 0x7f:
    case 0xff:
      element.value = {};
      break;
    case 0x07:  // object identifier
      element.value = cursor.take(12);
      break;
    case 0x08:  // boolean
      element.value = cursor.take(1);
      break;
    case 0x10:  // int32
      element.value = cursor.take(4);
      break;
    case 0x13:  // decimal128
      element.value = cursor.take(16);
      break;
    default:
      cursor.fail();
      break;
  }
  return cursor.ok();
}

Probe probe_mongodb(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (Bytes bytes : input.sides) {
    if (bytes.empty()) continue;
    if (bytes.size() < kHeaderBytes + 4) {
      // A size that may be, and as much of the operation as there is.
      base::Cursor cursor(bytes);
      const std::uint32_t size = cursor.u32le();
      if (!cursor.ok() || size < kHeaderBytes + 4 || size > kMaxMessageBytes) continue;
      cursor.skip(9);
      if (cursor.ok() && cursor.peek() != 0x07 && cursor.peek() != 0) continue;
      best = Probe::kMore;
      continue;
    }
    Header header;
    if (!read_header(bytes, header)) continue;
    base::Cursor cursor(bytes.subspan(kHeaderBytes));
    if (header.operation == kOpMsg) {
      const std::uint32_t flags = cursor.u32le();
      const std::uint8_t kind = cursor.u8();
      if ((flags & ~0x10003U) == 0 && (kind <= 1 || !cursor.ok())) return Probe::kYes;
    } else if (header.operation == kOpQuery) {
      cursor.skip(4);
      const string_view name = take_nul_text(cursor);
      if (cursor.ok() && name.find('.') != string_view::npos && is_plain_text(name)) {
        return Probe::kYes;
      }
    } else if (header.operation == kOpReply && header.response_to != 0) {
      cursor.skip(4 + 8 + 4);
      const std::uint32_t documents = cursor.u32le();
      const std::uint32_t size = cursor.u32le();
      if (cursor.ok() && documents <= 1000 && size + 36 <= header.size) return Probe::kYes;
    } else if (header.operation == kOpCompressed) {
      const std::uint32_t inner = cursor.u32le();
      if (inner == kOpMsg || inner == kOpQuery) return Probe::kYes;
    }
  }
  return best;
}

class MongodbDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override {
    if (bytes.size() < kHeaderBytes) return {};
    Header header;
    if (!read_header(bytes, header)) return FrameSize::bad();
    return FrameSize::known(header.size);
  }
  bool begins_with(Bytes bytes, Side /*side*/) override {
    Header header;
    return read_header(bytes, header);
  }
  Onward on_frame(const Frame& frame) override;

 private:
  static void request(base::Cursor document, string_view database, const Frame& frame);
  static void reply(base::Cursor document, const Frame& frame);

  bool known_ = false;
};

Onward MongodbDecoder::on_frame(const Frame& frame) {
  Header header;
  read_header(frame.bytes, header);
  const bool answer = header.response_to != 0 || header.operation == kOpReply;
  if (!known_) frame.context.set_originator(answer ? model::other(frame.side) : frame.side);
  known_ = true;
  base::Cursor cursor(frame.bytes.subspan(kHeaderBytes));
  string_view database;
  if (header.operation == kOpMsg) {
    cursor.skip(4);
    // Kind 1 sections hold the documents of an insert and the like; the command is in kind 0.
    while (cursor.ok() && cursor.peek() == 1) {
      const std::uint32_t size = base::Cursor(cursor.rest().subspan(1)).u32le();
      cursor.skip(1 + std::size_t{std::max(size, 4U)});
    }
    cursor.skip(1);
  } else if (header.operation == kOpQuery) {
    cursor.skip(4);
    database = take_nul_text(cursor);
    database = database.substr(0, database.find('.'));
    cursor.skip(8);
  } else if (header.operation == kOpReply) {
    cursor.skip(20);
  } else {
    return {};
  }
  cursor.skip(4);  // the document's length: its elements end it
  if (!cursor.ok()) return {};
  if (answer) {
    reply(cursor, frame);
  } else {
    request(cursor, database, frame);
  }
  return {};
}

void MongodbDecoder::request(base::Cursor document, string_view database, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kRequest);
  Element element;
  bool first = true;
  bool sasl = false;
  bool scram = false;
  while (next_element(document, element)) {
    if (first) {
      record.add_text(kCommand, element.name);
      sasl = element.name == "saslStart";
      const bool text = element.type == 0x02 && !element.value.empty();
      if (text) record.add_text(kCollection, base::as_text(element.value));
    }
    first = false;
    if (element.name == "$db" && element.type == 0x02) database = base::as_text(element.value);
    if (sasl && element.name == "mechanism") {
      record.add_text(kAuth, base::as_text(element.value));
      scram = element.type == 0x02 && base::as_text(element.value).starts_with("SCRAM");
    }
    if (scram && element.name == "payload") {
      // RFC 5802 section 7: "n,,n=user,r=nonce".
      const string_view payload = base::as_text(element.value);
      const std::size_t name = payload.find(",n=");
      if (name == string_view::npos) continue;
      const string_view user = payload.substr(name + 3);
      record.add_text(kUser, user.substr(0, user.find(',')));
    }
  }
  if (first) return;
  if (!database.empty()) record.add_text(kDatabase, database);
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
}

void MongodbDecoder::reply(base::Cursor document, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kError);
  Element element;
  bool failed = false;
  while (next_element(document, element)) {
    if (element.name == "errmsg" && element.type == 0x02) {
      failed = true;
      record.add_text(kErrorText, base::as_text(element.value));
    }
    if (element.name == "code" && element.type == 0x10) {
      const std::uint32_t code = base::Cursor(element.value).u32le();
      record.add_int(kStatus, static_cast<std::int32_t>(code));
    }
  }
  if (failed) frame.context.emit(frame.side);
}

constexpr std::uint16_t kPorts[] = {27017};

}  // namespace

extern const ProtocolDef kMongodb;
constinit const ProtocolDef kMongodb{
    .name = "mongodb",
    .transport = Transport::kTcp,
    .first = FirstBytes::any(),
    .usual_ports = kPorts,
    .probe = probe_mongodb,
    .schema = &kSchema,
    .state_bytes = sizeof(MongodbDecoder),
    .make = make_decoder<MongodbDecoder>,
};

}  // namespace netwatch::dpi
