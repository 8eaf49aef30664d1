// Blocks and options: draft-ietf-opsawg-pcapng, sections 3 and 4.
#include "record/pcapng_encoder.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/bytes.h"
#include "wire/pcapng_options.h"

namespace netwatch::record {
namespace {

using wire::pcapng::BlockType;
namespace option = wire::pcapng::option;

// Of all interfaces of all files.
constexpr std::size_t kMaxDescriptionBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxRepeatedBytes = std::size_t{64} << 20;
// Longest option value of our own; the format's limit is 65535.
constexpr std::size_t kLongestOption = 1024;

// Appends one block; its length is filled in at the end.
class Block {
 public:
  Block(std::string& out, std::uint32_t type) : out_(out), start_(out.size()) {
    le(type, 4);
    le(0, 4);
  }
  Block(std::string& out, BlockType type) : Block(out, static_cast<std::uint32_t>(type)) {}

  void le(std::uint64_t value, std::size_t bytes) {
    char raw[8];
    for (std::size_t i = 0; i < bytes; ++i, value >>= 8) raw[i] = static_cast<char>(value);
    out_.append(raw, bytes);
  }
  void time(base::TimeNs time_ns) {
    const auto stamp = static_cast<std::uint64_t>(std::max<base::TimeNs>(time_ns, 0));
    le(stamp >> 32, 4);
    le(stamp & 0xFFFFFFFF, 4);
  }
  void padded(std::string_view data) {
    out_ += data;
    out_.append((4 - data.size() % 4) % 4, '\0');
  }
  // Options in the form of model::CaptureNote.
  void raw(base::Bytes options) { out_ += base::as_text(options); }
  void raw(const std::string& options) { out_ += options; }
  void option(std::uint16_t code, std::string_view value) {
    value = value.substr(0, kLongestOption);
    le(code, 2);
    le(value.size(), 2);
    padded(value);
  }
  void end() {
    const std::size_t length = out_.size() - start_ + 4;
    le(length, 4);
    out_.replace(start_ + 4, 4, out_, out_.size() - 4, 4);
  }

 private:
  std::string& out_;
  std::size_t start_;
};

std::string text_of(base::Bytes bytes) { return std::string(base::as_text(bytes)); }

}  // namespace

std::size_t PcapngEncoder::Hash::operator()(const Key& key) const noexcept {
  const std::uint64_t both = (std::uint64_t{key.source} << 32) ^ key.interface;
  return static_cast<std::size_t>(
      (both ^ (std::uint64_t{key.linktype} << 48)) * 0x9E3779B97F4A7C15ULL >> 7);
}

void PcapngEncoder::begin_section(std::string& out) {
  if (std::exchange(section_begun_, true)) return;
  Block block(out, BlockType::kSectionHeader);
  block.le(wire::pcapng::kByteOrderMagic, 4);
  block.le(1, 2);
  block.le(0, 2);
  block.le(std::numeric_limits<std::uint64_t>::max(), 8);  // length of the section: unknown
  block.raw(section_options_);
  if (!application_.empty()) block.option(option::kSectionApplication, application_);
  if (!application_.empty() || !section_options_.empty()) block.option(option::kEnd, {});
  block.end();
  if (!std::exchange(repeat_due_, false)) return;
  out += repeated_;
  repeated_in_file_ = repeated_.size();
}

void PcapngEncoder::begin_file() {
  section_begun_ = false;
  repeat_due_ = true;
  repeated_in_file_ = 0;
  interfaces_.clear();
  last_.reset();
}

std::uint32_t PcapngEncoder::interface_of(std::string& out, const Key& key) {
  if (last_ && last_->first == key) return last_->second;
  const auto next_id = static_cast<std::uint32_t>(interfaces_.size());
  const auto [place, is_new] = interfaces_.try_emplace(key, next_id);
  if (is_new) {
    const auto described = descriptions_.find(key);
    const bool known = described != descriptions_.end();
    Block block(out, BlockType::kInterface);
    block.le(key.linktype, 2);
    block.le(0, 2);
    block.le(known ? described->second.snaplen : 0, 4);
    if (known) block.raw(described->second.options);
    constexpr char kNanoseconds = wire::pcapng::kResolutionNanos;
    block.option(option::kInterfaceTimeResolution, std::string_view(&kNanoseconds, 1));
    block.option(option::kEnd, {});
    block.end();
  }
  last_ = *place;
  return place->second;
}

void PcapngEncoder::append(std::string& out, const model::Packet& packet) {
  begin_section(out);
  const std::uint32_t id = interface_of(out, {packet.source, packet.interface, packet.linktype});
  const auto captured = static_cast<std::uint32_t>(packet.bytes.size());
  Block block(out, BlockType::kEnhancedPacket);
  block.le(id, 4);
  block.time(packet.time_ns);
  block.le(captured, 4);
  block.le(std::max(packet.wire_len, captured), 4);
  block.padded(base::as_text(packet.bytes));
  const bool flags = packet.direction != model::PacketDirection::kUnknown &&
                     !wire::pcapng::has_option(packet.options, option::kPacketFlags);
  if (flags) {
    const bool inbound = packet.direction == model::PacketDirection::kInbound;
    block.option(option::kPacketFlags, std::string_view(inbound ? "\1\0\0\0" : "\2\0\0\0", 4));
  }
  block.raw(packet.options);
  if (flags || !packet.options.empty()) block.option(option::kEnd, {});
  block.end();
}

void PcapngEncoder::append(std::string& out, const model::CaptureNote& note) {
  using Kind = model::CaptureNote::Kind;
  if (note.kind == Kind::kSection) return section(note);
  const Key key{note.source, note.interface, note.linktype};
  if (note.kind == Kind::kInterface) describe(key, note);
  begin_section(out);
  const bool of_interface = note.kind == Kind::kInterface || note.kind == Kind::kStatistics;
  const std::uint32_t id = of_interface ? interface_of(out, key) : 0;
  if (note.kind == Kind::kInterface) return;
  const std::size_t from = out.size();
  Block block(out, note.block_type);
  if (note.kind == Kind::kStatistics) {
    block.le(id, 4);
    block.time(note.time_ns);
    block.raw(note.bytes);
    if (!note.bytes.empty()) block.option(option::kEnd, {});
  } else {
    block.padded(base::as_text(note.bytes));
  }
  block.end();
  if (note.kind == Kind::kNames || note.kind == Kind::kSecrets) repeat_later(out, from);
}

// Sections that say the same of their host are written as one.
void PcapngEncoder::section(const model::CaptureNote& note) {
  std::string options = text_of(note.bytes);
  if (section_begun_ && options == section_options_) return;
  section_options_ = std::move(options);
  section_begun_ = false;
  interfaces_.clear();
  last_.reset();
}

void PcapngEncoder::describe(const Key& key, const model::CaptureNote& note) {
  const bool fits = note.bytes.size() <= kMaxDescriptionBytes - description_bytes_;
  if (fits) description_bytes_ += note.bytes.size();
  descriptions_[key] = {note.snaplen, fits ? text_of(note.bytes) : std::string()};
}

void PcapngEncoder::repeat_later(const std::string& out, std::size_t from) {
  if (!repeats_) return;
  if (out.size() - from > kMaxRepeatedBytes - repeated_.size()) {
    ++not_repeated_;
    return;
  }
  repeated_.append(out, from);
}

}  // namespace netwatch::record
