#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/rpc_message.h"
#include "dpi/parts/short_text.h"

// What the files of Sun RPC and NFS share. One decoder reads both: they mix on one connection.
namespace netwatch::dpi {

enum class RpcKind : std::uint8_t { kCall, kReply };
enum class NfsField : std::uint8_t {
  kVersion,
  kXid,
  kOperation,
  kFile,
  kNewName,
  kOffset,
  kCount,
  kClient,
  kAuth,
  kUid,
  kGid,
  kMachine,
  kStatus,
  kFailed,
  kLatency,
};
extern const model::Schema kSunrpcSchema;
extern const model::Schema kNfsSchema;

// What is remembered of a conversation: calls that wait, and which file a handle stands for. Each
// table has a few rows; the oldest gives way.
class RpcMemory {
 public:
  static constexpr std::size_t kMaxOperations = 12;
  static constexpr std::uint8_t kNoPlace = 0xFF;
  using Handle = std::uint16_t;
  static constexpr Handle kNone = 0;

  struct Call {
    base::TimeNs time_ns = 0;
    std::uint32_t xid = 0;
    std::uint32_t program = 0;
    std::uint16_t version = 0;
    std::uint16_t procedure = 0;
    Handle file = kNone;  // a name whose handle the reply may bring
    model::Side side = model::Side::kOriginator;
    bool used = false;
    std::uint8_t gss_service = 0;
    std::uint8_t operation_count = 0;  // of NFS version 4
    std::array<std::uint8_t, kMaxOperations> operations{};
    std::uint8_t handle_at =
        kNoPlace;  // of version 4: the operation that brings the handle of `file`
  };

  void ask(const Call& call);
  // The call of the other side that this answers; `used` is false if there is none.
  Call answer(std::uint32_t xid, model::Side side);
  // The path of a file handle, as far as it is known.
  [[nodiscard]] std::string_view path_of(base::Bytes handle) const;
  [[nodiscard]] Handle file_of(base::Bytes handle) const;
  Handle add_path(std::string_view path);
  // It is renamed: what is in it has other paths, too.
  void forget(std::string_view path);
  void set_handle(Handle file, base::Bytes handle);
  [[nodiscard]] std::string_view path(Handle file) const;

 private:
  struct Named {
    std::uint64_t hash = 0;  // of the file handle; 0 until it is known
    Handle handle = kNone;
    ShortText<85> path;
  };
  static std::uint64_t hash_of(base::Bytes handle);

  std::array<Call, 32> calls_{};
  std::array<Named, 22> names_{};
  Handle last_handle_ = kNone;
  std::uint8_t next_call_ = 0;
  std::uint8_t next_name_ = 0;
};

struct RpcSeen {
  const RpcMessage& message;
  model::Side side;
  base::TimeNs time_ns;
  Context& context;
  bool cut;
};

// The body of NFS's messages: nfs.cpp (versions 2 and 3), nfs4.cpp.
void nfs_call(const RpcSeen& seen, RpcMemory& memory, RpcMemory::Call& call);
void nfs_reply(const RpcSeen& seen, RpcMemory& memory, const RpcMemory::Call& call);
void nfs4_call(const RpcSeen& seen, RpcMemory& memory, RpcMemory::Call& call);
void nfs4_reply(const RpcSeen& seen, RpcMemory& memory, const RpcMemory::Call& call);
std::string nfs_status_name(std::uint32_t version, std::uint32_t status);
// Of version 4; empty if there is none.
std::string_view nfs4_operation_name(std::uint32_t operation);
// "dir/name"; only the name if the directory is not known.
std::string nfs_path(std::string_view directory, std::string_view name);

inline void add(model::RecordBuilder& record, NfsField field, std::string_view text) {
  if (!text.empty()) record.add_text(static_cast<std::uint8_t>(field), text);
}
inline void add(model::RecordBuilder& record, NfsField field, std::uint64_t number) {
  record.add_uint(static_cast<std::uint8_t>(field), number);
}

class RpcReader {
 public:
  // False if `bytes` are no message.
  bool message(base::Bytes bytes, bool cut, const model::StreamChunk& chunk, Context& context);

 private:
  void call(const RpcSeen& seen);
  void reply(const RpcSeen& seen);

  void opened_by(model::Side side, Context& context);

  RpcMemory memory_;
  bool opened_ = false;
};

}  // namespace netwatch::dpi
