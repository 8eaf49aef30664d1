#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "dpi/protocol.h"

// Protocols that exist for the analyzer's tests only: each drives one of its rules.
namespace netwatch::dpi::fake {

using model::Side;
inline constexpr Side kA = Side::kOriginator;

inline constexpr std::array<std::string_view, 1> kKinds{"message"};
inline constexpr std::array kFields{model::FieldDef{.name = "fake.text", .help = "what was read"}};
inline constexpr model::Schema kSchema{
    .proto = "fake", .title = "Fake", .kinds = kKinds, .fields = kFields};

inline int g_live_decoders = 0;  // of all fakes: every one that is made must be destroyed

class Fake : public Decoder {
 public:
  Fake() { ++g_live_decoders; }
  ~Fake() override { --g_live_decoders; }

 protected:
  static void report(std::string_view text, Side side, Context& context) {
    context.record().start(kSchema, 0);
    context.record().add_text(0, text);
    context.emit(side);
  }
};

inline Probe begins(const ProbeInput& input, std::string_view with) {
  for (base::Bytes side : input.sides) {
    if (side.empty()) continue;
    const std::string_view text = base::as_text(side);
    if (text.starts_with(with)) return Probe::kYes;
    if (with.starts_with(text)) return Probe::kMore;
  }
  return Probe::kNo;
}

// "L:" then lines; each is a record. Commands in lines drive the rest of the interface.
class LineDecoder final : public Fake {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override {
    const std::string_view text = base::as_text(chunk.bytes);
    std::size_t at = 0;
    for (;;) {
      const std::size_t end = text.find('\n', at);
      if (end == std::string_view::npos) return {.consumed = at};
      const std::string_view line = text.substr(at, end - at);
      at = end + 1;
      if (line == "done") return {.verdict = Verdict::kDone, .consumed = at};
      if (line == "lie") return {.verdict = Verdict::kNotMine};
      if (line == "odd") {
        context.odd("odd_line");
        return {.verdict = Verdict::kOdd, .consumed = at};
      }
      if (line == "unnamed") return {.verdict = Verdict::kOdd, .consumed = at};
      if (line == "turn") context.set_originator(chunk.side);
      if (line == "skip") return {.consumed = at + 10};
      if (line == "huge") return {.consumed = at, .wanted = kMaxHeldBytes + 1};
      if (line == "hand") {
        context.hand_on();
        return {.consumed = at};
      }
      report(line, chunk.side, context);
    }
  }
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override {
    report("gap " + std::to_string(chunk.gap_bytes) + " after " +
               std::string(base::as_text(chunk.bytes)),
           chunk.side, context);
    return Verdict::kFine;
  }
  void on_end(Context& context) override { report("end", kA, context); }
};

// Says yes to "L" alone, then finds out that it is not its own; before that it reads a line.
class LiarDecoder final : public Fake {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context&) override {
    const std::size_t end = base::as_text(chunk.bytes).find('\n');
    if (++calls > 1 || end == std::string_view::npos) return {.verdict = Verdict::kNotMine};
    return {.consumed = end + 1};
  }
  int calls = 0;
};

// Messages of one length byte and that many bytes; counts how often it is called.
inline int g_message_calls = 0;
class CountedDecoder final : public Fake {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override {
    ++g_message_calls;
    const base::Bytes bytes = chunk.bytes.subspan(1);
    const std::size_t need = 2 + std::size_t{bytes.empty() ? std::uint8_t{0} : bytes[0]} * 100;
    if (chunk.bytes.size() < need) return {.wanted = bytes.empty() ? 2 : need};
    report(std::to_string(need), chunk.side, context);
    return {.consumed = need};
  }
};

class BigDecoder final : public Fake {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override {
    report("big", chunk.side, context);
    return {.consumed = chunk.bytes.size()};
  }
  std::array<std::uint8_t, 4000> state{};
};

template <typename T>
constexpr ProtocolDef def(std::string_view name, std::string_view first, Transport transport,
                          Probe (*probe)(const ProbeInput&)) {
  return {.name = name,
          .transport = transport,
          .first = FirstBytes::of(first),
          .probe = probe,
          .schema = &kSchema,
          .state_bytes = sizeof(T),
          .make = make_decoder<T>};
}

inline constexpr ProtocolDef kLiar = def<LiarDecoder>(
    "liar", "L", Transport::kBoth, [](const ProbeInput& in) { return begins(in, "L"); });
inline constexpr ProtocolDef kLines = def<LineDecoder>(
    "lines", "L", Transport::kBoth, [](const ProbeInput& in) { return begins(in, "L:"); });
inline constexpr ProtocolDef kLate =
    def<LineDecoder>("late", "M", Transport::kBoth, [](const ProbeInput& in) {
      return in.of(in.latest).size() >= 100 ? Probe::kYes : Probe::kMore;
    });
inline constexpr ProtocolDef kNever = def<LineDecoder>(
    "never", "N", Transport::kBoth, [](const ProbeInput&) { return Probe::kMore; });
inline constexpr ProtocolDef kCounted = def<CountedDecoder>(
    "counted", "C", Transport::kTcp, [](const ProbeInput& in) { return begins(in, "C"); });
inline constexpr ProtocolDef kBig = def<BigDecoder>(
    "big", "B", Transport::kTcp, [](const ProbeInput& in) { return begins(in, "B"); });
inline constexpr std::array<std::uint16_t, 1> kPortOfTwin{7};
inline constexpr ProtocolDef kTwin = [] {
  ProtocolDef twin = kLines;
  twin.name = "twin";
  twin.usual_ports = kPortOfTwin;
  return twin;
}();
inline constexpr std::array kTable{&kLiar, &kLines, &kTwin, &kLate, &kNever, &kCounted, &kBig};
inline constexpr std::array kHonest{&kLines, &kTwin, &kLate, &kNever, &kCounted, &kBig};

}  // namespace netwatch::dpi::fake
