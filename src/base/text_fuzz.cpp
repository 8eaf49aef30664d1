// Any bytes become printable text that can be restored, and a JSON string that says the same.
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "base/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netwatch::base;
  const std::string raw(as_text({data, size}));
  const std::string shown = sanitised(raw);
  if (restore_sanitised(shown) != raw) std::abort();
  for (const char c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) std::abort();
  }
  std::string json;
  append_json_string(json, raw);
  std::string inside;
  for (std::size_t i = 1; i + 1 < json.size(); ++i) {
    if (json[i] == '"') std::abort();
    if (json[i] == '\\') ++i;  // only \\ and \" are ever written
    inside += json[i];
  }
  if (inside != shown) std::abort();
  (void)restore_sanitised(raw);
  return 0;
}
