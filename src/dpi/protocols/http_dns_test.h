#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "dpi/protocol.h"

// For tests and fuzzers of one decoder: a Context that keeps records as text, and a feeder that
// cuts streams as it is told and obeys Step as protocol.h says.
namespace netwatch::dpi::testing {

using model::Side;
inline constexpr Side kClient = Side::kOriginator;
inline constexpr Side kServer = Side::kResponder;

inline std::string value_text(const model::FieldValue& value) {
  switch (value.def->type) {
    case model::FieldType::kBool:
      return value.boolean() ? "true" : "false";
    case model::FieldType::kInt:
      return std::to_string(value.sint());
    case model::FieldType::kUint:
      return std::to_string(value.uint());
    case model::FieldType::kDuration:
      return std::to_string(value.sint() / base::kNsPerUs);
    case model::FieldType::kAddress:
      return value.address().to_string();
    default:
      return std::string(value.text());
  }
}

// "request method=GET host=a.example": names without the protocol, in the order of adding.
inline std::string record_text(const model::Record& record) {
  std::string text(record.kind_name());
  model::ValueCursor values(record);
  while (const auto value = values.next()) {
    const std::string_view name = value->def->name;
    text.append(" ").append(name.substr(name.find('.') + 1));
    text.append("=").append(value_text(*value));
  }
  if (record.cut) text += " (cut)";
  return text;
}

class FakeContext final : public Context {
 public:
  model::RecordBuilder& record() override { return builder_; }
  void emit(Side side) override {
    records.push_back((side == kClient ? "> " : "< ") + record_text(builder_.view()));
  }
  void odd(std::string_view what) override { odds.emplace_back(what); }
  void set_originator(Side side) override { originators.push_back(side); }
  void hand_on(std::string_view to) override {
    handed_on = true;
    handed_on_to = to;
  }
  void carries(std::string_view name) override { carried.emplace_back(name); }
  [[nodiscard]] base::TimeNs now_ns() const override { return now; }
  bool child(const model::StreamChunk& inner) override {
    if (!child_wanted) return false;
    std::string& bytes = children[model::index(inner.side)];
    if (inner.gap_bytes > 0) bytes += "[gap]";
    bytes += base::as_text(inner.bytes);
    if (inner.datagram) bytes += '|';
    return true;
  }

  bool expect(const Expected& flow) override {
    const bool ours = flow.port == 0 || flow.address == hosts[0] || flow.address == hosts[1];
    std::string text(ours ? "" : "refused ");
    text.append(flow.protocol).append(" ");
    if (flow.port != 0) text.append(flow.address.to_string()).append(" ");
    text.append(std::to_string(flow.port)).append(" ");
    expected.push_back(text.append(base::as_text(flow.note)));
    return ours;
  }
  [[nodiscard]] base::Bytes announced(Side side) const override {
    return base::as_bytes(notes[model::index(side)]);
  }
  [[nodiscard]] base::IpAddress address(Side side) const override {
    return hosts[model::index(side)];
  }
  [[nodiscard]] std::uint16_t port(Side side) const override { return ports[model::index(side)]; }

  std::span<std::uint8_t> scratch() override { return scratch_; }

  std::vector<std::string> records;
  std::vector<std::string> expected;  // "ftp_data 192.0.2.2 4000 note"
  std::array<std::string, 2> notes;   // what announced() says, by side
  std::array<base::IpAddress, 2> hosts{*base::IpAddress::parse("192.0.2.1"),
                                       *base::IpAddress::parse("192.0.2.2")};
  std::array<std::uint16_t, 2> ports{40000, 21};
  std::array<std::string, 2> children;  // what was given to the child, by side; '|' ends datagrams
  bool child_wanted = true;
  std::vector<std::string> odds;
  std::vector<Side> originators;
  bool handed_on = false;
  std::string handed_on_to;          // what hand_on() named
  std::vector<std::string> carried;  // what carries() named
  base::TimeNs now = 0;

