#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/byte_reader.h"
#include "base/bytes.h"
#include "capture/source.h"

// The same as open_file() for inputs that are no files: tests, fuzzers, benchmarks.
namespace netwatch::capture {

class Input;
// Tells the format by the first bytes, which it waits for.
base::Result<std::unique_ptr<PacketSource>> open_input(std::unique_ptr<Input> input,
                                                       std::string name, std::uint32_t source);

// Zero-copy: `bytes` must outlive the source and its batches.
base::Result<std::unique_ptr<PacketSource>> open_bytes(base::Bytes bytes, std::string name,
                                                       std::uint32_t source = 0);
// Through arenas, as compressed files and pipes are. `poll_fd` as in make_stream_input().
base::Result<std::unique_ptr<PacketSource>> open_reader(std::unique_ptr<base::ByteReader> reader,
                                                        int poll_fd, std::string name,
                                                        std::uint32_t source = 0);

}  // namespace netwatch::capture
