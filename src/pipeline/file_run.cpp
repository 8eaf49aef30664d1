#include "pipeline/file_run.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "capture/source.h"

namespace netwatch::pipeline {
namespace {

// The files of one run: numbers their packets through and keeps the count.
class Run {
 public:
  Run(const FileRunOptions& options, ResultSink& sink)
      : options_(options), engine_(options.engine, sink) {}

  FileRunOutcome run() {
    const std::size_t files =
        options_.opened != nullptr ? options_.opened->size() : options_.files.size();
    for (std::size_t i = 0; i < files && !full(); ++i) {
      auto source = open(i);
      if (source.ok()) {
        read(**source);
      } else {
        errors_.push_back(source.error());
      }
    }
    start({});
    engine_.finish();
    return {.totals = engine_.totals(),
            .errors = std::move(errors_),
            .notes_left_out = notes_left_out_};
  }

 private:
  [[nodiscard]] base::Result<std::unique_ptr<capture::PacketSource>> open(std::size_t i) const {
    const auto number = static_cast<std::uint32_t>(i);
    if (options_.opened != nullptr) return (*options_.opened)[i].read(number);
    if (options_.follow) {
      return capture::open_followed(options_.files[i], number, options_.stop_fd);
    }
    return capture::open_file(options_.files[i], number);
  }

  void read(capture::PacketSource& source) {
    const std::uint64_t numbered = packets_;
    while (!full()) {
      auto batch = source.next(-1);
      if (!batch.ok()) {
        errors_.push_back(batch.error());
        return;
      }
      if (*batch == nullptr) return;
      start(source.linktypes());
      push(std::move(*batch), numbered);
      if (options_.on_batch_end) options_.on_batch_end();
      if (options_.on_progress) options_.on_progress(source.bytes_read(), source.bytes_total());
    }
  }

  void push(model::PacketBatchPtr batch, std::uint64_t numbered) {
    const std::uint64_t room =
        options_.max_packets == 0 ? UINT64_MAX : options_.max_packets - packets_;
    if (numbered != 0 || batch->packets.size() > room) {
      // A view of the same bytes with numbers of the whole run, cut to the wanted count.
      auto view = std::make_shared<model::PacketBatch>();
      view->packets.assign(
          batch->packets.begin(),
          batch->packets.begin() +
              static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(room, batch->packets.size())));
      for (model::Packet& packet : view->packets) packet.number += numbered;
      // What stands behind the last wanted packet is not wanted.
      const bool cut = view->packets.size() < batch->packets.size();
      const std::uint64_t last = cut ? packets_ + view->packets.size() : UINT64_MAX;
      for (const model::CaptureNote& note : batch->notes) {
        model::CaptureNote& copy = view->notes.emplace_back(note);
        copy.before += numbered;
        if (copy.before > last) view->notes.pop_back();
      }
      view->kernel_dropped = batch->kernel_dropped;
      view->notes_left_out = batch->notes_left_out;
      view->backing = std::move(batch);
      batch = std::move(view);
    }
    packets_ += batch->packets.size();
    notes_left_out_ += batch->notes_left_out;
    tell(*batch);
    engine_.push(std::move(batch));
  }

  void tell(const model::PacketBatch& batch) const {
    auto note = batch.notes.begin();
    const auto notes_before = [&](std::uint64_t number) {
      for (; note != batch.notes.end() && note->before <= number; ++note) {
        if (options_.on_note) options_.on_note(*note);
      }
    };
    if (!options_.on_packet && !options_.on_note) return;
    for (const model::Packet& packet : batch.packets) {
      notes_before(packet.number);
      if (options_.on_packet) options_.on_packet(packet);
    }
    notes_before(UINT64_MAX);
  }

  void start(const std::vector<std::uint16_t>& linktypes) {
    if (std::exchange(started_, true)) return;
    if (options_.on_start) options_.on_start(linktypes);
  }

  [[nodiscard]] bool full() const {
    return options_.max_packets != 0 && packets_ >= options_.max_packets;
  }

  const FileRunOptions& options_;
  Engine engine_;
  std::vector<base::Error> errors_;
  std::uint64_t packets_ = 0;
  std::uint64_t notes_left_out_ = 0;
  bool started_ = false;
};

}  // namespace

FileRunOutcome run_files(const FileRunOptions& options, ResultSink& sink) {
  return Run(options, sink).run();
}

}  // namespace netwatch::pipeline
