// Passwords in SQL: "IDENTIFIED BY 'x'", "PASSWORD 'x'", "SET PASSWORD = 'x'", "PASSWORD('x')".
#include "dpi/parts/sql_text.h"

#include <algorithm>

#include "dpi/parts/line_decoder.h"

namespace netwatch::dpi {

namespace {

// Where a secret begins, if what stands at `at` announces one.
std::size_t secret_at(std::string_view text, std::size_t at) {
  constexpr std::string_view kQuotes = "'\"$";
  const std::string_view rest = text.substr(at);
  if (begins_ignoring_case(rest, "IDENTIFIED")) return text.find_first_of(kQuotes, at);
  constexpr std::string_view kWord = "PASSWORD";
  if (!begins_ignoring_case(rest, kWord)) return std::string_view::npos;
  const std::size_t next = text.find_first_not_of(" =(\t\r\n", at + kWord.size());
  if (next == std::string_view::npos) return next;
  // A column, none, or a message ("using password: YES"). All else goes, with whatever comes
  // between (comments, FOR 'user' =): it is no loss where it was no secret.
  const std::string_view after = text.substr(next);
  const bool harmless = std::string_view(",);:").find(after[0]) != std::string_view::npos ||
                        begins_ignoring_case(after, "NULL") || begins_ignoring_case(after, "FROM ");
  return harmless ? std::string_view::npos : next;
}

}  // namespace

SqlText::SqlText(std::string_view statement) {
  std::string_view shown = statement.substr(0, kMaxBytes - kMasked.size());
  cut_ = shown.size() < statement.size();
  std::size_t quote = std::string_view::npos;
  for (std::size_t at = 0; at < shown.size() && quote == std::string_view::npos; ++at) {
    quote = secret_at(shown, at);
  }
  const bool masked = quote != std::string_view::npos;
  if (masked) shown = shown.substr(0, quote);
  size_ = shown.size();
  std::ranges::copy(shown, text_.begin());
  if (!masked) return;
  std::ranges::copy(kMasked, text_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += kMasked.size();
}

}  // namespace netwatch::dpi
