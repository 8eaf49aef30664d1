#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/ip_address.h"
#include "model/field.h"
#include "model/flow.h"
#include "model/record.h"
#include "model/stream.h"

// What a protocol file fills in: see CONTRIBUTING.md, "Add a protocol".
namespace netwatch::dpi {

// May this be my protocol, by content alone?
enum class Probe : std::uint8_t {
  kNo,
  kMore,  // cannot tell yet; asked again with more bytes, at most kMaxProbeTries times
  kYes,
};
inline constexpr int kMaxProbeTries = 3;
inline constexpr std::size_t kProbeBytes = 2048;  // kept until a decoder is confirmed

// The first unread bytes of both sides of a flow. Either may be empty: a capture may start in
// mid-stream or hold one side only. For datagrams: the one message at hand, on its side.
struct ProbeInput {
  base::Bytes of(model::Side side) const { return sides[model::index(side)]; }
  std::array<base::Bytes, 2> sides;
  model::Side latest = model::Side::kOriginator;  // the side that just grew
  bool datagram = false;                          // one message, not the beginning of a stream
  // Another flow announced this one as this protocol (Context::expect), or the outer protocol named
  // it for what comes (Context::hand_on): what is not against it is enough for a yes.
  bool expected = false;
  std::uint16_t orig_port = 0;  // hints: they never decide
  std::uint16_t resp_port = 0;
};

enum class Verdict : std::uint8_t {
  kFine,
  kOdd,      // mine, but it breaks a rule: named with Context::odd() and counted; goes on
  kNotMine,  // replayed to the other probes if the kept bytes still allow it
  kDone,     // mine, and all that is reported has been: the flow is not reassembled any more
};

// How far a decoder got with the bytes it was shown.
struct Step {
  Verdict verdict = Verdict::kFine;
  // Bytes it is through with. More than it was shown = skip: those bytes are not wanted, are not
  // buffered, and a gap inside them is no gap. Less = the rest is kept and shown again, with what
  // follows it, once `wanted` bytes are there.
  std::uint64_t consumed = 0;
  std::size_t wanted = 0;  // 0: as soon as one more byte arrives
  // With kFine, of a datagram: it may be mine, but others like it must come first. Until a step
  // without it (or a record) the flow has no name, and kNotMine shows the datagram at hand to the
  // other probes. At most 16 datagrams.
  bool unsure = false;
};
// At most so many unconsumed bytes are kept per side; a decoder that asks for more is ended.
inline constexpr std::size_t kMaxHeldBytes = std::size_t{64} << 10;
// How deep streams may lie in streams (children, and what is handed on); 0 is on the wire.
inline constexpr std::uint8_t kMaxLayer = 4;

enum class Transport : std::uint8_t {
  kTcp = 1,
  kUdp = 2,
  kBoth = 3,
  kIp = 4,  // its own protocol of IP (ProtocolDef::ip_proto): each IP payload is a datagram
};

// A flow that is going to come, as another one announced it: FTP's PASV, SDP.
struct Expected {
  static constexpr std::size_t kMaxNoteBytes = 256;
  std::string_view protocol;              // name of a row
  Transport transport = Transport::kTcp;  // not kBoth
  base::IpAddress address;                // where it goes to
  std::uint16_t port = 0;                 // 0: not a flow, but the child of the one at hand
  base::Bytes note;  // for its decoder, Context::announced(); copied, cut to kMaxNoteBytes
};

// What a decoder may do besides reading. Belongs to the caller; valid during one call.
class Context {
 public:
  virtual ~Context() = default;

