#include "dpi/parts/tds_packet.h"

#include <array>

#include "base/cursor.h"
#include "dpi/parts/utf16.h"

namespace netwatch::dpi::tds {

using base::Bytes;
using base::Cursor;
using std::string_view;

bool is_type(std::uint8_t type) {
  switch (type) {
    case kSqlBatch:
    case kRpc:
    case kTabular:
    case kAttention:
    case kBulk:
    case kTransaction:
    case kLogin7:
    case kSspi:
    case kPreloginType:
      return true;
    default:
      return false;
  }
}

// 2.2.3.1: type, status, length, process, number, window.
std::size_t packet_bytes(Bytes bytes) {
  Cursor in(bytes);
  const bool known = is_type(in.u8());
  const std::uint8_t status = in.u8();
  const std::size_t size = in.u16();
  in.skip(3);
  const bool window = in.u8() == 0;
  return in.ok() && known && status <= 0x1F && window && size >= kHeadBytes ? size : 0;
}

// 2.2.6.5: tokens with offsets behind the list that they are; the first is the version.
bool is_prelogin(Bytes body) {
  constexpr std::uint8_t kEnd = 0xFF;
  constexpr std::uint8_t kMostToken = 7;
  constexpr std::size_t kTokenBytes = 5;
  Cursor in(body);
  std::size_t tokens = 0;
  std::size_t first = 0;
  for (; in.ok() && in.peek() != kEnd; ++tokens) {
    const std::uint8_t token = in.u8();
    const std::size_t at = in.u16();
    const std::size_t size = in.u16();
    if (tokens == 0 && (token != 0 || size != 6)) return false;
    if (tokens == 0) first = at;
    if (token > kMostToken || at + size > body.size()) return false;
  }
  return in.ok() && tokens > 0 && first == tokens * kTokenBytes + 1;
}

// 2.2.6.4: its own length is the message's; a version of 7.0 or later.
bool is_login(Bytes body, std::size_t size) {
  Cursor in(body);
  const std::uint32_t length = in.u32le();
  const std::uint32_t version = in.u32le();
  const auto major = static_cast<std::uint8_t>(version >> 24);
  return in.ok() && length >= 86 && length <= 0x10000 && length >= size &&
         (major == 0x70 || major == 0x71 || major == 0x72 || major == 0x73 || major == 0x74 ||
          major == 0);
}

string_view protocol_version(std::uint32_t version) {
  switch (version) {
    case 0x70000000:
    case 0x00000070:
      return "7.0";
    case 0x71000000:
    case 0x71000001:
      return "7.1";
    case 0x72090002:
      return "7.2";
    case 0x730A0003:
    case 0x730B0003:
      return "7.3";
    case 0x74000004:
      return "7.4";
    default:
      return {};
  }
}

// 2.2.5.3: headers with a length of their own, from version 7.2 on.
Bytes without_headers(Bytes body) {
  Cursor in(body);
  const std::uint32_t all = in.u32le();
  const std::uint32_t first = in.u32le();
  const std::uint16_t type = in.u16le();
  const bool headers = in.ok() && all >= 10 && all <= body.size() && first >= 6 &&
                       first <= all - 4 && type >= 1 && type <= 3;
  return headers ? body.subspan(all) : body;
}

// 2.2.6.6: a name, or the number of a well-known procedure.
std::string procedure_name(Bytes body) {
  constexpr std::uint16_t kNumbered = 0xFFFF;
  constexpr std::array<string_view, 16> kNames{"",
                                               "sp_cursor",
                                               "sp_cursoropen",
                                               "sp_cursorprepare",
                                               "sp_cursorexecute",
                                               "sp_cursorprepexec",
                                               "sp_cursorunprepare",
                                               "sp_cursorfetch",
                                               "sp_cursoroption",
                                               "sp_cursorclose",
                                               "sp_executesql",
                                               "sp_prepare",
                                               "sp_execute",
                                               "sp_prepexec",
                                               "sp_prepexecrpc",
                                               "sp_unprepare"};
  Cursor in(body);
  const std::uint16_t size = in.u16le();
  if (size != kNumbered) return utf16_text(in.take(size * std::size_t{2}));
  const std::uint16_t number = in.u16le();
  return number < kNames.size() ? std::string(kNames[number]) : std::to_string(number);
}

}  // namespace netwatch::dpi::tds
