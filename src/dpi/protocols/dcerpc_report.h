#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/cursor.h"
#include "dpi/protocol.h"

// What the messages of DCE RPC say, over a connection (version 5) or in datagrams (version 4).
namespace netwatch::dpi {

extern const model::Schema kDcerpcSchema;

// Integers and UUIDs as the sender's data representation has them.
class DceCursor : public base::Cursor {
 public:
  DceCursor() = default;
  DceCursor(base::Bytes bytes, bool little) : Cursor(bytes), little_(little) {}
  std::uint16_t u16() { return little_ ? u16le() : Cursor::u16(); }
  std::uint32_t u32() { return little_ ? u32le() : Cursor::u32(); }
  // Its 16 bytes in the order in which people write them.
  std::array<std::uint8_t, 16> uuid();
  [[nodiscard]] bool little() const { return little_; }

 private:
  bool little_ = true;
};
using Uuid = std::array<std::uint8_t, 16>;

// One message: of version 5 a fragment, of version 4 a datagram.
struct DcePdu {
  enum Type : std::uint8_t {
    kRequest = 0,
    kPing = 1,
    kResponse = 2,
    kFault = 3,
    kReject = 6,
    kAck = 7,
    kCancelAck = 10,
    kBind = 11,
    kBindAck = 12,
    kBindNak = 13,
    kAlterContext = 14,
    kAlterContextResponse = 15,
    kAuth3 = 16,
    kShutdown = 17,
    kCancel = 18,
    kOrphaned = 19,
  };
  std::uint8_t type = 0;
  bool first = true;  // the first fragment of its message
  bool has_object = false;
  std::uint32_t call_id = 0;  // of version 4 the sequence number
  std::uint32_t key = 0;      // joins an answer and its request
  std::size_t auth_bytes = 0;
  std::size_t size = 0;  // of the fragment
  DceCursor body;        // as much as is here
  // Of version 4 only, where each message says what it is about.
  bool connectionless = false;
  std::uint16_t opnum = 0;
  std::uint32_t interface_version = 0;
  Uuid object{};
  Uuid interface{};
};

inline constexpr std::size_t kDceHeadBytes = 16;          // of version 5
inline constexpr std::size_t kDceDatagramHeadBytes = 80;  // of version 4
Probe read_dce_head(base::Bytes bytes, DcePdu& pdu);      // kNo: it cannot be one
bool read_dce_datagram(base::Bytes bytes, DcePdu& pdu);   // its lengths add up

class DceReader {
 public:
  // `bytes` are the message from its first byte on, at most pdu.size.
  void message(const DcePdu& pdu, base::Bytes bytes, const model::StreamChunk& chunk,
               Context& context);

 private:
  struct PresentationContext {
    bool used = false;
    std::uint16_t id = 0;
    std::int16_t known = -1;  // its row among the well-known interfaces
    Uuid interface{};
  };
  struct Call {
    base::TimeNs time_ns = 0;
    std::uint32_t id = 0;
    std::uint16_t opnum = 0;
    std::uint16_t context = 0;
    model::Side side = model::Side::kOriginator;
    bool used = false;
  };
  struct Seen {
    const DcePdu& pdu;
    const model::StreamChunk& chunk;
    Context& context;
  };
  void bind(const Seen& seen);
  static void add_interface(const PresentationContext& known, std::uint32_t version,
                            model::RecordBuilder& record);
  static void bind_answer(const Seen& seen);
  static void bind_refused(const Seen& seen);
  void request(const Seen& seen);
  void answer(const Seen& seen);
  void add_operation(const Seen& seen, std::uint16_t context, int opnum) const;
  [[nodiscard]] bool is_map(const Seen& seen, std::uint16_t context, int opnum) const;
  void remember(std::uint16_t id, const Uuid& interface);
  [[nodiscard]] const PresentationContext* find(std::uint16_t id) const;
  Call* find_call(std::uint32_t id, model::Side answering);
  static void authentication(const Seen& seen, base::Bytes bytes);

  std::array<PresentationContext, 16> contexts_{};
  std::array<Call, 24> calls_{};
  std::uint8_t next_context_ = 0;
  std::uint8_t next_call_ = 0;
};

std::string uuid_text(const Uuid& uuid);

// What the endpoint mapper was asked for, or said (C706 appendix L): "drsuapi 4.0
// tcp 10.0.0.1:49664". TCP endpoints that were said are expected, at `server` where the tower names
// no host.
struct TowerPlace {
  model::RecordBuilder& record;
  std::uint8_t field;
  Context& context;
  model::Side server;
};
void add_asked_tower(DceCursor stub, const TowerPlace& place);
void add_mapped_towers(DceCursor stub, const TowerPlace& place);

}  // namespace netwatch::dpi
