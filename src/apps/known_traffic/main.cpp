// Traffic that is known: what makes it keeps a ledger, which tests hold against what netwatch says.
// bench/ledger.py and bench/cost.py start it; it is built for them only and never installed.
//
//   known_traffic COMMAND [NAME=VALUE ...]
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "apps/known_traffic/commands.h"

namespace netwatch::known_traffic {

Options::Options(int argc, char** argv) {
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      std::fprintf(stderr, "'%s' is not NAME=VALUE\n", word.c_str());
      std::exit(2);
    }
    values_[word.substr(0, equals)] = word.substr(equals + 1);
  }
}

std::string Options::text(const std::string& name, std::string_view otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string(otherwise) : found->second;
}

std::uint64_t Options::number(const std::string& name, std::uint64_t otherwise) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return otherwise;
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(found->second.c_str(), &end, 10);
  if (*end != 0 || end == found->second.c_str()) {
    std::fprintf(stderr, "%s=%s is no number\n", name.c_str(), found->second.c_str());
    std::exit(2);
  }
  return value;
}

}  // namespace netwatch::known_traffic

int main(int argc, char** argv) {
  using namespace netwatch::known_traffic;
  const std::map<std::string_view, std::function<int(const Options&)>> commands = {
      {"owned", run_owned}, {"heir", run_heir},   {"unowned", run_unowned},
      {"flood", run_flood}, {"rates", run_rates},
  };
  const auto command = commands.find(argc > 1 ? argv[1] : "");
  if (command == commands.end()) {
    std::fprintf(stderr, "usage: known_traffic owned|unowned|flood|rates [NAME=VALUE ...]\n");
    return 2;
  }
  return command->second(Options(argc, argv));
}
