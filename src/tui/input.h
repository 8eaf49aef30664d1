#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace netwatch::tui {

enum class Key : std::uint8_t {
  kRune,  // a printable character, or with ctrl a letter
  kEnter,
  kTab,
  kBackTab,
  kBackspace,
  kEscape,
  kUp,
  kDown,
  kLeft,
  kRight,
  kHome,
  kEnd,
  kPageUp,
  kPageDown,
  kInsert,
  kDelete,
  kF1,
  kF2,
  kF3,
  kF4,
  kF5,
  kF6,
  kF7,
  kF8,
  kF9,
  kF10,
  kF11,
  kF12,
};

struct KeyEvent {
  Key key = Key::kRune;
  char32_t rune = 0;  // of kRune
  bool ctrl = false;
  bool alt = false;
  bool shift = false;  // only where a sequence says so
  friend bool operator==(const KeyEvent&, const KeyEvent&) = default;
};

struct MouseEvent {
  enum class Action : std::uint8_t { kPress, kRelease, kDrag, kWheelUp, kWheelDown };
  Action action = Action::kPress;
  std::uint8_t button = 0;  // 0 left, 1 middle, 2 right
  int x = 0;                // cell, from 0
  int y = 0;
  friend bool operator==(const MouseEvent&, const MouseEvent&) = default;
};

struct PasteEvent {
  std::string text;
  bool cut = false;  // it was longer than InputParser::kMaxPasteBytes
  friend bool operator==(const PasteEvent&, const PasteEvent&) = default;
};

using Event = std::variant<KeyEvent, MouseEvent, PasteEvent>;

// A terminal's byte stream -> events. Bounded: no input makes it keep more than kMaxPasteBytes,
// and sequences that it does not know are skipped whole.
class InputParser {
 public:
  static constexpr std::size_t kMaxPasteBytes = std::size_t{64} << 10;
  static constexpr std::size_t kMaxSequenceBytes = 64;

  void feed(base::Bytes bytes, std::vector<Event>& out);
  // How long to wait for the rest of an unfinished sequence before flush(); -1: none is open.
  [[nodiscard]] int wait_ms() const;
  // The rest did not come: a lone ESC is the Escape key, anything else is given up.
  void flush(std::vector<Event>& out);

 private:
  enum class State : std::uint8_t {
    kGround,
    kEscape,        // ESC seen
    kCsi,           // ESC [
    kSs3,           // ESC O
    kString,        // OSC, DCS, APC, PM, SOS: skipped up to its terminator
    kStringEscape,  // ESC within one
    kLegacyMouse,   // ESC [ M and three bytes
    kUtf8,          // within a character
    kPaste,         // between ESC [ 200 ~ and ESC [ 201 ~
  };

  void step(std::uint8_t byte, std::vector<Event>& out);
  void ground(std::uint8_t byte, std::vector<Event>& out);
  void escape(std::uint8_t byte, std::vector<Event>& out);
  void control(std::uint8_t byte, bool alt, std::vector<Event>& out);
  void utf8(std::uint8_t byte, std::vector<Event>& out);
  void csi_end(std::uint8_t final_byte, std::vector<Event>& out);
  void ss3(std::uint8_t byte, std::vector<Event>& out);
  void mouse(std::uint8_t final_byte, std::vector<Event>& out);
  void paste(std::uint8_t byte, std::vector<Event>& out);

  State state_ = State::kGround;
  bool alt_ = false;      // the character being read followed an ESC
  std::string sequence_;  // parameters of the open CSI
  std::string paste_;
  bool paste_cut_ = false;
  std::size_t end_matched_ = 0;  // bytes of the paste's end mark seen
  std::uint8_t skip_ = 0;        // bytes of a legacy mouse report to come
  std::uint8_t utf8_left_ = 0;
  char32_t rune_ = 0;
  char32_t rune_least_ = 0;  // smaller values would be overlong
};

}  // namespace netwatch::tui
