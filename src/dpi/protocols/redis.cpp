// Redis' protocol, RESP versions 2 and 3 (the "Redis serialization protocol specification"). Each
// command is a record, with its first argument (as a rule the key) and how many there are; of
// answers only errors are. AUTH's and HELLO's passwords are not shown. Values are passed over.
#include <algorithm>
#include <array>
#include <charconv>

#include "dpi/parts/http_message.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kRequest, kError };
enum Field : std::uint8_t {
  kCommand,
  kKey,
  kArguments,
  kUser,
  kPassword,
  kErrorText,
  kLatency,
};

constexpr string_view kKinds[] = {"request", "error"};
constexpr FieldDef kFields[] = {
    {.name = "redis.command",
     .help = "command, in upper case",
     .role = Role::kMethod,
     .max_bytes = 64},
    {.name = "redis.key",
     .help = "first argument: as a rule the key",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .max_bytes = 256},
    {.name = "redis.arguments", .type = FieldType::kUint, .help = "number of arguments"},
    {.name = "redis.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "redis.password", .help = "always masked", .privacy = Privacy::kSecret},
    {.name = "redis.error", .help = "error reply", .role = Role::kStatus},
    {.name = "redis.latency_us",
     .type = FieldType::kDuration,
     .help = "command to its error reply",
     .role = Role::kLatency},
};
constexpr model::Schema kSchema{
    .proto = "redis", .title = "Redis", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kMaxHeaderBytes = 32;  // "$536870912\r\n", with room
constexpr std::size_t kMaxReadBytes = 4096;  // of one command
constexpr std::int64_t kMaxElements = std::int64_t{1} << 20;
constexpr std::int64_t kMaxBulkBytes = std::int64_t{512} << 20;  // Redis' own limit
constexpr std::size_t kMaxNameBytes = 64;

bool is_name_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '|';
}

bool may_be_inline(char first) {
  return (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z') || first == '\r';
}

// The first line of a value: its type and number. `bytes` is 0 while it is not here whole.
struct Head {
  std::size_t bytes = 0;
  bool bad = false;
  char type = 0;
  std::int64_t number = 0;
  string_view text;  // without the type and the line end
};

Head read_head(string_view rest, std::size_t limit) {
  Head head;
  const std::size_t end = rest.substr(0, limit).find("\r\n");
  if (end == string_view::npos) {
    head.bad = rest.size() >= limit;
    return head;
  }
  head.type = rest[0];
  head.text = rest.substr(1, end - 1);
  head.bytes = end + 2;
  return head;
}

bool parse_number(Head& head) {
  const char* const end = head.text.data() + head.text.size();
  const auto [at, error] = std::from_chars(head.text.data(), end, head.number);
  return error == std::errc() && at == end;
}

// A command as far as it is read: the first words. What follows is passed over value by value, so
// that a command of many words is not read anew for each byte that comes.
struct Command {
  static constexpr std::size_t kKept = 5;
  std::size_t bytes = 0;  // read of it
  bool bad = false;
  bool more = false;  // of what is read of it not all is here
  std::int64_t elements = 0;
  std::int64_t taken = 0;  // elements read whole
  std::array<string_view, kKept> words;
};

// "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
Command read_command(string_view bytes) {
  Command command;
  Head head = read_head(bytes, kMaxHeaderBytes);
  command.more = head.bytes == 0;
  command.bad = head.bad;
  if (command.more || command.bad) return command;
  command.bad =
      head.type != '*' || !parse_number(head) || head.number < 1 || head.number > kMaxElements;
  if (command.bad) return command;
  command.elements = head.number;
  command.bytes = head.bytes;
  const auto wanted = std::min<std::int64_t>(command.elements, Command::kKept);
  while (command.taken < wanted) {
    const string_view rest = bytes.substr(command.bytes);
    head = read_head(rest, kMaxHeaderBytes);
    command.more = head.bytes == 0;
    command.bad = head.bad || (!rest.empty() && rest[0] != '$');
    if (command.more || command.bad) return command;
    command.bad = !parse_number(head) || head.number < 0 || head.number > kMaxBulkBytes;
    if (command.bad) return command;
    const auto size = static_cast<std::size_t>(head.number);
    command.more = rest.size() < head.bytes + size + 2;
    if (command.more) return command;
    const auto place = static_cast<std::size_t>(command.taken);
    command.words[place] = rest.substr(head.bytes, size);
    if (place == 0) {
      command.bad =
          size == 0 || size > kMaxNameBytes || !std::ranges::all_of(command.words[0], is_name_char);
      if (command.bad) return command;
    }
    command.bytes += head.bytes + size + 2;
    ++command.taken;
  }
  return command;
}

// Replies that only Redis gives: "-ERR" and "+OK" are POP3's as well.
Probe probe_own_reply(string_view text) {
  for (string_view own :
       {"+PONG\r\n", "-ERR unknown command ", "-ERR wrong number of arguments for ",
        "-ERR Protocol error: ", "-NOAUTH ", "-WRONGTYPE ", "-WRONGPASS ", "-MOVED ", "-MISCONF ",
        "-LOADING ", "-READONLY ", "-NOSCRIPT ", "-DENIED "}) {
    const std::size_t seen = std::min(text.size(), own.size());
    if (text.substr(0, seen) != own.substr(0, seen)) continue;
    return seen == own.size() ? Probe::kYes : Probe::kMore;
  }
  return Probe::kNo;
}

bool is_aggregate(char type) { return string_view("*~>%|").find(type) != string_view::npos; }
bool is_simple(char type) { return string_view("+-:_,#(").find(type) != string_view::npos; }
bool is_bulk(char type) { return string_view("$!=").find(type) != string_view::npos; }

// An aggregate of a server: the heads of its first values are right.
Probe probe_aggregate(string_view text) {
  constexpr int kEnough = 4;
  std::uint64_t at = 0;
  for (int i = 0; i < kEnough; ++i) {
    if (at >= text.size()) return Probe::kMore;
    const Head read = read_head(text.substr(static_cast<std::size_t>(at)), kMaxHeaderBytes * 2);
    if (read.bytes == 0) return read.bad ? Probe::kNo : Probe::kMore;
    Head head = read;
    at += head.bytes;
    const bool number = parse_number(head);
    if (is_aggregate(head.type)) {
      if (!number || head.number < 1 || head.number > kMaxElements) return Probe::kNo;
    } else if (is_bulk(head.type) && i > 0) {
      if (!number || head.number < 0 || head.number > kMaxBulkBytes) return Probe::kNo;
      at += static_cast<std::uint64_t>(head.number) + 2;
    } else if (i == 0 || !is_simple(head.type) || (head.type == ':' && !number)) {
      return Probe::kNo;
    }
  }
  return Probe::kYes;
}

Probe probe_side(string_view text) {
  if (text[0] == '-' || text[0] == '+') return probe_own_reply(text);
  if (!is_aggregate(text[0])) return Probe::kNo;
  const Command command = read_command(text);
  if (command.bad) return probe_aggregate(text);
  if (command.taken > 0) return Probe::kYes;
  return text.size() < kMaxHeaderBytes * 2 + kMaxNameBytes ? Probe::kMore : Probe::kNo;
}

// An inline command ("SET key value"): other protocols of lines begin so, too. It is one if it is
// known and what answers it is a value.
Probe probe_inline(string_view asked, string_view answer) {
  constexpr std::array<string_view, 26> kCommands{
      "APPEND",  "DBSIZE", "DECR", "DEL",    "ECHO", "EXISTS",    "EXPIRE", "GET",  "HGET",
      "HGETALL", "HSET",   "INCR", "INFO",   "KEYS", "LPUSH",     "LRANGE", "MGET", "PING",
      "PUBLISH", "RPUSH",  "SADD", "SELECT", "SET",  "SUBSCRIBE", "TTL",    "ZADD"};
  const std::size_t blank = asked.find_first_not_of("\r\n");
  if (blank == string_view::npos) return Probe::kNo;
  string_view line = asked.substr(blank, 512);
  line = line.substr(0, line.find_first_of("\r\n"));
  const string_view word = take_word(line);
  const auto is_word = [&](string_view name) { return same_ignoring_case(name, word); };
  if (std::ranges::none_of(kCommands, is_word) || line.starts_with('/')) return Probe::kNo;
  if (answer.empty()) return Probe::kMore;
  Head head = read_head(answer, kMaxHeaderBytes);
  if (head.bytes == 0) return is_simple(answer[0]) && !head.bad ? Probe::kMore : Probe::kNo;
  const bool ok = head.type == '+' && head.text == "OK";
  const bool number = (head.type == ':' || is_bulk(head.type) || is_aggregate(head.type)) &&
                      parse_number(head) && head.number >= -1;
  return ok || number ? Probe::kYes : Probe::kNo;
}

Probe probe_redis(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (const Side side : {Side::kOriginator, Side::kResponder}) {
    const string_view asked = base::as_text(input.of(side));
    const string_view answer = base::as_text(input.of(model::other(side)));
    if (asked.empty() || !may_be_inline(asked[0])) continue;
    const Probe probe = probe_inline(asked, answer);
    if (probe == Probe::kYes) return probe;
    if (probe == Probe::kMore) best = probe;
  }
  const Probe values =
      probe_sides(input, [](base::Bytes bytes) { return probe_side(base::as_text(bytes)); });
  return values == Probe::kNo ? best : values;
}

class RedisDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override;

 private:
  struct SideState {
    std::int64_t values = 0;  // of the message at hand that are passed over
    bool lost = false;        // where messages begin is not known
  };
  struct Move {
    std::uint64_t consumed = 0;
    bool wait = false;
    bool bad = false;
  };

  Move from_client(string_view rest, bool cut, const model::StreamChunk& chunk, Context& context);
  Move from_server(string_view rest, const model::StreamChunk& chunk, Context& context);
  Move pass_value(string_view rest, SideState& side);
  void report(const Command& command, const model::StreamChunk& chunk, Context& context);

  WaitingRequests waiting_;
  std::array<SideState, 2> sides_;
  bool known_ = false;
  bool read_ = false;
  Side client_ = Side::kOriginator;
};

Step RedisDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  SideState& side = sides_[model::index(chunk.side)];
  const string_view bytes = base::as_text(chunk.bytes);
  if (!known_) {
    known_ = true;
    const bool asks = may_be_inline(bytes[0]) || (bytes[0] == '*' && !read_command(bytes).bad);
    client_ = asks ? chunk.side : model::other(chunk.side);
    context.set_originator(client_);
  }
  const bool client = chunk.side == client_;
  if (side.lost && (!client || read_command(bytes).taken == 0)) return {.consumed = bytes.size()};
  side.lost = false;
  Step step;
  while (step.consumed < bytes.size()) {
    const string_view rest = bytes.substr(static_cast<std::size_t>(step.consumed));
    Move move;
    if (side.values > 0) {
      move = pass_value(rest, side);
    } else if (client) {
      move = from_client(rest, chunk.cut, chunk, context);
    } else {
      move = from_server(rest, chunk, context);
    }
    if (move.bad) {
      if (!read_) return {.verdict = Verdict::kNotMine};
      context.odd("bad_value");
      side = {.lost = true};
      return {.verdict = Verdict::kOdd, .consumed = bytes.size()};
    }
    step.consumed += move.consumed;
    if (move.wait) break;
  }
  if (chunk.cut && step.consumed < bytes.size()) {
    side = {.lost = true};
    step.consumed = bytes.size();
  }
  return step;
}

