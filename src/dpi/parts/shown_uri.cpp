#include "dpi/parts/shown_uri.h"

#include <algorithm>

#include "dpi/parts/line_decoder.h"

namespace netwatch::dpi {

using std::string_view;

namespace {

// From behind "//" or "sip:" on.
UriAuthority split(string_view rest, bool sip) {
  UriAuthority authority;
  if (!sip) rest = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t at = rest.rfind('@');
  if (at != string_view::npos) {
    authority.user_password = rest.substr(0, at);
    rest.remove_prefix(at + 1);
  }
  authority.host = sip ? rest.substr(0, rest.find_first_of(";?")) : rest;
  return authority;
}

}  // namespace

UriAuthority authority_of(string_view uri) {
  if (uri.starts_with('/')) return {};  // most are paths
  // The user part of sip: may hold slashes and question marks.
  const bool sip = begins_ignoring_case(uri, "sip:") || begins_ignoring_case(uri, "sips:");
  if (sip) return split(uri.substr(uri.find(':') + 1), true);
  const std::size_t scheme = uri.find("://");
  if (scheme == string_view::npos ||
      uri.substr(0, scheme).find_first_of("/?#") != string_view::npos)
    return {};
  return split(uri.substr(scheme + 3), false);
}

ShownUri::ShownUri(string_view uri) : shown_(uri) {
  // A reference may leave its scheme out (RFC 3986 section 4.2).
  const bool bare = uri.starts_with("//");
  const string_view secret = (bare ? split(uri.substr(2), false) : authority_of(uri)).user_password;
  const std::size_t colon = secret.find(':');
  // To the web a name without a password is a token (RFC 3986 section 3.2.1 lets it be one).
  const bool token = begins_ignoring_case(uri, "http") && !secret.empty();
  if (colon == string_view::npos && !token) return;
  const std::size_t shown = colon == string_view::npos ? 0 : colon + 1;
  const auto begin = static_cast<std::size_t>(secret.data() - uri.data()) + shown;
  const auto end = static_cast<std::size_t>(secret.data() - uri.data()) + secret.size();
  put(uri.substr(0, begin));
  put("***");
  put(uri.substr(end));
  shown_ = {text_.data(), used_};
}

void ShownUri::put(string_view part) {
  const std::size_t length = std::min(part.size(), text_.size() - used_);
  std::copy_n(part.begin(), length, text_.begin() + static_cast<std::ptrdiff_t>(used_));
  used_ += length;
}

}  // namespace netwatch::dpi
