// SASL PLAIN: RFC 4616 section 2, [authzid] NUL authcid NUL passwd. LOGIN: name, then password.
#include "dpi/parts/sasl.h"

#include "base/crypto.h"
#include "dpi/parts/http_message.h"

namespace netwatch::dpi {

std::optional<std::string> sasl_user(std::string_view mechanism, unsigned step,
                                     std::string_view response) {
  constexpr std::size_t kMaxResponseBytes = 1024;
  const bool plain = same_ignoring_case(mechanism, "PLAIN");
  const bool login = same_ignoring_case(mechanism, "LOGIN");
  if (step != 0 || (!plain && !login) || response.size() > kMaxResponseBytes) return std::nullopt;
  std::optional<std::string> text = base::from_base64(trim_blanks(response));
  if (!text || text->empty()) return std::nullopt;
  if (login) return text;
  const std::size_t first = text->find('\0');
  if (first == std::string::npos) return std::nullopt;
  const std::size_t second = text->find('\0', first + 1);
  if (second == std::string::npos || second == first + 1) return std::nullopt;
  return text->substr(first + 1, second - first - 1);
}

}  // namespace netwatch::dpi
