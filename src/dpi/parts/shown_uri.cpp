#include "dpi/parts/shown_uri.h"

#include <algorithm>

#include "dpi/parts/line_decoder.h"

namespace netwatch::dpi {

using std::string_view;

UriAuthority authority_of(string_view uri) {
  constexpr std::size_t kLongestScheme = 16;
  UriAuthority authority;
  const bool sip = begins_ignoring_case(uri, "sip:") || begins_ignoring_case(uri, "sips:");
  if (sip) {
    // Its user part may hold slashes and question marks; its host ends before parameters.
    uri.remove_prefix(uri.find(':') + 1);
  } else {
    const std::size_t scheme = uri.find("://");
    if (scheme > kLongestScheme) return authority;  // or none at all
    uri.remove_prefix(scheme + 3);
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
  if (colon == string_view::npos) return;
  const auto begin = static_cast<std::size_t>(secret.data() - uri.data()) + colon + 1;
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
