#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collect/counter.h"
#include "collect/host.h"
#include "model/sample.h"

// Collectors of samples: one file in collect/collectors/ and one row in collectors.cpp each. See
// CONTRIBUTING.md, "Add a collector".
namespace netwatch::collect {

// What a collector sees of the host and where it puts what it found, for the time of one look.
class Look {
 public:
  Look(const Host& host, model::SampleTable& out)
      : host_(host), monotonic_ns_(host.monotonic_ns()), out_(out) {}

  [[nodiscard]] const Host& host() const { return host_; }
  [[nodiscard]] base::TimeNs monotonic_ns() const { return monotonic_ns_; }
  [[nodiscard]] CounterFaults& faults() { return faults_; }

  void add(const model::MetricDef& def, double value,
           std::initializer_list<std::string_view> labels = {});
  void add(const model::MetricDef& def, std::uint64_t value,
           std::initializer_list<std::string_view> labels = {}) {
    add(def, static_cast<double>(value), labels);
  }

  // The file's text; nothing, and the ability is off, if it cannot be read.
  std::optional<std::string> read(std::string_view file, std::size_t max_bytes,
                                  std::string_view fix = {});
  // The file is there but has not the form that it ought to have.
  void damaged(std::string_view file);
  // Something of this collector is missing: the first reason stands.
  void lacks(std::string_view why, std::string_view fix = {});
  [[nodiscard]] model::Ability& ability() { return ability_; }

 private:
  const Host& host_;
  base::TimeNs monotonic_ns_;
  model::SampleTable& out_;
  CounterFaults faults_;
  model::Ability ability_{.name = {}, .on = true, .why = {}, .fix = {}};
};

// One source of samples. Remembers what it needs of the look before. What cannot be read is left
// out and said by Look::lacks(), never made up.
class Collector {
 public:
  virtual ~Collector() = default;
  virtual void collect(Look& look) = 0;
};

template <typename T>
std::unique_ptr<Collector> make_collector() {
  return std::make_unique<T>();
}

struct CollectorDef {
  std::string_view name;                    // "cpu"; its ability is called so, too
  std::span<const std::string_view> needs;  // files or rights, for people: "/proc/stat"
  std::span<const model::MetricDef> metrics;
  std::unique_ptr<Collector> (*make)();
};

// The table.
std::span<const CollectorDef* const> collectors();

// All collectors of the table over one host. Not thread-safe.
class SampleCollector {
 public:
  explicit SampleCollector(std::unique_ptr<const Host> host = std::make_unique<LocalHost>());

  // One look. What is a share of the time between two looks comes from the second one on.
  model::SampleTable collect();

 private:
  std::unique_ptr<const Host> host_;
  std::vector<std::unique_ptr<Collector>> collectors_;  // by row
};

}  // namespace netwatch::collect
