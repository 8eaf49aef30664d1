#include "apps/netwatch/record_command.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "apps/netwatch/catalog.h"
#include "apps/netwatch/complaint.h"
#include "apps/netwatch/exit_code.h"
#include "apps/netwatch/live_rights.h"
#include "apps/netwatch/rotation_options.h"
#include "apps/netwatch/stop_signal.h"
#include "collect/text_file.h"
#include "pipeline/live_session.h"
#include "record/attributed_writer.h"

namespace netwatch::app {
namespace {

// As /proc/cpuinfo calls the first processor; empty if it does not.
std::string processor_name() {
  constexpr std::size_t kEnough = 4096;
  const auto text = collect::read_text_file("/proc/cpuinfo", kEnough);
  if (!text.ok()) return {};
  std::string_view rest = *text;
  while (const auto line = collect::next_line(rest)) {
    if (!line->starts_with("model name")) continue;
    const std::size_t at = line->find(": ");
    return at == std::string_view::npos ? std::string() : std::string(line->substr(at + 2));
  }
  return {};
}

std::string system_name() {
  utsname names{};
  if (::uname(&names) != 0) return {};
  return fmt::format("{} {}", names.sysname, names.release);
}

record::Annotation annotation_of(std::string_view name) {
  if (name == "comments") return record::Annotation::kComments;
  return name == "blocks" ? record::Annotation::kBlocks : record::Annotation::kBoth;
}

// What a live session tells, into the file. `on_failure` is called when nothing can be written any
// more.
class RecordSink final : public pipeline::LiveSink {
 public:
  RecordSink(record::AttributedWriter& writer, std::function<void()> on_failure)
      : writer_(writer), on_failure_(std::move(on_failure)) {}

  void on_owned_packet(const model::Packet& packet, const model::PacketOwners& owners) override {
    ++offered_;
    if (error_) return;
    const model::Owner* const owner = record::linked_owner(owners);
    unflushed_.push_back(owner == nullptr ? model::Quality::kUnknown : owner->quality);
    keep(writer_.write(packet, owners));
  }
  void on_packet_left_out(const model::Packet& packet) override { writer_.leave_out(packet); }
  void on_hurried_packets(std::uint64_t count) override { hurried_ += count; }
  void on_interfaces(const model::InterfaceTable& table) override {
    writer_.take_interfaces(table);
  }
  void on_ability(base::TimeNs /*now_ns*/, const model::Ability& ability) override {
    if (ability.on) complain(ability.name + ": on again");
    complain_of(ability);
  }
  void on_drop(base::TimeNs /*now_ns*/, model::Drop drop, std::uint64_t count,
               std::uint64_t /*total*/) override {
    if (drop != model::Drop::kKernel) return;
    writer_.count_dropped(count);
    dropped_ += count;
  }
  // What has been written is to survive this program.
  void on_batch_end() override {
    if (!error_ && !unflushed_.empty()) keep(writer_.flush());
  }
  void close() {
    if (!error_) keep(writer_.close(base::wall_clock_ns()));
  }
  void keep(const base::Status& status) {
    for (; flushed_ < writer_.packets_flushed() && !unflushed_.empty(); ++flushed_) {
      ++packets_[static_cast<std::size_t>(unflushed_.front())];
      unflushed_.pop_front();
    }
    if (status.ok()) return;
    error_ = status.error();
    on_failure_();
  }

  [[nodiscard]] const std::optional<base::Error>& error() const { return error_; }
  // For people.
  [[nodiscard]] std::string summary(const std::string& path) const {
    const auto of = [this](model::Quality quality) {
      return packets_[static_cast<std::size_t>(quality)];
    };
    const std::string name = path == "-" ? "standard output" : path;
    // There may be no such file then.
    if (error_ && flushed_ == 0) {
      return fmt::format("no packet written to {}: {} are lost; the kernel dropped {}\n", name,
                         offered_, dropped_);
    }
    std::string out = fmt::format(
        "{} packets in {}: owner exact for {}, inferred for {}, unknown for {}; the kernel dropped "
        "{}\n",
        flushed_, name, of(model::Quality::kExact), of(model::Quality::kInferred),
        of(model::Quality::kUnknown), dropped_);
    if (hurried_ > 0) {
      out += fmt::format("{} were taken before their owners could be known: too many waited\n",
                         hurried_);
    }
    if (offered_ > flushed_) {
      out += fmt::format("{} more could not be written and are lost\n", offered_ - flushed_);
    }
    return out;
  }

 private:
  record::AttributedWriter& writer_;
  std::function<void()> on_failure_;
  std::optional<base::Error> error_;
  std::deque<model::Quality> unflushed_;    // of the packets in the writer's buffer
  std::array<std::uint64_t, 3> packets_{};  // those that are flushed, by quality
  std::uint64_t flushed_ = 0;
  std::uint64_t offered_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t hurried_ = 0;
};

// One `netwatch record`.
class RecordRun {
 public:
  explicit RecordRun(const RecordOptions& options)
      : options_(options),
        rights_(confine::mode_of(options.confine).value_or(confine::Mode::kStrict)) {}

