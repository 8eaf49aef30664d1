#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "model/flow.h"

namespace netwatch::dpi {

// Puts the numbered messages of both sides in order, for protocols that make a stream of datagrams
// (OpenVPN's control channel, RDP over UDP). What comes early is copied and waits for what is
// missing as long as there is room; then what is missing is given up, and a gap is told. Numbers
// are compared as in RFC 1982; what is old, or absurdly far ahead, is dropped.
// `Deliver` is called as deliver(base::Bytes message, bool after_gap); the bytes are valid until it
// returns.
class MessageOrder {
 public:
  static constexpr std::size_t kRoomBytes = 3200;  // for both sides together
  static constexpr std::size_t kMaxHeld = 16;
  static constexpr std::uint32_t kMaxAhead = 256;

  // Messages of `side` are expected from number `next` on; what was held of it is forgotten.
  void start(model::Side side, std::uint32_t next) {
    while (const Held* held = lowest(side)) remove(held);
    sides_[model::index(side)] = {.next = next, .started = true};
  }
  [[nodiscard]] bool started(model::Side side) const { return sides_[model::index(side)].started; }
  [[nodiscard]] std::uint32_t next(model::Side side) const {
    return sides_[model::index(side)].next;
  }

  // False if the message was dropped.
  template <typename Deliver>
  bool add(model::Side side, std::uint32_t number, base::Bytes message, Deliver&& deliver) {
    Expected& expected = sides_[model::index(side)];
    if (number - expected.next > kMaxAhead) return false;
    while (number != expected.next) {
      if (is_held(side, number)) return false;
      if (hold(side, number, message)) return true;
      give_up(side, number, deliver);
    }
    deliver(message, expected.gap);
    go_on(side, deliver);
    return true;
  }

  // There will be no more: what is held goes out behind gaps.
  template <typename Deliver>
  void finish(model::Side side, Deliver&& deliver) {
    while (const Held* held = lowest(side)) give_up(side, held->number, deliver);
  }

 private:
  struct Expected {
    std::uint32_t next = 0;
    bool started = false;
    bool gap = false;  // the next message was preceded by something that never came
  };
  struct Held {
    std::uint32_t number = 0;
    std::uint16_t size = 0;
    model::Side side = model::Side::kOriginator;
  };

  const Held* lowest(model::Side side) const {
    const Held* best = nullptr;
    const std::uint32_t next = sides_[model::index(side)].next;
    for (const Held& held : held_messages()) {
      if (held.side != side) continue;
      if (best == nullptr || held.number - next < best->number - next) best = &held;
    }
    return best;
  }
  bool is_held(model::Side side, std::uint32_t number) const {
    return std::ranges::any_of(held_messages(), [&](const Held& held) {
      return held.side == side && held.number == number;
    });
  }
  bool hold(model::Side side, std::uint32_t number, base::Bytes message) {
    if (count_ == kMaxHeld || used_ + message.size() > kRoomBytes) return false;
    std::ranges::copy(message, room_.begin() + used_);
    held_[count_++] = {
        .number = number, .size = static_cast<std::uint16_t>(message.size()), .side = side};
    used_ = static_cast<std::uint16_t>(used_ + message.size());
    return true;
  }
  // Does not wait any longer for what comes before the lowest that is here.
  template <typename Deliver>
  void give_up(model::Side side, std::uint32_t number, Deliver&& deliver) {
    Expected& expected = sides_[model::index(side)];
    const Held* held = lowest(side);
    const bool own = held == nullptr || number - expected.next < held->number - expected.next;
    expected.next = own ? number : held->number;
    expected.gap = true;
    if (own) return;
    deliver(bytes_of(held), true);
    remove(held);
    go_on(side, deliver);
  }
  // After the next one: those that were waiting for it.
  template <typename Deliver>
  void go_on(model::Side side, Deliver&& deliver) {
    Expected& expected = sides_[model::index(side)];
    expected.gap = false;
    ++expected.next;
    for (const Held* held = lowest(side); held != nullptr && held->number == expected.next;
         held = lowest(side)) {
      deliver(bytes_of(held), false);
      remove(held);
      ++expected.next;
    }
  }

  [[nodiscard]] std::span<const Held> held_messages() const {
    return std::span(held_).first(count_);
  }
  [[nodiscard]] std::size_t offset_of(const Held* held) const {
    std::size_t offset = 0;
    for (const Held* one = held_.data(); one != held; ++one) offset += one->size;
    return offset;
  }
  base::Bytes bytes_of(const Held* held) const {
    return base::Bytes(room_).subspan(offset_of(held), held->size);
  }
  void remove(const Held* held) {
    const std::size_t offset = offset_of(held);
    const std::size_t size = held->size;
    std::copy(room_.begin() + offset + size, room_.begin() + used_, room_.begin() + offset);
    auto* const place = held_.begin() + (held - held_.data());
    std::copy(place + 1, held_.begin() + count_, place);
    used_ = static_cast<std::uint16_t>(used_ - size);
    --count_;
  }

  std::array<Expected, 2> sides_;
  std::array<Held, kMaxHeld> held_;  // their bytes lie in room_ in the same order
  std::uint16_t used_ = 0;
  std::uint8_t count_ = 0;
  std::array<std::uint8_t, kRoomBytes> room_;
};

}  // namespace netwatch::dpi
