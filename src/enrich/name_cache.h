#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ip_address.h"
#include "base/time.h"
#include "model/record.h"

namespace netwatch::enrich {

// Names of addresses, learned from the answers that the host itself was given: records with a
// kQueryName and kAnswerAddress fields, whatever their protocol. Bounded: the name that was
// learned or used longest ago is forgotten first, and counted.
class NameCache {
 public:
  explicit NameCache(std::size_t max_bytes = std::size_t{16} << 20);

  void learn(const model::Record& record);
  void learn(const base::IpAddress& address, std::string_view name);
  // The name last given for `address`; empty if none. Valid until the next learn().
  std::string_view find(const base::IpAddress& address);

  [[nodiscard]] std::size_t size() const { return by_address_.size(); }
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

 private:
  struct Entry {
    base::IpAddress address;
    std::string name;
  };
  using Entries = std::list<Entry>;

  std::size_t max_bytes_;
  std::size_t used_bytes_ = 0;
  std::uint64_t forgotten_ = 0;
  Entries entries_;  // most recently learned or used first
  std::unordered_map<base::IpAddress, Entries::iterator> by_address_;
};

}  // namespace netwatch::enrich
