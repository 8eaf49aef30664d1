// Decompression of what a ByteReader reads. Gzip: RFC 1952; Zstandard: RFC 8878.
#include "base/byte_reader.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace netwatch::base {
namespace {

constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kInputBytes = std::size_t{64} << 10;
constexpr int kWindowLogMax = 27;  // zstd: 128 MiB

bool starts_like_gzip(Bytes b) {
  return b.size() >= 3 && b[0] == 0x1F && b[1] == 0x8B && b[2] == 8;
}

bool starts_like_zstd(Bytes b) {
  if (b.size() < kMagicBytes) return false;
  if (b[0] == 0x28 && b[1] == 0xB5 && b[2] == 0x2F && b[3] == 0xFD) return true;
  return (b[0] & 0xF0) == 0x50 && b[1] == 0x2A && b[2] == 0x4D && b[3] == 0x18;  // skippable
}

// The stored bytes behind a decoder: a refilled buffer that knows its offset.
class Input {
 public:
  explicit Input(std::unique_ptr<ByteReader> stored) : stored_(std::move(stored)) {}

  // Makes sure of `wanted` bytes (at most kInputBytes) unless the input ends before.
  Status fill(std::size_t wanted) {
    if (size() >= wanted || ended_) return ok_status();
    if (buffer_.empty()) buffer_.resize(kInputBytes);
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(first_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(last_), buffer_.begin());
    last_ -= first_;
    first_ = 0;
    while (last_ < wanted && !ended_) {
      const auto got = stored_->read(std::span(buffer_).subspan(last_));
      if (!got.ok()) return got.error();
      ended_ = *got == 0;
      last_ += *got;
    }
    return ok_status();
  }
  [[nodiscard]] Bytes rest() const { return Bytes(buffer_).subspan(first_, size()); }
  [[nodiscard]] std::size_t size() const { return last_ - first_; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  void consume(std::size_t n) {
    first_ += n;
    offset_ += n;
  }
  [[nodiscard]] ByteReader& stored() { return *stored_; }

 private:
  std::unique_ptr<ByteReader> stored_;
  std::vector<std::uint8_t> buffer_;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
  std::uint64_t offset_ = 0;
  bool ended_ = false;
};

// What is not compressed: what detection has read ahead, then the rest untouched.
class PlainReader final : public ByteReader {
 public:
  explicit PlainReader(Input input) : input_(std::move(input)) {}

  Result<std::size_t> read(std::span<std::uint8_t> out) override {
    if (out.empty()) return std::size_t{0};
    const std::size_t ahead = std::min(input_.size(), out.size());
    if (ahead == 0) return input_.stored().read(out);
    std::copy_n(input_.rest().begin(), ahead, out.begin());
    input_.consume(ahead);
    return ahead;
  }
  [[nodiscard]] const char* encoding() const override { return "plain"; }

 private:
  Input input_;
};

// The common part of the decoders: remembers how the input ended.
class Decompressor : public ByteReader {
 public:
  explicit Decompressor(Input input) : input_(std::move(input)) {}

  Result<std::size_t> read(std::span<std::uint8_t> out) final {
    if (out.empty()) return std::size_t{0};
    std::size_t made = 0;
    while (made == 0 && !ended_ && !error_) made = step(out);
    if (made > 0) return made;
    if (error_) return *error_;
    return std::size_t{0};
  }

 protected:
  // Decodes some input into `out` and says how much came of it; may call fail() or end().
  virtual std::size_t step(std::span<std::uint8_t> out) = 0;

  void end() { ended_ = true; }
  std::size_t fail(Error error) {
    error_ = std::move(error);
    return 0;
  }
  std::size_t fail(ErrorCode code, std::string_view what) {
    std::string message(encoding());
    message += " data at byte ";
    message += std::to_string(input_.offset());
    message += ": ";
    message += what;
    return fail(Error{code, std::move(message)});
  }

  Input input_;  // NOLINT(*-non-private-member-*)

 private:
  std::optional<Error> error_;
  bool ended_ = false;
};

class GzipReader final : public Decompressor {
 public:
  explicit GzipReader(Input input) : Decompressor(std::move(input)) {}
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;
  ~GzipReader() override {
    if (ready_) inflateEnd(&stream_);
  }

  [[nodiscard]] const char* encoding() const override { return "gzip"; }

 protected:
  std::size_t step(std::span<std::uint8_t> out) override {
    if (!in_member_ && !start_member()) return 0;
    if (auto filled = input_.fill(1); !filled.ok()) return fail(filled.error());
    if (input_.size() == 0) return fail(ErrorCode::kTruncated, "ends inside a member");
    const Bytes in = input_.rest();
    stream_.next_in = const_cast<Bytef*>(in.data());
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = out.data();
    const std::size_t room = std::min<std::size_t>(out.size(), kLargestStep);
    stream_.avail_out = static_cast<uInt>(room);
    const int verdict = inflate(&stream_, Z_NO_FLUSH);
    input_.consume(in.size() - stream_.avail_in);
    if (verdict == Z_STREAM_END) {
      in_member_ = false;
    } else if (verdict != Z_OK && verdict != Z_BUF_ERROR) {
      fail(ErrorCode::kInvalid, stream_.msg != nullptr ? stream_.msg : "cannot be inflated");
    }
    return room - stream_.avail_out;
  }

