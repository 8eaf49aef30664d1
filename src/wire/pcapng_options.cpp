#include "wire/pcapng_options.h"

#include <algorithm>
#include <array>

namespace netwatch::wire::pcapng {
namespace {

// What an option's value is made of, as far as the byte order matters.
enum class Layout : std::uint8_t {
  kBytes,
  kInt32,
  kInt64,
  kTwoInt32,
  kTime,        // two 32-bit halves, the upper first, in the units of the interface
  kEnterprise,  // a 32-bit number, then bytes
  kNotCopied,   // its owner asks that it is not put into another file
  kUnknown,
};

struct Known {
  BlockType type;
  std::uint16_t code;
  Layout layout;
};
constexpr std::array kKnown{
    Known{BlockType::kSectionHeader, 2, Layout::kBytes},
    Known{BlockType::kSectionHeader, 3, Layout::kBytes},
    Known{BlockType::kSectionHeader, 4, Layout::kBytes},
    Known{BlockType::kInterface, 2, Layout::kBytes},            // name
    Known{BlockType::kInterface, 3, Layout::kBytes},            // description
    Known{BlockType::kInterface, 4, Layout::kBytes},            // IPv4 address and mask
    Known{BlockType::kInterface, 5, Layout::kBytes},            // IPv6 address and prefix
    Known{BlockType::kInterface, 6, Layout::kBytes},            // MAC
    Known{BlockType::kInterface, 7, Layout::kBytes},            // EUI
    Known{BlockType::kInterface, 8, Layout::kInt64},            // speed
    Known{BlockType::kInterface, 9, Layout::kBytes},            // resolution
    Known{BlockType::kInterface, 10, Layout::kInt32},           // time zone
    Known{BlockType::kInterface, 11, Layout::kBytes},           // filter
    Known{BlockType::kInterface, 12, Layout::kBytes},           // system
    Known{BlockType::kInterface, 13, Layout::kBytes},           // FCS length
    Known{BlockType::kInterface, 14, Layout::kInt64},           // time offset
    Known{BlockType::kInterface, 15, Layout::kBytes},           // hardware
    Known{BlockType::kInterface, 16, Layout::kInt64},           // speed up
    Known{BlockType::kInterface, 17, Layout::kInt64},           // speed down
    Known{BlockType::kInterface, 18, Layout::kBytes},           // time zone's name
    Known{BlockType::kEnhancedPacket, 2, Layout::kInt32},       // flags
    Known{BlockType::kEnhancedPacket, 3, Layout::kBytes},       // hash
    Known{BlockType::kEnhancedPacket, 4, Layout::kInt64},       // drop count
    Known{BlockType::kEnhancedPacket, 5, Layout::kInt64},       // packet id
    Known{BlockType::kEnhancedPacket, 6, Layout::kInt32},       // queue
    Known{BlockType::kEnhancedPacket, 7, Layout::kBytes},       // verdict
    Known{BlockType::kEnhancedPacket, 8, Layout::kTwoInt32},    // process and thread
    Known{BlockType::kNameResolution, 2, Layout::kBytes},       // resolver's name
    Known{BlockType::kNameResolution, 3, Layout::kBytes},       // its IPv4 address
    Known{BlockType::kNameResolution, 4, Layout::kBytes},       // its IPv6 address
    Known{BlockType::kInterfaceStatistics, 2, Layout::kTime},   // start
    Known{BlockType::kInterfaceStatistics, 3, Layout::kTime},   // end
    Known{BlockType::kInterfaceStatistics, 4, Layout::kInt64},  // received
    Known{BlockType::kInterfaceStatistics, 5, Layout::kInt64},  // dropped by the interface
    Known{BlockType::kInterfaceStatistics, 6, Layout::kInt64},  // accepted by the filter
    Known{BlockType::kInterfaceStatistics, 7, Layout::kInt64},  // dropped by the system
    Known{BlockType::kInterfaceStatistics, 8, Layout::kInt64},  // delivered
};

Layout layout_of(BlockType type, std::uint16_t code) {
  if (code == option::kComment) return Layout::kBytes;
  if (code == option::kCustomText || code == option::kCustomBytes) return Layout::kEnterprise;
  if (code == option::kCustomTextNoCopy || code == option::kCustomBytesNoCopy) {
    return Layout::kNotCopied;
  }
  for (const Known& known : kKnown) {
    if (known.type == type && known.code == code) return known.layout;
  }
  return Layout::kUnknown;
}

// Reads and writes in the order of a file.
class Converter {
 public:
  Converter(std::vector<std::uint8_t>& out, ByteOrder order) : out_(out), order_(order) {}