Verdict RedisDecoder::on_gap(const model::StreamChunk& chunk, Context& /*context*/) {
  sides_[model::index(chunk.side)] = {.lost = true};
  waiting_.clear();
  return Verdict::kFine;
}

RedisDecoder::Move RedisDecoder::from_client(string_view rest, bool cut,
                                             const model::StreamChunk& chunk, Context& context) {
  if (rest[0] != '*') {
    // An inline command; its arguments may be secret.
    string_view line;
    string_view after = rest;
    if (!next_line(after, line)) return {.wait = rest.size() < 1024, .bad = rest.size() >= 1024};
    if (!is_plain_text(line)) return {.bad = true};
    Command command;
    command.elements = command.taken = 1;
    command.words[0] = take_word(line);
    if (!std::ranges::all_of(command.words[0], is_name_char)) return {.bad = true};
    if (!command.words[0].empty()) report(command, chunk, context);
    return {.consumed = rest.size() - after.size()};
  }
  const Command command = read_command(rest);
  if (command.bad) return {.bad = true};
  if (command.more && rest.size() < kMaxReadBytes && !cut) return {.wait = true};
  if (command.taken == 0) return {.bad = true};
  report(command, chunk, context);
  sides_[model::index(chunk.side)].values = command.elements - command.taken;
  return {.consumed = command.bytes};
}

