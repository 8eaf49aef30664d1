#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace netwatch::base {

// Pulls bytes front to back from a file, a pipe or a compressed stream. Not thread safe.
class ByteReader {
 public:
  virtual ~ByteReader() = default;
  // Fills the front of `out` and says with how much: at least 1 byte, fewer than asked for when
  // that is what was at hand; 0 only at the end of the input (or for an empty `out`). Blocks. An
  // error names the offset; after an error or the end, further reads give the same answer.
  // Bytes decoded before damage are delivered first (zstd: up to the damaged block).
  virtual Result<std::size_t> read(std::span<std::uint8_t> out) = 0;
  // "plain", "gzip" or "zstd": how the input was stored.
  [[nodiscard]] virtual const char* encoding() const = 0;
};

// Opens a file, or standard input for "-", read-only. Gzip (RFC 1952, any number of members) and
// Zstandard (RFC 8878, any number of frames) are recognised by their first bytes, never by name,
// and decompressed as they are read; anything else is passed through. A directory is an error.
Result<std::unique_ptr<ByteReader>> open_byte_reader(const std::string& path);

// Whether a file that begins so (its first 4 bytes are enough) is one that would be decompressed.
bool is_compressed(Bytes front);

// open_byte_reader() over another reader, whose bytes are the stored ones. Memory is bounded: 64
// KiB of input, the decoder's window (gzip 32 KiB, zstd at most 128 MiB, refused beyond).
Result<std::unique_ptr<ByteReader>> detect_compression(std::unique_ptr<ByteReader> stored);

// A reader of an open descriptor, which it closes if `owned`. `name` is for errors.
std::unique_ptr<ByteReader> make_fd_reader(int fd, bool owned, std::string name);

// Reads until `out` is full or the input ends; the count says which. Errors only when nothing
// was read before them: otherwise the next call reports them.
Result<std::size_t> read_fully(ByteReader& reader, std::span<std::uint8_t> out);

}  // namespace netwatch::base
