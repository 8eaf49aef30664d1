// Any bytes are a file of settings or a mistake with a place in it; what is right can be changed,
// and says then what was wanted.
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "base/config_fixture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netwatch::base;
  const std::string text(as_text({data, size}));
  const auto parsed = parse_config(text, fixture_settings());
  if (!parsed) {
    if (parsed.error().line == 0 || parsed.error().column == 0) std::abort();
    (void)parsed.error().render("config.toml");
    return 0;
  }
  const std::vector<ConfigChange> changes{
      {"theme", std::string("light")},
      {"filter", std::string("a \"\\ b")},
      {"columns.connections", std::vector<std::string>{"age", "rtt"}}};
  const auto changed = changed_config(text, fixture_settings(), changes);
  if (!changed) return 0;  // written in a way that is left to people
  const auto again = parse_config(*changed, fixture_settings());
  if (!again) std::abort();
  for (const auto& [name, value] : changes) {
    if (again->find(name)->second.value != value) std::abort();
  }
  // Nothing else has changed.
  for (const auto& [name, entry] : *parsed) {
    bool asked = false;
    for (const auto& [other, value] : changes) asked = asked || other == name;
    if (!asked && again->find(name)->second.value != entry.value) std::abort();
  }
  return 0;
}
