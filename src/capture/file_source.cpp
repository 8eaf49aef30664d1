// Capture files as batches of packets.
#include "capture/file_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "capture/format.h"
#include "capture/input.h"
#include "wire/byte_order.h"
#include "wire/decode.h"

namespace netwatch::capture {
namespace {

using base::Error;
using base::ErrorCode;
using model::Packet;
using model::PacketBatch;
using model::PacketDirection;

// What the Linux cooked headers say of the packet's way and, in version 2, of its interface.
void read_cooked_header(Packet& packet) {
  constexpr unsigned kPacketOutgoing = 4;
  const std::uint8_t* p = packet.bytes.data();
  unsigned packet_type = 0;
  packet.ifindex = packet.interface;
  if (packet.linktype == wire::linktype::kLinuxSll && packet.bytes.size() >= 16) {
    packet_type = wire::load_be16(p);
  } else if (packet.linktype == wire::linktype::kLinuxSll2 && packet.bytes.size() >= 20) {
    packet.ifindex = wire::load_be32(p + 4);
    packet_type = p[10];
  } else {
    return;
  }
  if (packet.direction == PacketDirection::kUnknown)
    packet.direction =
        packet_type == kPacketOutgoing ? PacketDirection::kOutbound : PacketDirection::kInbound;
}

class FileSource final : public PacketSource {
 public:
  FileSource(std::string name, std::unique_ptr<Input> input, std::unique_ptr<Format> format,
             std::uint32_t source)
      : name_(std::move(name)),
        input_(std::move(input)),
        format_(std::move(format)),
        source_(source) {}

  base::Result<model::PacketBatchPtr> next(int timeout_ms) override;
  // Reads the headers that are at hand, so that linktypes() is known before the first packet.
  base::Status read_headers();

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::vector<std::uint16_t>& linktypes() const override {
    return format_->linktypes();
  }
  [[nodiscard]] std::uint64_t bytes_read() const override { return input_->offset(); }
  [[nodiscard]] std::uint64_t bytes_total() const override { return input_->total(); }

 private:
  struct Filling {
    std::shared_ptr<PacketBatch> batch = std::make_shared<PacketBatch>();
    std::size_t bytes = 0;  // of its packets
    // Where in note_bytes something lies that is said of the batch's packet or note `of`.
    struct Place {
      std::size_t of = 0;
      std::size_t offset = 0;
      std::size_t len_bytes = 0;
    };
    std::vector<Place> options;
    std::vector<Place> notes;

    // Whether a packet may follow the first `count`. The rule looks at packets only, never at how
    // their bytes came in: the same file always gives the same batches. What stands between
    // packets is kept in memory with them, so far apart they must not be.
    [[nodiscard]] bool has_room(std::size_t count, std::size_t len_bytes,
                                std::uint64_t file_offset) const {
      constexpr std::uint64_t kMaxSpanBytes = std::uint64_t{4} << 20;
      if (count == 0) return true;
      return count < PacketBatch::kMaxPackets && bytes + len_bytes <= PacketBatch::kMaxArenaBytes &&
             file_offset - batch->packets.front().file_offset <= kMaxSpanBytes;
    }
  };

  void stamp(Packet& packet, std::uint64_t file_offset);
  void add_plain(Filling& filling);
  [[nodiscard]] bool take(Filling& filling, const Step& step);
  [[nodiscard]] bool has_room_for_notes(const PacketBatch& batch) const;
  [[nodiscard]] bool add_note(Filling& filling);
  void add_options(Filling& filling) const;
  Input::Fill need(std::size_t bytes, int timeout_ms);
  model::PacketBatchPtr finish(Filling& filling);
  [[nodiscard]] Error located(const Error& error) const;
  [[nodiscard]] Error ends_early(std::uint64_t wanted) const;

