#include "collect/collectors.h"

#include <algorithm>
#include <array>

namespace netwatch::collect {

// One row per collector: declare it, then list it.
extern const CollectorDef kCpu;
extern const CollectorDef kMemory;
extern const CollectorDef kLoad;
extern const CollectorDef kPressure;
extern const CollectorDef kFileSystems;
extern const CollectorDef kDiskIo;
extern const CollectorDef kInterfaces;
extern const CollectorDef kUptime;

namespace {

constexpr std::array<const CollectorDef*, 8> kTable{
    &kCpu, &kMemory, &kLoad, &kPressure, &kFileSystems, &kDiskIo, &kInterfaces, &kUptime,
};

}  // namespace

std::span<const CollectorDef* const> collectors() { return kTable; }

void Look::add(const model::MetricDef& def, double value,
               std::initializer_list<std::string_view> labels) {
  model::Sample& sample = out_.samples.emplace_back();
  sample.def = &def;
  sample.value = value;
  std::copy_n(labels.begin(), std::min(labels.size(), model::kMaxLabels), sample.labels.begin());
}

std::optional<std::string> Look::read(std::string_view file, std::size_t max_bytes,
                                      std::string_view fix) {
  auto text = host_.read(file, max_bytes);
  if (text) return *std::move(text);
  lacks(text.error().message, fix);
  return std::nullopt;
}

void Look::damaged(std::string_view file) {
  lacks("/" + std::string(file) + " has not the form that is known here");
}

void Look::lacks(std::string_view why, std::string_view fix) {
  if (!ability_.on) return;
  ability_.on = false;
  ability_.why = why;
  ability_.fix = fix;
}

SampleCollector::SampleCollector(std::unique_ptr<const Host> host) : host_(std::move(host)) {
  for (const CollectorDef* def : kTable) collectors_.push_back(def->make());
}

model::SampleTable SampleCollector::collect() {
  model::SampleTable table;
  table.taken_ns = host_->wall_ns();
  for (std::size_t i = 0; i < collectors_.size(); ++i) {
    Look look(*host_, table);
    look.ability().name = kTable[i]->name;
    collectors_[i]->collect(look);
    table.counter_wraps += look.faults().wraps;
    table.counter_resets += look.faults().resets;
    table.abilities.push_back(std::move(look.ability()));
  }
  return table;
}

}  // namespace netwatch::collect
