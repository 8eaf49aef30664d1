// Keys and reports as xterm and its kin send them: ECMA-48 CSI and SS3, SGR mouse (1006),
// bracketed paste (2004). The modifier of CSI 1 ; m X is 1 + shift + 2 alt + 4 ctrl.
#include "tui/input.h"

#include <array>
#include <optional>
#include <string_view>

namespace netwatch::tui {
namespace {

constexpr std::uint8_t kEsc = 0x1B;
constexpr std::string_view kPasteEnd = "\x1b[201~";
constexpr int kSequenceWaitMs = 40;
constexpr int kLongWaitMs = 1000;  // pastes and strings come in pieces over slow links
constexpr std::size_t kMaxParameters = 4;

struct Parameters {
  std::array<int, kMaxParameters> value{};
  std::size_t count = 0;
};

// Decimal numbers between ';'. Anything else, or a number over 9999, makes it nothing.
std::optional<Parameters> parse_parameters(std::string_view text) {
  Parameters out;
  out.count = 1;
  for (const char c : text) {
    if (c == ';') {
      if (out.count == kMaxParameters) return std::nullopt;
      ++out.count;
    } else if (c >= '0' && c <= '9') {
      int& value = out.value[out.count - 1];
      value = value * 10 + (c - '0');
      if (value > 9999) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

std::optional<Key> letter_key(std::uint8_t byte) {
  switch (byte) {
    case 'A':
      return Key::kUp;
    case 'B':
      return Key::kDown;
    case 'C':
      return Key::kRight;
    case 'D':
      return Key::kLeft;
    case 'F':
      return Key::kEnd;
    case 'H':
      return Key::kHome;
    case 'M':
      return Key::kEnter;
    case 'P':
      return Key::kF1;
    case 'Q':
      return Key::kF2;
    case 'R':
      return Key::kF3;
    case 'S':
      return Key::kF4;
    case 'Z':
      return Key::kBackTab;
    default:
      return std::nullopt;
  }
}

std::optional<Key> tilde_key(int number) {
  struct Row {
    int number;
    Key key;
  };
  static constexpr std::array<Row, 20> kRows{{
      {1, Key::kHome},     {2, Key::kInsert}, {3, Key::kDelete}, {4, Key::kEnd},  {5, Key::kPageUp},
      {6, Key::kPageDown}, {7, Key::kHome},   {8, Key::kEnd},    {11, Key::kF1},  {12, Key::kF2},
      {13, Key::kF3},      {14, Key::kF4},    {15, Key::kF5},    {17, Key::kF6},  {18, Key::kF7},
      {19, Key::kF8},      {20, Key::kF9},    {21, Key::kF10},   {23, Key::kF11}, {24, Key::kF12},
  }};
  for (const Row& row : kRows) {
    if (row.number == number) return row.key;
  }
  return std::nullopt;
}

KeyEvent with_modifiers(Key key, int modifier) {
  KeyEvent event;
  event.key = key;
  if (modifier >= 2 && modifier <= 16) {
    const int bits = modifier - 1;
    event.shift = (bits & 1) != 0;
    event.alt = (bits & 2) != 0;
    event.ctrl = (bits & 4) != 0;
  }
  return event;
}

}  // namespace

void InputParser::feed(base::Bytes bytes, std::vector<Event>& out) {
  for (const std::uint8_t byte : bytes) step(byte, out);
}

void InputParser::step(std::uint8_t byte, std::vector<Event>& out) {
  switch (state_) {
    case State::kGround:
      ground(byte, out);
      return;
    case State::kEscape:
      escape(byte, out);
      return;
    case State::kSs3:
      ss3(byte, out);
      return;
    case State::kUtf8:
      utf8(byte, out);
      return;
    case State::kPaste:
      paste(byte, out);
      return;
    case State::kLegacyMouse:
      if (--skip_ == 0) state_ = State::kGround;
      return;
    case State::kString:
      if (byte == 0x07 || byte == 0x18 || byte == 0x1A) state_ = State::kGround;
      if (byte == kEsc) state_ = State::kStringEscape;
      return;
    case State::kStringEscape:
      state_ = byte == '\\' ? State::kGround : State::kString;
      return;
    case State::kCsi:
      break;
  }
  if (byte == kEsc) {  // a new sequence cuts this one short
    state_ = State::kEscape;
  } else if (byte >= 0x40 && byte <= 0x7E) {
    csi_end(byte, out);
  } else if (byte < 0x20 || byte >= 0x7F) {
    state_ = State::kGround;
  } else if (sequence_.size() < kMaxSequenceBytes) {
    sequence_ += static_cast<char>(byte);
  }
}

void InputParser::ground(std::uint8_t byte, std::vector<Event>& out) {
  alt_ = false;
  if (byte == kEsc) {
    state_ = State::kEscape;
  } else if (byte < 0x20 || byte == 0x7F) {
    control(byte, false, out);
  } else {
    utf8(byte, out);
  }
}

void InputParser::escape(std::uint8_t byte, std::vector<Event>& out) {
  state_ = State::kGround;
  alt_ = false;
  switch (byte) {
    case '[':
      sequence_.clear();
      state_ = State::kCsi;
      return;
    case 'O':
      state_ = State::kSs3;
      return;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
      state_ = State::kString;
      return;
    case kEsc:  // Escape pressed, and the next sequence began
      out.emplace_back(KeyEvent{Key::kEscape});
      state_ = State::kEscape;
      return;
    default:
      break;
  }
  if (byte < 0x20 || byte == 0x7F) {
    control(byte, true, out);
  } else {
    alt_ = true;
    utf8(byte, out);
  }
}

void InputParser::control(std::uint8_t byte, bool alt, std::vector<Event>& out) {
  KeyEvent event;
  event.alt = alt;
  switch (byte) {
    case '\r':
    case '\n':
      event.key = Key::kEnter;
      break;
    case '\t':
      event.key = Key::kTab;
      break;
    case 0x08:
    case 0x7F:
      event.key = Key::kBackspace;
      break;
    case 0:
      event.rune = ' ';
      event.ctrl = true;
      break;
    default:
      event.rune = static_cast<char32_t>(byte < 0x1B ? byte + 0x60 : byte + 0x40);
      event.ctrl = true;
      break;
  }
  out.emplace_back(event);
}

// One byte of a character (RFC 3629). What is not UTF-8 is skipped.
void InputParser::utf8(std::uint8_t byte, std::vector<Event>& out) {
  if (state_ == State::kUtf8 && (byte & 0xC0) != 0x80) {
    state_ = State::kGround;
    ground(byte, out);
    return;
  }
  if (state_ != State::kUtf8) {
    if (byte < 0x80) {
      utf8_left_ = 0;
      rune_ = byte;
      rune_least_ = 0;
    } else if (byte >= 0xC2 && byte <= 0xF4) {
      utf8_left_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
      rune_ = static_cast<char32_t>(byte & (0x3F >> utf8_left_));
      rune_least_ = utf8_left_ == 1 ? 0x80 : utf8_left_ == 2 ? 0x800 : 0x10000;
      state_ = State::kUtf8;
      return;
    } else {
      return;
    }
  } else {
    rune_ = rune_ << 6 | static_cast<char32_t>(byte & 0x3F);
    --utf8_left_;
  }
  if (utf8_left_ != 0) return;
  state_ = State::kGround;
  const bool valid =
      rune_ >= rune_least_ && rune_ <= 0x10FFFF && (rune_ < 0xD800 || rune_ > 0xDFFF);
  if (!valid || (rune_ >= 0x80 && rune_ < 0xA0)) return;
  KeyEvent event;
  event.rune = rune_;
  event.alt = alt_;
  out.emplace_back(event);
}

void InputParser::csi_end(std::uint8_t final_byte, std::vector<Event>& out) {
  state_ = State::kGround;
  if (final_byte == 'M' && sequence_.empty()) {
    state_ = State::kLegacyMouse;
    skip_ = 3;
    return;
  }
  if (sequence_.starts_with('<')) {
    mouse(final_byte, out);
    return;
  }
  if (final_byte == '[' && sequence_.empty()) {  // Linux console: ESC [ [ A..E are F1..F5
    state_ = State::kSs3;
    sequence_ = "[";
    return;
  }
  const auto parameters = parse_parameters(sequence_);
  if (!parameters) return;
  const int first = parameters->value[0];
  const int modifier = parameters->count > 1 ? parameters->value[1] : 0;
  if (final_byte == '~') {
    if (first == 200) {
      state_ = State::kPaste;
      paste_.clear();
      paste_cut_ = false;
      end_matched_ = 0;
    } else if (const auto key = tilde_key(first)) {
      out.emplace_back(with_modifiers(*key, modifier));
    }
    return;
  }
  if (final_byte == 'M') return;
  if (const auto key = letter_key(final_byte)) out.emplace_back(with_modifiers(*key, modifier));
}

void InputParser::ss3(std::uint8_t byte, std::vector<Event>& out) {
  state_ = State::kGround;
  const bool console = sequence_ == "[";
  sequence_.clear();
  if (console) {
    if (byte >= 'A' && byte <= 'E') {
      const auto first = static_cast<std::uint8_t>(Key::kF1);
      out.emplace_back(KeyEvent{static_cast<Key>(first + (byte - 'A'))});
    }
    return;
  }
  if (byte == kEsc) {
    state_ = State::kEscape;
  } else if (const auto key = letter_key(byte)) {
    out.emplace_back(KeyEvent{*key});
  } else if (byte < 0x20) {
    ground(byte, out);
  }
}

// SGR: CSI < button ; x ; y M (press) or m (release). Button bits: 0-1 number, 4/8/16 modifiers,
// 32 motion, 64 wheel.
void InputParser::mouse(std::uint8_t final_byte, std::vector<Event>& out) {
  const auto parameters = parse_parameters(std::string_view(sequence_).substr(1));
  if (!parameters || parameters->count != 3) return;
  if (final_byte != 'M' && final_byte != 'm') return;
  const int code = parameters->value[0];
  if (code >= 128 || parameters->value[1] < 1 || parameters->value[2] < 1) return;
  MouseEvent event;
  event.x = parameters->value[1] - 1;
  event.y = parameters->value[2] - 1;
  event.button = static_cast<std::uint8_t>(code & 3);
  if ((code & 64) != 0) {
    if (event.button > 1) return;  // sideways
    event.action =
        event.button == 0 ? MouseEvent::Action::kWheelUp : MouseEvent::Action::kWheelDown;
    event.button = 0;
  } else if ((code & 32) != 0) {
    if (event.button == 3) return;  // motion without a button
    event.action = MouseEvent::Action::kDrag;
  } else if (final_byte == 'm') {
    event.action = MouseEvent::Action::kRelease;
  }
  out.emplace_back(event);
}

void InputParser::paste(std::uint8_t byte, std::vector<Event>& out) {
  const char c = static_cast<char>(byte);
  if (c == kPasteEnd[end_matched_]) {
    if (++end_matched_ < kPasteEnd.size()) return;
    out.emplace_back(PasteEvent{std::move(paste_), paste_cut_});
    paste_.clear();
    state_ = State::kGround;
    return;
  }
  const auto keep = [this](std::string_view text) {
    const std::size_t room = kMaxPasteBytes - paste_.size();
    paste_cut_ = paste_cut_ || text.size() > room;
    paste_ += text.substr(0, room);
  };
  keep(kPasteEnd.substr(0, end_matched_));
  end_matched_ = c == kPasteEnd[0] ? 1 : 0;
  if (end_matched_ == 0) keep(std::string_view(&c, 1));
}

int InputParser::wait_ms() const {
  switch (state_) {
    case State::kGround:
      return -1;
    case State::kPaste:
    case State::kString:
    case State::kStringEscape:
      return kLongWaitMs;
    default:
      return kSequenceWaitMs;
  }
}

void InputParser::flush(std::vector<Event>& out) {
  if (state_ == State::kEscape) out.emplace_back(KeyEvent{Key::kEscape});
  if (state_ == State::kPaste && !paste_.empty()) {
    out.emplace_back(PasteEvent{std::move(paste_), true});
    paste_.clear();
  }
  if (state_ == State::kCsi && sequence_.empty()) {
    KeyEvent alt_bracket;
    alt_bracket.rune = '[';
    alt_bracket.alt = true;
    out.emplace_back(alt_bracket);
  }
  sequence_.clear();
  state_ = State::kGround;
}

}  // namespace netwatch::tui
