#include "record/pcapng_writer.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <deque>
#include <limits>
#include <optional>
#include <utility>

#include "record/output_file.h"
#include "record/pcapng_encoder.h"
#include "wire/pcap_format.h"

namespace netwatch::record {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{256} << 10;
// Of notes before the first packet, whose time is part of a file's name.
constexpr std::size_t kUnnamedBytes = std::size_t{4} << 20;

// An enhanced packet block, and the end of its options.
std::uint64_t block_bytes(const model::Packet& packet) {
  namespace pcapng = wire::pcapng;
  constexpr std::uint64_t kFlagsAndEnd = 12;
  return pcapng::kBlockOverheadBytes + pcapng::kEnhancedBodyBytes +
         pcapng::padded(packet.bytes.size()) + packet.options.size() + kFlagsAndEnd;
}

// Any two times: a damaged one may be anywhere.
std::uint64_t distance(base::TimeNs one, base::TimeNs two) {
  const auto a = static_cast<std::uint64_t>(one);
  const auto b = static_cast<std::uint64_t>(two);
  return one < two ? b - a : a - b;
}

// A number of an inode may have been given to another file since.
bool same(const struct stat& one, const struct stat& two) {
  return one.st_dev == two.st_dev && one.st_ino == two.st_ino && one.st_size == two.st_size &&
         one.st_mtim.tv_sec == two.st_mtim.tv_sec && one.st_mtim.tv_nsec == two.st_mtim.tv_nsec;
}

// a/b.pcapng with the number and time of one file.
std::string numbered(const std::string& path, std::uint64_t number,
                     std::optional<base::TimeNs> time_ns) {
  const std::size_t name = path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1;
  std::size_t dot = path.rfind('.');
  if (dot == std::string::npos || dot <= name) dot = path.size();
  std::string out = path.substr(0, dot) + fmt::format("_{:05}", number);
  if (time_ns) {
    const auto seconds = static_cast<std::time_t>(*time_ns / base::kNsPerSecond);
    std::tm utc{};
    if (::gmtime_r(&seconds, &utc) != nullptr) out += fmt::format("_{:%Y%m%dT%H%M%SZ}", utc);
  }
  return out + path.substr(dot);
}

}  // namespace

struct PcapngWriter::Impl {
  Impl(std::string application, const Rotation& wanted, std::optional<FileOwner> wanted_owner)
      : encoder(std::move(application), wanted.divides()), rotation(wanted), owner(wanted_owner) {}

  base::Status begin(const std::string& wanted) {
    path = wanted;
    buffer.reserve(kBufferBytes);
    if (!rotation.divides()) return file.open(path, OutputFile::Replace::kYes, owner);
    struct stat there{};
    const bool special = ::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode);
    if (path == "-" || special) {
      return base::Error{base::ErrorCode::kInvalid,
                         (path == "-" ? "standard output" : path) +
                             ": files that follow each other need the name of a file"};
    }
    return base::ok_status();  // its name has the time of its first packet
  }

  template <typename Item>
  base::Status write(const Item& item) {
    if (failure) return *failure;
    if (closed) return base::Error{base::ErrorCode::kInvalid, path + ": is closed"};
    encoder.append(buffer, item);
    const bool unnamed = rotation.divides() && packets_in_file == 0 && !file.is_open();
    return buffer.size() < (unnamed ? kUnnamedBytes : kBufferBytes) ? base::ok_status() : flush();
  }

  // Before a packet is written.
  base::Status make_way(const model::Packet& packet) {
    if (failure) return *failure;
    if (closed || packets_in_file == 0 || !is_full(packet)) return base::ok_status();
    if (auto done = finish_file(); !done.ok()) return done;
    encoder.begin_file();
    return base::ok_status();
  }

  // What each file says again does not count: it may be more than a file may hold.
  [[nodiscard]] bool is_full(const model::Packet& packet) const {
    const auto bytes =
        bytes_in_file + buffer.size() - encoder.repeated_in_file() + block_bytes(packet);
    return (rotation.max_bytes != 0 && bytes > rotation.max_bytes) ||
           (rotation.max_packets != 0 && packets_in_file >= rotation.max_packets) ||
           (rotation.duration_ns != 0 && is_far(packet.time_ns, rotation.duration_ns)) ||
           (rotation.interval_ns != 0 && (slot(packet.time_ns) > slot(first_ns) ||
                                          is_far(packet.time_ns, rotation.interval_ns)));
  }

  [[nodiscard]] base::TimeNs slot(base::TimeNs time) const { return time / rotation.interval_ns; }

  // Back, too: after one time in the future no other would be late enough any more.
  [[nodiscard]] bool is_far(base::TimeNs time, base::TimeNs period) const {
    return distance(time, first_ns) >= static_cast<std::uint64_t>(period);
  }

  base::Status flush() {
    if (failure) return *failure;
    if (closed || (buffer.empty() && file.is_open())) return base::ok_status();
    if (!file.is_open()) {
      const auto time = packets_in_file > 0 ? std::optional(first_ns) : std::nullopt;
      auto opened = file.open(numbered(path, ++files, time), OutputFile::Replace::kNever, owner);
      if (!opened.ok()) return fail(opened.error());
    }
    if (auto written = file.write(buffer); !written.ok()) return fail(written.error());
    bytes_in_file += buffer.size();
    packets_flushed = packets;
    buffer.clear();
    return base::ok_status();
  }

  base::Status finish_file() {
    encoder.begin_section(buffer);
    if (on_file_end) {
      if (auto written = on_file_end(); !written.ok()) return written;
    }
    if (auto flushed = flush(); !flushed.ok()) return flushed;
    if (auto done = file.commit(); !done.ok()) return fail(done.error());
    packets_in_file = 0;
    bytes_in_file = 0;
    return rotation.keep_files == 0 ? base::ok_status() : forget_oldest();
  }

  // Only once the newest is complete: at no time are fewer than the wanted ones there.
  base::Status forget_oldest() {
    struct stat about{};
    if (::stat(file.final_path().c_str(), &about) != 0) return base::ok_status();
    made.push_back({file.final_path(), about});
    while (made.size() > rotation.keep_files) {
      const Made& oldest = made.front();
      // What somebody else put in its place is not ours to delete.
      const bool ours = ::lstat(oldest.path.c_str(), &about) == 0 && same(oldest.about, about);
      if (ours && ::unlink(oldest.path.c_str()) != 0) {
        return fail(base::errno_error(errno, oldest.path));
      }
      made.pop_front();
    }
    return base::ok_status();
  }

  base::Status close() {
    if (failure) return *failure;
    if (closed) return base::ok_status();
    auto done = finish_file();
    closed = true;
    return done;
  }

  base::Status fail(base::Error error) {
    failure = std::move(error);
    file.abandon();
    return *failure;
  }

  struct Made {
    std::string path;
    struct stat about;
  };

  std::string path;
  PcapngEncoder encoder;
  Rotation rotation;
  std::optional<FileOwner> owner;
  OutputFile file;
  std::string buffer;
  std::optional<base::Error> failure;
  bool closed = false;
  std::uint64_t files = 0;
  std::uint64_t packets = 0;  // in all files and the buffer
  std::uint64_t packets_flushed = 0;
  std::uint64_t packets_in_file = 0;
  std::uint64_t bytes_in_file = 0;  // without the buffer
  base::TimeNs first_ns = 0;        // of the file's first packet
  bool way_made = false;            // for the packet that comes next
  std::deque<Made> made;            // at most keep_files
  std::function<base::Status()> on_file_end;
};

