#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/opened_file.h"
#include "model/packet.h"
#include "pipeline/engine.h"

namespace netwatch::pipeline {

struct FileRunOptions {
  std::vector<std::string> files;  // in this order, as one capture; "-" is standard input
  // The same, open already; may be read by several runs. Else null, and `files` are opened.
  std::vector<capture::OpenedFile>* opened = nullptr;
  std::uint64_t max_packets = 0;  // 0: all
  // The files are still being written: what comes is waited for until `stop_fd` is readable. What
  // is open knows it.
  bool follow = false;
  int stop_fd = -1;
  EngineOptions engine;
  // Called before the first packets go down the road; the source knows its link types by then.
  std::function<void(const std::vector<std::uint16_t>& linktypes)> on_start;
  // See every packet, flows or not, in order, and what the files say beside them.
  std::function<void(const model::Packet&)> on_packet;
  std::function<void(const model::CaptureNote&)> on_note;
  // Packets and notes of a batch have been told; beside the sink, perhaps in another thread.
  std::function<void()> on_batch_end;
  // Bytes of all files done and in all; now and then.
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;
};

struct FileRunOutcome {
  Totals totals;
  // Where an input was broken. What came before it has been reported; later files were read, too.
  std::vector<base::Error> errors;
  // Blocks and options beside packets that are not told (PacketBatch::notes_left_out).
  std::uint64_t notes_left_out = 0;
};

// Reads capture files through the engine, from the first packet to the closing totals.
FileRunOutcome run_files(const FileRunOptions& options, ResultSink& sink);

}  // namespace netwatch::pipeline
