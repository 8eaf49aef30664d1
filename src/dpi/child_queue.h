#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "model/stream.h"

namespace netwatch::dpi {

// What decoders took out of their streams during one packet, until it is fed to their children.
class ChildQueue {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{128} << 10;
  static constexpr std::size_t kMaxPieces = 2048;

  struct Piece {
    std::uint32_t parent = 0;  // 0: it ended before its child could be fed
    model::StreamChunk chunk;  // its bytes are the queue's
  };

  // Copies the bytes. False when it is full: nothing of the piece was taken.
  bool push(std::uint32_t parent, model::StreamChunk chunk) {
    if (pieces_.size() >= kMaxPieces || bytes_.size() + chunk.bytes.size() > kMaxBytes) {
      return false;
    }
    bytes_.reserve(kMaxBytes);  // views of it stay valid while it grows
    const std::size_t start = bytes_.size();
    bytes_.insert(bytes_.end(), chunk.bytes.begin(), chunk.bytes.end());
    chunk.bytes = base::Bytes(bytes_).subspan(start);
    pieces_.push_back({parent, chunk});
    return true;
  }
  void forget(std::uint32_t parent) {
    for (Piece& piece : pieces_) {
      if (piece.parent == parent) piece.parent = 0;
    }
  }
  void clear() {
    pieces_.clear();
    bytes_.clear();
  }

  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  [[nodiscard]] std::size_t size() const { return pieces_.size(); }
  [[nodiscard]] const Piece& at(std::size_t i) const { return pieces_[i]; }

 private:
  std::vector<Piece> pieces_;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace netwatch::dpi
