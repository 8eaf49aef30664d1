// Blocks and options: draft-ietf-opsawg-pcapng, sections 3 and 4; always little-endian.
#include "record/pcapng_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "wire/pcapng_options.h"

namespace netwatch::record {
namespace {

constexpr std::uint32_t kSectionBlock = 0x0A0D0D0A;
constexpr std::uint32_t kInterfaceBlock = 1;
constexpr std::uint32_t kEnhancedPacketBlock = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1A2B3C4D;
constexpr std::uint16_t kEndOfOptions = 0;
constexpr std::uint16_t kUserApplication = 4;  // of a section
constexpr std::uint16_t kTimeResolution = 9;   // of an interface
constexpr std::uint16_t kPacketFlags = 2;      // of a packet
constexpr std::size_t kBufferBytes = std::size_t{256} << 10;
// Of all interfaces of all files.
constexpr std::size_t kMaxDescriptionBytes = std::size_t{16} << 20;
// Longest option value written; the format's own limit is 65535.
constexpr std::size_t kLongestOption = 1024;

// Appends one block; its length is filled in at the end.
class Block {
 public:
  Block(std::string& out, std::uint32_t type) : out_(out), start_(out.size()) {
    le(type, 4);
    le(0, 4);
  }

  void le(std::uint64_t value, std::size_t bytes) {
    char raw[8];
    for (std::size_t i = 0; i < bytes; ++i, value >>= 8) raw[i] = static_cast<char>(value);
    out_.append(raw, bytes);
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

struct InterfaceKey {
  std::uint32_t source;
  std::uint32_t ifindex;
  std::uint16_t linktype;
  friend bool operator==(const InterfaceKey&, const InterfaceKey&) = default;
};

struct InterfaceHash {
  std::size_t operator()(const InterfaceKey& key) const noexcept {
    const std::uint64_t both = (std::uint64_t{key.source} << 32) ^ key.ifindex;
    return static_cast<std::size_t>(
        (both ^ (std::uint64_t{key.linktype} << 48)) * 0x9E3779B97F4A7C15ULL >> 7);
  }
};

base::Error os_error(const std::string& what) { return base::errno_error(errno, what); }

}  // namespace

struct PcapngWriter::Impl {
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { abandon(); }

  base::Status open(const std::string& path) {
    name = path;
    if (path == "-") {
      name = "standard output";
      fd = ::dup(STDOUT_FILENO);
      return fd < 0 ? base::Status(os_error(name)) : base::ok_status();
    }
    struct stat existing{};
    const bool exists = ::stat(path.c_str(), &existing) == 0;
    if (exists && S_ISDIR(existing.st_mode)) {
      return base::Error{base::ErrorCode::kInvalid, path + ": is a directory"};
    }
    if (exists && !S_ISREG(existing.st_mode)) {
      fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      return fd < 0 ? base::Status(os_error(path)) : base::ok_status();
    }
    final_path = path;
    // A symbolic link stays one: its target is what gets replaced.
    if (char* const resolved = exists ? ::realpath(path.c_str(), nullptr) : nullptr) {
      final_path = resolved;
      std::free(resolved);
    }
    std::string temporary = final_path + ".XXXXXX";
    fd = ::mkostemp(temporary.data(), O_CLOEXEC);  // mode 0600
    if (fd < 0) return os_error(path);
    temporary_path = std::move(temporary);
    // Who may read what was there may read what replaces it, and nobody else.
    if (exists && ::fchmod(fd, existing.st_mode & 0777) != 0) return os_error(path);
    return base::ok_status();
  }

  void begin_section() {
    if (std::exchange(section_begun, true)) return;
    Block block(buffer, kSectionBlock);
    block.le(kByteOrderMagic, 4);
    block.le(1, 2);
    block.le(0, 2);
    block.le(std::numeric_limits<std::uint64_t>::max(), 8);  // length of the section: unknown
    block.raw(section_options);
    if (!application.empty()) block.option(kUserApplication, application);
    if (!application.empty() || !section_options.empty()) block.option(kEndOfOptions, {});
    block.end();
  }

  std::uint32_t interface_of(const InterfaceKey& key) {
    if (last && last->first == key) return last->second;
    const auto next_id = static_cast<std::uint32_t>(interfaces.size());
    const auto [place, is_new] = interfaces.try_emplace(key, next_id);
    if (is_new) {
      Block block(buffer, kInterfaceBlock);
      const auto described = descriptions.find(key);
      block.le(key.linktype, 2);
      block.le(0, 2);
      block.le(described == descriptions.end() ? 0 : described->second.snaplen, 4);
      if (described != descriptions.end()) block.raw(described->second.options);
      block.option(kTimeResolution, "\x09");
      block.option(kEndOfOptions, {});
      block.end();
    }
    last = *place;
    return place->second;
  }

  void write_packet(const model::Packet& packet) {
    begin_section();
    const std::uint32_t id = interface_of({packet.source, packet.ifindex, packet.linktype});
    const auto captured = static_cast<std::uint32_t>(packet.bytes.size());
    const auto time_ns = static_cast<std::uint64_t>(std::max<base::TimeNs>(packet.time_ns, 0));
    Block block(buffer, kEnhancedPacketBlock);
    block.le(id, 4);
    block.le(time_ns >> 32, 4);
    block.le(time_ns & 0xFFFFFFFF, 4);
    block.le(captured, 4);
    block.le(std::max(packet.wire_len, captured), 4);
    block.padded(base::as_text(packet.bytes));
    const bool flags = packet.direction != model::PacketDirection::kUnknown &&
                       !wire::pcapng::has_option(packet.options, kPacketFlags);
    if (flags) {
      const bool inbound = packet.direction == model::PacketDirection::kInbound;
      block.option(kPacketFlags, std::string_view(inbound ? "\1\0\0\0" : "\2\0\0\0", 4));
    }
    block.raw(packet.options);
    if (flags || !packet.options.empty()) block.option(kEndOfOptions, {});
    block.end();
  }

