#include "pipeline/claimants.h"

#include <algorithm>
#include <tuple>

namespace netwatch::pipeline {

void Claimants::add(const Claimants& more) {
  one_program_ = one_program_ && more.one_program_;
  sure_ = sure_ && more.sure_;
  const model::Process* mine = owner_.process.get();
  const model::Process* theirs = more.owner_.process.get();
  if (mine == nullptr || theirs == nullptr) {
    // Who has one of the sockets is not known: it may be anybody.
    sure_ = sure_ && mine == theirs;
    if (mine == nullptr) owner_ = more.owner_;
    return;
  }
  if (mine->pid == theirs->pid && mine->start_ticks == theirs->start_ticks) {
    owner_.quality = std::min(owner_.quality, more.owner_.quality);
    return;
  }
  sure_ = false;
  one_program_ = one_program_ && mine->comm == theirs->comm;
  const bool theirs_is_first =
      std::tie(theirs->start_ticks, theirs->pid) < std::tie(mine->start_ticks, mine->pid);
  if (theirs_is_first) owner_ = more.owner_;
}

model::Owner Claimants::owner() const {
  if (!one_program_) return {};
  model::Owner owner = owner_;
  if (!sure_) owner.quality = std::min(owner.quality, model::Quality::kInferred);
  return owner;
}

}  // namespace netwatch::pipeline
