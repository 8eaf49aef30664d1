#include "enrich/name_cache.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>
#include <utility>

namespace netwatch::enrich {
namespace {

// RFC 1035 section 2.3.4; in text, escapes may make it longer, but then it is no host's name.
constexpr std::size_t kLongestName = 255;
// A list node, a hash node and its bucket, besides the characters of the name.
constexpr std::size_t kEntryBytes = 144;

// Names compare without case (RFC 4343) and are absolute with or without their last dot.
std::string normal_form(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view query_name(const model::Record& record) {
  model::ValueCursor values(record);
  while (const auto value = values.next()) {
    if (value->def->role == model::Role::kQueryName) return value->text();
  }
  return {};
}

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93ULL;
  return x ^ (x >> 29);
}

}  // namespace

NameCache::NameCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

NameCache::AddressHash::AddressHash() {
  std::random_device device;
  key_ = (std::uint64_t{device()} << 32) | device();
  other_key_ = (std::uint64_t{device()} << 32) | device();
}

std::size_t NameCache::AddressHash::operator()(const base::IpAddress& address) const {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, address.bytes().data(), sizeof high);
  std::memcpy(&low, address.bytes().data() + sizeof high, sizeof low);
  return static_cast<std::size_t>(mix(mix(low ^ key_) + (high ^ other_key_)));
}

void NameCache::learn(const model::Record& record) {
  std::string_view name;
  model::ValueCursor values(record);
  while (const auto value = values.next()) {
    if (value->def->role != model::Role::kAnswerAddress) continue;
    if (name.empty()) name = query_name(record);
    if (name.empty()) return;
    learn(value->address(), name);
  }
}

void NameCache::learn(const base::IpAddress& address, std::string_view name,
                      model::NameSource source) {
  // Blockers answer with the unspecified address for everything: it has no name.
  if (name.size() > kLongestName || address.is_unspecified()) return;
  std::string normal = normal_form(name);
  if (normal.empty()) return;
  const auto known = by_address_.find(address);
  if (known != by_address_.end()) {
    Entry& entry = *known->second;
    if (source > entry.source) return;
    entry.source = source;
    used_bytes_ = used_bytes_ - entry.name.size() + normal.size();
    entry.name = std::move(normal);
    entries_.splice(entries_.begin(), entries_, known->second);
  } else {
    used_bytes_ += kEntryBytes + normal.size();
    entries_.push_front({address, std::move(normal), source});
    by_address_.emplace(address, entries_.begin());
  }
  while (used_bytes_ > max_bytes_ && !entries_.empty()) {
    const Entry& oldest = entries_.back();
    used_bytes_ -= kEntryBytes + oldest.name.size();
    by_address_.erase(oldest.address);
    entries_.pop_back();
    ++forgotten_;
  }
}

NameCache::Learned NameCache::find(const base::IpAddress& address) {
  const auto known = by_address_.find(address);
  if (known == by_address_.end()) return {};
  entries_.splice(entries_.begin(), entries_, known->second);
  return {known->second->name, known->second->source};
}

}  // namespace netwatch::enrich