 private:
  model::RecordBuilder builder_;
  std::vector<std::uint8_t> scratch_ = std::vector<std::uint8_t>(kMaxHeldBytes);
};

class Feeder {
 public:
  explicit Feeder(const ProtocolDef& def, std::size_t chunk_bytes = SIZE_MAX)
      : memory_(new std::max_align_t[def.state_bytes / sizeof(std::max_align_t) + 1]),
        decoder_(def.make(memory_.get())),
        chunk_bytes_(chunk_bytes) {}
  ~Feeder() { decoder_->~Decoder(); }
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  // Stream bytes, cut into pieces of chunk_bytes.
  void stream(Side side, std::string_view bytes, bool cut = false) {
    while (!bytes.empty()) {
      const std::size_t size = std::min(chunk_bytes_, bytes.size());
      piece(side, bytes.substr(0, size), cut && size == bytes.size());
      bytes.remove_prefix(size);
    }
  }
  void datagram(Side side, std::string_view bytes, bool cut = false) {
    if (ended_) return;
    ended_ = is_end(decoder_->on_bytes(chunk(side, bytes, true, cut), context).verdict);
  }
  void gap(Side side, std::uint64_t gap_bytes) {
    SideBytes& own = sides_[model::index(side)];
    const std::uint64_t passed = std::min(own.skip, gap_bytes);
    own.skip -= passed;
    if (ended_ || context.handed_on || passed == gap_bytes) return;
    const std::string kept = std::exchange(own.held, {});
    own.wanted = 0;
    model::StreamChunk lost = chunk(side, kept, false, false);
    lost.gap_bytes = gap_bytes - passed;
    ended_ = is_end(decoder_->on_gap(lost, context));
  }
  void pass_us(std::int64_t us) { context.now += us * base::kNsPerUs; }
  void end() {
    if (!ended_) decoder_->on_end(context);
    ended_ = true;
  }

  // What is kept unread, as the next protocol would see it after hand_on().
  [[nodiscard]] const std::string& held(Side side) const { return sides_[model::index(side)].held; }
  [[nodiscard]] bool ended() const { return ended_; }

  FakeContext context;

 private:
  struct SideBytes {
    std::string held;
    std::uint64_t skip = 0;
    std::size_t wanted = 0;
  };

  static bool is_end(Verdict verdict) {
    return verdict == Verdict::kNotMine || verdict == Verdict::kDone;
  }
  [[nodiscard]] model::StreamChunk chunk(Side side, std::string_view bytes, bool datagram,
                                         bool cut) const {
    return {.side = side,
            .time_ns = context.now,
            .bytes = base::as_bytes(bytes),
            .datagram = datagram,
            .cut = cut};
  }
  void piece(Side side, std::string_view bytes, bool cut) {
    SideBytes& own = sides_[model::index(side)];
    const auto passed = static_cast<std::size_t>(std::min<std::uint64_t>(own.skip, bytes.size()));
    own.skip -= passed;
    own.held.append(bytes.substr(passed));
    if (ended_ || context.handed_on || own.held.empty()) return;
    if (own.held.size() < own.wanted && !cut) return;
    const std::string shown = own.held;  // its own block, so that reads past it are seen
    const Step step = decoder_->on_bytes(chunk(side, shown, false, cut), context);
    const auto used =
        static_cast<std::size_t>(std::min<std::uint64_t>(step.consumed, shown.size()));
    own.held.erase(0, used);
    own.skip = step.consumed - used;
    own.wanted = step.wanted;
    ended_ = is_end(step.verdict) || own.held.size() > kMaxHeldBytes || step.wanted > kMaxHeldBytes;
  }

  std::unique_ptr<std::max_align_t[]> memory_;
  Decoder* decoder_;
  std::size_t chunk_bytes_;
  std::array<SideBytes, 2> sides_;
  bool ended_ = false;
};

}  // namespace netwatch::dpi::testing
