// The input parser over any bytes, in pieces and with time-outs: events stay within their limits.
#include <cstdlib>

#include "tui/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using netwatch::tui::InputParser;
  InputParser parser;
  std::vector<netwatch::tui::Event> events;
  std::size_t at = 0;
  while (at < size) {
    const std::size_t piece = std::min<std::size_t>(size - at, 1 + data[at] % 13);
    parser.feed({data + at, piece}, events);
    if (data[at] % 29 == 0) parser.flush(events);
    at += piece;
  }
  parser.flush(events);
  if (parser.wait_ms() != -1) std::abort();
  for (const auto& event : events) {
    if (const auto* paste = std::get_if<netwatch::tui::PasteEvent>(&event)) {
      if (paste->text.size() > InputParser::kMaxPasteBytes) std::abort();
    } else if (const auto* mouse = std::get_if<netwatch::tui::MouseEvent>(&event)) {
      if (mouse->x < 0 || mouse->y < 0 || mouse->button > 3) std::abort();
    } else if (const auto* key = std::get_if<netwatch::tui::KeyEvent>(&event)) {
      if (key->rune > 0x10FFFF) std::abort();
    }
  }
  return 0;
}
