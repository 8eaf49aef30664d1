#include "apps/netwatch/read_command.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "apps/netwatch/catalog.h"
#include "apps/netwatch/complaint.h"
#include "apps/netwatch/exit_code.h"
#include "apps/netwatch/progress.h"
#include "apps/netwatch/result_printers.h"
#include "apps/netwatch/rotation_options.h"
#include "apps/netwatch/spool.h"
#include "apps/netwatch/stats_line.h"
#include "apps/netwatch/stop_signal.h"
#include "apps/netwatch/summary.h"
#include "capture/opened_file.h"
#include "confine/confine.h"
#include "pipeline/file_run.h"
#include "pipeline/flow_selector.h"
#include "record/pcapng_writer.h"
#include "wire/decode.h"

namespace netwatch::app {
namespace {

bool same_file(const std::string& one, const std::string& two) {
  struct stat a = {};
  struct stat b = {};
  return ::stat(one.c_str(), &a) == 0 && ::stat(two.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino && S_ISREG(a.st_mode);
}

// Whether a path names something that can be read only once.
bool is_pipe(const std::string& path) {
  struct stat about = {};
  return ::stat(path.c_str(), &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode);
}

constexpr std::size_t kManyFiles = 500;

// All inputs are open at the same time.
void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string joined(const std::vector<std::string>& files) {
  std::string out;
  for (const std::string& file : files) {
    if (!out.empty()) out += ' ';
    out += file == "-" ? "standard input" : file;
  }
  return out;
}

// One `netwatch read`: the passes over the files and what is printed of them.
class ReadRun {
 public:
  explicit ReadRun(const ReadOptions& options)
      : options_(options), source_(joined(options.files)) {}

  int run() {
    if (const int status = prepare(); status != kExitOk) return status;
    if (const int status = give_up_rights(); status != kExitOk) return status;
    if (const int status = copy_streams(); status != kExitOk) return status;
    if (filter_) select();
    std::unique_ptr<pipeline::ResultSink> sink = make_sink();
    WritingSink writing(*sink, *this);
    pipeline::FileRunOptions run = run_options();
    run.engine.selected = selected_ ? &*selected_ : nullptr;
    run.on_start = [this](const auto& linktypes) { print_head(linktypes); };
    if (writer_ && !filter_) {
      run.on_packet = [this](const model::Packet& packet) { write(packet); };
      run.on_note = [this](const model::CaptureNote& note) { write(note); };
      if (live_) run.on_batch_end = [this] { flush_written(); };
    }
    const pipeline::FileRunOutcome outcome = pipeline::run_files(run, writing);
    progress_.clear();
    print_tail(outcome.totals, !outcome.errors.empty());
    return close(outcome);
  }

 private:
  // A pipe that is to be copied.
  struct Spooled {
    Spool copy;
    std::size_t input;
  };

  // Passes results on and hands packets of selected flows to the writer.
  class WritingSink final : public pipeline::ResultSink {
   public:
    WritingSink(pipeline::ResultSink& next, ReadRun& run) : next_(next), run_(run) {}
    void on_record(const model::Record& record) override { next_.on_record(record); }
    void on_flow(const model::Flow& flow) override { next_.on_flow(flow); }
    void on_packet(const model::Packet& packet) override {
      if (run_.writer_) run_.write(packet);
    }
    [[nodiscard]] bool wants_results() const override { return next_.wants_results(); }
    // Without a filter they come by another way, together with all packets.
    void on_note(const model::CaptureNote& note) override {
      if (run_.writer_ && run_.filter_) run_.write(note);
    }
    void on_batch_end() override { next_.on_batch_end(); }

   private:
    pipeline::ResultSink& next_;
    ReadRun& run_;
  };

  int prepare() {
    if (!options_.filter.empty()) {
      auto filter = query::Filter::parse(options_.filter, *catalog());
      if (!filter.has_value()) {
        say(filter.error().render(options_.filter) + "\n");
        return kExitUsage;
      }
      filter_ = std::move(*filter);
    }
    if (const int status = check_outputs(); status != kExitOk) return status;
    auto rotation = parse_rotation(options_.rotation);
    if (!rotation.ok()) return usage(rotation.error().message);
    if (const int status = open_inputs(); status != kExitOk) return status;
    return open_output(*rotation);
  }

  // Everything is opened before rights are given up; nothing is read yet.
  int open_inputs() {
    if (options_.files.size() > kManyFiles) allow_many_files();
    live_ = options_.follow || std::ranges::any_of(options_.files, [](const std::string& file) {
              return file == "-" || is_pipe(file);
            });
    if (options_.follow || is_one_stream()) stop_.emplace();
    for (const std::string& file : options_.files) {
      inputs_.push_back(stop_ ? capture::OpenedFile::open_to_follow(file, stop_->fd())
                              : capture::OpenedFile::open(file));
      const capture::OpenedFile& input = inputs_.back();
      // Two passes need inputs that can be read twice: pipes are copied first.
      if (!filter_ || !input.is_stream()) continue;
      if (input.trouble()) return not_possible(*input.trouble());
      auto spool = Spool::make(file);
      if (!spool.ok()) return not_possible(spool.error());
      spools_.push_back({std::move(*spool), inputs_.size() - 1});
    }
    return kExitOk;
  }

  int open_output(const record::Rotation& rotation) {
    if (options_.write_path.empty()) return kExitOk;
    std::optional<record::FileOwner> owner;
    // Files that are made later are made by that user.
    const auto user = confine::less_privileged_user();
    if (user && user->known && !rotation.divides()) owner = {.uid = user->uid, .gid = user->gid};
    auto writer = record::PcapngWriter::create(options_.write_path, "netwatch " NETWATCH_VERSION,
                                               rotation, owner);
    if (!writer.ok()) return not_possible(writer.error());
    writer_ = std::move(*writer);
    return kExitOk;
  }

  // Before the first byte of a capture is read, and before the first thread.
  int give_up_rights() {
    confine::Plan plan;
    plan.mode = confine::mode_of(options_.confine).value_or(confine::Mode::kStrict);
    plan.written = {STDOUT_FILENO, STDERR_FILENO};
    if (stop_ && stop_->fd() >= 0) plan.written.push_back(stop_->fd());
    if (writer_) {
      const record::OutputNeeds needs = writer_->needs();
      using Use = confine::OutputFolder::Use;
      if (needs.written_fd >= 0) plan.written.push_back(needs.written_fd);
      if (!needs.folder.empty()) {
        plan.outputs.push_back({needs.folder, needs.makes_files ? Use::kCreate : Use::kFinish});
      }
    }
    const auto confined = confine::confine(plan);
    if (!confined.ok()) return not_possible(confined.error());
    if (plan.mode != confine::Mode::kOff && !confined->complete()) {
      complain("not fully confined: " + confined->missing());
    }
    return kExitOk;
  }

  int copy_streams() {
    for (Spooled& spooled : spools_) {
      capture::OpenedFile& input = inputs_[spooled.input];
      input.wait_for_writer();
      if (auto copied = spooled.copy.fill(input.fd()); !copied.ok()) {
        return not_possible(copied.error());
      }
      input = std::move(spooled.copy).take(input.name());
    }
    return kExitOk;
  }

  // What would destroy an input or mix two outputs is refused before anything is opened.
  [[nodiscard]] int check_outputs() const {
    if (options_.write_path == "-" && (options_.json || options_.flows || options_.records)) {
      return usage(
          "-w - writes packets to standard output: leave out --json, --flows and --records");
    }
    for (const std::string& file : options_.files) {
      if (same_file(file, options_.write_path)) {
        return usage("-w would overwrite the capture that is read: " + file);
      }
    }
    if (!options_.rotation.empty() && options_.write_path.empty()) {
      return usage("-b divides what -w writes: give -w FILE, too");
    }
    if (options_.follow && options_.files.size() > 1) {
      return usage("--follow waits at the end of one file: give it alone");
    }
    if (options_.follow && filter_) {
      return usage(
          "-Y with --follow: whether a flow matches is known only at its end. Leave out -Y "
          "and select from the output, or record with -w and filter that");
    }
    return kExitOk;
  }

  [[nodiscard]] static int not_possible(const base::Error& error) {
    complain(error.message);
    return kExitNotPossible;
  }

  [[nodiscard]] static int usage(std::string_view message) {
    complain(message);
    return kExitUsage;
  }

  // What comes through a pipe has no end of its own: a signal ends it as that of a followed file.
  // With a filter it is copied.
  [[nodiscard]] bool is_one_stream() const {
    return !filter_ && options_.files.size() == 1 &&
           (options_.files[0] == "-" || is_pipe(options_.files[0]));
  }

  [[nodiscard]] pipeline::FileRunOptions run_options() {
    pipeline::FileRunOptions run;
    run.opened = &inputs_;
    run.max_packets = options_.max_packets;
    run.engine.threads = options_.threads;
    run.engine.community_ids = options_.json || filter_.has_value();
    run.on_progress = [this](std::uint64_t done, std::uint64_t total) {
      progress_.show(done, total);
    };
    return run;
  }

  // The first pass of a filtered run: whether a flow matches is known only at its end.
  void select() {
    pipeline::FlowSelector selector(*filter_);
    (void)pipeline::run_files(run_options(), selector);  // errors are reported by the second pass
    selected_ = selector.selected();
  }

  std::unique_ptr<pipeline::ResultSink> make_sink() {
    if (options_.quiet) return std::make_unique<pipeline::CountingSink>();
    if (options_.json) return std::make_unique<JsonPrinter>(out_, live_);
    if (options_.flows || options_.records) {
      return std::make_unique<TextPrinter>(out_, live_, options_.flows, options_.records);
    }
    // With -w alone the file is what was asked for.
    if (writer_) return std::make_unique<pipeline::CountingSink>();
    auto summary = std::make_unique<Summary>();
    summary_ = summary.get();
    return summary;
  }

  void print_head(const std::vector<std::uint16_t>& linktypes) {
    if (options_.quiet) return;
    if (options_.json) {
      exporting::append_meta(
          out_.buffer(),
          {.program = "netwatch " NETWATCH_VERSION, .source = source_, .linktypes = linktypes},
          &wire::linktype_name);
    } else if (options_.flows && !options_.records) {
      out_.buffer() += flow_line_head();
    }
  }

  void print_tail(const pipeline::Totals& totals, bool broken) {
    if (options_.json) {
      append_stats_line(out_.buffer(), totals);
    } else if (options_.quiet) {
      // The totals of a summary without anything else; beside packets on standard error.
      const std::string text = Summary().render(source_, totals);
      if (options_.write_path == "-") {
        say(text);
      } else {
        out_.buffer() += text;
      }
    } else if (summary_ != nullptr && (totals.packets > 0 || !broken)) {
      out_.buffer() += summary_->render(source_, totals);
    }
    out_.flush();
  }

  int close(const pipeline::FileRunOutcome& outcome) {
    int status = kExitOk;
    for (const base::Error& error : outcome.errors) {
      complain(error.message);
      status = kExitBrokenInput;
    }
    // Nothing could be read: an output that was there before stays as it was.
    if (outcome.totals.packets == 0 && !outcome.errors.empty()) writer_.reset();
    if (writer_ && !write_error_) tell_left_out(outcome.notes_left_out);
    if (writer_ && !write_error_) {
      if (auto closed = writer_->close(); !closed.ok()) write_error_ = closed.error();
    }
    if (write_error_) {
      complain(write_error_->message);
      status = kExitNotPossible;
    }
    if (out_.failed()) {
      complain(out_.error().message);
      status = kExitNotPossible;
    }
    return status;
  }

  // What others will not find in the file that was written.
  void tell_left_out(std::uint64_t notes) const {
    if (notes > 0) {
      complain(
          fmt::format("{} blocks or options are not in {}: of unknown kinds, damaged, or "
                      "marked not to be copied",
                      notes, options_.write_path));
    }
    if (writer_->not_repeated() > 0) {
      complain(
          fmt::format("{} blocks of names and secrets are in one of the files only: there are "
                      "too many to say them again in each",
                      writer_->not_repeated()));
    }
  }

  // A packet, or what a file says beside packets.
  template <typename Item>
  void write(const Item& item) {
    if (write_error_) return;
    if (auto written = writer_->write(item); !written.ok()) stop_with(written.error());
  }

  void flush_written() {
    if (write_error_) return;
    if (auto flushed = writer_->flush(); !flushed.ok()) stop_with(flushed.error());
  }

  // Who records what comes must not learn only at its end that nothing is kept any more.
  void stop_with(const base::Error& error) {
    write_error_ = error;
    if (stop_ && stop_->fd() >= 0) (void)::eventfd_write(stop_->fd(), 1);
  }

  ReadOptions options_;
  std::string source_;
  bool live_ = false;  // more comes while we read: it is shown at once
  std::optional<StopSignal> stop_;
  Output out_;
  Progress progress_;
  std::optional<query::Filter> filter_;
  std::vector<capture::OpenedFile> inputs_;
  std::vector<Spooled> spools_;
  std::optional<record::PcapngWriter> writer_;
  std::optional<base::Error> write_error_;
  std::optional<pipeline::FlowSet> selected_;
  Summary* summary_ = nullptr;
};

}  // namespace

int run_read(const ReadOptions& options) {
  if (auto given_up = confine::give_up_lent_rights(); !given_up.ok()) {
    complain(given_up.error().message);
    return kExitNotPossible;
  }
  return ReadRun(options).run();
}

}  // namespace netwatch::app
