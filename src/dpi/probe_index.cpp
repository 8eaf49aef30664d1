#include "dpi/probe_index.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>

namespace netwatch::dpi {
namespace {

bool speaks(const ProtocolDef& def, bool datagram) {
  const auto wanted = static_cast<unsigned>(datagram ? Transport::kUdp : Transport::kTcp);
  return (static_cast<unsigned>(def.transport) & wanted) != 0;
}

bool usual(const ProtocolDef& def, const ProbeInput& input) {
  return std::any_of(def.usual_ports.begin(), def.usual_ports.end(), [&](std::uint16_t port) {
    return port == input.resp_port || port == input.orig_port;
  });
}

}  // namespace

ProbeIndex::ProbeIndex(std::span<const ProtocolDef* const> table) : table_(table) {
  if (table.size() > kMaxProtocols) std::abort();  // a bug: ids are one byte
  for (std::size_t id = 0; id < table.size(); ++id) {
    if (table[id]->late) late_[id / 64] |= std::uint64_t{1} << (id % 64);
    if (table[id]->carried_id != nullptr) {
      carriers_.push_back(static_cast<std::uint8_t>(id));
      for (std::size_t word = 0; word < carried_first_.bits.size(); ++word) {
        carried_first_.bits[word] |= table[id]->carried_first.bits[word];
      }
    }
    if (table[id]->transport == Transport::kIp) {
      by_ip_proto_[table[id]->ip_proto] = static_cast<std::uint8_t>(id + 1);
    }
    for (std::size_t transport = 0; transport < 2; ++transport) {
      if (!speaks(*table[id], transport == 1)) continue;
      for (std::size_t byte = 0; byte < 256; ++byte) {
        if (!table[id]->first.has(static_cast<std::uint8_t>(byte))) continue;
        by_byte_[transport][byte][id / 64] |= std::uint64_t{1} << (id % 64);
      }
    }
  }
}

std::uint8_t ProbeIndex::find(std::string_view name) const {
  for (std::size_t id = 0; id < table_.size(); ++id) {
    if (table_[id]->name == name) return static_cast<std::uint8_t>(id);
  }
  return kNone;
}

std::shared_ptr<const ProbeIndex> ProbeIndex::of(std::span<const ProtocolDef* const> table) {
  static std::mutex mutex;
  static std::weak_ptr<const ProbeIndex> latest;
  const std::scoped_lock lock(mutex);
  std::shared_ptr<const ProbeIndex> index = latest.lock();
  if (index == nullptr || index->table_.data() != table.data() ||
      index->table_.size() != table.size()) {
    index = std::make_shared<const ProbeIndex>(table);
    latest = index;
  }
  return index;
}

ProbeIndex::Answer ProbeIndex::ask(const ProbeInput& input, bool datagram,
                                   std::span<const std::uint8_t> rejected) const {
  ProtocolSet set = candidates(input, datagram);
  for (std::uint8_t id : rejected) {
    if (id < table_.size()) set[id / 64] &= ~(std::uint64_t{1} << (id % 64));
  }
  return ask_all(input, set);
}

ProbeIndex::Answer ProbeIndex::ask_ip(const ProbeInput& input, std::uint8_t ip_proto) const {
  const std::uint8_t row = by_ip_proto_[ip_proto];
  if (row == 0) return {};
  return {table_[row - 1U]->probe(input), static_cast<std::uint8_t>(row - 1)};
}

ProbeIndex::Answer ProbeIndex::ask_late(const ProbeInput& input) const {
  ProtocolSet set = candidates(input, false);
  for (std::size_t word = 0; word < set.size(); ++word) set[word] &= late_[word];
  return ask_all(input, set);
}

ProbeIndex::Answer ProbeIndex::ask_all(const ProbeInput& input, const ProtocolSet& set) const {
  Answer answer;
  // Twice over the few that are left: first those at a usual port.
  for (const bool at_usual_port : {true, false}) {
    for (std::size_t word = 0; word < set.size(); ++word) {
      for (std::uint64_t bits = set[word]; bits != 0; bits &= bits - 1) {
        const auto id =
            static_cast<std::uint8_t>(word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
        if (usual(*table_[id], input) != at_usual_port) continue;
        const Probe probe = table_[id]->probe(input);
        if (probe == Probe::kYes) return {Probe::kYes, id};
        if (probe == Probe::kMore) answer.probe = Probe::kMore;
      }
    }
  }
  return answer;
}

ProtocolSet ProbeIndex::candidates(const ProbeInput& input, bool datagram) const {
  ProtocolSet set{};
  for (base::Bytes side : input.sides) {
    if (side.empty()) continue;
    const ProtocolSet& more = by_byte_[datagram ? 1 : 0][side[0]];
    for (std::size_t word = 0; word < set.size(); ++word) set[word] |= more[word];
  }
  return set;
}

}  // namespace netwatch::dpi