// One value that is not read. Aggregates are as many values more.
RedisDecoder::Move RedisDecoder::pass_value(string_view rest, SideState& side) {
  constexpr std::size_t kMaxLineBytes = 8192;
  Head head = read_head(rest, kMaxLineBytes);
  if (head.bad) return {.bad = true};
  if (head.bytes == 0) return {.wait = true};
  --side.values;
  Move move{.consumed = head.bytes};
  if (is_simple(head.type)) return move;
  const bool aggregate = is_aggregate(head.type);
  if ((!aggregate && !is_bulk(head.type)) || (head.text != "-1" && !parse_number(head))) {
    return {.bad = true};
  }
  if (head.text == "-1") return move;
  if (head.number < 0 || head.number > (aggregate ? kMaxElements : kMaxBulkBytes)) {
    return {.bad = true};
  }
  if (!aggregate) {
    move.consumed += static_cast<std::uint64_t>(head.number) + 2;
    return move;
  }
  side.values += head.type == '%' ? head.number * 2 : head.number;
  if (head.type == '|') side.values += head.number + 1;  // attributes come before a value
  if (side.values <= kMaxElements * 4) return move;
  return {.bad = true};
}

RedisDecoder::Move RedisDecoder::from_server(string_view rest, const model::StreamChunk& chunk,
                                             Context& context) {
  SideState& side = sides_[model::index(chunk.side)];
  side.values = 1;
  const Move move = pass_value(rest, side);
  if (move.bad || move.wait) {
    side.values = 0;
    return move;
  }
  read_ = true;
  if (rest[0] == '>') return move;  // a push answers nothing
  const auto latency = waiting_.answered(chunk.time_ns);
  if (rest[0] != '-') return move;
  model::RecordBuilder& record = context.record();
  record.start(kSchema, kError);
  record.add_text(kErrorText, rest.substr(1, static_cast<std::size_t>(move.consumed) - 3));
  if (latency) record.add_int(kLatency, *latency);
  context.emit(chunk.side);
  return move;
}