base::Result<PcapngWriter> PcapngWriter::create(const std::string& path, std::string application,
                                                const Rotation& rotation,
                                                std::optional<FileOwner> owner) {
  auto impl = std::make_unique<Impl>(std::move(application), rotation, owner);
  if (auto opened = impl->begin(path); !opened.ok()) return opened.error();
  return PcapngWriter(std::move(impl));
}

PcapngWriter::PcapngWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PcapngWriter::PcapngWriter(PcapngWriter&&) noexcept = default;
PcapngWriter& PcapngWriter::operator=(PcapngWriter&&) noexcept = default;
PcapngWriter::~PcapngWriter() = default;

base::Status PcapngWriter::write(const model::Packet& packet) {
  if (packet.bytes.size() > std::numeric_limits<std::uint32_t>::max() - kBufferBytes) {
    return base::Error{base::ErrorCode::kLimit, impl_->path + ": a packet beyond 4 GiB"};
  }
  if (!std::exchange(impl_->way_made, false)) {
    if (auto way = impl_->make_way(packet); !way.ok()) return way;
  }
  if (impl_->packets_in_file++ == 0) impl_->first_ns = packet.time_ns;
  ++impl_->packets;
  return impl_->write(packet);
}

void PcapngWriter::on_file_end(std::function<base::Status()> write_notes) {
  impl_->on_file_end = std::move(write_notes);
}

base::Status PcapngWriter::make_way(const model::Packet& packet) {
  impl_->way_made = true;
  return impl_->make_way(packet);
}

base::Status PcapngWriter::write(const model::CaptureNote& note) { return impl_->write(note); }

base::Status PcapngWriter::flush() {
  if (impl_->rotation.divides() && impl_->packets_in_file == 0) return base::ok_status();
  if (!impl_->failure && !impl_->closed) impl_->encoder.begin_section(impl_->buffer);
  return impl_->flush();
}

base::Status PcapngWriter::close() { return impl_->close(); }

std::uint64_t PcapngWriter::packets_flushed() const { return impl_->packets_flushed; }

OutputNeeds PcapngWriter::needs() const {
  OutputNeeds out;
  if (impl_->file.is_open() && impl_->file.in_place()) {
    out.written_fd = impl_->file.fd();
    return out;
  }
  const bool rotates = impl_->rotation.divides();
  const std::string& path = rotates ? impl_->path : impl_->file.final_path();
  const std::size_t slash = path.rfind('/');
  out.folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  out.makes_files = rotates;
  return out;
}

std::uint64_t PcapngWriter::not_repeated() const { return impl_->encoder.not_repeated(); }

}  // namespace netwatch::record
