// FTP's data connections: RFC 959 sections 3 and 5.2. They carry a file or a listing and nothing
// else, so there is no content to tell them by: only what a control connection announced is one.
// That connection also says which file, and by which command (ftp.cpp).
//
// Whoever announces a port must not hide with it what is spoken there: the bytes are also shown to
// all other probes, as a child, and what they know is the flow's second name.
#include <algorithm>
#include <array>

#include "dpi/protocol.h"
#include "dpi/protocols/ftp_note.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using model::Side;

enum Kind : std::uint8_t { kTransfer };
constexpr std::array<std::string_view, 1> kKinds{"transfer"};

enum Field : std::uint8_t { kCommand, kFile, kDirection, kBytes, kLost, kDuration };
constexpr std::string_view kCommandAlias[] = {"ftp-data.command"};
constexpr FieldDef kFields[] = {
    {.name = "ftp_data.command",
     .help = "command of the control connection that asked for it",
     .role = Role::kMethod,
     .aliases = kCommandAlias,
     .max_bytes = 16},
    {.name = "ftp_data.file",
     .help = "path that the command named",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal},
    {.name = "ftp_data.direction", .help = "download or upload, from the command", .max_bytes = 16},
    {.name = "ftp_data.data_bytes", .type = FieldType::kUint, .help = "bytes that were seen"},
    {.name = "ftp_data.lost_bytes",
     .type = FieldType::kUint,
     .help = "bytes that are missing in the capture"},
    {.name = "ftp_data.duration_us",
     .type = FieldType::kDuration,
     .help = "first to last byte that was seen"},
};
static_assert(std::size(kFields) == kDuration + 1);
constexpr model::Schema kSchema{
    .proto = "ftp_data", .title = "FTP transfer", .kinds = kKinds, .fields = kFields};

Probe probe_ftp_data(const ProbeInput& input) { return input.expected ? Probe::kYes : Probe::kNo; }

class FtpDataDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override {
    begin(chunk, context);
    last_ns_ = chunk.time_ns;
    bytes_[model::index(chunk.side)] += chunk.bytes.size();
    carry(chunk, context);
    return {.consumed = chunk.bytes.size()};
  }

  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override {
    begin(chunk, context);
    lost_ += chunk.gap_bytes;
    carry({.side = chunk.side, .bytes = {}, .gap_bytes = chunk.gap_bytes}, context);
    return Verdict::kFine;
  }

  void on_end(Context& context) override {
    const std::string_view command = note_.command();
    model::RecordBuilder& record = context.record();
    record.start(kSchema, kTransfer);
    if (!command.empty()) record.add_text(kCommand, command);
    if (!note_.file().empty()) record.add_text(kFile, note_.file());
    if (!command.empty()) record.add_text(kDirection, ftp_uploads(command) ? "upload" : "download");
    record.add_uint(kBytes, bytes_[0] + bytes_[1]);
    record.add_uint(kLost, lost_);
    record.add_int(kDuration, std::max<base::TimeNs>(last_ns_ - first_ns_, 0));
    context.emit(bytes_[1] > bytes_[0] ? Side::kResponder : Side::kOriginator);
  }

 private:
  void begin(const model::StreamChunk& chunk, Context& context) {
    if (begun_) return;
    begun_ = true;
    first_ns_ = last_ns_ = chunk.time_ns;
    for (const Side side : {Side::kOriginator, Side::kResponder}) {
      if (const base::Bytes note = context.announced(side); !note.empty()) note_.read(note);
    }
  }
  void carry(const model::StreamChunk& inner, Context& context) {
    if (carried_) carried_ = context.child(inner);
  }

  base::TimeNs first_ns_ = 0;
  base::TimeNs last_ns_ = 0;
  std::array<std::uint64_t, 2> bytes_{};
  std::uint64_t lost_ = 0;
  bool begun_ = false;
  bool carried_ = true;  // somebody may still know what it is
  FtpNote note_;
};

}  // namespace

extern const ProtocolDef kFtpData;
constinit const ProtocolDef kFtpData{
    .name = "ftp_data",
    .transport = Transport::kTcp,
    .first = FirstBytes{},  // only where it was announced
    .probe = probe_ftp_data,
    .schema = &kSchema,
    .state_bytes = sizeof(FtpDataDecoder),
    .make = make_decoder<FtpDataDecoder>,
};

}  // namespace netwatch::dpi
