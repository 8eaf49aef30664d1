#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ip_address.h"
#include "wire/byte_order.h"
#include "wire/pcap_format.h"

// What pcapng blocks say beside packets, in one form whatever the file's byte order and clock:
// little-endian, times in nanoseconds (draft-ietf-opsawg-pcapng, sections 3.5 and 4).
namespace netwatch::wire::pcapng {

// Appends the options of a block of `type` in that form, without the mark of their end, but for
// those in `but`. Returns how many more were left out: what overruns the block or is not as long as
// it must be, custom options that must not be copied and, in big-endian files, options whose inner
// layout is not known. `scale` is that of the block's interface, null for others.
std::size_t append_options(std::vector<std::uint8_t>& out, BlockType type, base::Bytes options,
                           ByteOrder order, std::span<const std::uint16_t> but,
                           const TimeScale* scale);
// A packet's drop count in that form.
void append_drop_count(std::vector<std::uint8_t>& out, std::uint64_t dropped);

// Whether there is any option that is not in `but`.
bool has_options(base::Bytes options, ByteOrder order, std::span<const std::uint16_t> but);

// Whether options in our form have this one.
bool has_option(base::Bytes options, std::uint16_t code);

// Appends the body of a name resolution or secrets block in that form, with its options and their
// end. Returns how many options were left out; nothing, and nothing is appended, if the body is not
// well-formed.
std::optional<std::size_t> append_names(std::vector<std::uint8_t>& out, base::Bytes body,
                                        ByteOrder order);
std::optional<std::size_t> append_secrets(std::vector<std::uint8_t>& out, base::Bytes body,
                                          ByteOrder order);

// Calls `found` for each (address, name) of a body made by append_names().
void for_each_name(base::Bytes names,
                   const std::function<void(const base::IpAddress&, std::string_view)>& found);

}  // namespace netwatch::wire::pcapng
