#pragma once

#include <array>
#include <cstddef>
#include <string_view>

// URIs as they may be shown, for whatever protocol carries them.
namespace netwatch::dpi {

// What an absolute URI names: RFC 3986 section 3.2; of sip: and sips: RFC 3261 section 19.1.1.
struct UriAuthority {
  std::string_view user_password;  // "user:password", if there is an '@'
  std::string_view host;
};
UriAuthority authority_of(std::string_view uri);

// A URI with "***" for the password in it. `uri` must outlive it.
class ShownUri {
 public:
  static constexpr std::size_t kMaxBytes = 2048;  // of one that had a password; the rest is cut
  explicit ShownUri(std::string_view uri);
  ShownUri(const ShownUri&) = delete;
  ShownUri& operator=(const ShownUri&) = delete;
  [[nodiscard]] std::string_view text() const { return shown_; }

 private:
  void put(std::string_view part);

  std::string_view shown_;
  std::array<char, kMaxBytes> text_;
  std::size_t used_ = 0;
};

}  // namespace netwatch::dpi
