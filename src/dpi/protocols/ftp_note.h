#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {

// What FTP's control connection notes for the data connection that it announces: the command and,
// behind a blank, its argument. A path that is too long is cut, and not read.
class FtpNote {
 public:
  void write(std::string_view command, std::string_view file) {
    size_ = 0;
    append(command);
    if (file.empty() || command.size() + 1 + file.size() > text_.size()) return;
    append(" ");
    append(file);
  }
  void read(base::Bytes note) {
    size_ = 0;
    append(base::as_text(note));
  }
  [[nodiscard]] base::Bytes bytes() const {
    return base::as_bytes(std::string_view(text_.data(), size_));
  }
  [[nodiscard]] std::string_view command() const { return text().substr(0, text().find(' ')); }
  [[nodiscard]] std::string_view file() const {
    const std::size_t blank = text().find(' ');
    return blank == std::string_view::npos ? std::string_view() : text().substr(blank + 1);
  }

 private:
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }
  void append(std::string_view more) {
    const std::size_t size = std::min(more.size(), text_.size() - size_);
    std::copy_n(more.data(), size, text_.data() + size_);
    size_ = static_cast<std::uint16_t>(size_ + size);
  }

  std::array<char, Expected::kMaxNoteBytes> text_;
  std::uint16_t size_ = 0;
};

// RFC 959 section 4.1.3, RFC 3659: who sends, the client or the server.
inline bool ftp_uploads(std::string_view command) {
  return command == "STOR" || command == "STOU" || command == "APPE";
}
inline bool ftp_transfers(std::string_view command) {
  return ftp_uploads(command) || command == "RETR" || command == "LIST" || command == "NLST" ||
         command == "MLSD";
}

}  // namespace netwatch::dpi
