#pragma once

#include <utility>

#include "model/owner.h"

namespace netwatch::pipeline {

// Who owns the packets of an address that several sockets have at once (SO_REUSEPORT, or for UDP
// SO_REUSEADDR): nothing tells which of them took a packet. If all are one process's, it is known;
// of one program's processes the one that started first is likely; of several programs none is.
class Claimants {
 public:
  Claimants() = default;
  explicit Claimants(model::Owner owner) : owner_(std::move(owner)) {}

  void add(const Claimants& more);
  // Whatever its socket says, the owner is no better than inferred.
  void doubt() { sure_ = false; }
  // Without a process where there is none to name.
  [[nodiscard]] model::Owner owner() const;

 private:
  model::Owner owner_;
  bool one_program_ = true;
  bool sure_ = true;
};

}  // namespace netwatch::pipeline