  void write_note(const model::CaptureNote& note) {
    using Kind = model::CaptureNote::Kind;
    if (note.kind == Kind::kSection) {
      // The first one's; ours is written when the first block is due.
      if (!section_begun && section_options.empty()) section_options = text_of(note.bytes);
      return;
    }
    const InterfaceKey key{note.source, note.ifindex, note.linktype};
    if (note.kind == Kind::kInterface) {
      describe(key, note);
      return;
    }
    begin_section();
    const std::uint32_t id = note.kind == Kind::kStatistics ? interface_of(key) : 0;
    Block block(buffer, note.block_type);
    if (note.kind == Kind::kStatistics) {
      const auto time_ns = static_cast<std::uint64_t>(std::max<base::TimeNs>(note.time_ns, 0));
      block.le(id, 4);
      block.le(time_ns >> 32, 4);
      block.le(time_ns & 0xFFFFFFFF, 4);
      block.raw(note.bytes);
      block.option(kEndOfOptions, {});
    } else {
      block.padded(base::as_text(note.bytes));
    }
    block.end();
  }

  // Beyond their budget interfaces keep their snaplen only.
  void describe(const InterfaceKey& key, const model::CaptureNote& note) {
    const bool fits = note.bytes.size() <= kMaxDescriptionBytes - description_bytes;
    if (fits) description_bytes += note.bytes.size();
    descriptions[key] = {note.snaplen, fits ? text_of(note.bytes) : std::string()};
  }

  static std::string text_of(base::Bytes bytes) { return std::string(base::as_text(bytes)); }

  base::Status flush() {
    if (failure) return *failure;
    std::string_view rest = buffer;
    while (!rest.empty()) {
      const ssize_t written = ::write(fd, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return fail(os_error(name));
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer.clear();
    return base::ok_status();
  }

  base::Status finish() {
    if (failure) return *failure;
    if (fd < 0) return base::ok_status();
    begin_section();
    if (auto flushed = flush(); !flushed.ok()) return flushed;
    // Some file systems find out only here that there is no room.
    if (!temporary_path.empty() && ::fsync(fd) != 0) return fail(os_error(name));
    if (::close(std::exchange(fd, -1)) != 0) return fail(os_error(name));
    if (!temporary_path.empty()) {
      if (::rename(temporary_path.c_str(), final_path.c_str()) != 0) return fail(os_error(name));
      temporary_path.clear();
    }
    return base::ok_status();
  }

  base::Status fail(base::Error error) {
    failure = std::move(error);
    abandon();
    return *failure;
  }

  void abandon() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
    if (!temporary_path.empty()) ::unlink(temporary_path.c_str());
    temporary_path.clear();
  }

  int fd = -1;
  std::string name;
  std::string final_path;
  std::string temporary_path;  // empty when written in place
  std::string buffer;
  std::optional<base::Error> failure;
  std::string application;
  std::string section_options;  // of the first section that was read
  bool section_begun = false;
  std::size_t description_bytes = 0;
  struct Description {
    std::uint32_t snaplen = 0;
    std::string options;
  };
  std::unordered_map<InterfaceKey, Description, InterfaceHash> descriptions;
  std::unordered_map<InterfaceKey, std::uint32_t, InterfaceHash> interfaces;
  std::optional<std::pair<InterfaceKey, std::uint32_t>> last;  // of the packet before
};

base::Result<PcapngWriter> PcapngWriter::create(const std::string& path,
                                                const std::string& application) {
  auto impl = std::make_unique<Impl>();
  if (auto opened = impl->open(path); !opened.ok()) return opened.error();
  impl->buffer.reserve(kBufferBytes);
  impl->application = std::move(application);
  return PcapngWriter(std::move(impl));
}

PcapngWriter::PcapngWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PcapngWriter::PcapngWriter(PcapngWriter&&) noexcept = default;
PcapngWriter& PcapngWriter::operator=(PcapngWriter&&) noexcept = default;
PcapngWriter::~PcapngWriter() = default;

base::Status PcapngWriter::write(const model::Packet& packet) {
  if (impl_->failure) return *impl_->failure;
  if (impl_->fd < 0) return base::Error{base::ErrorCode::kInvalid, impl_->name + ": is closed"};
  if (packet.bytes.size() > std::numeric_limits<std::uint32_t>::max() - kBufferBytes) {
    return base::Error{base::ErrorCode::kLimit, impl_->name + ": a packet beyond 4 GiB"};
  }
  impl_->write_packet(packet);
  return impl_->buffer.size() < kBufferBytes ? base::ok_status() : impl_->flush();
}

base::Status PcapngWriter::write(const model::CaptureNote& note) {
  if (impl_->failure) return *impl_->failure;
  if (impl_->fd < 0) return base::Error{base::ErrorCode::kInvalid, impl_->name + ": is closed"};
  impl_->write_note(note);
  return impl_->buffer.size() < kBufferBytes ? base::ok_status() : impl_->flush();
}

base::Status PcapngWriter::flush() {
  if (!impl_->failure && impl_->fd >= 0) impl_->begin_section();
  return impl_->flush();
}
base::Status PcapngWriter::close() { return impl_->finish(); }

}  // namespace netwatch::record
