#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

// Lines and header fields of HTTP-like text protocols (HTTP/1, RTSP, SIP, SSDP, ICAP): RFC 9112
// sections 2 to 5. All views point into the bytes that were given; nothing allocates.
namespace netwatch::dpi {

// Takes the next line off `rest`, without its CRLF or LF. False, and nothing taken, if there is no
// LF yet.
bool next_line(std::string_view& rest, std::string_view& line);

// Where a header section ends: behind the empty line (CRLF, LF, or CR CR LF). `bytes` begins with a
// line (start line or header); `searched` bytes of it are known not to hold the end, so that a
// section that arrives in pieces is scanned once. 0 if the end is not in `bytes`.
std::size_t find_headers_end(std::string_view bytes, std::size_t searched = 0);

// ASCII only, as header names and schemes are compared.
bool same_ignoring_case(std::string_view a, std::string_view b);
// Where the first or the last space or tab is; npos if there is none.
std::size_t first_blank(std::string_view text);
std::size_t last_blank(std::string_view text);
// Without spaces and tabs (and the CR of a bare line) at both ends.
std::string_view trim_blanks(std::string_view text);
// RFC 9110 section 5.6.2: what methods and header names are made of.
bool is_token_char(char c);
// All of `text` as a decimal number; nothing if it is anything else or over 2^63-1.
std::optional<std::uint64_t> parse_decimal(std::string_view text);
// The leading hexadecimal digits of a chunk-size line; nothing without one or over 2^63-1.
std::optional<std::uint64_t> parse_chunk_size(std::string_view line);
// The last element of a comma-separated list, trimmed.
std::string_view last_list_element(std::string_view list);
// Whether a comma-separated list holds `element`, ignoring case.
bool list_holds(std::string_view list, std::string_view element);

// "GET /x HTTP/1.1". `version` is the last word if it begins with `protocol` ("HTTP/"), else empty.
// Blanks around the URI are dropped; blanks inside it stay.
struct RequestLine {
  std::string_view method;
  std::string_view uri;
  std::string_view version;
};
RequestLine parse_request_line(std::string_view line, std::string_view protocol);
// The same of a line that ends early: a version that has only begun is dropped.
RequestLine parse_cut_request_line(std::string_view line, std::string_view protocol);

// "HTTP/1.1 200 OK". `status` is the number that the second word begins with, in at most three
// digits; 0 and `status_ok` false if it is no three-digit number.
struct StatusLine {
  std::string_view version;
  std::string_view reason;
  std::uint16_t status = 0;
  bool has_status = false;  // there is a second word that begins with a digit
  bool status_ok = false;   // and it is three digits
};
StatusLine parse_status_line(std::string_view line);

// Walks the fields of a header section, start line excluded.
class HeaderCursor {
 public:
  explicit HeaderCursor(std::string_view section) : rest_(section) {}

  struct Field {
    std::string_view name;
    std::string_view value;  // trimmed; a folded one still holds its line ends: see unfold()
    bool folded = false;     // RFC 9112 section 5.2, obsolete
    bool odd_name = false;   // blanks before the colon, or no name
  };
  // The next field; lines without a colon are passed over and counted. False at the empty line or
  // where the bytes end; a last line without LF is taken as far as it goes only if `cut_ok`.
  bool next(Field& field, bool cut_ok = false);
  [[nodiscard]] unsigned junk_lines() const { return junk_lines_; }

 private:
  std::string_view rest_;
  unsigned junk_lines_ = 0;
};

// A folded value as one line: line ends and the blanks after them become one space. Uses `scratch`
// and is cut at its size.
std::string_view unfold(std::string_view value, std::span<char> scratch);

// What bytes at a message border are.
enum class HttpStart : std::uint8_t { kNo, kMore, kRequest, kResponse };

// Lines longer than this are no start lines.
inline constexpr std::size_t kMaxStartLineBytes = std::size_t{32} * 1024;

// By content: a status line ("HTTP/1.", or SHOUTcast's "ICY "), or a request line: a token, a URI
// and HTTP/1.x; one of the registered methods needs no well-formed version, and none at all if a
// header follows the line. kMore while that cannot be told. Other protocols with such lines (RTSP,
// SIP, HTTP/2's preface) are kNo.
HttpStart classify_http_start(std::string_view bytes);
// Whether an incomplete line can hardly be anything else: a registered method, a URI, and at least
// three letters of the version. What a capture with a small snaplen keeps of a request.
bool is_cut_request_line(std::string_view bytes);
// Whether it is a method of IANA's registry or a well-known extension.
bool is_known_http_method(std::string_view method);

// The authentication scheme of a header field's value (Authorization and its like): "Basic", or
// "other" if it is not a registered one, never the credentials.
std::string_view http_auth_scheme(std::string_view value);

}  // namespace netwatch::dpi