  // The one builder: start(), add_*(), then emit(side).
  virtual model::RecordBuilder& record() = 0;
  virtual void emit(model::Side side) = 0;
  // Counts one breach of the protocol's rules; `what` is static and short: "label_loop".
  virtual void odd(std::string_view what) = 0;
  // By content, this side opened the conversation (a request came from it).
  virtual void set_originator(model::Side side) = 0;
  // The rest of this flow speaks another protocol (upgrade, CONNECT, STARTTLS): it is probed
  // anew from the next unconsumed byte of either side. Return kFine after it. A row that is called
  // `announced` is asked first and told so (ProbeInput::expected); if its probe says no, all are.
  virtual void hand_on(std::string_view announced = {}) = 0;
  // The decoder reads what its protocol carries, too, which has a name of its own (gRPC in HTTP/2):
  // of static storage; the flow shows it one layer further in.
  virtual void carries(std::string_view /*name*/) {}
  [[nodiscard]] virtual base::TimeNs now_ns() const = 0;  // time of the packet at hand
  // Bytes (or a gap, or a datagram) of a stream that this one carries: copied, then probed and
  // decoded as a child, one layer further in, after the call at hand. One child per decoder; it
  // ends with it, so kDone also ends what was just given. False: nobody reads the child any more.
  virtual bool child(const model::StreamChunk& /*inner*/) { return false; }
  // Such a flow between the two hosts of this one belongs to this one: its row is asked (of streams
  // first, of datagrams if nobody else knows them), and if it says yes the flow says who announced
  // it. Content still decides. False, and nothing is expected, if the
  // address is neither host's: wire addresses are hostile, and only flows of the same pair of hosts
  // are sure to meet in one analyzer. The table is small and forgets (dpi/expected_flows.h); the
  // same address and port again replaces what was said before.
  virtual bool expect(const Expected& /*flow*/) { return false; }
  // What was noted of the end of this flow on `side`; empty if nothing was.
  [[nodiscard]] virtual base::Bytes announced(model::Side /*side*/) const { return {}; }
  // Of the flow's end on `side`; "::" and 0 if not known.
  [[nodiscard]] virtual base::IpAddress address(model::Side /*side*/) const { return {}; }
  [[nodiscard]] virtual std::uint16_t port(model::Side /*side*/) const { return 0; }
  // The end on `side` chose this id for what is sent to it: a datagram that brings it there from
  // whatever address goes on with this conversation (ProtocolDef::carried_id). Of UDP, outermost.
  virtual void connection_id(model::Side /*side*/, base::Bytes /*id*/) {}
  // Room to join what lies apart: kMaxHeldBytes, shared; its contents are lost after the call.
  virtual std::span<std::uint8_t> scratch() { return {}; }
};

// One conversation of one protocol. Made in a slab of its ProtocolDef::state_bytes; must not own
// more than that but through buffers that Context gives. Never sees a packet.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // In-order bytes of one side, from the first unconsumed one; or one whole datagram (whatever is
  // not consumed of a datagram is dropped).
  virtual Step on_bytes(const model::StreamChunk& chunk, Context& context) = 0;
  // `chunk.gap_bytes` are missing on this side. kNotMine ends the decoder, kFine goes on.
  // `chunk.bytes` are what was kept unconsumed before the gap: their last chance to be read.
  virtual Verdict on_gap(const model::StreamChunk& /*chunk*/, Context& /*context*/) {
    return Verdict::kDone;
  }
  // The flow ended; pending requests may still be reported.
  virtual void on_end(Context& /*context*/) {}
};

// The set of byte values a first message may begin with; probes of others are not asked.
struct FirstBytes {
  std::array<std::uint64_t, 4> bits{};
  [[nodiscard]] constexpr bool has(std::uint8_t byte) const {
    return ((bits[byte >> 6] >> (byte & 63)) & 1) != 0;
  }
  static constexpr FirstBytes any() { return {{~0ULL, ~0ULL, ~0ULL, ~0ULL}}; }
  static constexpr FirstBytes of(std::string_view values) {
    FirstBytes set;
    for (char c : values) {
      const auto byte = static_cast<std::uint8_t>(c);
      set.bits[byte >> 6] |= 1ULL << (byte & 63);
    }
    return set;
  }
};

// A row of the table in dpi/protocols.cpp. All of static storage.
struct ProtocolDef {
  std::string_view name;  // "tls"; what Flow::apps shows
  Transport transport = Transport::kTcp;
  FirstBytes first;
  std::span<const std::uint16_t> usual_ports{};  // order the probes, never decide
  Probe (*probe)(const ProbeInput& input) = nullptr;
  const model::Schema* schema = nullptr;
  std::size_t state_bytes = 0;               // at most kMaxStateBytes, but for HTTP/2's
  Decoder* (*make)(void* memory) = nullptr;  // placement new into state_bytes
  // A yes of its probe is strong enough to be believed at the start of any segment of a stream
  // that nobody knows: captures that start in the middle, STARTTLS of protocols not decoded.
  bool late = false;
  std::uint8_t ip_proto = 0;  // with kIp: IANA's number; such flows are offered to this row only
  // Of a datagram that nobody knows: the bytes in which it would carry the id that its receiver
  // told with Context::connection_id(). They may go on behind the id. None: it has not that form.
  base::Bytes (*carried_id)(const model::StreamChunk& datagram) = nullptr;
  FirstBytes carried_first{};  // what such a datagram may begin with
};
// Shorter ids are not believed: others' bytes would be taken for them.
inline constexpr std::size_t kShortestConnectionId = 4;
inline constexpr std::size_t kLongestConnectionId = 20;
inline constexpr std::size_t kMaxStateBytes = 4096;
// For the one row that must keep what its peers keep: see docs/dpi.md, "Memory".
inline constexpr std::size_t kHttp2StateBytes = std::size_t{32} << 10;

// The make function of a decoder class.
template <typename T, std::size_t kMost = kMaxStateBytes>
Decoder* make_decoder(void* memory) {
  static_assert(sizeof(T) <= kMost && kMost <= kHttp2StateBytes);
  static_assert(alignof(T) <= alignof(std::max_align_t));
  return new (memory) T();
}

}  // namespace netwatch::dpi
