#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/ntlm.h"
#include "dpi/protocols/smb_memory.h"

// What the files of SMB share: the schema and how a record is made.
namespace netwatch::dpi {

enum class SmbKind : std::uint8_t { kRequest, kResponse, kEncrypted };
enum class SmbField : std::uint8_t {
  kVersion,
  kCommand,
  kFunction,
  kDialects,
  kDialect,
  kSigning,
  kCipher,
  kAuth,
  kUser,
  kDomain,
  kWorkstation,
  kServer,
  kSystem,
  kLogin,
  kShare,
  kShareType,
  kFile,
  kNewName,
  kPattern,
  kDisposition,
  kAction,
  kSize,
  kRead,
  kWritten,
  kStatus,
  kLatency,
};
extern const model::Schema kSmbSchema;

class SmbDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(base::Bytes bytes, model::Side side) override;
  Onward on_frame(const Frame& frame) override;
  bool begins_with(base::Bytes bytes, model::Side side) override;

 private:
  struct Message1;  // smb1.cpp
  struct Message2;  // smb2.cpp

  void message1(base::Bytes message, const Frame& frame);
  bool block1(Message1& in, base::Cursor block);
  void request1(const Message1& in);
  void response1(const Message1& in);
  void negotiate1(const Message1& in);
  void negotiate_answer1(const Message1& in);
  void session_setup1(const Message1& in);
  void session_answer1(const Message1& in);
  void tree_connect1(const Message1& in);
  void transaction1(const Message1& in, bool second);
  void paths1(const Message1& in);
  void open1(const Message1& in);
  void open_answer1(const Message1& in, SmbMemory::File& file);
  static void count_data1(const Message1& in, SmbMemory::File& file);

  void messages2(base::Bytes message, const Frame& frame);
  void request2(Message2& in);
  void response2(Message2& in);
  bool request_body2(Message2& in);
  void response_body2(const Message2& in, const SmbMemory::Request& asked);
  void negotiate2(const Message2& in);
  void negotiate_answer2(const Message2& in);
  void session_setup2(Message2& in);
  void session_answer2(const Message2& in);
  void tree_connect2(Message2& in);
  void create2(Message2& in);
  void create_answer2(const Message2& in, SmbMemory::File* file);
  void ioctl2(const Message2& in);
  bool set_info2(const Message2& in);
  bool query_directory2(const Message2& in);

  void pipe2(const Message2& in, SmbMemory::Handle file, std::size_t place_at);
  // What is written to and read from a pipe: DCE RPC begins it with a bind. One pipe at a time.
  void carry(SmbMemory::Handle file, base::Bytes data, std::uint64_t size, const Frame& frame);

  // The parts of a record that both versions have.
  model::RecordBuilder& begin(const Frame& frame, SmbKind kind, std::string_view version,
                              std::string_view command);
  void add(SmbField field, std::string_view text);
  void add(SmbField field, std::uint64_t number);
  void add_file(SmbMemory::Handle file);
  void add_names(std::uint64_t session, std::uint32_t tree, SmbMemory::Handle file);
  // Of a request, `session` is whose it will be; the user, if one is named.
  SmbMemory::Handle add_token(base::Bytes bytes, std::uint64_t session);
  SmbMemory::Handle add_login(std::string_view user, std::string_view domain,
                              std::uint64_t session);
  void add_close(SmbMemory::File& file);

  SmbMemory memory_;
  model::RecordBuilder* record_ = nullptr;  // during one call
  std::uint64_t chain_session_ = 0;         // of a compound: what its parts may leave out
  std::uint32_t chain_tree_ = 0;
  SmbMemory::Handle chain_file_ = SmbMemory::kNone;
  SmbMemory::Handle pipe_ = SmbMemory::kNone;  // whose data are the child's
  std::array<std::uint8_t, 16> dialects_{};    // what a negotiation of version 1 offers
  std::uint8_t dialect_count_ = 0;
  bool known_ = false;
};

}  // namespace netwatch::dpi
