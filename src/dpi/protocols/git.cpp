// Git's own transport (gitprotocol-pack(5), gitprotocol-v2(5)): a client names a repository and
// what it wants to do with it, the server says what it offers. Both come in lines that begin with
// their length in four hexadecimal digits (gitprotocol-common(5)). Objects are not looked at.
#include <algorithm>
#include <array>
#include <charconv>

#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kRequest, kResponse, kErrorKind };
enum Field : std::uint8_t { kService, kPath, kHost, kVersion, kAgent, kHead, kError, kLatency };

constexpr string_view kKinds[] = {"request", "response", "error"};
constexpr FieldDef kFields[] = {
    {.name = "git.service",
     .help = "upload-pack (fetch, clone), receive-pack (push), upload-archive",
     .role = Role::kMethod,
     .max_bytes = 32},
    {.name = "git.path", .help = "repository", .role = Role::kUri, .max_bytes = 1024},
    {.name = "git.host",
     .help = "name of the host that was called",
     .role = Role::kServerName,
     .max_bytes = 256},
    {.name = "git.version", .type = FieldType::kUint, .help = "of the protocol"},
    {.name = "git.agent", .help = "server's program", .max_bytes = 128},
    {.name = "git.head", .help = "branch that the server calls its head", .max_bytes = 256},
    {.name = "git.error", .help = "why the server refuses", .role = Role::kStatus},
    {.name = "git.latency_us",
     .type = FieldType::kDuration,
     .help = "request to the first answer",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{.proto = "git", .title = "Git", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kLengthBytes = 4;
constexpr std::array<string_view, 3> kServices{"git-upload-pack ", "git-receive-pack ",
                                               "git-upload-archive "};

// 0 if it is none; "0000" to "0002" (flush and others) are lines of four bytes.
std::size_t line_length(string_view text) {
  unsigned length = 0;
  const char* const end = text.data() + kLengthBytes;
  const auto [at, error] = std::from_chars(text.data(), end, length, 16);
  if (error != std::errc() || at != end) return 0;
  return length < kLengthBytes ? kLengthBytes : length;
}

FrameSize frame_size(Bytes bytes) {
  const string_view text = base::as_text(bytes);
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  if (!std::ranges::all_of(text.substr(0, kLengthBytes), is_digit)) return FrameSize::bad();
  if (text.size() < kLengthBytes) return {};
  return FrameSize::known(line_length(text));
}

bool begins_request(string_view line) {
  return std::ranges::any_of(kServices, [&](string_view service) {
    const std::size_t seen = std::min(line.size(), service.size());
    return line.substr(0, seen) == service.substr(0, seen);
  });
}

constexpr std::size_t kIdDigits = 40;  // 64 of SHA-256

bool is_id(string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// "3485...77c1 HEAD", "version 2", "ERR no such repository".
bool begins_response(string_view line) {
  if (line.starts_with("version ") || line.starts_with("ERR ")) return true;
  const std::size_t digits = std::min(line.find(' '), line.size());
  return (digits == kIdDigits || digits == 64) && line.find('\0') != string_view::npos &&
         is_id(line.substr(0, digits));
}

bool may_respond(string_view line) {
  return string_view("version ").starts_with(line.substr(0, 8)) ||
         string_view("ERR ").starts_with(line.substr(0, 4)) || is_id(line.substr(0, kIdDigits));
}

Probe look(Bytes bytes) {
  constexpr std::size_t kEnough = kLengthBytes + 19;  // the longest service
  const FrameSize size = frame_size(bytes);
  if (size.what == FrameSize::What::kBad || size.bytes > kProbeBytes) return Probe::kNo;
  if (bytes.size() < kLengthBytes) return Probe::kMore;
  const auto length = static_cast<std::size_t>(size.bytes);
  const string_view line = base::as_text(bytes).substr(kLengthBytes);
  if (bytes.size() >= kEnough && begins_request(line)) return Probe::kYes;
  const bool whole = length > kLengthBytes && bytes.size() >= length;
  if (whole)
    return begins_response(line.substr(0, length - kLengthBytes)) ? Probe::kYes : Probe::kNo;
  return begins_request(line) || may_respond(line) ? Probe::kMore : Probe::kNo;
}

Probe probe_git(const ProbeInput& input) { return probe_sides(input, look); }

// The value of "name=value" among words that `divider` ends.
string_view word_of(string_view words, string_view name, char divider) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(divider), words.size());
    string_view word = words.substr(0, end);
    words.remove_prefix(std::min(end + 1, words.size()));
    if (word.starts_with(name)) return word.substr(name.size());
  }
  return {};
}

class GitDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override { return frame_size(bytes); }
  Onward on_frame(const Frame& frame) override;

 private:
  void request(string_view line, const Frame& frame);
  Onward response(string_view line, const Frame& frame) const;

  base::TimeNs asked_ns_ = -1;
  std::uint8_t version_ = 0;  // that the server answered with
};