  std::string name_;
  std::unique_ptr<Input> input_;
  std::unique_ptr<Format> format_;
  std::uint32_t source_;
  std::uint64_t count_ = 0;
  Packet packet_;             // of the last step
  Filling early_;             // notes that came before the first packet
  std::optional<Step> held_;  // a step that was taken but is still to be told in a batch
  bool ended_ = false;
  std::optional<Error> failure_;  // told after the packets before it
};

base::Result<model::PacketBatchPtr> FileSource::next(int timeout_ms) {
  Filling filling = std::exchange(early_, {});
  while (!ended_ && !failure_) {
    if (!held_) add_plain(filling);
    const Step step =
        held_ ? *std::exchange(held_, std::nullopt) : format_->next(input_->front(), packet_);
    switch (step.kind) {
      case Step::Kind::kPacket:
      case Step::Kind::kSkip:
        if (!take(filling, step)) {
          held_ = step;
          return finish(filling);
        }
        filling.batch->kernel_dropped += step.dropped;
        filling.batch->notes_left_out += step.left_out;
        input_->advance(step.bytes);
        break;
      case Step::Kind::kBroken:
        failure_ = located(format_->problem());
        break;
      case Step::Kind::kNeed:
        // A pipe that has no more now must not hold back what came before.
        const bool waiting = filling.batch->packets.empty();
        if (need(step.bytes, waiting ? timeout_ms : 0) == Input::Fill::kStalled)
          return finish(filling);
        break;
    }
  }
  const PacketBatch& last = *filling.batch;
  if (!last.packets.empty() || !last.notes.empty() || last.kernel_dropped > 0 ||
      last.notes_left_out > 0) {
    return finish(filling);
  }
  if (failure_) return *failure_;
  return model::PacketBatchPtr();
}

// False if the step must wait for the next batch.
bool FileSource::take(Filling& filling, const Step& step) {
  if (step.kind != Step::Kind::kPacket) return !step.noted || add_note(filling);
  if (step.noted && !has_room_for_notes(*filling.batch)) return false;
  std::vector<Packet>& packets = filling.batch->packets;
  if (!filling.has_room(packets.size(), packet_.bytes.size(), input_->offset())) return false;
  if (packets.empty()) packets.reserve(PacketBatch::kMaxPackets);
  input_->hold();
  stamp(packet_, input_->offset());
  filling.bytes += packet_.bytes.size();
  packets.push_back(packet_);
  if (step.noted) add_options(filling);
  return true;
}

bool FileSource::has_room_for_notes(const PacketBatch& batch) const {
  const bool empty = batch.packets.empty() && batch.notes.empty();
  return empty ||
         batch.note_bytes.size() + format_->note_bytes().size() <= PacketBatch::kMaxArenaBytes;
}

bool FileSource::add_note(Filling& filling) {
  PacketBatch& batch = *filling.batch;
  if (!has_room_for_notes(batch) || batch.notes.size() == PacketBatch::kMaxPackets) return false;
  const base::Bytes bytes = format_->note_bytes();
  model::CaptureNote& note = batch.notes.emplace_back(format_->note());
  note.source = source_;
  note.before = count_ + 1;
  filling.notes.push_back({batch.notes.size() - 1, batch.note_bytes.size(), bytes.size()});
  batch.note_bytes.insert(batch.note_bytes.end(), bytes.begin(), bytes.end());
  return true;
}

// Of the packet that was added last.
void FileSource::add_options(Filling& filling) const {
  PacketBatch& batch = *filling.batch;
  const base::Bytes bytes = format_->note_bytes();
  filling.options.push_back({batch.packets.size() - 1, batch.note_bytes.size(), bytes.size()});
  batch.note_bytes.insert(batch.note_bytes.end(), bytes.begin(), bytes.end());
}

void FileSource::stamp(Packet& packet, std::uint64_t file_offset) {
  packet.number = ++count_;
  packet.source = source_;
  packet.file_offset = file_offset;
  read_cooked_header(packet);
}

// As many packets as are at hand and have room, without a step for each.
void FileSource::add_plain(Filling& filling) {
  const PlainRecords* const records = format_->plain_records();
  const base::Bytes front = input_->front();
  if (records == nullptr || front.size() < records->header_bytes) return;
  std::vector<Packet>& packets = filling.batch->packets;
  packets.reserve(PacketBatch::kMaxPackets);
  const std::uint64_t offset = input_->offset();
  std::size_t used = 0;
  while (packets.size() < PacketBatch::kMaxPackets) {
    Packet& packet = packets.emplace_back();
    const std::size_t bytes = records->read(front.subspan(used), packet);
    if (bytes == 0 || !filling.has_room(packets.size() - 1, packet.bytes.size(), offset + used)) {
      packets.pop_back();
      break;
    }
    stamp(packet, offset + used);
    filling.bytes += packet.bytes.size();
    used += bytes;
  }
  if (used == 0) return;
  input_->hold();
  input_->advance(used);
}

// What is said beside the packets may have moved while it grew: its views are set at the end.
model::PacketBatchPtr FileSource::finish(Filling& filling) {
  PacketBatch& batch = *filling.batch;
  const base::Bytes note_bytes(batch.note_bytes);
  for (const auto& place : filling.options) {
    batch.packets[place.of].options = note_bytes.subspan(place.offset, place.len_bytes);
  }
  for (const auto& place : filling.notes) {
    batch.notes[place.of].bytes = note_bytes.subspan(place.offset, place.len_bytes);
  }
  batch.backing = input_->take_backing();
  return std::move(filling.batch);
}

Input::Fill FileSource::need(std::size_t bytes, int timeout_ms) {
  const auto filled = input_->fill(bytes, timeout_ms);
  const bool at_end = !filled || *filled == Input::Fill::kEnd;
  if (at_end && input_->stopped()) {
    ended_ = true;
    return Input::Fill::kEnd;
  }
  if (!filled) {
    failure_ = Error{filled.error().code, fmt::format("{}; {} packets before it are good",
                                                      filled.error().message, count_)};
    return Input::Fill::kEnd;
  }
  if (*filled == Input::Fill::kEnd) {
    if (input_->missing() > 0 || !input_->front().empty())
      failure_ = ends_early(bytes);
    else
      ended_ = true;
  }
  return *filled;
}

base::Status FileSource::read_headers() {
  constexpr int kMostBlocks = 64;
  for (int i = 0; i < kMostBlocks; ++i) {
    const Step step = format_->next(input_->front(), packet_);
    if (step.kind == Step::Kind::kBroken) return located(format_->problem());
    if (step.kind == Step::Kind::kNeed) break;
    if (step.kind == Step::Kind::kPacket || step.dropped > 0 || (step.noted && !add_note(early_))) {
      held_ = step;
      break;
    }
    early_.batch->notes_left_out += step.left_out;
    input_->advance(step.bytes);
  }
  return base::ok_status();
}

Error FileSource::located(const Error& error) const {
  return {error.code, fmt::format("{}: byte {}: {}; {} packets before it are good", name_,
                                  input_->offset(), error.message, count_)};
}

Error FileSource::ends_early(std::uint64_t wanted) const {
  const std::uint64_t here = input_->front().size();
  return {ErrorCode::kTruncated,
          fmt::format("{}: byte {}: the file ends inside a record ({} more bytes were expected); "
                      "{} packets before it are good. Was the capture or the copy interrupted?",
                      name_, input_->offset(),
                      input_->missing() > 0 ? input_->missing() : wanted - here, count_)};
}

std::string first_bytes(base::Bytes front) {
  std::string out;
  for (const std::uint8_t byte : front.first(std::min<std::size_t>(4, front.size())))
    out += fmt::format("{}{:02x}", out.empty() ? "" : " ", byte);
  return out;
}

}  // namespace

base::Result<std::unique_ptr<PacketSource>> open_input(std::unique_ptr<Input> input,
                                                       std::string name, std::uint32_t source) {
  constexpr int kForever = -1;
  const auto filled = input->fill(kMagicBytes, kForever);
  if (!filled) return filled.error();
  if (input->front().empty()) return Error{ErrorCode::kTruncated, name + ": the file is empty"};
  auto format = make_format(input->front());
  if (format == nullptr)
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: byte 0: not a capture file (it begins with {}); pcap, pcapng and "
                             "snoop are read, also inside gzip or zstd",
                             name, first_bytes(input->front()))};
  auto file =
      std::make_unique<FileSource>(std::move(name), std::move(input), std::move(format), source);
  const base::Status headers = file->read_headers();
  if (!headers) return headers.error();
  return std::unique_ptr<PacketSource>(std::move(file));
}

base::Result<std::unique_ptr<PacketSource>> open_bytes(base::Bytes bytes, std::string name,
                                                       std::uint32_t source) {
  return open_input(make_memory_input(bytes), std::move(name), source);
}

base::Result<std::unique_ptr<PacketSource>> open_reader(std::unique_ptr<base::ByteReader> reader,
                                                        int poll_fd, std::string name,
                                                        std::uint32_t source) {
  return open_input(make_stream_input(std::move(reader), poll_fd), std::move(name), source);
}

}  // namespace netwatch::capture
