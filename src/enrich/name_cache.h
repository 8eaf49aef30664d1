#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ip_address.h"
#include "base/time.h"
#include "model/flow.h"
#include "model/record.h"

namespace netwatch::enrich {

// Names of addresses, learned from the answers that the host itself was given: records with a
// kQueryName and kAnswerAddress fields, whatever their protocol. Bounded: the name that was
// learned or used longest ago is forgotten first, and counted.
class NameCache {
 public:
  explicit NameCache(std::size_t max_bytes = std::size_t{16} << 20);

  struct Learned {
    std::string_view name;  // empty: none; valid until the next learn()
    model::NameSource source = model::NameSource::kNone;
  };

  void learn(const model::Record& record);
  // What a capture file says (kFile) is believed where no answer was seen.
  void learn(const base::IpAddress& address, std::string_view name,
             model::NameSource source = model::NameSource::kDns);
  // The name last given for `address`.
  Learned find(const base::IpAddress& address);

  [[nodiscard]] std::size_t size() const { return by_address_.size(); }
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

 private:
  struct Entry {
    base::IpAddress address;
    std::string name;
    model::NameSource source = model::NameSource::kDns;
  };
  using Entries = std::list<Entry>;
  // Keyed: answers choose the addresses, and could choose them to collide.
  class AddressHash {
   public:
    AddressHash();
    std::size_t operator()(const base::IpAddress& address) const;

   private:
    std::uint64_t key_;
    std::uint64_t other_key_;
  };

  std::size_t max_bytes_;
  std::size_t used_bytes_ = 0;
  std::uint64_t forgotten_ = 0;
  Entries entries_;  // most recently learned or used first
  std::unordered_map<base::IpAddress, Entries::iterator, AddressHash> by_address_;
};

}  // namespace netwatch::enrich
