// Lines and header fields of HTTP-like text protocols: RFC 9112 sections 2 to 5, RFC 9110 section
// 5.6 (tokens, lists). Lenient where real senders are: LF alone ends a line, blanks may be tabs.
#include "dpi/parts/http_message.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace netwatch::dpi {
namespace {

using std::string_view;

constexpr std::size_t kMinMethodBytes = 3;  // less is the tail of one
constexpr std::size_t kMaxMethodBytes = 32;
constexpr std::size_t kMaxUnknownLineBytes = 2048;  // of an unregistered method, while incomplete
constexpr std::uint64_t kMaxNumber = std::numeric_limits<std::int64_t>::max();

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// IANA's "HTTP Method Registry", then GENA (UPnP), RPC over HTTP, and what SMS clients and caches
// are seen to send. Sorted.
constexpr string_view kMethods[] = {
    "ACL",
    "BASELINE-CONTROL",
    "BCOPY",
    "BDELETE",
    "BIND",
    "BMOVE",
    "BPROPFIND",
    "BPROPPATCH",
    "CCM_POST",
    "CHECKIN",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "M-SEARCH",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "NOTIFY",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POLL",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "RPC_CONNECT",
    "RPC_IN_DATA",
    "RPC_OUT_DATA",
    "SEARCH",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
};

constexpr auto kTokenChars = [] {
  std::array<bool, 256> set{};
  for (const char c : string_view("!#$%&'*+-.^_`|~")) set[static_cast<unsigned char>(c)] = true;
  for (unsigned c = '0'; c <= '9'; ++c) set[c] = true;
  for (unsigned c = 'A'; c <= 'Z'; ++c) set[c] = set[c + 32] = true;
  return set;
}();

// Whether `bytes` begin with `prefix`, as far as they go: kMore if they end inside it.
HttpStart begins_with(string_view bytes, string_view prefix) {
  const std::size_t shared = std::min(bytes.size(), prefix.size());
  if (bytes.substr(0, shared) != prefix.substr(0, shared)) return HttpStart::kNo;
  return shared == prefix.size() ? HttpStart::kResponse : HttpStart::kMore;
}

// "HTTP/" and a digit; HTTP/2 has no status line, but some servers write one.
HttpStart classify_status(string_view bytes) {
  HttpStart start = begins_with(bytes, "HTTP/");
  if (start == HttpStart::kResponse) {
    if (bytes.size() < 6) return HttpStart::kMore;
    return is_digit(bytes[5]) ? start : HttpStart::kNo;
  }
  if (start == HttpStart::kMore) return start;
  start = begins_with(bytes, "ICY ");
  if (start != HttpStart::kResponse) return start;
  if (bytes.size() < 5) return HttpStart::kMore;
  return is_digit(bytes[4]) ? start : HttpStart::kNo;
}

// "HTTP/1.1", and "HTTP/1." as well: what follows the dot is not looked at.
bool is_http1_version(string_view version) {
  return version.starts_with("HTTP/1.") || version.starts_with("HTTP/0.");
}

// "Host: x": what follows a request line and nothing else that begins with a method.
HttpStart begins_with_header(string_view bytes) {
  std::size_t end = 0;
  while (end < bytes.size() && is_token_char(bytes[end])) ++end;
  if (end == bytes.size()) return end <= kMaxMethodBytes ? HttpStart::kMore : HttpStart::kNo;
  return end > 0 && bytes[end] == ':' ? HttpStart::kRequest : HttpStart::kNo;
}

// `after` is what follows the line.
HttpStart classify_request_line(string_view line, string_view after) {
  const RequestLine request = parse_request_line(line, "HTTP/");
  if (is_http1_version(request.version) && !request.uri.empty()) {
    return request.method.size() >= kMinMethodBytes ? HttpStart::kRequest : HttpStart::kNo;
  }
  // The peers of a malformed request still call it one, and answer it.
  if (!is_known_http_method(request.method)) return HttpStart::kNo;
  if (line.find("HTTP/") != string_view::npos) return HttpStart::kRequest;
  // Some senders forget the version, but not the header.
  const bool path = request.uri.starts_with('/') && request.uri.find(' ') == string_view::npos;
  return path ? begins_with_header(after) : HttpStart::kNo;
}

}  // namespace

