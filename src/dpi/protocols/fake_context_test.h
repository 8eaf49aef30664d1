#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "dpi/protocol.h"

// For tests of one decoder: a Context that keeps records as text.
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

}  // namespace netwatch::dpi::testing
