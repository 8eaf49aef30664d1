// Telnet: RFC 854 (commands), 855 (options, subnegotiation), 1091 (terminal type), 1408 and 1572
// (environment: USER). The name typed at a login prompt is read from the client's side; what
// follows it (the password) is not, and nothing is reported after it but options.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kOptions, kTerminal, kLogin };
enum Field : std::uint8_t { kWill, kWont, kDo, kDont, kTerminalType, kUser };

constexpr string_view kKinds[] = {"options", "terminal", "login"};
constexpr FieldDef kFields[] = {
    {.name = "telnet.will", .list = true, .help = "options the sender offers to use"},
    {.name = "telnet.wont", .list = true, .help = "options the sender will not use"},
    {.name = "telnet.do", .list = true, .help = "options the sender asks the other side to use"},
    {.name = "telnet.dont", .list = true, .help = "options the other side is not to use"},
    {.name = "telnet.terminal", .help = "terminal type", .role = Role::kUserAgent},
    {.name = "telnet.user",
     .help = "name typed at the login prompt, or sent in the environment",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
};
constexpr model::Schema kSchema{
    .proto = "telnet", .title = "Telnet", .kinds = kKinds, .fields = kFields};

constexpr std::uint8_t kSe = 240;
constexpr std::uint8_t kSb = 250;
constexpr std::uint8_t kWillCommand = 251;  // then WONT, DO, DONT
constexpr std::uint8_t kDontCommand = 254;
constexpr std::uint8_t kIac = 255;
constexpr std::uint8_t kTerminalOption = 24;
constexpr std::uint8_t kNewEnvironOption = 39;
constexpr std::size_t kMaxSubBytes = 512;

// IANA's registry of options.
constexpr std::array<string_view, 50> kOptionNames{"binary",
                                                   "echo",
                                                   "reconnection",
                                                   "suppress_go_ahead",
                                                   "approx_size",
                                                   "status",
                                                   "timing_mark",
                                                   "remote_echo",
                                                   "line_width",
                                                   "page_size",
                                                   "cr_disposition",
                                                   "ht_stops",
                                                   "ht_disposition",
                                                   "ff_disposition",
                                                   "vt_stops",
                                                   "vt_disposition",
                                                   "lf_disposition",
                                                   "extended_ascii",
                                                   "logout",
                                                   "byte_macro",
                                                   "data_entry",
                                                   "supdup",
                                                   "supdup_output",
                                                   "send_location",
                                                   "terminal_type",
                                                   "end_of_record",
                                                   "tacacs_user",
                                                   "output_marking",
                                                   "terminal_location",
                                                   "3270_regime",
                                                   "x3_pad",
                                                   "window_size",
                                                   "terminal_speed",
                                                   "flow_control",
                                                   "linemode",
                                                   "x_display",
                                                   "environment",
                                                   "authentication",
                                                   "encryption",
                                                   "new_environment",
                                                   "tn3270e",
                                                   "xauth",
                                                   "charset",
                                                   "remote_serial",
                                                   "com_port",
                                                   "local_echo",
                                                   "starttls",
                                                   "kermit",
                                                   "send_url",
                                                   "forward_x"};

// A subnegotiation that is here whole, and something behind it.
bool ends_before_more(Bytes bytes) {
  constexpr std::array<std::uint8_t, 2> kEnd{kIac, kSe};
  const auto end = std::ranges::search(bytes, kEnd);
  return !end.empty() && end.end() != bytes.end();
}

// Whether bytes are negotiations, as far as they go; counts the whole ones.
bool negotiates(Bytes bytes, unsigned& whole) {
  std::size_t at = 0;
  while (at < bytes.size() && bytes[at] == kIac) {
    if (at + 1 == bytes.size()) return true;
    const std::uint8_t command = bytes[at + 1];
    if (command == kSb) {
      if (at + 2 < bytes.size() && bytes[at + 2] >= kOptionNames.size()) return false;
      const bool more = ends_before_more(bytes.subspan(at));
      whole += more ? 2 : whole > 0 && at + 2 < bytes.size() ? 1 : 0;
      return true;
    }
    if (command < kWillCommand || command > kDontCommand) return whole > 0 && command >= kSe;
    if (at + 2 == bytes.size()) return true;
    const std::uint8_t option = bytes[at + 2];
    if (option >= kOptionNames.size() && option != 255 && (option < 138 || option > 140) &&
        option != 200 && option != 201) {
      return false;
    }
    ++whole;
    at += 3;
  }
  return true;
}

Probe probe_telnet(const ProbeInput& input) {
  unsigned whole = 0;
  bool any = false;
  for (Bytes bytes : input.sides) {
    if (bytes.empty() || bytes[0] != kIac) continue;
    any = true;
    if (!negotiates(bytes, whole)) return Probe::kNo;
  }
  if (!any) return Probe::kNo;
  return whole >= 2 ? Probe::kYes : Probe::kMore;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

class TelnetDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& /*chunk*/, Context& /*context*/) override {
    name_size_ = 0;
    stage_ = Stage::kOver;
    return Verdict::kFine;
  }

 private:
  // What is expected of the client's keys.
  enum class Stage : std::uint8_t { kBefore, kName, kOver };

  void options(Bytes bytes, Side side, Context& context);
  void subnegotiation(Bytes bytes, Side side, Context& context);
  void text(char c, Side side, Context& context);

  std::array<char, 64> name_{};
  std::array<char, 12> prompt_{};  // the last characters that the server printed
  std::uint8_t name_size_ = 0;
  std::uint8_t prompt_size_ = 0;
  Stage stage_ = Stage::kBefore;
  Side prompting_ = Side::kResponder;
};

