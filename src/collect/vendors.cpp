#include "collect/vendors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxListBytes = 32U << 20;
constexpr std::size_t kMaxBlocks = 1U << 20;
constexpr std::size_t kMaxNameBytes = 128;
constexpr unsigned kMacBits = 48;
constexpr unsigned kBitsPerDigit = 4;
// IEEE 802: assigned by its own host, and for groups.
constexpr std::uint64_t kLocal = std::uint64_t{0x02} << 40;
constexpr std::uint64_t kGroup = std::uint64_t{0x01} << 40;
constexpr std::array<std::uint8_t, 3> kBlockBits{36, 28, 24};  // the narrowest first

// The next field of a line of RFC 4180, removed from it; quotes are left out, doubled ones not
// joined: names have none.
std::string_view next_field(std::string_view& line) {
  std::string_view field;
  if (line.starts_with('"')) {
    line.remove_prefix(1);
    const std::size_t end = std::min(line.find('"'), line.size());
    field = line.substr(0, end);
    line.remove_prefix(end);
  } else {
    field = line.substr(0, line.find(','));
  }
  const std::size_t comma = line.find(',');
  line.remove_prefix(comma == std::string_view::npos ? line.size() : comma + 1);
  return field;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::optional<std::uint64_t> parse_mac(std::string_view text) {
  constexpr std::size_t kTextLength = 17;
  if (text.size() != kTextLength) return std::nullopt;
  std::uint64_t address = 0;
  for (std::size_t i = 0; i < kTextLength; i += 3) {
    const auto byte = to_number<std::uint8_t>(text.substr(i, 2), 16);
    if (!byte || (i + 2 < kTextLength && text[i + 2] != ':')) return std::nullopt;
    address = (address << 8) | *byte;
  }
  return address;
}

}  // namespace

VendorTable VendorTable::read(const Host& host) {
  VendorTable table;
  for (const std::string_view file :
       {"usr/share/ieee-data/oui.csv", "usr/share/ieee-data/mam.csv",
        "usr/share/ieee-data/oui36.csv", "usr/share/ieee-data/iab.csv"}) {
    if (const auto text = host.read(file, kMaxListBytes)) table.add(*text);
  }
  table.index();
  return table;
}

void VendorTable::add(std::string_view csv) {
  while (auto line = next_line(csv)) {
    next_field(*line);  // "MA-L"
    const std::string_view digits = next_field(*line);
    const std::string_view name = trimmed(next_field(*line)).substr(0, kMaxNameBytes);
    const auto bits = static_cast<std::uint8_t>(digits.size() * kBitsPerDigit);
    const bool known = std::find(kBlockBits.begin(), kBlockBits.end(), bits) != kBlockBits.end();
    const auto value = to_number<std::uint64_t>(digits, 16);
    if (!known || !value || name.empty() || blocks_.size() == kMaxBlocks) continue;
    blocks_.push_back({*value << (kMacBits - bits), bits, static_cast<std::uint8_t>(name.size()),
                       static_cast<std::uint32_t>(names_.size())});
    names_ += name;
  }
}

void VendorTable::index() {
  std::sort(blocks_.begin(), blocks_.end(), [](const Block& a, const Block& b) {
    return std::tie(a.bits, a.first, a.name) < std::tie(b.bits, b.first, b.name);
  });
  blocks_.shrink_to_fit();
  names_.shrink_to_fit();
}

const VendorTable::Block* VendorTable::find_block(std::uint64_t address, std::uint8_t bits) const {
  const std::uint64_t first = address >> (kMacBits - bits) << (kMacBits - bits);
  const auto place = std::lower_bound(
      blocks_.begin(), blocks_.end(), std::pair(bits, first),
      [](const Block& block, const std::pair<std::uint8_t, std::uint64_t>& wanted) {
        return std::tie(block.bits, block.first) < std::tie(wanted.first, wanted.second);
      });
  return place != blocks_.end() && place->bits == bits && place->first == first ? &*place : nullptr;
}

std::string_view VendorTable::find(std::string_view mac) const {
  const auto address = parse_mac(mac);
  if (!address || (*address & (kLocal | kGroup)) != 0) return {};
  for (const std::uint8_t bits : kBlockBits) {
    if (const Block* block = find_block(*address, bits)) {
      return std::string_view(names_).substr(block->name, block->name_bytes);
    }
  }
  return {};
}

}  // namespace netwatch::collect
