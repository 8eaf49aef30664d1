#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/cursor.h"
#include "dpi/parts/utf16.h"
#include "dpi/protocols/smb_decoder.h"

// What the two halves of SMB 1 share: [MS-CIFS] 2.2.2.1 (commands), 2.2.3.1 (header).
namespace netwatch::dpi {

// In identifiers: not one of version 2.
inline constexpr std::uint64_t kSmb1 = std::uint64_t{1} << 63;

namespace smb1 {
enum Command : std::uint8_t {
  kCreateDirectory = 0x00,
  kDeleteDirectory = 0x01,
  kOpen = 0x02,
  kCreate = 0x03,
  kClose = 0x04,
  kDelete = 0x06,
  kRename = 0x07,
  kQueryInformation = 0x08,
  kSetInformation = 0x09,
  kCreateNew = 0x0F,
  kCheckDirectory = 0x10,
  kLocking = 0x24,
  kTransaction = 0x25,
  kOpenAndx = 0x2D,
  kRead = 0x2E,
  kWrite = 0x2F,
  kTransaction2 = 0x32,
  kTreeConnectOld = 0x70,
  kTreeDisconnect = 0x71,
  kNegotiate = 0x72,
  kSessionSetup = 0x73,
  kLogoff = 0x74,
  kTreeConnect = 0x75,
  kNtTransact = 0xA0,
  kNtCreate = 0xA2,
  kNtCancel = 0xA4,
};

std::string command_name(std::uint8_t command);
// Reported also where nothing of it is read.
bool is_loud(std::uint8_t command);

// What clients are known to offer; the server answers with its place in the list.
inline constexpr std::array<std::string_view, 16> kDialectNames{"",
                                                                "PC NETWORK PROGRAM 1.0",
                                                                "MICROSOFT NETWORKS 1.03",
                                                                "MICROSOFT NETWORKS 3.0",
                                                                "LANMAN1.0",
                                                                "LM1.2X002",
                                                                "DOS LM1.2X002",
                                                                "Windows for Workgroups 3.1a",
                                                                "LANMAN2.1",
                                                                "DOS LANMAN2.1",
                                                                "Samba",
                                                                "NT LANMAN 1.0",
                                                                "NT LM 0.12",
                                                                "CIFS",
                                                                "SMB 2.002",
                                                                "SMB 2.???"};

}  // namespace smb1

struct SmbDecoder::Message1 {
  const Frame& frame;
  base::Bytes message;  // from the header on: offsets count from there
  std::uint32_t status = 0;
  std::uint8_t command = 0;  // of the block at hand
  bool answer = false;
  bool nt_status = false;
  bool unicode = false;
  std::uint16_t tree = 0;
  std::uint16_t user = 0;
  std::uint64_t id = 0;
  base::Bytes words{};
  base::Bytes bytes{};
  std::size_t bytes_at =
      0;  // where they begin in the message: what is UTF-16 begins at an even one
  // Of a request, as far as it was read.
  mutable SmbMemory::Handle subject = SmbMemory::kNone;
  mutable bool loud = false;

  [[nodiscard]] std::uint64_t file_key(std::uint16_t file) const {
    return kSmb1 | std::uint64_t{file};
  }
  [[nodiscard]] std::uint64_t session() const { return user == 0 ? 0 : kSmb1 | user; }
  // The next text in the block's bytes.
  std::string text(base::Cursor& in) const { return text(in, unicode); }
  std::string text(base::Cursor& in, bool wide) const {
    if (!wide) {
      const std::string_view rest = base::as_text(in.rest());
      const std::size_t end = std::min(rest.find('\0'), rest.size());
      in.skip(std::min(end + 1, rest.size()));
      return std::string(rest.substr(0, end));
    }
    if ((bytes_at + in.offset()) % 2 != 0 && !in.at_end()) in.skip(1);
    const base::Bytes rest = in.rest();
    std::size_t end = 0;
    while (end + 1 < rest.size() && (rest[end] != 0 || rest[end + 1] != 0)) end += 2;
    in.skip(std::min(end + 2, rest.size()));
    return utf16_text(rest.first(std::min(end, rest.size())));
  }
};

}  // namespace netwatch::dpi
