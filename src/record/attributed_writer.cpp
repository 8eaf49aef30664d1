// Interface description and statistics blocks: draft-ietf-opsawg-pcapng, sections 4.2 and 4.6.
#include "record/attributed_writer.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "wire/pcap_format.h"

namespace netwatch::record {
namespace {

namespace pcapng = wire::pcapng;
namespace option = wire::pcapng::option;
using Kind = model::CaptureNote::Kind;

// Of one file; beyond it processes are described again.
constexpr std::size_t kMaxProcesses = std::size_t{1} << 16;
constexpr std::size_t kLongestText = 1024;

void put(std::vector<std::uint8_t>& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i, value >>= 8) {
    out.push_back(static_cast<std::uint8_t>(value));
  }
}

void put_text(std::vector<std::uint8_t>& out, std::uint16_t code, std::string_view text) {
  text = text.substr(0, kLongestText);
  if (text.empty()) return;
  put(out, code, 2);
  put(out, text.size(), 2);
  out.insert(out.end(), text.begin(), text.end());
  out.insert(out.end(), pcapng::padded(text.size()) - text.size(), 0);
}

void put_count(std::vector<std::uint8_t>& out, std::uint16_t code, std::uint64_t count) {
  put(out, code, 2);
  put(out, 8, 2);
  put(out, count, 8);
}

void put_time(std::vector<std::uint8_t>& out, std::uint16_t code, base::TimeNs time_ns) {
  const auto stamp = static_cast<std::uint64_t>(std::max<base::TimeNs>(time_ns, 0));
  put(out, code, 2);
  put(out, 8, 2);
  put(out, stamp >> 32, 4);
  put(out, stamp & 0xffffffff, 4);
}

}  // namespace

std::size_t AttributedWriter::ProcessHash::operator()(const ProcessKey& key) const noexcept {
  const std::uint64_t both = (std::uint64_t{key.pid} << 32) ^ key.start_ticks;
  return std::hash<std::string>{}(key.comm) ^
         static_cast<std::size_t>(both * 0x9E3779B97F4A7C15ULL);
}

AttributedWriter::AttributedWriter(PcapngWriter writer, Annotation annotation)
    : writer_(std::move(writer)), annotation_(annotation) {
  writer_.on_file_end([this] { return end_file(); });
}

base::Status AttributedWriter::begin(const CaptureDescription& description) {
  description_ = description;
  file_began_ns_ = description.started_ns;
  counts_[kOwnKey];
  bytes_.clear();
  put_text(bytes_, option::kSectionHardware, base::sanitised(description.hardware));
  put_text(bytes_, option::kSectionOs, base::sanitised(description.system));
  auto section = writer_.write(model::CaptureNote{
      .kind = Kind::kSection,
      .block_type = static_cast<std::uint32_t>(pcapng::BlockType::kSectionHeader),
      .bytes = bytes_});
  if (!section.ok()) return section;
  return describe_interface(kOwnKey);
}

void AttributedWriter::take_interfaces(const model::InterfaceTable& table) {
  for (const model::Interface& one : table.interfaces) names_[one.ifindex] = one.name;
}

base::Status AttributedWriter::describe_interface(std::uint32_t key) {
  if (!described_.insert(key).second) return base::ok_status();
  bytes_.clear();
  const auto name = names_.find(key);
  if (key == kOwnKey) {
    put_text(bytes_, option::kInterfaceName, base::sanitised(description_.interface));
  } else if (name != names_.end()) {
    put_text(bytes_, option::kInterfaceName, base::sanitised(name->second));
  }
  if (!description_.filter.empty()) {
    // The first byte says that it is a filter as libpcap writes it.
    std::string filter(1, '\0');
    filter += base::sanitised(description_.filter);
    put_text(bytes_, option::kInterfaceFilter, filter);
  }
  return writer_.write(
      model::CaptureNote{.kind = Kind::kInterface,
                         .block_type = static_cast<std::uint32_t>(pcapng::BlockType::kInterface),
                         .interface = key,
                         .linktype = description_.linktype,
                         .snaplen = description_.snaplen,
                         .bytes = bytes_});
}

base::Status AttributedWriter::describe_process(const model::Owner& owner) {
  const model::Process& process = *owner.process;
  if (processes_.size() >= kMaxProcesses) processes_.clear();
  if (!processes_.insert({process.pid, process.start_ticks, process.comm}).second) {
    return base::ok_status();
  }
  bytes_.clear();
  append_process_body(bytes_, owner);
  return writer_.write(
      model::CaptureNote{.kind = Kind::kOther,
                         .block_type = static_cast<std::uint32_t>(pcapng::BlockType::kCustom),
                         .bytes = bytes_});
}

base::Status AttributedWriter::write(const model::Packet& packet,
                                     const model::PacketOwners& owners) {
  model::Packet copy = packet;
  copy.interface = key_of(packet);
  file_ends_ns_ = packet.time_ns;
  options_.clear();
  append_owner_options(options_, owners, annotation_);
  copy.options = options_;
  // From here on everything stands in the packet's own file.
  if (auto way = writer_.make_way(copy); !way.ok()) return way;
  if (auto said = describe_interface(copy.interface); !said.ok()) return said;
  const model::Owner* const owner = linked_owner(owners);
  if (owner != nullptr && annotation_ != Annotation::kComments) {
    if (auto said = describe_process(*owner); !said.ok()) return said;
  }
  ++counts_[copy.interface].written;
  return writer_.write(copy);
}

base::Status AttributedWriter::close(base::TimeNs now_ns) {
  file_ends_ns_ = now_ns;
  return writer_.close();
}

// What is counted from here on is of the next file.
base::Status AttributedWriter::end_file() {
  for (const auto& [key, counts] : counts_) {
    bytes_.clear();
    put_time(bytes_, option::kStatisticsStart, file_began_ns_);
    put_time(bytes_, option::kStatisticsEnd, file_ends_ns_);
    put_count(bytes_, option::kStatisticsReceived,
              counts.written + counts.left_out + counts.dropped);
    put_count(bytes_, option::kStatisticsInterfaceDrop, counts.dropped);
    put_count(bytes_, option::kStatisticsDelivered, counts.written);
    const auto written = writer_.write(model::CaptureNote{
        .kind = Kind::kStatistics,
        .block_type = static_cast<std::uint32_t>(pcapng::BlockType::kInterfaceStatistics),
        .interface = key,
        .linktype = description_.linktype,
        .time_ns = file_ends_ns_,
        .bytes = bytes_});
    if (!written.ok()) return written;
  }
  counts_.clear();
  counts_[kOwnKey];
  processes_.clear();
  file_began_ns_ = file_ends_ns_;
  return base::ok_status();
}

}  // namespace netwatch::record
