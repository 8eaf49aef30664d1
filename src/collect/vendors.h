#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collect/host.h"

namespace netwatch::collect {

// Who was assigned which block of MAC addresses, by the lists of IEEE as Debian's package
// "ieee-data" brings them: blocks of 24, 28 and 36 bits. Holds about 3 MiB.
class VendorTable {
 public:
  // Reads the lists below usr/share/ieee-data; those that are missing are left out.
  static VendorTable read(const Host& host);

  // The text of one list: "MA-L,002272,American Micro-Fuel Device Corp.,2181 Buchanan Loop ...".
  // Call index() after the last one.
  void add(std::string_view csv);
  void index();

  // Of "02:00:5e:10:00:01"; empty if nobody was, or the address was given by its own host.
  [[nodiscard]] std::string_view find(std::string_view mac) const;
  [[nodiscard]] std::size_t size() const { return blocks_.size(); }

 private:
  struct Block {
    std::uint64_t first = 0;  // address, of 48 bits
    std::uint8_t bits = 0;    // of it that are fixed
    std::uint8_t name_bytes = 0;
    std::uint32_t name = 0;  // place in names_
  };
  [[nodiscard]] const Block* find_block(std::uint64_t address, std::uint8_t bits) const;

  std::vector<Block> blocks_;  // sorted by bits, then first
  std::string names_;
};

}  // namespace netwatch::collect
