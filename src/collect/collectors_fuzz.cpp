// All collectors of the table over two looks at files that hold anything. The input is a list of
// texts with a zero byte between them; each file that is read, in the order of reading, gets one.
#include "collect/collectors.h"

#include <cmath>

namespace {

namespace collect = netwatch::collect;
namespace base = netwatch::base;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

// "sda", "loop0" and the like are there, and nothing is hidden.
class MadeUpHost final : public collect::Host {
 public:
  explicit MadeUpHost(std::string_view input) : input_(input) {}

  [[nodiscard]] base::Result<std::string> read(std::string_view file,
                                               std::size_t max_bytes) const override {
    if (file.starts_with("sys/block") || input_.empty()) {
      return base::Error{base::ErrorCode::kNotFound, std::string(file)};
    }
    const std::string_view text = input_.substr(0, input_.find('\0'));
    input_.remove_prefix(std::min(text.size() + 1, input_.size()));
    return std::string(text.substr(0, max_bytes));
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view folder) const override {
    if (folder == "sys/block") return {"loop0", "sda", "vda"};
    return {};
  }
  [[nodiscard]] base::Result<collect::FileSystemSpace> space(
      const std::string& mount_point) const override {
    return collect::FileSystemSpace{mount_point.size(), mount_point.size() / 2, 1, 9, 3, false};
  }
  [[nodiscard]] base::Result<netwatch::model::InterfaceTable> interfaces() const override {
    return base::Error{base::ErrorCode::kNotFound, "interfaces"};
  }
  [[nodiscard]] base::TimeNs wall_ns() const override { return 0; }
  [[nodiscard]] base::TimeNs monotonic_ns() const override { return time_ns_ += 1'000'000'000; }

 private:
  mutable std::string_view input_;
  mutable base::TimeNs time_ns_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  collect::SampleCollector collector(
      std::make_unique<MadeUpHost>(std::string_view(reinterpret_cast<const char*>(data), size)));
  for (int look = 0; look < 2; ++look) {
    const netwatch::model::SampleTable table = collector.collect();
    for (const netwatch::model::Sample& sample : table.samples) {
      require(std::isfinite(sample.value) && sample.value >= 0);
      if (sample.def->unit == netwatch::model::MetricUnit::kRatio) require(sample.value <= 1);
    }
  }
  return 0;
}