bool next_line(string_view& rest, string_view& line) {
  const std::size_t end = rest.find('\n');
  if (end == string_view::npos) return false;
  line = rest.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  rest.remove_prefix(end + 1);
  return true;
}

std::size_t find_headers_end(string_view bytes, std::size_t searched) {
  constexpr std::size_t kMaxReturns = 2;  // one too many is seen and borne
  // An LF that was seen near the end may be the one before the empty line.
  constexpr std::size_t kLookBack = kMaxReturns + 1;
  std::size_t at = searched > kLookBack ? searched - kLookBack : 0;
  while ((at = bytes.find('\n', at)) != string_view::npos) {
    const std::size_t line = ++at;
    while (at < bytes.size() && bytes[at] == '\r' && at - line < kMaxReturns) ++at;
    if (at < bytes.size() && bytes[at] == '\n') return at + 1;
    at = line;
  }
  return 0;
}

bool same_ignoring_case(string_view a, string_view b) {
  if (a.size() != b.size()) return false;
  if (a == b) return true;  // nearly always, where it is the same
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::size_t first_blank(string_view text) {
  const std::size_t space = text.find(' ');
  return std::min(text.substr(0, space).find('\t'), space);
}

std::size_t last_blank(string_view text) {
  std::size_t at = text.size();
  while (at > 0 && !is_blank(text[at - 1])) --at;
  return at == 0 ? string_view::npos : at - 1;
}

string_view trim_blanks(string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && (is_blank(text.back()) || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

bool is_token_char(char c) { return kTokenChars[static_cast<unsigned char>(c)]; }

std::optional<std::uint64_t> parse_decimal(string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > kMaxNumber) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::uint64_t> parse_chunk_size(string_view line) {
  line = trim_blanks(line);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value, 16);
  if (error != std::errc{} || value > kMaxNumber) return std::nullopt;
  const auto used = static_cast<std::size_t>(end - line.data());
  const bool ends_well = used == line.size() || line[used] == ';' || is_blank(line[used]);
  return ends_well ? std::optional(value) : std::nullopt;
}

string_view last_list_element(string_view list) {
  const std::size_t comma = list.rfind(',');
  return trim_blanks(comma == string_view::npos ? list : list.substr(comma + 1));
}

bool list_holds(string_view list, string_view element) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (same_ignoring_case(trim_blanks(list.substr(0, comma)), element)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

RequestLine parse_request_line(string_view line, string_view protocol) {
  RequestLine request;
  line = trim_blanks(line);
  const std::size_t method_end = std::min(first_blank(line), line.size());
  request.method = line.substr(0, method_end);
  line = trim_blanks(line.substr(method_end));
  const std::size_t blank = last_blank(line);
  const std::size_t last_word = blank == string_view::npos ? 0 : blank + 1;
  if (blank != string_view::npos && line.substr(last_word).starts_with(protocol)) {
    request.version = line.substr(last_word);
    line = trim_blanks(line.substr(0, last_word));
  }
  request.uri = line;
  return request;
}

RequestLine parse_cut_request_line(string_view line, string_view protocol) {
  RequestLine request = parse_request_line(line, protocol);
  const std::size_t blank = last_blank(request.uri);
  if (request.version.empty() && blank != string_view::npos &&
      protocol.starts_with(request.uri.substr(blank + 1))) {
    request.uri = trim_blanks(request.uri.substr(0, blank));
  }
  return request;
}

StatusLine parse_status_line(string_view line) {
  StatusLine status;
  line = trim_blanks(line);
  const std::size_t version_end = std::min(first_blank(line), line.size());
  status.version = line.substr(0, version_end);
  line = trim_blanks(line.substr(version_end));
  std::size_t digits = 0;
  while (digits < 3 && digits < line.size() && is_digit(line[digits])) {
    status.status = static_cast<std::uint16_t>(status.status * 10 + (line[digits++] - '0'));
  }
  status.has_status = digits > 0;
  const bool ends = digits == line.size() || is_blank(line[digits]);
  status.status_ok = digits == 3 && ends && status.status >= 100;
  const std::size_t reason = first_blank(line);
  if (reason != string_view::npos) status.reason = trim_blanks(line.substr(reason));
  return status;
}

bool HeaderCursor::next(Field& field, bool cut_ok) {
  string_view line;
  for (;;) {
    if (!next_line(rest_, line)) {
      if (!cut_ok || rest_.empty()) return false;
      line = rest_;
      rest_ = {};
    }
    if (line.empty()) return false;
    const std::size_t colon = line.find(':');
    if (colon == string_view::npos || is_blank(line.front())) {
      ++junk_lines_;
      continue;
    }
    field.name = trim_blanks(line.substr(0, colon));
    field.odd_name = field.name.empty() || field.name.size() != colon;
    const char* begin = line.data() + colon + 1;
    const char* end = line.data() + line.size();
    field.folded = false;
    string_view after = rest_;
    while (!after.empty() && is_blank(after.front()) && next_line(after, line)) {
      field.folded = true;
      end = line.data() + line.size();
      rest_ = after;
    }
    field.value = trim_blanks({begin, static_cast<std::size_t>(end - begin)});
    return true;
  }
}

string_view unfold(string_view value, std::span<char> scratch) {
  std::size_t used = 0;
  bool at_fold = false;
  for (char c : value) {
    const bool line_end = c == '\r' || c == '\n';
    if (line_end || (at_fold && is_blank(c))) {
      at_fold = true;
      continue;
    }
    if (at_fold && used < scratch.size()) scratch[used++] = ' ';
    at_fold = false;
    if (used < scratch.size()) scratch[used++] = c;
  }
  return {scratch.data(), used};
}

HttpStart classify_http_start(string_view bytes) {
  const HttpStart status = classify_status(bytes);
  if (status == HttpStart::kResponse || bytes.empty()) {
    return bytes.empty() ? HttpStart::kMore : status;
  }
  std::size_t method_end = 0;
  while (method_end < bytes.size() && is_token_char(bytes[method_end])) ++method_end;
  if (method_end > kMaxMethodBytes) return HttpStart::kNo;
  if (method_end == bytes.size()) return HttpStart::kMore;
  if (status == HttpStart::kMore) return status;
  if (method_end == 0 || !is_blank(bytes[method_end])) return HttpStart::kNo;
  string_view rest = bytes;
  string_view line;
  if (next_line(rest, line)) {
    return line.size() <= kMaxStartLineBytes ? classify_request_line(line, rest) : HttpStart::kNo;
  }
  // An incomplete line must at least be text.
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r';
  };
  if (std::ranges::any_of(bytes.substr(0, 256), is_control)) return HttpStart::kNo;
  const bool known = is_known_http_method(bytes.substr(0, method_end));
  return bytes.size() <= (known ? kMaxStartLineBytes : kMaxUnknownLineBytes) ? HttpStart::kMore
                                                                             : HttpStart::kNo;
}

bool is_cut_request_line(string_view bytes) {
  constexpr std::size_t kEnoughLetters = 3;
  if (bytes.find('\n') != string_view::npos) return false;
  const RequestLine request = parse_cut_request_line(bytes, "HTTP/");
  if (!is_known_http_method(request.method) || request.uri.empty()) return false;
  const std::size_t last_word = last_blank(bytes) + 1;
  const bool begun = begins_with(bytes.substr(last_word), "HTTP/1.") != HttpStart::kNo;
  return begun && bytes.size() - last_word >= kEnoughLetters;
}

bool is_known_http_method(string_view method) {
  return std::ranges::binary_search(kMethods, method);
}

// IANA's "HTTP Authentication Schemes" and what is common besides. Anything else could be the
// credential itself, so it is not repeated.
string_view http_auth_scheme(string_view value) {
  static constexpr string_view kSchemes[] = {"Basic",
                                             "Bearer",
                                             "Concealed",
                                             "Digest",
                                             "DPoP",
                                             "GNAP",
                                             "HOBA",
                                             "Mutual",
                                             "Negotiate",
                                             "NTLM",
                                             "OAuth",
                                             "PrivateToken",
                                             "SCRAM-SHA-1",
                                             "SCRAM-SHA-256",
                                             "vapid",
                                             "Kerberos",
                                             "AWS4-HMAC-SHA256"};
  const string_view word = value.substr(0, value.find_first_of(" \t,"));
  for (string_view scheme : kSchemes) {
    if (same_ignoring_case(scheme, word)) return scheme;
  }
  return "other";
}

}  // namespace netwatch::dpi
