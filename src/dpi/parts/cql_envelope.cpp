#include "dpi/parts/cql_envelope.h"

#include <algorithm>
#include <array>

namespace netwatch::dpi::cql {
namespace {

using base::Bytes;
using base::Cursor;
using std::string_view;

constexpr std::uint8_t kResponse = 0x80;
constexpr std::uint8_t kOldVersions = 2, kLastVersion = 5;

struct Name {
  std::uint32_t number;
  string_view name;
};
constexpr Name kErrors[] = {
    {0x0000, "server_error"},      {0x000A, "protocol_error"},    {0x0100, "bad_credentials"},
    {0x1000, "unavailable"},       {0x1001, "overloaded"},        {0x1002, "is_bootstrapping"},
    {0x1003, "truncate_error"},    {0x1100, "write_timeout"},     {0x1200, "read_timeout"},
    {0x1300, "read_failure"},      {0x1400, "function_failure"},  {0x1500, "write_failure"},
    {0x1600, "cdc_write_failure"}, {0x1700, "cas_write_unknown"}, {0x2000, "syntax_error"},
    {0x2100, "unauthorized"},      {0x2200, "invalid"},           {0x2300, "config_error"},
    {0x2400, "already_exists"},    {0x2500, "unprepared"},
};

}  // namespace

std::size_t head_bytes(std::uint8_t first) {
  const int version = first & ~kResponse;
  if (version < 1 || version > kLastVersion) return 0;
  return version <= kOldVersions ? 8 : 9;
}

bool read_envelope(Bytes bytes, Envelope& envelope) {
  constexpr std::uint8_t kAnyFlags = 0x1F;
  constexpr std::uint32_t kMostBytes = 256U << 20;  // section 2.5
  Cursor in(bytes);
  const std::uint8_t first = in.u8();
  envelope.version = first & ~kResponse;
  envelope.response = (first & kResponse) != 0;
  envelope.head = static_cast<std::uint8_t>(head_bytes(first));
  envelope.flags = in.u8();
  const bool old = envelope.version <= kOldVersions;
  const std::int8_t short_stream = old ? static_cast<std::int8_t>(in.u8()) : std::int8_t{0};
  envelope.stream = old ? std::int16_t{short_stream} : static_cast<std::int16_t>(in.u16());
  envelope.opcode = in.u8();
  envelope.length = in.u32();
  if (!in.ok() || envelope.head == 0 || (envelope.flags & ~kAnyFlags) != 0) return false;
  if (envelope.opcode > kAuthSuccess || envelope.length > kMostBytes) return false;
  constexpr std::array kResponses{kError,  kReady, kAuthenticate,  kSupported,
                                  kResult, kEvent, kAuthChallenge, kAuthSuccess};
  const bool answers =
      std::ranges::find(kResponses, static_cast<Opcode>(envelope.opcode)) != kResponses.end();
  return answers == envelope.response;
}

string_view opcode_name(std::uint8_t opcode) {
  constexpr std::array<string_view, 17> kNames{
      "error",     "startup", "ready",          "authenticate",  "credentials", "options",
      "supported", "query",   "result",         "prepare",       "execute",     "register",
      "event",     "batch",   "auth_challenge", "auth_response", "auth_success"};
  return opcode < kNames.size() ? kNames[opcode] : string_view();
}

string_view consistency_name(std::uint16_t consistency) {
  constexpr std::array<string_view, 11> kNames{
      "any",          "one",         "two",    "three",        "quorum",   "all",
      "local_quorum", "each_quorum", "serial", "local_serial", "local_one"};
  return consistency < kNames.size() ? kNames[consistency] : string_view();
}

string_view error_name(std::uint32_t code) {
  for (const Name& error : kErrors) {
    if (error.number == code) return error.name;
  }
  return {};
}

string_view short_text(Cursor& in) { return base::as_text(in.take(in.u16())); }
string_view long_text(Cursor& in) { return base::as_text(in.take(in.u32())); }
Bytes short_bytes(Cursor& in) { return in.take(in.u16()); }

void skip_extras(Cursor& in, const Envelope& envelope) {
  constexpr std::size_t kTraceBytes = 16;
  if (envelope.response && (envelope.flags & kTracing) != 0) in.skip(kTraceBytes);
  if (envelope.response && (envelope.flags & kWarnings) != 0) {
    for (std::size_t left = in.u16(); left > 0 && in.ok(); --left) short_text(in);
  }
  if ((envelope.flags & kPayload) == 0) return;
  for (std::size_t left = in.u16(); left > 0 && in.ok(); --left) {
    short_text(in);
    const auto size = static_cast<std::int32_t>(in.u32());
    if (size > 0) in.skip(static_cast<std::size_t>(size));
  }
}

}  // namespace netwatch::dpi::cql
