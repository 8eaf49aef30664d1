// FIX: the FIX Session Layer (4.0 to 5.0, FIXT 1.1) in tag=value encoding: version, message, who to
// whom, order and symbol. Passwords are masked. What comes in streams (heartbeats, market data) is
// reported when it comes first, and counted.
#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <string>

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

constexpr string_view kKinds[] = {"message", "summary"};
enum Kind : std::uint8_t { kMessage, kSummary };
enum Field : std::uint8_t {
  kVersion,
  kType,
  kTypeId,
  kSender,
  kTarget,
  kSequence,
  kSymbol,
  kSide,
  kOrder,
  kOrderStatus,
  kUser,
  kPassword,
  kText,
  kHeartbeat,
  kMessages,
};
constexpr string_view kVersionAlias[] = {"fix.BeginString"};
constexpr string_view kTypeAlias[] = {"fix.MsgType"};
constexpr string_view kSenderAlias[] = {"fix.SenderCompID"};
constexpr string_view kTargetAlias[] = {"fix.TargetCompID"};
constexpr string_view kSequenceAlias[] = {"fix.MsgSeqNum"};
constexpr string_view kSymbolAlias[] = {"fix.Symbol"};
constexpr string_view kOrderAlias[] = {"fix.ClOrdID"};
constexpr string_view kUserAlias[] = {"fix.Username"};
constexpr string_view kTextAlias[] = {"fix.Text"};
constexpr string_view kHeartbeatAlias[] = {"fix.HeartBtInt"};
constexpr FieldDef kFields[] = {
    {.name = "fix.version",
     .help = "FIX.4.2, FIXT.1.1, ...",
     .role = Role::kVersion,
     .aliases = kVersionAlias},
    {.name = "fix.type", .help = "Logon, NewOrderSingle, ...", .role = Role::kMethod},
    {.name = "fix.type_id", .help = "the same as it is sent: A, D", .aliases = kTypeAlias},
    {.name = "fix.sender", .help = "firm that sends", .aliases = kSenderAlias},
    {.name = "fix.target", .help = "firm that it is for", .aliases = kTargetAlias},
    {.name = "fix.sequence", .type = FieldType::kUint, .aliases = kSequenceAlias},
    {.name = "fix.symbol",
     .list = true,
     .help = "first instruments that it is about",
     .aliases = kSymbolAlias},
    {.name = "fix.side", .help = "of an order: buy, sell, ..."},
    {.name = "fix.order",
     .help = "the client's name of an order",
     .privacy = Privacy::kPersonal,
     .aliases = kOrderAlias},
    {.name = "fix.order_status",
     .help = "new, filled, canceled, rejected, ...",
     .role = Role::kStatus},
    {.name = "fix.user",
     .help = "who logs on",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "fix.password", .help = "masked", .privacy = Privacy::kSecret},
    {.name = "fix.text", .help = "why something was refused or ended", .aliases = kTextAlias},
    {.name = "fix.heartbeat_s",
     .type = FieldType::kUint,
     .help = "seconds between heartbeats",
     .aliases = kHeartbeatAlias},
    {.name = "fix.messages", .type = FieldType::kUint, .help = "of one side, of the whole flow"},
};
static_assert(std::size(kFields) == kMessages + 1);
constexpr model::Schema kSchema{.proto = "fix", .title = "FIX", .kinds = kKinds, .fields = kFields};

enum Tag : std::uint16_t {
  kClOrdId = 11,
  kSequenceTag = 34,
  kOrderStatusTag = 39,
  kSenderTag = 49,
  kSideTag = 54,
  kSymbolTag = 55,
  kTargetTag = 56,
  kTextTag = 58,
  kHeartbeatTag = 108,
  kUserTag = 553,
  kPasswordTag = 554,
  kNewPasswordTag = 925,
};

