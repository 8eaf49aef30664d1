#pragma once

#include <array>
#include <cstdint>

// The layout of the broker's messages: structures of two programs that are one, in host byte order.
namespace netwatch::confine {

enum class MessageKind : std::uint32_t {
  kCapture = 0x4e570001,
  kHolders = 0x4e570002,
  kNamespaces = 0x4e570003,
  kSocketDump = 0x4e570004,
};

struct CaptureHead {
  std::uint32_t kind = 0;
  std::uint32_t ring_mebibytes = 0;
  std::array<char, 16> interface{};  // ends in zeros
  std::uint32_t instructions = 0;    // follow, 8 bytes each
  std::uint8_t cooked = 0;           // 0 or 1
  std::uint8_t promiscuous = 0;
  std::uint16_t zero = 0;
};
static_assert(sizeof(CaptureHead) == 32);

struct SocketDumpHead {
  std::uint32_t kind = 0;
  std::uint32_t table = 0;
  std::uint64_t netns = 0;  // never zero
};
static_assert(sizeof(SocketDumpHead) == 16);

// A refusal is followed by its words, holders and namespaces by their rows.
struct AnswerHead {
  static constexpr std::uint32_t kFine = 0xffffffff;
  std::uint32_t verdict = kFine;  // or a base::ErrorCode
  std::uint32_t rows = 0;
  std::uint32_t last = 1;  // no further message belongs to it
  std::uint32_t ifindex = 0;
  std::uint64_t processes = 0;
  std::uint64_t unreadable_processes = 0;
  std::uint64_t not_kept = 0;
  std::uint64_t hides_processes = 0;
  std::uint64_t may_enter = 0;
};
static_assert(sizeof(AnswerHead) == 56);

struct HolderRow {
  std::uint64_t inode = 0;
  std::uint32_t pid = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(HolderRow) == 16);

struct NamespaceRow {
  std::uint64_t inode = 0;
  std::uint32_t pid = 0;
  std::uint32_t own = 0;         // 0 or 1
  std::array<char, 112> name{};  // ends in zeros
};
static_assert(sizeof(NamespaceRow) == 128);

inline constexpr std::size_t kRowsPerMessage = 2048;
inline constexpr std::size_t kNamespacesPerMessage = 256;
inline constexpr std::size_t kMaxWordsBytes = 512;
inline constexpr std::size_t kMaxRequestBytes = sizeof(CaptureHead) + std::size_t{4096} * 8;
inline constexpr std::size_t kMaxAnswerBytes =
    sizeof(AnswerHead) + kRowsPerMessage * sizeof(HolderRow);
static_assert(kNamespacesPerMessage * sizeof(NamespaceRow) <= kRowsPerMessage * sizeof(HolderRow));

}  // namespace netwatch::confine
