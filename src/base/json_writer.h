#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"

namespace netwatch::base {

// Writes compact JSON straight to the end of a string: commas are its business, nesting is the
// caller's (every begin needs its end, inside an object every value its key). Allocates nothing
// but the string's own growth.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  // `name` is a name of ours: it needs no escaping.
  void key(std::string_view name) {
    if (comma_) out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
    comma_ = false;
  }
  // A key from outside, sanitised.
  void outside_key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
    comma_ = false;
  }

  // Text from outside, sanitised.
  void string(std::string_view value) {
    separate();
    append_json_string(out_, value);
  }
  void uint(std::uint64_t value) { number(value); }
  void integer(std::int64_t value) { number(value); }
  // JSON has no infinities and no NaN: those become null.
  void real(double value) {
    if (std::isfinite(value)) {
      number(value);
    } else {
      null();
    }
  }
  void boolean(bool value) {
    separate();
    out_ += value ? "true" : "false";
  }
  void null() {
    separate();
    out_ += "null";
  }
  // The string to append a value to that is JSON already.
  std::string& raw_value() {
    separate();
    return out_;
  }

 private:
  void separate() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  void open(char bracket) {
    if (comma_) out_ += ',';
    out_ += bracket;
    comma_ = false;
  }
  void close(char bracket) {
    out_ += bracket;
    comma_ = true;
  }
  template <typename Number>
  void number(Number value) {
    separate();
    char text[32];  // the longest: -1.7976931348623157e+308
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    out_.append(text, end);
  }

  std::string& out_;
  bool comma_ = false;
};

}  // namespace netwatch::base
