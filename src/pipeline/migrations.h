#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/bytes.h"
#include "dpi/protocol.h"
#include "model/flow.h"

namespace netwatch::pipeline {

// The id by which one end of a connection knows what is sent to it, from whatever address.
struct ConnectionId {
  std::string_view protocol;  // of static storage
  model::Endpoint end;        // whose id it is
  std::uint32_t scope = 0;    // as in model::FlowKey
  std::array<std::uint8_t, dpi::kLongestConnectionId> bytes{};
  std::uint8_t size = 0;

  friend bool operator==(const ConnectionId&, const ConnectionId&) = default;
};

// An end of `flow` chose `id`.
struct ChosenId {
  ConnectionId id;
  model::FlowId flow = model::kNoFlow;
  model::Endpoint peer;  // of id.end in that flow
  std::string name;      // of the flow so far
  model::NameSource name_from = model::NameSource::kNone;
};

// What nobody knows begins with the bytes of `id`: how many of them are an id is not known.
struct CarriedId {
  ConnectionId id;
  model::FlowId flow = model::kNoFlow;
  model::Endpoint peer;
};

// Connections that go on from another address than they began at. Flows are told by their
// addresses, so each address makes a flow of its own, often in another shard; the id that both
// carry joins them. Whoever sends a copy of an id is believed: nothing of it is proved. Bounded:
// the id that was chosen or seen longest ago is forgotten first, and counted; so is the oldest
// link.
class Migrations {
 public:
  explicit Migrations(std::size_t max_bytes);

  // A later choice of the same id is another connection, or the same one seen at another place.
  void learn(const ChosenId& chosen);
  // Links the flow to the one in which the longest of the ids that it may carry was chosen.
  void look(const CarriedId& carried);
  // Tells a linked flow what is known of its connection, unless it turned out to speak something
  // else. Links are forgotten with the end of their flow.
  void apply(model::Flow& flow);

  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

 private:
  using Chosen = std::list<ChosenId>;
  struct Link {
    model::FlowId flow = model::kNoFlow;
    model::FlowId from = model::kNoFlow;
    model::Endpoint end;  // whose id it was
    bool moved = false;   // else it is the same pair of addresses, after a silence
    std::string_view protocol;
    std::string name;
    model::NameSource name_from = model::NameSource::kNone;
  };
  using Links = std::list<Link>;
  // Of what is pointed to. Keyed: the ids are chosen by strangers.
  class Hash {
   public:
    Hash();
    std::size_t operator()(const ConnectionId* id) const;

   private:
    std::uint64_t key_;
    std::uint64_t other_key_;
  };
  struct Same {
    bool operator()(const ConnectionId* one, const ConnectionId* other) const {
      return *one == *other;
    }
  };

  Chosen::iterator find(ConnectionId id);
  void count_size(std::uint8_t size, int more);
  void forget_oldest_id();
  void forget(Links::iterator link);

  std::size_t max_id_bytes_;
  std::size_t max_link_bytes_;
  std::size_t id_bytes_ = 0;
  std::size_t link_bytes_ = 0;
  std::uint64_t forgotten_ = 0;
  Chosen chosen_;  // most recently chosen or seen first
  std::unordered_map<const ConnectionId*, Chosen::iterator, Hash, Same> by_id_;
  std::array<std::int32_t, dpi::kLongestConnectionId + 1> of_size_{};
  std::uint32_t sizes_ = 0;  // a bit for each that there are ids of
  Links links_;              // youngest first
  std::unordered_map<model::FlowId, Links::iterator> by_flow_;
};

}  // namespace netwatch::pipeline