 private:
  static constexpr std::size_t kLargestStep = std::size_t{1} << 30;

  // Whether another member follows. Zeros after the last one are padding (tapes, block devices).
  bool start_member() {
    if (auto filled = input_.fill(3); !filled.ok()) return fail(filled.error()) > 0;
    if (!starts_like_gzip(input_.rest())) {
      check_padding();
      return false;
    }
    const int verdict = ready_ ? inflateReset(&stream_) : inflateInit2(&stream_, 15 + 16);
    if (verdict != Z_OK) return fail(ErrorCode::kLimit, "no memory to inflate with") > 0;
    ready_ = true;
    in_member_ = true;
    return true;
  }
  void check_padding() {
    while (input_.size() > 0) {
      const Bytes rest = input_.rest();
      const auto odd = std::find_if(rest.begin(), rest.end(), [](auto b) { return b != 0; });
      input_.consume(static_cast<std::size_t>(odd - rest.begin()));
      if (input_.size() > 0) {
        fail(ErrorCode::kInvalid, "something follows the last member that is not gzip");
        return;
      }
      if (auto filled = input_.fill(1); !filled.ok()) {
        fail(filled.error());
        return;
      }
    }
    end();
  }

  z_stream stream_{};
  bool ready_ = false;
  bool in_member_ = false;
};

struct FreeZstd {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

class ZstdReader final : public Decompressor {
 public:
  explicit ZstdReader(Input input) : Decompressor(std::move(input)), context_(ZSTD_createDCtx()) {
    if (context_ != nullptr) {
      ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLogMax);
    }
  }

  [[nodiscard]] const char* encoding() const override { return "zstd"; }

 protected:
  std::size_t step(std::span<std::uint8_t> out) override {
    if (context_ == nullptr) return fail(ErrorCode::kLimit, "no memory to decompress with");
    // Output may be waiting inside the decoder although all its input has been taken.
    if (!flushing_) {
      if (auto filled = input_.fill(1); !filled.ok()) return fail(filled.error());
      if (input_.size() == 0) {
        if (in_frame_) return fail(ErrorCode::kTruncated, "ends inside a frame");
        end();
        return 0;
      }
    }
    // One block at a time: an error takes with it whatever the same call has made.
    const Bytes rest = input_.rest();
    ZSTD_inBuffer in{rest.data(), std::min(rest.size(), block_bytes_), 0};
    ZSTD_outBuffer made{out.data(), out.size(), 0};
    const std::size_t verdict = ZSTD_decompressStream(context_.get(), &made, &in);
    input_.consume(in.pos);
    if (ZSTD_isError(verdict) != 0) {
      fail(ErrorCode::kInvalid, ZSTD_getErrorName(verdict));
    } else {
      in_frame_ = verdict != 0;
      block_bytes_ = in_frame_ ? verdict : kFrameStartBytes;
      flushing_ = in_frame_ && made.pos == made.size;
    }
    return made.pos;
  }

 private:
  std::unique_ptr<ZSTD_DCtx, FreeZstd> context_;
  static constexpr std::size_t kFrameStartBytes = 5;  // magic and descriptor

  std::size_t block_bytes_ = kFrameStartBytes;  // what the decoder wants next
  bool in_frame_ = false;
  bool flushing_ = false;
};

}  // namespace

bool is_compressed(Bytes front) { return starts_like_gzip(front) || starts_like_zstd(front); }

Result<std::unique_ptr<ByteReader>> detect_compression(std::unique_ptr<ByteReader> stored) {
  Input input(std::move(stored));
  if (auto filled = input.fill(kMagicBytes); !filled.ok()) return filled.error();
  std::unique_ptr<ByteReader> reader;
  if (starts_like_gzip(input.rest())) {
    reader = std::make_unique<GzipReader>(std::move(input));
  } else if (starts_like_zstd(input.rest())) {
    reader = std::make_unique<ZstdReader>(std::move(input));
  } else {
    reader = std::make_unique<PlainReader>(std::move(input));
  }
  return reader;
}

Result<std::size_t> read_fully(ByteReader& reader, std::span<std::uint8_t> out) {
  std::size_t have = 0;
  while (have < out.size()) {
    const auto got = reader.read(out.subspan(have));
    if (!got.ok()) {
      if (have > 0) break;
      return got.error();
    }
    if (*got == 0) break;
    have += *got;
  }
  return have;
}

}  // namespace netwatch::base
