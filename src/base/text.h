#pragma once

#include <string>
#include <string_view>

namespace netwatch::base {

// Text from a wire, a file or another process, made fit for people's eyes: what is appended is
// valid UTF-8 without anything that moves a cursor, reorders text or cannot be seen.
//   invalid UTF-8 bytes, C0 controls, DEL       -> \xNN
//   C1 controls, bidi controls, line separators, invisible format and tag characters,
//   non-characters                              -> \u{NNNN}
// Everything else stays as it is, the backslash too, unless what follows it would read as one of
// these escapes: then it becomes \x5c. So the text can be restored byte for byte.
void append_sanitised(std::string& out, std::string_view raw);
std::string sanitised(std::string_view raw);

// The bytes that append_sanitised() was given.
std::string restore_sanitised(std::string_view text);

// A quoted JSON string (RFC 8259 section 7) of the sanitised text.
void append_json_string(std::string& out, std::string_view raw);

}  // namespace netwatch::base