  void put(std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i, value >>= 8) {
      out_.push_back(static_cast<std::uint8_t>(value));
    }
  }
  void copy(base::Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void copy_swapped(base::Bytes bytes) {
    if (order_ == ByteOrder::kLittle) return copy(bytes);
    out_.insert(out_.end(), bytes.rbegin(), bytes.rend());
  }
  void pad(std::size_t len) { out_.insert(out_.end(), padded(len) - len, 0); }

 private:
  std::vector<std::uint8_t>& out_;
  ByteOrder order_;
};

// Whether the value can be put into our form.
bool convertible(Layout layout, base::Bytes value, ByteOrder order, const TimeScale* scale) {
  switch (layout) {
    case Layout::kBytes:
      return true;
    case Layout::kInt32:
      return value.size() == 4;
    case Layout::kInt64:
    case Layout::kTwoInt32:
      return value.size() == 8;
    case Layout::kTime:
      return value.size() == 8 && scale != nullptr;
    case Layout::kEnterprise:
      return value.size() >= 4;
    case Layout::kUnknown:
      return order == ByteOrder::kLittle;
    case Layout::kNotCopied:
      return false;
  }
  return false;
}

void append_value(Converter& to, Layout layout, base::Bytes value, ByteOrder order,
                  const TimeScale* scale) {
  switch (layout) {
    case Layout::kBytes:
    case Layout::kUnknown:
    case Layout::kNotCopied:
      to.copy(value);
      break;
    case Layout::kInt32:
    case Layout::kInt64:
      to.copy_swapped(value);
      break;
    case Layout::kTwoInt32:
      to.copy_swapped(value.first(4));
      to.copy_swapped(value.subspan(4));
      break;
    case Layout::kTime: {
      const std::uint64_t stamp =
          (std::uint64_t{load32(value.data(), order)} << 32) | load32(value.data() + 4, order);
      const auto time_ns =
          static_cast<std::uint64_t>(std::max<base::TimeNs>(scale->to_ns(stamp), 0));
      to.put(time_ns >> 32, 4);
      to.put(time_ns & 0xffffffff, 4);
      break;
    }
    case Layout::kEnterprise:
      to.copy_swapped(value.first(4));
      to.copy(value.subspan(4));
      break;
  }
}

bool is_one_of(std::span<const std::uint16_t> codes, std::uint16_t code) {
  return std::ranges::find(codes, code) != codes.end();
}

// Calls found(code, value) for each. False if one overruns, which ends them.
template <typename Found>
bool walk(base::Bytes options, ByteOrder order, Found&& found) {
  while (options.size() >= 4) {
    const std::uint16_t code = load16(options.data(), order);
    const std::size_t len = load16(options.data() + 2, order);
    if (code == option::kEnd) return true;
    if (4 + len > options.size()) return false;
    found(code, options.subspan(4, len));
    options = options.subspan(std::min(options.size(), 4 + padded(len)));
  }
  return true;
}

constexpr std::uint16_t kNamesEnd = 0;
constexpr std::uint16_t kNamesIpv4 = 1;
constexpr std::uint16_t kNamesIpv6 = 2;

}  // namespace

std::size_t append_options(std::vector<std::uint8_t>& out, BlockType type, base::Bytes options,
                           ByteOrder order, std::span<const std::uint16_t> but,
                           const TimeScale* scale) {
  Converter to(out, order);
  std::size_t left_out = 0;
  const bool whole = walk(options, order, [&](std::uint16_t code, base::Bytes value) {
    if (is_one_of(but, code)) return;
    const Layout layout = layout_of(type, code);
    if (!convertible(layout, value, order, scale)) {
      ++left_out;
      return;
    }
    to.put(code, 2);
    to.put(value.size(), 2);
    append_value(to, layout, value, order, scale);
    to.pad(value.size());
  });
  return whole ? left_out : left_out + 1;
}

void append_drop_count(std::vector<std::uint8_t>& out, std::uint64_t dropped) {
  Converter to(out, ByteOrder::kLittle);
  to.put(option::kPacketDropCount, 2);
  to.put(sizeof dropped, 2);
  to.put(dropped, sizeof dropped);
}

bool has_options(base::Bytes options, ByteOrder order, std::span<const std::uint16_t> but) {
  bool any = false;
  (void)walk(options, order,
             [&](std::uint16_t code, base::Bytes) { any |= !is_one_of(but, code); });
  return any;
}

bool has_option(base::Bytes options, std::uint16_t code) {
  bool found = false;
  (void)walk(options, ByteOrder::kLittle,
             [&](std::uint16_t one, base::Bytes) { found |= one == code; });
  return found;
}

namespace {

// Options at the end of a body that is copied as a whole.
std::size_t append_closing_options(std::vector<std::uint8_t>& out, BlockType type,
                                   base::Bytes options, ByteOrder order) {
  const std::size_t before = out.size();
  const std::size_t left_out = append_options(out, type, options, order, {}, nullptr);
  if (out.size() != before) Converter(out, order).put(option::kEnd, 4);
  return left_out;
}

}  // namespace

std::optional<std::size_t> append_names(std::vector<std::uint8_t>& out, base::Bytes body,
                                        ByteOrder order) {
  const std::size_t before = out.size();
  Converter to(out, order);
  while (body.size() >= 4) {
    const std::uint16_t type = load16(body.data(), order);
    const std::size_t len = load16(body.data() + 2, order);
    if (type == kNamesEnd) {
      body = body.subspan(4);
      break;
    }
    if (4 + len > body.size()) {
      out.resize(before);
      return std::nullopt;
    }
    to.put(type, 2);
    to.put(len, 2);
    to.copy(body.subspan(4, len));
    to.pad(len);
    body = body.subspan(std::min(body.size(), 4 + padded(len)));
  }
  to.put(kNamesEnd, 4);
  return append_closing_options(out, BlockType::kNameResolution, body, order);
}

std::optional<std::size_t> append_secrets(std::vector<std::uint8_t>& out, base::Bytes body,
                                          ByteOrder order) {
  constexpr std::size_t kHead = 8;
  if (body.size() < kHead) return std::nullopt;
  const std::size_t len = load32(body.data() + 4, order);
  if (len > body.size() - kHead) return std::nullopt;
  Converter to(out, order);
  to.put(load32(body.data(), order), 4);
  to.put(len, 4);
  to.copy(body.subspan(kHead, len));
  to.pad(len);
  return append_closing_options(out, BlockType::kDecryptionSecrets,
                                body.subspan(std::min(body.size(), kHead + padded(len))), order);
}

void for_each_name(base::Bytes names,
                   const std::function<void(const base::IpAddress&, std::string_view)>& found) {
  constexpr auto kOrder = ByteOrder::kLittle;
  while (names.size() >= 4) {
    const std::uint16_t type = load16(names.data(), kOrder);
    const std::size_t len = load16(names.data() + 2, kOrder);
    if (type == kNamesEnd || 4 + len > names.size()) return;
    const base::Bytes value = names.subspan(4, len);
    const std::size_t address_len = type == kNamesIpv4 ? 4 : type == kNamesIpv6 ? 16 : len;
    if (len > address_len) {
      const auto address = type == kNamesIpv4 ? base::IpAddress::v4(value.data())
                                              : base::IpAddress::v6(value.data());
      const std::string_view text = base::as_text(value.subspan(address_len));
      // Several names may follow, each ended by a NUL: the first is the canonical one.
      found(address, text.substr(0, text.find('\0')));
    }
    names = names.subspan(std::min(names.size(), 4 + padded(len)));
  }
}

}  // namespace netwatch::wire::pcapng