Onward GitDecoder::on_frame(const Frame& frame) {
  string_view line = base::as_text(frame.bytes).substr(kLengthBytes);
  if (std::ranges::any_of(kServices, [&](string_view one) { return line.starts_with(one); })) {
    request(line, frame);
    return {};
  }
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line == "version 1" || line == "version 2") {
    version_ = line.back() == '1' ? 1 : 2;
    return {};
  }
  // Version 2 says what it can line by line, up to an empty one.
  if (version_ == 2) {
    const bool tells = line.empty() || line.starts_with("agent=");
    return tells ? response(line, frame) : Onward{};
  }
  return begins_response(line) ? response(line, frame) : Onward::not_mine();
}

// "git-upload-pack /a.git\0host=example.org\0\0version=2\0"
void GitDecoder::request(string_view line, const Frame& frame) {
  asked_ns_ = frame.time_ns;
  frame.context.set_originator(frame.side);
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kRequest);
  const std::size_t blank = line.find(' ');
  const std::size_t end = std::min(line.find('\0'), line.size());
  record.add_text(kService, line.substr(4, blank - 4));
  record.add_text(kPath, line.substr(blank + 1, end - blank - 1));
  const string_view parameters = line.substr(end);
  const string_view host = word_of(parameters, "host=", '\0');
  if (!host.empty()) record.add_text(kHost, host.substr(0, host.rfind(':')));
  const string_view version = word_of(parameters, "version=", '\0');
  if (version.size() == 1 && version[0] >= '0' && version[0] <= '9') {
    record.add_uint(kVersion, static_cast<std::uint64_t>(version[0] - '0'));
  }
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
}

Onward GitDecoder::response(string_view line, const Frame& frame) const {
  frame.context.set_originator(model::other(frame.side));
  model::RecordBuilder& record = frame.context.record();
  const bool error = line.starts_with("ERR ");
  record.start(kSchema, error ? kErrorKind : kResponse);
  if (version_ != 0) record.add_uint(kVersion, version_);
  if (error) {
    record.add_text(kError, line.substr(4));
  } else {
    const string_view offers = version_ == 2 ? line : line.substr(line.find('\0') + 1);
    const string_view agent = word_of(offers, "agent=", ' ');
    if (!agent.empty()) record.add_text(kAgent, agent);
    const string_view head = word_of(offers, "symref=HEAD:", ' ');
    if (!head.empty()) record.add_text(kHead, head);
  }
  if (asked_ns_ >= 0) {
    record.add_int(kLatency, std::max<base::TimeNs>(frame.time_ns - asked_ns_, 0));
  }
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
  return Onward::done();
}

constexpr std::uint16_t kPorts[] = {9418};

}  // namespace

extern const ProtocolDef kGit;
constinit const ProtocolDef kGit{
    .name = "git",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("0"),
    .usual_ports = kPorts,
    .probe = probe_git,
    .schema = &kSchema,
    .state_bytes = sizeof(GitDecoder),
    .make = make_decoder<GitDecoder>,
};

}  // namespace netwatch::dpi
