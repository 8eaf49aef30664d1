#include "dpi/parts/shown_uri.h"

#include <algorithm>

#include "dpi/parts/line_decoder.h"

namespace netwatch::dpi {

using std::string_view;

UriAuthority authority_of(string_view uri) {
  UriAuthority authority;
  const bool sip = begins_ignoring_case(uri, "sip:") || begins_ignoring_case(uri, "sips:");
  if (sip) {
    // Its user part may hold slashes and question marks; its host ends before parameters.
    uri.remove_prefix(uri.find(':') + 1);
  } else {
    // A reference may leave its scheme out (RFC 3986 section 4.2).
    const std::size_t scheme = uri.starts_with("//") ? 0 : uri.find("://");
    if (scheme == string_view::npos || scheme > uri.find_first_of("/?#")) return authority;
    uri.remove_prefix(uri.starts_with("//") ? 2 : scheme + 3);
    uri = uri.substr(0, uri.find_first_of("/?#"));
  }
  const std::size_t at = uri.rfind('@');
  if (at != string_view::npos) {
    authority.user_password = uri.substr(0, at);
    uri.remove_prefix(at + 1);
  }
  authority.host = sip ? uri.substr(0, uri.find_first_of(";?")) : uri;
  return authority;
}

ShownUri::ShownUri(string_view uri) : shown_(uri) {
  const string_view secret = authority_of(uri).user_password;
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
