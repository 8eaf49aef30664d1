#include "base/byte_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>

#include "base/bytes.h"

namespace netwatch::base {
namespace {

// Text that compresses, but not to nothing.
std::string sample_text(std::size_t size) {
  std::mt19937 random(3);
  std::string text;
  while (text.size() < size) text += "line " + std::to_string(random() % 9973) + "\n";
  text.resize(size);
  return text;
}

std::string gzip(std::string_view plain) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, plain.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
  return out;
}

// Stored bytes in memory, handed out in small pieces; an error where the script says so.
class ScriptedReader final : public ByteReader {
 public:
  ScriptedReader(std::string data, std::size_t piece, bool breaks = false)
      : data_(std::move(data)), piece_(piece), breaks_(breaks) {}

  Result<std::size_t> read(std::span<std::uint8_t> out) override {
    const std::size_t n = std::min({piece_, out.size(), data_.size() - at_});
    if (n == 0 && breaks_) return Error{ErrorCode::kIo, "disk on fire"};
    std::copy_n(data_.begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
    at_ += n;
    return n;
  }
  [[nodiscard]] const char* encoding() const override { return "plain"; }

 private:
  std::string data_;
  std::size_t piece_;
  bool breaks_;
  std::size_t at_ = 0;
};

struct Outcome {
  std::string encoding;
  std::string text;
  std::string error;
  ErrorCode code{};
};

Outcome drain(ByteReader& reader, std::size_t piece) {
  Outcome outcome{reader.encoding(), {}, {}, {}};
  std::vector<std::uint8_t> buffer(piece);
  while (true) {
    const auto got = reader.read(buffer);
    if (!got.ok()) {
      outcome.error = got.error().message;
      outcome.code = got.error().code;
      EXPECT_EQ(reader.read(buffer).error().message, outcome.error);  // stays failed
      return outcome;
    }
    if (*got == 0) {
      EXPECT_EQ(*reader.read(buffer), 0U);  // stays at its end
      return outcome;
    }
    outcome.text += as_text(Bytes(buffer).first(*got));
  }
}

Outcome read_stored(std::string stored, std::size_t in_piece = 1000, std::size_t out_piece = 777,
                    bool breaks = false) {
  auto reader =
      detect_compression(std::make_unique<ScriptedReader>(std::move(stored), in_piece, breaks));
  if (!reader.ok()) return {"", "", reader.error().message, reader.error().code};
  return drain(**reader, out_piece);
}

TEST(ByteReader, DecodesEveryEncodingInAnyPieces) {
  const std::string plain = sample_text(300'000);
  const std::string skippable = "\x53\x2a\x4d\x18\x03" + std::string(3, '\0') + "abc";
  const struct {
    std::string encoding;
    std::string stored;
    std::string text;
  } cases[] = {
      {"plain", plain, plain},
      {"plain", "", ""},
      {"plain", "\x1f", "\x1f"},
      {"plain", "\x1f\x8b", "\x1f\x8b"},
      {"gzip", gzip(plain), plain},
      {"gzip", gzip(""), ""},
      {"gzip", gzip("one ") + gzip("") + gzip("two"), "one two"},
      {"gzip", gzip("padded") + std::string(200'000, '\0'), "padded"},
      {"zstd", zstd(plain), plain},
      {"zstd", zstd("one ") + skippable + zstd("two"), "one two"},
      {"zstd", skippable + zstd("late"), "late"},
  };
  for (const auto& c : cases) {
    for (const std::size_t in_piece : {std::size_t{1}, std::size_t{1000}, std::size_t{1} << 20}) {
      for (const std::size_t out_piece : {std::size_t{3}, std::size_t{65536}}) {
        const Outcome outcome = read_stored(c.stored, in_piece, out_piece);
        EXPECT_EQ(outcome.encoding, c.encoding);
        EXPECT_EQ(outcome.error, "");
        EXPECT_TRUE(outcome.text == c.text) << c.encoding << " " << outcome.text.size();
      }
    }
  }
}

TEST(ByteReader, TruncationIsAnErrorAfterTheBytesThatAreThere) {
  const std::string plain = sample_text(600'000);
  for (const std::string& whole : {gzip(plain), zstd(plain)}) {
    const Outcome outcome = read_stored(whole.substr(0, whole.size() * 3 / 4));
    EXPECT_EQ(outcome.code, ErrorCode::kTruncated);
    EXPECT_NE(outcome.error.find(std::to_string(whole.size() * 3 / 4)), std::string::npos)
        << outcome.error;
    EXPECT_GT(outcome.text.size(), plain.size() / 2);
    EXPECT_TRUE(plain.starts_with(outcome.text));
  }
  EXPECT_EQ(read_stored(gzip("x").substr(0, 12)).code, ErrorCode::kTruncated);
}

TEST(ByteReader, DamageIsAnErrorAfterTheBytesBeforeIt) {
  const std::string plain = sample_text(600'000);
  for (std::string stored : {gzip(plain), zstd(plain)}) {
    for (std::size_t i = 0; i < 64; ++i) stored[stored.size() * 3 / 4 + i] ^= 0x5a;
    const Outcome outcome = read_stored(stored);
    EXPECT_EQ(outcome.code, ErrorCode::kInvalid);
    EXPECT_NE(outcome.error.find("at byte "), std::string::npos) << outcome.error;
    EXPECT_GT(outcome.text.size(), plain.size() / 3) << outcome.encoding;
  }
  const Outcome trailing = read_stored(gzip("fine") + "garbage");
  EXPECT_EQ(trailing.text, "fine");
  EXPECT_EQ(trailing.code, ErrorCode::kInvalid);
}

TEST(ByteReader, ErrorsBelowComeThrough) {
  const std::string text = sample_text(5000);
  for (const std::string& stored : {text, gzip(text), zstd(text)}) {
    const Outcome outcome = read_stored(stored.substr(0, stored.size() / 2), 100, 50, true);
    EXPECT_EQ(outcome.error, "disk on fire");
    EXPECT_EQ(outcome.code, ErrorCode::kIo);
  }
}

TEST(ByteReader, RefusesAHugeZstdWindow) {
  // A frame header that asks for a window of 1 TiB (RFC 8878 3.1.1.1.2).
  const std::string frame("\x28\xb5\x2f\xfd\x00\xf0\x00\x00\x00", 9);
  const Outcome outcome = read_stored(frame);
  EXPECT_EQ(outcome.code, ErrorCode::kInvalid);
  EXPECT_EQ(outcome.text, "");
}

TEST(ByteReader, OpensFilesAndPipes) {
  char path[] = "netwatch_byte_reader_XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  ::close(fd);
  std::ofstream(path, std::ios::binary) << gzip("from a file");
  auto file = open_byte_reader(path);
  ::unlink(path);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(drain(**file, 4).text, "from a file");

  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "through a pipe", 14), 14);
  ::close(ends[1]);
  auto pipe_reader = detect_compression(make_fd_reader(ends[0], true, "pipe"));
  ASSERT_TRUE(pipe_reader.ok());
  EXPECT_EQ(drain(**pipe_reader, 4).text, "through a pipe");
  EXPECT_EQ(::fcntl(ends[0], F_GETFD), 0);  // still open: its reader lives
  pipe_reader->reset();
  EXPECT_EQ(::fcntl(ends[0], F_GETFD), -1);

  EXPECT_EQ(open_byte_reader("/nonexistent/x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(open_byte_reader("/").error().code, ErrorCode::kInvalid);
}

TEST(ByteReader, ReadFully) {
  ScriptedReader reader("abcdefgh", 3, true);
  std::vector<std::uint8_t> buffer(6);
  EXPECT_EQ(*read_fully(reader, buffer), 6U);
  EXPECT_EQ(as_text(buffer), "abcdef");
  EXPECT_EQ(*read_fully(reader, buffer), 2U);
  EXPECT_FALSE(read_fully(reader, buffer).ok());
}

}  // namespace
}  // namespace netwatch::base