  int run() {
    if (const int status = prepare(); status != kExitOk) return status;
    RecordSink sink(*writer_, [this] { end(); });
    pipeline::LiveSessionOptions live = live_options(sink);
    rights_.prepare(live);
    const base::TimeNs started_ns = base::wall_clock_ns();
    if (const auto table = collect::collect_interfaces(live.root); table.ok()) {
      writer_->take_interfaces(*table);
    }
    live.on_start = [&](const pipeline::LiveSession& session) {
      sink.keep(writer_->begin(describe(session, started_ns)));
      for (const model::Ability& ability : session.first_abilities()) complain_of(ability);
    };
    auto session = pipeline::LiveSession::start(live);
    if (!session.ok()) {
      complain(session.error().message);
      return session.error().code == base::ErrorCode::kInvalid ? kExitUsage : kExitNotPossible;
    }
    wait_for_end();
    (*session)->finish();
    sink.close();
    say(sink.summary(options_.write_path));
    if (!sink.error()) return kExitOk;
    complain(sink.error()->message);
    return kExitNotPossible;
  }

 private:
  // The file is opened with the rights that we have now.
  int prepare() {
    if (!options_.filter.empty()) {
      auto filter = query::Filter::parse(options_.filter, *catalog());
      if (!filter.has_value()) {
        say(filter.error().render(options_.filter) + "\n");
        return kExitUsage;
      }
      filter_ = *std::move(filter);
    }
    const auto rotation = parse_rotation(options_.rotation);
    if (!rotation.ok()) {
      complain(rotation.error().message);
      return kExitUsage;
    }
    std::optional<record::FileOwner> owner;
    // Files that are made later are made by that user.
    const auto user = confine::less_privileged_user();
    if (user && user->known && !rotation->divides()) owner = {.uid = user->uid, .gid = user->gid};
    auto writer = record::PcapngWriter::create(options_.write_path, "netwatch " NETWATCH_VERSION,
                                               *rotation, owner);
    if (!writer.ok()) {
      complain(writer.error().message);
      return kExitNotPossible;
    }
    needs_ = writer->needs();
    writer_.emplace(*std::move(writer), annotation_of(options_.annotate));
    return kExitOk;
  }

  pipeline::LiveSessionOptions live_options(RecordSink& sink) {
    pipeline::LiveSessionOptions live;
    live.interface = options_.interface;
    live.capture_filter = options_.capture_filter;
    live.max_packets = options_.max_packets;
    live.on_end = [this] { end(); };
    live.sink = &sink;
    live.packets = true;
    live.packet_filter = filter_ ? &*filter_ : nullptr;
    live.before_threads = [this] { return give_up_rights(); };
    return live;
  }

  base::Result<std::vector<model::Ability>> give_up_rights() {
    using Use = confine::OutputFolder::Use;
    std::vector<int> written;
    if (stop_.fd() >= 0) written.push_back(stop_.fd());
    if (needs_.written_fd >= 0) written.push_back(needs_.written_fd);
    std::vector<confine::OutputFolder> outputs;
    if (!needs_.folder.empty()) {
      outputs.push_back({needs_.folder, needs_.makes_files ? Use::kCreate : Use::kFinish});
    }
    constexpr bool kTerminal = false;
    return rights_.give_up(std::move(written), kTerminal, std::move(outputs));
  }

  [[nodiscard]] record::CaptureDescription describe(const pipeline::LiveSession& session,
                                                    base::TimeNs started_ns) const {
    return {.interface = options_.interface,
            .filter = options_.capture_filter,
            .linktype = session.linktypes().empty() ? std::uint16_t{0} : session.linktypes()[0],
            .snaplen = capture::LiveOptions{}.snaplen,
            .hardware = processor_name(),
            .system = system_name(),
            .started_ns = started_ns};
  }

  void end() {
    if (stop_.fd() >= 0) (void)::eventfd_write(stop_.fd(), 1);
  }

  // Until the signal or the session says so, or nobody reads any more.
  void wait_for_end() {
    std::array<pollfd, 2> ends{{{.fd = stop_.fd(), .events = POLLIN, .revents = 0},
                                {.fd = needs_.written_fd, .events = 0, .revents = 0}}};
    while (::poll(ends.data(), ends.size(), -1) < 0 && errno == EINTR) {
    }
  }

  RecordOptions options_;
  StopSignal stop_;
  LiveRights rights_;
  std::optional<query::Filter> filter_;
  record::OutputNeeds needs_;
  std::optional<record::AttributedWriter> writer_;
};

}  // namespace

int run_record(const RecordOptions& options) {
  survive_broken_pipes();
  return RecordRun(options).run();
}

}  // namespace netwatch::app
