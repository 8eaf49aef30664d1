#include "pipeline/migrations.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <random>
#include <utility>

namespace netwatch::pipeline {
namespace {

// A list node, a hash node and its bucket, besides the characters of the name.
constexpr std::size_t kChosenBytes = 240;
constexpr std::size_t kLinkBytes = 176;

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93ULL;
  return x ^ (x >> 29);
}

}  // namespace

Migrations::Migrations(std::size_t max_bytes)
    : max_id_bytes_(max_bytes / 2), max_link_bytes_(max_bytes / 2) {}

Migrations::Hash::Hash() {
  std::random_device device;
  key_ = (std::uint64_t{device()} << 32) | device();
  other_key_ = (std::uint64_t{device()} << 32) | device();
}

std::size_t Migrations::Hash::operator()(const ConnectionId* id) const {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::array<std::uint64_t, 6> words{};
  static_assert(sizeof id->bytes <= 3 * kWord);
  std::memcpy(words.data(), id->bytes.data(), id->size);
  std::memcpy(words.data() + 3, id->end.address.bytes().data(), 2 * kWord);
  words[5] = (std::uint64_t{id->scope} << 24) | (std::uint64_t{id->end.port} << 8) | id->size;
  std::uint64_t sum = other_key_;
  for (const std::uint64_t word : words) sum = mix(mix(word ^ key_) + mix(sum));
  return static_cast<std::size_t>(sum);
}

void Migrations::learn(const ChosenId& chosen) {
  if (const auto known = by_id_.find(&chosen.id); known != by_id_.end()) {
    const auto entry = known->second;
    id_bytes_ = id_bytes_ - entry->name.size() + chosen.name.size();
    *entry = chosen;
    chosen_.splice(chosen_.begin(), chosen_, entry);
  } else {
    chosen_.push_front(chosen);
    by_id_.emplace(&chosen_.front().id, chosen_.begin());
    count_size(chosen.id.size, 1);
    id_bytes_ += kChosenBytes + chosen.name.size();
  }
  while (id_bytes_ > max_id_bytes_ && !chosen_.empty()) forget_oldest_id();
}

void Migrations::count_size(std::uint8_t size, int more) {
  of_size_[size] += more;
  const std::uint32_t bit = std::uint32_t{1} << size;
  sizes_ = of_size_[size] > 0 ? sizes_ | bit : sizes_ & ~bit;
}

void Migrations::forget_oldest_id() {
  const ChosenId& oldest = chosen_.back();
  id_bytes_ -= kChosenBytes + oldest.name.size();
  count_size(oldest.id.size, -1);
  by_id_.erase(&oldest.id);
  chosen_.pop_back();
  ++forgotten_;
}

// The longest one that the bytes begin with: it is the best proof.
Migrations::Chosen::iterator Migrations::find(ConnectionId id) {
  const std::uint32_t not_longer = (std::uint32_t{2} << id.size) - 1;
  for (std::uint32_t sizes = sizes_ & not_longer; sizes != 0;) {
    id.size = static_cast<std::uint8_t>(std::bit_width(sizes) - 1);
    sizes &= ~(std::uint32_t{1} << id.size);
    std::fill(id.bytes.begin() + id.size, id.bytes.end(), std::uint8_t{0});
    if (const auto known = by_id_.find(&id); known != by_id_.end()) return known->second;
  }
  return chosen_.end();
}

void Migrations::look(const CarriedId& carried) {
  const auto chosen = find(carried.id);
  if (chosen == chosen_.end()) return;
  // Not another flow, but one whose decoder had to give way.
  if (chosen->flow == carried.flow || by_flow_.contains(carried.flow)) return;
  chosen_.splice(chosen_.begin(), chosen_, chosen);
  links_.push_front({.flow = carried.flow,
                     .from = chosen->flow,
                     .end = chosen->id.end,
                     .moved = chosen->peer != carried.peer,
                     .protocol = chosen->id.protocol,
                     .name = chosen->name,
                     .name_from = chosen->name_from});
  by_flow_.emplace(carried.flow, links_.begin());
  link_bytes_ += kLinkBytes + chosen->name.size();
  while (link_bytes_ > max_link_bytes_ && !links_.empty()) {
    forget(std::prev(links_.end()));
    ++forgotten_;
  }
}

void Migrations::forget(Links::iterator link) {
  link_bytes_ -= kLinkBytes + link->name.size();
  by_flow_.erase(link->flow);
  links_.erase(link);
}

void Migrations::apply(model::Flow& flow) {
  const auto known = by_flow_.find(flow.id);
  if (known == by_flow_.end()) return;
  const Link& link = *known->second;
  if (flow.apps[0].empty() || flow.apps[0] == link.protocol) {
    flow.apps[0] = link.protocol;
    if (link.moved) flow.migrated_from = link.from;
    // A name is the responder's: whose id was sent may have been seen to speak first.
    if (flow.name_from == model::NameSource::kNone && flow.resp == link.end) {
      flow.name = link.name;
      flow.name_from = link.name_from;
    }
  }
  if (flow.end != model::FlowEnd::kOpen) forget(known->second);
}

}  // namespace netwatch::pipeline