void RedisDecoder::report(const Command& command, const model::StreamChunk& chunk,
                          Context& context) {
  read_ = true;
  waiting_.push(chunk.time_ns);
  std::array<char, kMaxNameBytes> name{};
  const string_view sent = command.words[0].substr(0, name.size());
  std::ranges::transform(sent, name.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  const string_view upper(name.data(), sent.size());
  model::RecordBuilder& record = context.record();
  record.start(kSchema, kRequest);
  record.add_text(kCommand, upper);
  if (upper == "AUTH") {
    // AUTH [user] password
    if (command.elements == 3) record.add_text(kUser, command.words[1]);
    record.add_text(kPassword, kMasked);
  } else if (command.taken > 1) {
    record.add_text(kKey, command.words[1]);
  }
  if (upper == "HELLO" && same_ignoring_case(command.words[2], "AUTH")) {
    record.add_text(kUser, command.words[3]);
    record.add_text(kPassword, kMasked);
  }
  record.add_uint(kArguments, static_cast<std::uint64_t>(command.elements - 1));
  context.emit(chunk.side);
}

constexpr std::uint16_t kPorts[] = {6379};

}  // namespace

extern const ProtocolDef kRedis;
constinit const ProtocolDef kRedis{
    .name = "redis",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("*-+~>%|\rADEGHIKLMPRSTZadeghiklmprstz"),
    .usual_ports = kPorts,
    .probe = probe_redis,
    .schema = &kSchema,
    .state_bytes = sizeof(RedisDecoder),
    .make = make_decoder<RedisDecoder>,
};

}  // namespace netwatch::dpi
