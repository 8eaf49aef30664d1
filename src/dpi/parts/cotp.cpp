#include "dpi/parts/cotp.h"

#include <algorithm>

#include "base/cursor.h"

namespace netwatch::dpi::cotp {

using base::Bytes;
using base::Cursor;

bool read_connect(Bytes bytes, Connect& connect) {
  Cursor in(bytes);
  const bool tpkt = in.u16() == 0x0300;
  connect.bytes = in.u16();
  const std::size_t rest = in.u8();
  connect.code = in.u8();
  const bool no_peer_yet = in.u16() == 0;
  in.skip(2 + 1);  // source reference, class
  const bool known = connect.code == kConfirmCode || (connect.code == kRequestCode && no_peer_yet);
  if (!in.ok() || !tpkt || !known || connect.bytes != rest + kTpktBytes + 1) return false;
  if (connect.bytes < kConnectBytes || connect.bytes > kMaxConnectBytes) return false;
  connect.variable = in.take_up_to(connect.bytes - kConnectBytes);
  return true;
}

std::size_t packet_bytes(Bytes bytes) {
  Cursor in(bytes);
  const bool tpkt = in.u16() == 0x0300;
  const std::size_t size = in.u16();
  return in.ok() && tpkt && size >= kDataHeadBytes ? size : 0;
}

Bytes data_of(Bytes bytes) {
  constexpr std::uint8_t kEndOfMessage = 0x80;
  const std::size_t size = packet_bytes(bytes);
  Cursor in(bytes.first(std::min(size, bytes.size())));
  in.skip(kTpktBytes);
  const bool data = in.u8() == 2 && in.u8() == kDataCode;
  const bool last = (in.u8() & kEndOfMessage) != 0;
  return in.ok() && data && last ? in.rest() : Bytes{};
}

Bytes parameter(Bytes variable, std::uint8_t code) {
  Cursor in(variable);
  while (in.ok() && !in.at_end()) {
    const std::uint8_t found = in.u8();
    const Bytes value = in.take(in.u8());
    if (in.ok() && found == code) return value;
  }
  return {};
}

}  // namespace netwatch::dpi::cotp
