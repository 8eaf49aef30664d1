// What probes send, and what counts as an answer.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "collect/probes/health.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kEchoBytes = 64;
constexpr std::size_t kTokenOffset = 8;
constexpr std::size_t kTokenBytes = 8;
constexpr std::uint8_t kEchoRequest4 = 8;
constexpr std::uint8_t kEchoReply4 = 0;
constexpr std::uint8_t kEchoRequest6 = 128;
constexpr std::uint8_t kEchoReply6 = 129;

void put16(std::vector<std::uint8_t>& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

}  // namespace

std::vector<std::uint8_t> root_query(std::uint16_t id) {
  constexpr std::uint16_t kRecursionDesired = 0x0100;
  constexpr std::uint16_t kTypeNs = 2;
  constexpr std::uint16_t kClassIn = 1;
  std::vector<std::uint8_t> message;
  for (const std::uint16_t word : {id, kRecursionDesired, std::uint16_t{1}, std::uint16_t{0},
                                   std::uint16_t{0}, std::uint16_t{0}}) {
    put16(message, word);
  }
  message.push_back(0);  // the root
  put16(message, kTypeNs);
  put16(message, kClassIn);
  return message;
}

std::int32_t root_answer_rcode(base::Bytes message, std::uint16_t id) {
  constexpr std::uint16_t kResponse = 0x8000;
  constexpr std::uint16_t kRcode = 0x000F;
  base::Cursor cursor(message);
  const std::uint16_t answered = cursor.u16();
  const std::uint16_t flags = cursor.u16();
  const std::uint16_t questions = cursor.u16();
  cursor.skip(6);
  if (!cursor.ok() || answered != id || (flags & kResponse) == 0) return -1;
  // A server that does not understand the query may leave the question out.
  if (questions != 0) {
    const auto sent = root_query(id);
    const base::Bytes question = base::Bytes(sent).subspan(cursor.offset());
    const base::Bytes echoed = cursor.take(question.size());
    if (!cursor.ok() || !std::equal(echoed.begin(), echoed.end(), question.begin())) return -1;
  }
  return flags & kRcode;
}

std::vector<std::uint8_t> echo_request(bool v4, std::uint16_t sequence, std::uint64_t token) {
  std::vector<std::uint8_t> message{v4 ? kEchoRequest4 : kEchoRequest6, 0, 0, 0, 0, 0};
  put16(message, sequence);
  for (std::size_t i = 0; i < kTokenBytes; ++i) {
    message.push_back(static_cast<std::uint8_t>(token >> (8 * i)));
  }
  message.resize(kEchoBytes);
  return message;
}

bool is_echo_reply(base::Bytes message, bool v4, std::uint16_t sequence, std::uint64_t token) {
  const auto sent = echo_request(v4, sequence, token);
  if (message.size() != sent.size()) return false;
  const std::uint8_t type = v4 ? kEchoReply4 : kEchoReply6;
  // Checksum and identifier are the kernel's business.
  constexpr std::size_t kSequenceOffset = 6;
  static_assert(kSequenceOffset + 2 == kTokenOffset);
  return message[0] == type && message[1] == 0 &&
         std::equal(message.begin() + kSequenceOffset, message.end(),
                    sent.begin() + kSequenceOffset);
}

}  // namespace netwatch::collect
