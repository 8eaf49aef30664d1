#include "dpi/expected_flows.h"

#include <algorithm>

namespace netwatch::dpi {
namespace {

bool same_hosts(const ExpectedFlows::Place& a, const ExpectedFlows::Place& b) {
  return a.address == b.address && a.peer == b.peer && a.scope == b.scope &&
         a.transport == b.transport;
}

}  // namespace

bool ExpectedFlows::add(const Place& place, const Expected& flow, std::uint8_t protocol,
                        model::FlowId parent, base::TimeNs now_ns) {
  if (!table_) table_ = std::make_unique<Table>();
  bool kept_all = true;
  Entry* entry = same(place, parent);
  if (entry == nullptr) {
    const std::uint16_t number = oldest_;
    oldest_ = static_cast<std::uint16_t>((oldest_ + 1) % kMax);
    entry = &table_->entries[number];
    kept_all = entry->parent == model::kNoFlow || entry->until_ns < now_ns;
    if (entry->parent != model::kNoFlow) unlink(number);
    std::uint16_t& first = table_->first[place.port % kBuckets];
    entry->place = place;
    entry->next = first;
    first = static_cast<std::uint16_t>(number + 1);
  }
  entry->until_ns = now_ns + kLifetime;
  last_until_ns_ = std::max(last_until_ns_, entry->until_ns);
  entry->parent = parent;
  entry->taken_by = model::kNoFlow;
  entry->protocol = protocol;
  const base::Bytes note = flow.note.first(std::min(flow.note.size(), entry->note.size()));
  std::ranges::copy(note, entry->note.begin());
  entry->note_size = static_cast<std::uint16_t>(note.size());
  return kept_all;
}

ExpectedFlows::Entry* ExpectedFlows::same(const Place& place, model::FlowId parent) const {
  for (std::uint16_t at = table_->first[place.port % kBuckets]; at != 0;) {
    Entry& entry = table_->entries[at - 1U];
    const bool child = place.port != 0 || entry.parent == parent;
    if (entry.place.port == place.port && child && same_hosts(entry.place, place)) return &entry;
    at = entry.next;
  }
  return nullptr;
}

ExpectedFlows::Entry* ExpectedFlows::find(const Place& place, model::FlowId flow,
                                          base::TimeNs now_ns) const {
  if (!table_ || place.port == 0) return nullptr;
  for (std::uint16_t at = table_->first[place.port % kBuckets]; at != 0;) {
    Entry& entry = table_->entries[at - 1U];
    at = entry.next;
    if (entry.place.port != place.port || !same_hosts(entry.place, place)) continue;
    if (entry.until_ns < now_ns || entry.parent == flow) continue;
    const bool others = entry.taken_by != model::kNoFlow && entry.taken_by != flow;
    if (!others || place.transport != Transport::kTcp) return &entry;
  }
  return nullptr;
}

ExpectedFlows::Entry* ExpectedFlows::find_child(model::FlowId parent, base::TimeNs now_ns) const {
  if (!table_) return nullptr;
  for (std::uint16_t at = table_->first[0]; at != 0;) {
    Entry& entry = table_->entries[at - 1U];
    at = entry.next;
    const bool child = entry.place.port == 0 && entry.parent == parent;
    if (child && entry.until_ns >= now_ns) return &entry;
  }
  return nullptr;
}

void ExpectedFlows::unlink(std::uint16_t number) {
  const Entry& entry = table_->entries[number];
  std::uint16_t* link = &table_->first[entry.place.port % kBuckets];
  while (*link != 0 && *link != number + 1) link = &table_->entries[*link - 1U].next;
  if (*link != 0) *link = entry.next;
}

}  // namespace netwatch::dpi