Step TelnetDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  const Bytes bytes = chunk.bytes;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (bytes[at] != kIac) {
      text(static_cast<char>(bytes[at++]), chunk.side, context);
      continue;
    }
    if (at + 1 == bytes.size()) break;
    const std::uint8_t command = bytes[at + 1];
    if (command >= kWillCommand && command <= kDontCommand) {
      std::size_t end = at;  // a run of negotiations is one record
      while (end + 2 < bytes.size() && bytes[end] == kIac && bytes[end + 1] >= kWillCommand &&
             bytes[end + 1] <= kDontCommand) {
        end += 3;
      }
      if (end == at) break;
      options(bytes.subspan(at, end - at), chunk.side, context);
      at = end;
    } else if (command == kSb) {
      constexpr std::array<std::uint8_t, 2> kEnd{kIac, kSe};
      const Bytes rest = bytes.subspan(at + 2);
      const auto found = std::ranges::search(rest, kEnd);
      const auto size = static_cast<std::size_t>(found.begin() - rest.begin());
      if (found.empty() && rest.size() < kMaxSubBytes) break;
      if (!found.empty()) subnegotiation(rest.first(size), chunk.side, context);
      if (found.empty()) context.odd("endless_subnegotiation");
      at += 2 + size + found.size();
    } else {
      at += 2;
    }
  }
  return {.consumed = chunk.cut ? bytes.size() : at};
}

void TelnetDecoder::options(Bytes bytes, Side side, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kSchema, kOptions);
  for (std::size_t at = 0; at + 2 < bytes.size(); at += 3) {
    const std::uint8_t option = bytes[at + 2];
    const auto field = static_cast<std::uint8_t>(kWill + bytes[at + 1] - kWillCommand);
    if (option < kOptionNames.size()) {
      record.add_text(field, kOptionNames[option]);
    } else {
      record.add_text(field, std::to_string(option));
    }
  }
  context.emit(side);
}

void TelnetDecoder::subnegotiation(Bytes bytes, Side side, Context& context) {
  if (bytes.size() < 3 || bytes[1] != 0) return;  // IS
  const string_view value = base::as_text(bytes.subspan(2));
  if (bytes[0] == kTerminalOption) {
    context.record().start(kSchema, kTerminal);
    context.record().add_text(kTerminalType, value);
    context.emit(side);
  }
  // RFC 1572: VAR (0) "USER" VALUE (1) name.
  constexpr string_view kUserValue("\0USER\1", 6);
  if (bytes[0] != kNewEnvironOption || !value.starts_with(kUserValue)) return;
  const string_view name = value.substr(kUserValue.size());
  const string_view user = name.substr(0, name.find_first_of(string_view("\0\1\2\3", 4)));
  if (user.empty()) return;
  context.record().start(kSchema, kLogin);
  context.record().add_text(kUser, user);
  context.emit(side);
}

void TelnetDecoder::text(char c, Side side, Context& context) {
  if (stage_ == Stage::kOver) return;
  if (stage_ == Stage::kName && side != prompting_) {
    if (c != '\r' && c != '\n') {
      if ((c == '\b' || c == 0x7f) && name_size_ > 0) {
        --name_size_;
      } else if (c >= ' ' && name_size_ < name_.size()) {
        name_[name_size_++] = c;
      }
      return;
    }
    if (name_size_ == 0) return;
    context.record().start(kSchema, kLogin);
    context.record().add_text(kUser, {name_.data(), name_size_});
    context.emit(side);
    stage_ = Stage::kOver;
    return;
  }
  if (stage_ == Stage::kName) {
    return;  // the echo
  }
  if (c == ' ' || c == 0) return;
  if (side != prompting_) {
    if (prompt_size_ > 0) return;
    prompting_ = side;  // until a prompt was seen, whoever prints first may be the server
  }
  if (prompt_size_ == prompt_.size()) {
    std::ranges::copy(prompt_.begin() + 1, prompt_.end(), prompt_.begin());
    --prompt_size_;
  }
  prompt_[prompt_size_++] = lower(c);
  const string_view printed(prompt_.data(), prompt_size_);
  // "Last login:" greets who is in already.
  const bool asked = printed.ends_with("login:") || printed.ends_with("username:");
  if (asked && !printed.ends_with("lastlogin:")) stage_ = Stage::kName;
}

constexpr std::uint16_t kPorts[] = {23};

}  // namespace

extern const ProtocolDef kTelnet;
constinit const ProtocolDef kTelnet{
    .name = "telnet",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\xff"),
    .usual_ports = kPorts,
    .probe = probe_telnet,
    .schema = &kSchema,
    .state_bytes = sizeof(TelnetDecoder),
    .make = make_decoder<TelnetDecoder>,
};

}  // namespace netwatch::dpi
