#include "dpi/parts/offset_stream.h"

#include <algorithm>

namespace netwatch::dpi {

bool OffsetStream::add(std::uint64_t offset, base::Bytes data, std::span<std::uint8_t> room) {
  if (offset < consumed_) {
    const std::uint64_t old = std::min<std::uint64_t>(consumed_ - offset, data.size());
    data = data.subspan(static_cast<std::size_t>(old));
    offset += old;
  }
  if (data.empty()) return true;
  if (offset - consumed_ >= room.size()) return false;
  const auto begin = static_cast<std::size_t>(offset - consumed_);
  const std::size_t end = begin + std::min(data.size(), room.size() - begin);

  // [first, last) are the ranges that it touches; they and it become one.
  std::size_t first = 0;
  while (first < count_ && ranges_[first].end < begin) ++first;
  std::size_t last = first;
  while (last < count_ && ranges_[last].begin <= end) ++last;
  if (first == last && count_ == kMaxRanges) return false;

  Range joined{static_cast<std::uint16_t>(begin), static_cast<std::uint16_t>(end)};
  std::size_t at = begin;
  const auto fill_to = [&](std::size_t to) {
    if (at < to)
      std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(at - begin), to - at,
                  room.begin() + static_cast<std::ptrdiff_t>(at));
  };
  for (std::size_t i = first; i < last; ++i) {
    fill_to(std::min<std::size_t>(ranges_[i].begin, end));
    at = std::max<std::size_t>(at, ranges_[i].end);
    joined.begin = std::min(joined.begin, ranges_[i].begin);
    joined.end = std::max(joined.end, ranges_[i].end);
  }
  fill_to(end);

  auto* const place = ranges_.begin() + first;
  if (first == last) {
    std::copy_backward(place, ranges_.begin() + count_, ranges_.begin() + count_ + 1);
    ++count_;
  } else {
    std::copy(ranges_.begin() + last, ranges_.begin() + count_, place + 1);
    count_ = static_cast<std::uint8_t>(count_ - (last - first - 1));
  }
  *place = joined;
  return end - begin == data.size();
}

base::Bytes OffsetStream::ready(std::span<const std::uint8_t> room) const {
  if (count_ == 0 || ranges_[0].begin != 0) return {};
  return room.first(ranges_[0].end);
}

void OffsetStream::consume(std::size_t bytes, std::span<std::uint8_t> room) {
  const std::size_t held = extent();
  std::copy(room.begin() + static_cast<std::ptrdiff_t>(bytes),
            room.begin() + static_cast<std::ptrdiff_t>(held), room.begin());
  consumed_ += bytes;
  for (std::size_t i = 0; i < count_; ++i) {
    const auto less = static_cast<std::uint16_t>(i == 0 ? 0 : bytes);
    ranges_[i].begin = static_cast<std::uint16_t>(ranges_[i].begin - less);
    ranges_[i].end = static_cast<std::uint16_t>(ranges_[i].end - bytes);
  }
  if (count_ > 0 && ranges_[0].end == 0) {
    std::copy(ranges_.begin() + 1, ranges_.begin() + count_, ranges_.begin());
    --count_;
  }
}

}  // namespace netwatch::dpi