constexpr char kEnd = '\1';
constexpr std::size_t kTrailerBytes = 7;  // "10=", three digits, the end
constexpr std::size_t kMaxMessageBytes = std::size_t{1} << 20;

struct TypeName {
  string_view id;
  string_view name;
};
constexpr TypeName kTypes[] = {
    {"0", "Heartbeat"},
    {"1", "TestRequest"},
    {"2", "ResendRequest"},
    {"3", "Reject"},
    {"4", "SequenceReset"},
    {"5", "Logout"},
    {"6", "IOI"},
    {"7", "Advertisement"},
    {"8", "ExecutionReport"},
    {"9", "OrderCancelReject"},
    {"A", "Logon"},
    {"B", "News"},
    {"C", "Email"},
    {"D", "NewOrderSingle"},
    {"E", "NewOrderList"},
    {"F", "OrderCancelRequest"},
    {"G", "OrderCancelReplaceRequest"},
    {"H", "OrderStatusRequest"},
    {"J", "AllocationInstruction"},
    {"K", "ListCancelRequest"},
    {"L", "ListExecute"},
    {"M", "ListStatusRequest"},
    {"N", "ListStatus"},
    {"P", "AllocationInstructionAck"},
    {"Q", "DontKnowTrade"},
    {"R", "QuoteRequest"},
    {"S", "Quote"},
    {"T", "SettlementInstructions"},
    {"V", "MarketDataRequest"},
    {"W", "MarketDataSnapshotFullRefresh"},
    {"X", "MarketDataIncrementalRefresh"},
    {"Y", "MarketDataRequestReject"},
    {"Z", "QuoteCancel"},
    {"a", "QuoteStatusRequest"},
    {"b", "MassQuoteAcknowledgement"},
    {"c", "SecurityDefinitionRequest"},
    {"d", "SecurityDefinition"},
    {"e", "SecurityStatusRequest"},
    {"f", "SecurityStatus"},
    {"g", "TradingSessionStatusRequest"},
    {"h", "TradingSessionStatus"},
    {"i", "MassQuote"},
    {"j", "BusinessMessageReject"},
    {"s", "NewOrderCross"},
    {"x", "SecurityListRequest"},
    {"y", "SecurityList"},
    {"AB", "NewOrderMultileg"},
    {"AD", "TradeCaptureReportRequest"},
    {"AE", "TradeCaptureReport"},
    {"AF", "OrderMassStatusRequest"},
    {"AG", "QuoteRequestReject"},
    {"AN", "RequestForPositions"},
    {"AP", "PositionReport"},
    {"BE", "UserRequest"},
    {"BF", "UserResponse"},
    {"BJ", "TradingSessionList"},
};

// Heartbeats and what a market says every moment.
bool is_stream(string_view type) {
  return type.size() == 1 && string_view("01SWXZbi").find(type[0]) != string_view::npos;
}

string_view side_name(string_view side) {
  constexpr std::array<string_view, 10> kNames{"",
                                               "buy",
                                               "sell",
                                               "buy_minus",
                                               "sell_plus",
                                               "sell_short",
                                               "sell_short_exempt",
                                               "undisclosed",
                                               "cross",
                                               "cross_short"};
  const bool digit = side.size() == 1 && side[0] >= '1' && side[0] <= '9';
  return digit ? kNames[static_cast<std::size_t>(side[0] - '0')] : side;
}

string_view order_status_name(string_view status) {
  constexpr string_view kIds = "0123456789ABCDE";
  constexpr std::array<string_view, 15> kNames{"new",
                                               "partially_filled",
                                               "filled",
                                               "done_for_day",
                                               "canceled",
                                               "replaced",
                                               "pending_cancel",
                                               "stopped",
                                               "rejected",
                                               "suspended",
                                               "pending_new",
                                               "calculated",
                                               "expired",
                                               "accepted_for_bidding",
                                               "pending_replace"};
  const std::size_t at = status.size() == 1 ? kIds.find(status[0]) : string_view::npos;
  return at == string_view::npos ? status : kNames[at];
}

