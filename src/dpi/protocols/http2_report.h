#pragma once

#include <cstdint>
#include <string_view>

#include "dpi/parts/hpack.h"
#include "dpi/parts/http2_frame.h"
#include "model/record.h"

// From the header blocks and frames of HTTP/2 to records; http2.cpp keeps the connection.
namespace netwatch::dpi {

extern const model::Schema kHttp2Schema;

// What a header block is; kTrailers stands for one without pseudo-header fields.
enum class Http2Message : std::uint8_t { kRequest, kResponse, kTrailers, kPromise };

// Builds the record of one header block. Passwords, cookies and credentials do not enter it.
class Http2HeaderReader final : public HeaderSink {
 public:
  // `expected` counts when the block does not tell (its beginning may not be known); kPromise
  // always. `text_left` is how many bytes of text may be added, and is brought up to date.
  Http2HeaderReader(model::RecordBuilder& out, Http2Message expected, std::uint32_t stream,
                    std::uint64_t& text_left);
  void on_header(std::string_view name, std::string_view value) override;
  // After the last one: names the called method, if it is gRPC.
  void finish(bool whole);

  [[nodiscard]] Http2Message message() const { return message_; }
  [[nodiscard]] bool tells() const { return tells_; }  // more than its stream
  [[nodiscard]] bool is_interim() const { return status_ >= 100 && status_ < 200; }
  [[nodiscard]] bool is_grpc() const { return grpc_; }
  [[nodiscard]] bool ends_call() const { return grpc_status_; }  // gRPC's status was in it
  [[nodiscard]] bool lacks_text() const { return lacks_text_; }  // there was too much of it
  // The first breach of the rules; empty if none.
  [[nodiscard]] std::string_view breach() const { return breach_; }

 private:
  void start(Http2Message message);
  bool first_of(std::uint8_t field);
  void add(std::uint8_t field, std::string_view value);
  void add_number(std::uint8_t field, std::string_view value);
  void add_host(std::string_view value);
  void add_status(std::string_view value);
  void add_content_type(std::string_view value);

  model::RecordBuilder& out_;
  Http2Message message_;
  std::uint32_t stream_;
  std::uint64_t& text_left_;
  std::uint64_t seen_ = 0;
  std::uint16_t status_ = 0;
  bool started_ = false;
  bool tells_ = false;
  bool grpc_ = false;
  bool grpc_status_ = false;
  bool lacks_text_ = false;
  std::string_view breach_;
};

void add_http2_promised(model::RecordBuilder& out, std::uint32_t stream);
// From the end of the request's header to the end of the response's.
void add_http2_latency(model::RecordBuilder& out, std::int64_t latency_ns);
// From the end of the request's header to the call's status.
void add_grpc_duration(model::RecordBuilder& out, std::int64_t duration_ns);

// Frames that are records of their own; `payload` may be cut. False if there is nothing to report.
bool report_http2_settings(base::Bytes payload, model::RecordBuilder& out);
bool report_http2_reset(std::uint32_t stream, base::Bytes payload, model::RecordBuilder& out);
bool report_http2_goaway(base::Bytes payload, model::RecordBuilder& out);

}  // namespace netwatch::dpi
