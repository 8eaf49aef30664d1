#include "dpi/parts/media_note.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/ip_address.h"
#include "dpi/parts/http_message.h"
#include "dpi/parts/line_decoder.h"

namespace netwatch::dpi {
namespace {

using std::string_view;

constexpr std::size_t kMaxCallBytes = 96;
constexpr unsigned kMaxMedia = 4;  // that are announced for one message

// A section of a description: what stands before the first "m=", or one medium with its lines.
struct Section {
  string_view head;  // behind "m="; empty of the first
  string_view lines;
};

// A last line without an end is one, too.
void take_line(string_view& rest, string_view& line) {
  if (!next_line(rest, line)) line = std::exchange(rest, {});
}

bool next_section(string_view& rest, Section& section) {
  if (rest.empty()) return false;
  section = {};
  string_view line;
  if (rest.starts_with("m=")) {
    take_line(rest, line);
    section.head = line.substr(2);
  }
  const string_view begin = rest;
  while (!rest.empty() && !rest.starts_with("m=")) take_line(rest, line);
  section.lines = begin.substr(0, begin.size() - rest.size());
  return true;
}

template <typename Visit>
void for_each_line(string_view lines, Visit visit) {
  string_view line;
  while (!lines.empty()) {
    take_line(lines, line);
    visit(line);
  }
}

// "c=IN IP4 192.0.2.1/127"
std::optional<base::IpAddress> connection(string_view lines) {
  std::optional<base::IpAddress> found;
  for_each_line(lines, [&](string_view line) {
    if (!line.starts_with("c=IN IP") || found) return;
    take_word(line);
    take_word(line);
    found = base::IpAddress::parse(line.substr(0, line.find('/')));
  });
  return found;
}

struct Medium {
  string_view kind;
  string_view profile;
  string_view formats;
  std::uint16_t port = 0;
  std::uint16_t control_port = 0;
};

std::uint16_t port_of(string_view text) {
  const auto port = parse_decimal(text);
  return port && *port <= 0xFFFF ? static_cast<std::uint16_t>(*port) : std::uint16_t{0};
}

// "audio 49170/2 RTP/AVP 0 8 97"
Medium read_medium(const Section& section) {
  Medium medium;
  string_view words = section.head;
  medium.kind = take_word(words);
  const string_view ports = take_word(words);
  medium.port = port_of(ports.substr(0, ports.find('/')));
  medium.profile = take_word(words);
  medium.formats = words;
  if (medium.port != 0 && medium.port < 0xFFFF) {
    medium.control_port = static_cast<std::uint16_t>(medium.port + 1);
  }
  for_each_line(section.lines, [&](string_view line) {
    if (line.starts_with("a=rtcp:")) {
      line.remove_prefix(7);
      medium.control_port = port_of(take_word(line));
    }
  });
  return medium;
}

bool is_rtp(string_view profile) { return profile.find("RTP/") != string_view::npos; }

void add_formats(const Section& section, const Medium& medium, MediaNote& note) {
  constexpr unsigned kMaxFormats = 16;
  string_view formats = medium.formats;
  for (unsigned i = 0; i < kMaxFormats && !formats.empty(); ++i) {
    const string_view format = take_word(formats);
    string_view encoding;
    for_each_line(section.lines, [&](string_view line) {
      if (!line.starts_with("a=rtpmap:")) return;
      line.remove_prefix(9);
      if (take_word(line) == format) encoding = trim_blanks(line);
    });
    note.add_format(format, medium.kind, encoding);
  }
}

}  // namespace

bool MediaNote::append(string_view more) {
  if (more.size() > text_.size() - size_) return false;
  std::ranges::copy(more, text_.begin() + size_);
  size_ = static_cast<std::uint16_t>(size_ + more.size());
  return true;
}

void MediaNote::begin(string_view profile, string_view call) {
  size_ = 0;
  append(profile.substr(0, 32));
  append(" ");
  if (call.size() <= kMaxCallBytes) append(call);
  append("\n");
}

void MediaNote::add_format(string_view format, string_view kind, string_view encoding) {
  if (format.empty() || format.size() > 3 || kind.size() > 16) return;
  const std::uint16_t before = size_;
  if (append(format) && append(" ") && append(kind) && append(" ") && append(encoding) &&
      append("\n")) {
    return;
  }
  size_ = before;
}

void MediaNote::read(base::Bytes note) {
  size_ = 0;
  append(base::as_text(note.first(std::min(note.size(), text_.size()))));
}

string_view MediaNote::call() const {
  const string_view line = text().substr(0, text().find('\n'));
  const std::size_t blank = line.find(' ');
  return blank == string_view::npos ? string_view() : line.substr(blank + 1);
}

bool MediaNote::secure() const {
  const string_view line = text().substr(0, text().find(' '));
  return line.find("/SAVP") != string_view::npos;
}

MediaNote::Format MediaNote::format(std::uint8_t payload_type) const {
  string_view rest = text();
  string_view line;
  next_line(rest, line);
  while (next_line(rest, line)) {
    const auto number = parse_decimal(take_word(line));
    if (number != payload_type) continue;
    const string_view kind = take_word(line);
    return {.known = true, .kind = kind, .codec = line};
  }
  return {};
}

void expect_media(string_view sdp, string_view call, Context& context) {
  if (!sdp.starts_with("v=")) return;
  std::optional<base::IpAddress> session;
  Section section;
  unsigned media = 0;
  while (next_section(sdp, section) && media < kMaxMedia) {
    const auto own = connection(section.lines);
    if (section.head.empty()) session = own;
    const Medium medium = read_medium(section);
    const auto address = own ? own : session;
    if (medium.port == 0 || !address || !is_rtp(medium.profile)) continue;
    ++media;
    MediaNote note;
    note.begin(medium.profile, call);
    add_formats(section, medium, note);
    Expected flow{.protocol = "rtp",
                  .transport = Transport::kUdp,
                  .address = *address,
                  .port = medium.port,
                  .note = note.bytes()};
    context.expect(flow);
    if (medium.control_port == 0 || medium.control_port == medium.port) continue;
    flow.protocol = "rtcp";
    flow.port = medium.control_port;
    context.expect(flow);
  }
}

void note_media(string_view sdp, string_view call, MediaNote& note) {
  if (!sdp.starts_with("v=")) return;
  Section section;
  bool begun = false;
  while (next_section(sdp, section)) {
    const Medium medium = read_medium(section);
    if (!is_rtp(medium.profile)) continue;
    if (!begun) note.begin(medium.profile, call);
    begun = true;
    add_formats(section, medium, note);
  }
}

}  // namespace netwatch::dpi