std::uint64_t number_of(string_view text) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size() ? number : 0;
}

// "8=FIX.4.2<SOH>9=65<SOH>35=": kYes if all of it is here; `size` is that of the whole message.
Probe read_head(string_view text, std::uint64_t& size) {
  constexpr string_view kBegin = "8=FIX";
  constexpr std::size_t kMostBegin = 16;
  constexpr std::size_t kMostDigits = 7;
  if (!kBegin.starts_with(text.substr(0, kBegin.size()))) return Probe::kNo;
  const std::size_t end = text.find(kEnd);
  if (end == string_view::npos) return text.size() > kMostBegin ? Probe::kNo : Probe::kMore;
  const string_view version = text.substr(2, end - 2);
  const bool known = version.starts_with("FIX.4.") || version.starts_with("FIX.5.") ||
                     version.starts_with("FIXT.");
  if (!known || version.size() > kMostBegin) return Probe::kNo;
  const string_view rest = text.substr(end + 1);
  if (!string_view("9=").starts_with(rest.substr(0, 2))) return Probe::kNo;
  const std::size_t digits_end = rest.find(kEnd);
  if (digits_end == string_view::npos)
    return rest.size() > kMostDigits + 2 ? Probe::kNo : Probe::kMore;
  const std::uint64_t length = number_of(rest.substr(2, digits_end - 2));
  if (length < 5 || length > kMaxMessageBytes) return Probe::kNo;
  const string_view body = rest.substr(digits_end + 1);
  if (!string_view("35=").starts_with(body.substr(0, 3))) return Probe::kNo;
  if (body.size() < 3) return Probe::kMore;
  size = end + 1 + digits_end + 1 + length + kTrailerBytes;
  return Probe::kYes;
}

Probe probe_fix(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (Bytes bytes : input.sides) {
    if (bytes.empty()) continue;
    std::uint64_t size = 0;
    const Probe probe = read_head(base::as_text(bytes), size);
    if (probe == Probe::kYes) return probe;
    if (probe == Probe::kMore) best = probe;
  }
  return best;
}

// Takes the next field; a length that announces data says how long the next value is.
class Fields {
 public:
  explicit Fields(string_view text) : text_(text) {}
  bool next();
  unsigned tag = 0;
  string_view value;

 private:
  string_view text_;
  std::size_t data_bytes_ = 0;
};

bool Fields::next() {
  constexpr std::array<unsigned, 14> kLengths{90,  93,  95,  212, 348, 350, 352,
                                              354, 358, 360, 362, 364, 445, 618};
  const std::size_t equals = text_.find('=');
  if (equals == string_view::npos || equals == 0) return false;
  tag = static_cast<unsigned>(number_of(text_.substr(0, equals)));
  text_.remove_prefix(equals + 1);
  const std::size_t from = std::min(data_bytes_, text_.size());
  data_bytes_ = 0;
  const std::size_t end = std::min(text_.find(kEnd, from), text_.size());
  value = text_.substr(0, end);
  text_.remove_prefix(std::min(end + 1, text_.size()));
  if (std::ranges::find(kLengths, tag) != kLengths.end())
    data_bytes_ = static_cast<std::size_t>(number_of(value));
  return tag != 0;
}

class FixDecoder final : public FrameDecoder {
 public:
  void on_end(Context& context) override;

 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override {
    std::uint64_t size = 0;
    const Probe probe = read_head(base::as_text(bytes), size);
    if (probe == Probe::kNo) return FrameSize::bad();
    return probe == Probe::kYes ? FrameSize::known(size) : FrameSize{};
  }
  bool begins_with(Bytes bytes, Side /*side*/) override {
    std::uint64_t size = 0;
    return read_head(base::as_text(bytes), size) == Probe::kYes;
  }
  Onward on_frame(const Frame& frame) override;

 private:
  static void add(const Fields& field, string_view type, model::RecordBuilder& record);

