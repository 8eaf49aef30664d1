#include "dpi/parts/ntlm.h"

#include "base/cursor.h"
#include "dpi/parts/utf16.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;

constexpr std::string_view kSignature("NTLMSSP\0", 8);
// RFC 4121 section 4.1: the mechanism's OID, then TOK_ID 01 00 of an AP-REQ or 02 00 of its answer.
// In front of a list of mechanisms the OID alone stands for an offer. The second is the number that
// Windows 2000 made of it.
constexpr std::string_view kKerberosRequest("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00", 11);
constexpr std::string_view kKerberosAnswer("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x02\x00", 11);

enum Step : std::uint8_t { kChallenge = 2, kAuthenticate = 3 };
constexpr std::uint32_t kUnicode = 1;

// Length, room and offset from the message's first byte.
Bytes payload(Bytes message, Cursor& in) {
  const std::size_t size = in.u16le();
  in.skip(2);
  const std::size_t at = in.u32le();
  if (!in.ok() || at > message.size() || size > message.size() - at) return {};
  return message.subspan(at, size);
}

std::string text(Bytes bytes, bool unicode) {
  return unicode ? utf16_text(bytes) : std::string(base::as_text(bytes));
}

// [MS-NLMP] 2.2.2.1: pairs of a number and a value; 1 is the server's NetBIOS name.
std::string server_name(Bytes pairs) {
  constexpr std::uint16_t kEnd = 0;
  constexpr std::uint16_t kComputerName = 1;
  Cursor in(pairs);
  while (in.ok()) {
    const std::uint16_t id = in.u16le();
    const Bytes value = in.take(in.u16le());
    if (!in.ok() || id == kEnd) break;
    if (id == kComputerName) return utf16_text(value);
  }
  return {};
}

}  // namespace

SecurityToken read_security_token(Bytes token) {
  SecurityToken out;
  const std::string_view all = base::as_text(token);
  const std::size_t at = all.find(kSignature);
  if (at == std::string_view::npos) {
    const bool kerberos = all.find(kKerberosRequest) != std::string_view::npos ||
                          all.find(kKerberosAnswer) != std::string_view::npos;
    if (kerberos) out.mechanism = "kerberos";
    return out;
  }
  const Bytes message = token.subspan(at);
  Cursor in(message);
  in.skip(kSignature.size());
  out.step = in.u32le();
  if (!in.ok()) return out;
  out.mechanism = "ntlm";
  if (out.step == kChallenge) {
    in.skip(8 + 4 + 8 + 8);  // target, flags, challenge, reserved
    out.server = server_name(payload(message, in));
  }
  if (out.step != kAuthenticate) return out;
  in.skip(8 + 8);  // the answers to the challenge
  const Bytes domain = payload(message, in);
  const Bytes user = payload(message, in);
  const Bytes workstation = payload(message, in);
  in.skip(8);  // session key
  const bool unicode = (in.u32le() & kUnicode) != 0;
  out.domain = text(domain, unicode);
  out.user = text(user, unicode);
  out.workstation = text(workstation, unicode);
  return out;
}

}  // namespace netwatch::dpi