  std::array<std::uint64_t, 2> messages_{};
  std::array<std::uint32_t, 2> seen_{};  // kinds of streams that were reported
};

// The sum of all bytes before the trailer, modulo 256, in three digits.
bool checksum_fits(string_view message) {
  const string_view body = message.substr(0, message.size() - kTrailerBytes);
  unsigned sum = 0;
  for (char c : body) sum += static_cast<unsigned char>(c);
  const string_view trailer = message.substr(body.size());
  return trailer.starts_with("10=") && trailer.ends_with(kEnd) &&
         number_of(trailer.substr(3, 3)) == sum % 256;
}

Onward FixDecoder::on_frame(const Frame& frame) {
  const string_view text = base::as_text(frame.bytes);
  if (!frame.cut() && !checksum_fits(text)) frame.context.odd("bad_checksum");
  Fields fields(text);
  fields.next();
  const string_view version = fields.value;
  fields.next();  // length
  fields.next();
  const string_view type = fields.value;
  if (type.empty() || type.size() > 3) return Onward::not_mine();
  const bool first = messages_[0] + messages_[1] == 0;
  ++messages_[model::index(frame.side)];
  if (type == "A" && first) frame.context.set_originator(frame.side);
  if (is_stream(type)) {
    std::uint32_t& seen = seen_[model::index(frame.side)];
    const std::uint32_t bit = 1U << (static_cast<unsigned char>(type[0]) % 32);
    if ((seen & bit) != 0) return {};
    seen |= bit;
  }
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kMessage);
  record.add_text(kVersion, version);
  const auto* const known = std::ranges::find(kTypes, type, &TypeName::id);
  if (known != std::end(kTypes)) record.add_text(kType, known->name);
  record.add_text(kTypeId, type);
  constexpr int kMostFields = 256;
  constexpr int kMostSymbols = 8;
  int symbols = 0;
  for (int i = 0; i < kMostFields && fields.next(); ++i) {
    if (fields.tag == kSymbolTag && ++symbols > kMostSymbols) continue;
    add(fields, type, record);
  }
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
  return {};
}

void FixDecoder::add(const Fields& field, string_view type, model::RecordBuilder& record) {
  switch (field.tag) {
    case kSenderTag:
      return record.add_text(kSender, field.value);
    case kTargetTag:
      return record.add_text(kTarget, field.value);
    case kSequenceTag:
      return record.add_uint(kSequence, number_of(field.value));
    case kSymbolTag:
      return record.add_text(kSymbol, field.value);
    case kSideTag:
      if (!is_stream(type)) record.add_text(kSide, side_name(field.value));
      return;
    case kClOrdId:
      return record.add_text(kOrder, field.value);
    case kOrderStatusTag:
      return record.add_text(kOrderStatus, order_status_name(field.value));
    case kUserTag:
      return record.add_text(kUser, field.value);
    case kPasswordTag:
    case kNewPasswordTag:
      return record.add_text(kPassword, kMasked);
    case kTextTag:
      return record.add_text(kText, field.value);
    case kHeartbeatTag:
      return record.add_uint(kHeartbeat, number_of(field.value));
    default:
      return;
  }
}

void FixDecoder::on_end(Context& context) {
  for (Side side : {Side::kOriginator, Side::kResponder}) {
    const std::uint64_t messages = messages_[model::index(side)];
    if (messages == 0) continue;
    context.record().start(kSchema, kSummary);
    context.record().add_uint(kMessages, messages);
    context.emit(side);
  }
}

constexpr std::uint16_t kPorts[] = {9878};

}  // namespace

extern const ProtocolDef kFix;
constinit const ProtocolDef kFix{
    .name = "fix",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("8"),
    .usual_ports = kPorts,
    .probe = probe_fix,
    .schema = &kSchema,
    .state_bytes = sizeof(FixDecoder),
    .make = make_decoder<FixDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
