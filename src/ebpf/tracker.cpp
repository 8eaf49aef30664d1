#include "ebpf/tracker.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <random>
#include <utility>

#include <sockets.skel.h>  // made from programs/sockets.bpf.c
#include "ebpf/abilities.h"
#include "ebpf/boot_clock.h"
#include "ebpf/cgroup_tree.h"
#include "ebpf/handles.h"
#include "ebpf/note_values.h"
#include "ebpf/peer_book.h"
#include "ebpf/process_table.h"
#include "ebpf/programs/notes.h"

namespace netwatch::ebpf {
namespace {

// 400 bytes each: what one look may hold.
constexpr std::size_t kMaxHoldings = 2U << 20;

// What libbpf would print; failures are told as Abilities.
int print_nothing(libbpf_print_level, const char*, va_list) { return 0; }

// Programs in the kernel do not sleep: when this returns, those that ran before are through. Where
// there is no such call (nohz_full) they have had half a second, from one look to the next.
void wait_for_programs() { ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0); }

}  // namespace

class Tracker::Impl {
 public:
  // Loads and attaches; false if nothing runs, and `abilities` says why.
  bool open(const TrackerOptions& options, std::vector<model::Ability>& abilities) {
    libbpf_set_print(print_nothing);
    processes_.complete_by(options.complete);
    on_cgroup_ = options.on_cgroup;
    if (!options.follow) return load_holders(abilities) && attach_holders(abilities);
    const std::unique_ptr<btf, FreeBtf> kernel(btf__load_vmlinux_btf());
    if (!kernel) {
      abilities.push_back(no_types(kTypes));
      abilities.push_back(off(kOwners, "they need the kernel's types"));
      return false;
    }
    abilities.push_back(on(kTypes));
    const auto tree = open_cgroup_tree(options.cgroup, options.mountinfo);
    if (!tree.ok()) {
      const bool none = tree.error().code == base::ErrorCode::kNotFound;
      abilities.push_back(off(kCgroups, tree.error().message,
                              none ? "sudo mkdir -p /sys/fs/cgroup/unified && "
                                     "sudo mount -t cgroup2 none /sys/fs/cgroup/unified"
                                   : ""));
      abilities.push_back(off(kOwners, "they need a cgroup2 tree"));
      return false;
    }
    const CloseFd folder(*tree);
    abilities.push_back(on(kCgroups));
    return load(options, *kernel, abilities) && attach(folder.fd, abilities);
  }

  void learn_programs(const std::vector<model::Process>& running) {
    processes_.learn_programs(running);
  }

  void drain(std::vector<model::ClosedSocket>& out, std::vector<model::ProcessEnd>* ends) {
    if (!ring_) return;
    out_ = &out;
    ends_ = ends;
    boot_offset_ns_ = boot_offset_ns();
    ring_buffer__consume(ring_.get());
    out_ = nullptr;
    ends_ = nullptr;
    tell_peers(out);
  }

  base::Result<model::SocketHoldings> holdings() {
    const CloseFd iterator(bpf_iter_create(bpf_link__fd(skeleton_->links.holders)));
    if (iterator.fd < 0) return base::errno_error(errno, "iterator over descriptors");
    if (book_) book_->turn();
    model::SocketHoldings found;
    std::vector<HolderNote> notes(1024);
    auto* bytes = reinterpret_cast<char*>(notes.data());
    const std::size_t room = notes.size() * sizeof(HolderNote);
    std::size_t kept = 0;  // of a note that is not whole yet
    for (;;) {
      const ssize_t got = ::read(iterator.fd, bytes + kept, room - kept);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) return base::errno_error(errno, "iterator over descriptors");
      if (got == 0) break;
      const std::size_t have = kept + static_cast<std::size_t>(got);
      const std::size_t whole = have / sizeof(HolderNote);
      for (std::size_t i = 0; i < whole; ++i) take_holder(notes[i], found);
      kept = have % sizeof(HolderNote);
      std::memmove(bytes, bytes + whole * sizeof(HolderNote), kept);
    }
    sort_holdings(found.holdings);
    return found;
  }

  [[nodiscard]] std::uint64_t lost_events() const {
    // Written by programs on all processors.
    return __atomic_load_n(&skeleton_->bss->lost_events, __ATOMIC_RELAXED);
  }

  base::Status count_costs() {
    stats_.emplace(bpf_enable_stats(BPF_STATS_RUN_TIME));
    return stats_->fd < 0 ? base::Status(base::errno_error(errno, "BPF statistics"))
                          : base::ok_status();
  }

  [[nodiscard]] std::vector<ProgramCost> costs() const {
    std::vector<ProgramCost> all;
    bpf_program* program = nullptr;
    while ((program = bpf_object__next_program(skeleton_->obj, program)) != nullptr) {
      bpf_prog_info info{};
      std::uint32_t size = sizeof info;
      const int fd = bpf_program__fd(program);
      if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) != 0) continue;
      all.push_back({bpf_program__name(program), info.run_cnt, info.run_time_ns});
    }
    return all;
  }

 private:
  bool load(const TrackerOptions& options, const btf& kernel,
            std::vector<model::Ability>& abilities) {
    int failed = ENOENT;
    has_sendpage_ = btf__find_by_name_kind(&kernel, "inet_sendpage", BTF_KIND_FUNC) > 0;
    for (const Lengths lengths : {Lengths::kTracepoints, Lengths::kFunctions, Lengths::kNone}) {
      if (lengths < options.lengths || !is_told(lengths, kernel)) continue;
      lengths_ = lengths;
      // Who is refused the programs that tell peers still has the others.
      for (const bool with_peers : {true, false}) {
        if (with_peers && lengths == Lengths::kNone) continue;
        failed = load_with(lengths, with_peers);
        if (failed == 0) return true;
      }
    }
    abilities.push_back(refused(kOwners, failed));
    return false;
  }

  static bool is_told(Lengths lengths, const btf& kernel) {
    const auto has = [&](const char* name, std::uint32_t kind) {
      return btf__find_by_name_kind(&kernel, name, kind) > 0;
    };
    if (lengths == Lengths::kTracepoints) {
      return has("btf_trace_sock_send_length", BTF_KIND_TYPEDEF);
    }
    return lengths == Lengths::kNone ||
           (has("inet_sendmsg", BTF_KIND_FUNC) && has("inet6_sendmsg", BTF_KIND_FUNC) &&
            has("inet_recvmsg", BTF_KIND_FUNC) && has("inet6_recvmsg", BTF_KIND_FUNC));
  }

  // 0, or why not (errno).
  int load_with(Lengths lengths, bool with_peers) {
    skeleton_.reset(sockets_bpf::open());
    if (!skeleton_) return errno;
    with_peers_ = with_peers;
    skeleton_->rodata->peer_seed = std::random_device()() | std::uint64_t{std::random_device()()}
                                                                << 32;
    const auto& programs = skeleton_->progs;
    const std::array functions = {programs.after_send4, programs.after_send6,
                                  programs.after_receive4, programs.after_receive6};
    for (bpf_program* program : {programs.on_send, programs.on_receive}) {
      bpf_program__set_autoload(program, lengths == Lengths::kTracepoints);
    }
    for (bpf_program* program : functions) {
      bpf_program__set_autoload(program, lengths == Lengths::kFunctions);
    }
    bpf_program__set_autoload(programs.after_sendpage,
                              lengths == Lengths::kFunctions && has_sendpage_);
    for (bpf_program* program :
         {programs.on_connect4, programs.on_connect6, programs.on_sendmsg4, programs.on_sendmsg6,
          programs.on_recvmsg4, programs.on_recvmsg6}) {
      bpf_program__set_autoload(program, lengths == Lengths::kNone);
    }
    for (bpf_program* program :
         {programs.to_peer4, programs.to_peer6, programs.from_peer4, programs.from_peer6}) {
      bpf_program__set_autoload(program, with_peers);
    }
    if (const int failed = sockets_bpf::load(skeleton_.get()); failed != 0) return -failed;
    // That functions can be followed shows when they are: some kernels load what they cannot
    // attach.
    return lengths == Lengths::kFunctions ? attach_functions() : 0;
  }

  int attach_functions() {
    auto& links = skeleton_->links;
    const auto& programs = skeleton_->progs;
    links.after_send4 = bpf_program__attach(programs.after_send4);
    if (links.after_send4 != nullptr) links.after_send6 = bpf_program__attach(programs.after_send6);
    if (links.after_send6 != nullptr) {
      links.after_receive4 = bpf_program__attach(programs.after_receive4);
    }
    if (links.after_receive4 != nullptr) {
      links.after_receive6 = bpf_program__attach(programs.after_receive6);
    }
    if (links.after_receive6 == nullptr) return errno;
    if (!has_sendpage_) return 0;
    links.after_sendpage = bpf_program__attach(programs.after_sendpage);
    return links.after_sendpage != nullptr ? 0 : errno;
  }

  bool load_holders(std::vector<model::Ability>& abilities) {
    skeleton_.reset(sockets_bpf::open());
    if (!skeleton_) {
      abilities.push_back(refused(kOwners, errno));
      return false;
    }
    bpf_program* program = nullptr;
    while ((program = bpf_object__next_program(skeleton_->obj, program)) != nullptr) {
      bpf_program__set_autoload(program, program == skeleton_->progs.holders);
    }
    bpf_map__set_autocreate(skeleton_->maps.events, false);
    bpf_map__set_autocreate(skeleton_->maps.peer_table, false);
    const int failed = sockets_bpf::load(skeleton_.get());
    if (failed == 0) return true;
    // The library reads the kernel's types by itself, 6 MB: looked for only where it did not load.
    const std::unique_ptr<btf, FreeBtf> kernel(btf__load_vmlinux_btf());
    abilities.push_back(kernel ? refused(kOwners, -failed) : no_types(kOwners));
    return false;
  }

  bool attach_holders(std::vector<model::Ability>& abilities) {
    skeleton_->links.holders = bpf_program__attach_iter(skeleton_->progs.holders, nullptr);
    const bool attached = skeleton_->links.holders != nullptr;
    abilities.push_back(attached ? on(kOwners) : refused(kOwners, errno));
    return attached;
  }

  bool attach(int cgroup, std::vector<model::Ability>& abilities) {
    auto& links = skeleton_->links;
    const auto& programs = skeleton_->progs;
    links.on_create = bpf_program__attach_cgroup(programs.on_create, cgroup);
    if (links.on_create != nullptr) {
      links.on_release = bpf_program__attach_cgroup(programs.on_release, cgroup);
    }
    if (links.on_release != nullptr) links.on_state = bpf_program__attach(programs.on_state);
    if (links.on_state != nullptr) {
      links.holders = bpf_program__attach_iter(programs.holders, nullptr);
    }
    if (links.holders != nullptr) {
      const int events = bpf_map__fd(skeleton_->maps.events);
      ring_.reset(ring_buffer__new(events, take_event, this, nullptr));
    }
    if (!ring_) {
      abilities.push_back(refused(kOwners, errno));
      return false;
    }
    abilities.push_back(on(kOwners));
    abilities.push_back(attach_lengths(cgroup));
    abilities.push_back(attach_peers(cgroup));
    links.on_cgroup = bpf_program__attach(programs.on_cgroup);
    links.on_exec = bpf_program__attach(programs.on_exec);
    links.on_exit = bpf_program__attach(programs.on_exit);
    abilities.push_back(links.on_exec != nullptr ? on(kPrograms) : refused(kPrograms, errno));
    return true;
  }

  model::Ability attach_lengths(int cgroup) {
    if (lengths_ == Lengths::kFunctions) return on(kPayload);  // attached as they were loaded
    if (lengths_ == Lengths::kNone) return attach_uses(cgroup);
    auto& links = skeleton_->links;
    links.on_send = bpf_program__attach(skeleton_->progs.on_send);
    if (links.on_send != nullptr)
      links.on_receive = bpf_program__attach(skeleton_->progs.on_receive);
    return links.on_receive != nullptr ? on(kPayload) : refused(kPayload, errno);
  }

  model::Ability attach_peers(int cgroup) {
    if (!with_peers_) {
      return lengths_ == Lengths::kNone
                 ? off(kPeers, "as for the payload of every socket")
                 : off(kPeers, "the kernel does not load the programs that tell them");
    }
    auto& links = skeleton_->links;
    const auto& programs = skeleton_->progs;
    const std::array<std::pair<bpf_link**, bpf_program*>, 4> all = {
        {{&links.to_peer4, programs.to_peer4},
         {&links.to_peer6, programs.to_peer6},
         {&links.from_peer4, programs.from_peer4},
         {&links.from_peer6, programs.from_peer6}}};
    void* memory = ::mmap(nullptr, sizeof(PeerTable), PROT_READ | PROT_WRITE, MAP_SHARED,
                          bpf_map__fd(skeleton_->maps.peer_table), 0);
    if (memory == MAP_FAILED) return refused(kPeers, errno);
    peer_table_.reset(static_cast<PeerTable*>(memory));
    for (const auto& [link, program] : all) {
      *link = bpf_program__attach_cgroup(program, cgroup);
      if (*link == nullptr) return refused(kPeers, errno);
    }
    book_.emplace(*peer_table_, wait_for_programs);
    return on(kPeers);
  }

  // What older kernels offer: who, but not how much.
  model::Ability attach_uses(int cgroup) {
    auto& links = skeleton_->links;
    const auto& programs = skeleton_->progs;
    links.on_connect4 = bpf_program__attach_cgroup(programs.on_connect4, cgroup);
    links.on_connect6 = bpf_program__attach_cgroup(programs.on_connect6, cgroup);
    links.on_sendmsg4 = bpf_program__attach_cgroup(programs.on_sendmsg4, cgroup);
    links.on_sendmsg6 = bpf_program__attach_cgroup(programs.on_sendmsg6, cgroup);
    links.on_recvmsg4 = bpf_program__attach_cgroup(programs.on_recvmsg4, cgroup);
    links.on_recvmsg6 = bpf_program__attach_cgroup(programs.on_recvmsg6, cgroup);
    return off(kPayload,
               "the kernel does not tell of sends and receives (Linux 6.3 does), nor lets programs "
               "follow its functions: UDP is not counted, and an owner is who connected or who "
               "holds the socket at its end, inferred");
  }

  static int take_event(void* self, void* data, std::size_t size) {
    auto& impl = *static_cast<Impl*>(self);
    NoteU32 kind = 0;
    if (size < sizeof kind) return 0;
    std::memcpy(&kind, data, sizeof kind);
    if (kind == kEventSocketReleased && size >= sizeof(SocketReleased)) {
      SocketReleased event;
      std::memcpy(&event, data, sizeof event);
      impl.take_released(event);
    } else if (kind == kEventExec && size >= sizeof(ProcessExec)) {
      ProcessExec event;
      std::memcpy(&event, data, sizeof event);
      impl.processes_.take_exec(event.process, path_of_program(event));
    } else if (kind == kEventProcessEnded && size >= sizeof(ProcessEnded)) {
      ProcessEnded event;
      std::memcpy(&event, data, sizeof event);
      impl.take_process_end(event);
    } else if (kind == kEventCgroup && size >= sizeof(CgroupMade) && impl.on_cgroup_) {
      CgroupMade event;
      std::memcpy(&event, data, sizeof event);
      const std::size_t length = ::strnlen(event.path, sizeof event.path);
      // One that fills all of its room is cut.
      if (length + 1 < sizeof event.path) impl.on_cgroup_(event.id, {event.path, length});
    }
    return 0;
  }

  void take_process_end(const ProcessEnded& event) {
    processes_.take_end(event.pid);
    if (ends_ == nullptr) return;
    ends_->push_back({.pid = event.pid,
                      .start_ticks = ticks_of(event.start_ns),
                      .time_ns = boot_offset_ns_ + static_cast<base::TimeNs>(event.ended_ns)});
  }

  void take_released(const SocketReleased& event) {
    const SocketNote& note = event.note;
    const std::uint8_t proto = proto_of(note.protocol);
    if (!model::ip_proto::has_ports(proto)) return;  // ping's sockets
    model::ClosedSocket& closed = out_->emplace_back();
    if (note.opened_ns != 0) {
      closed.opened_ns = boot_offset_ns_ + static_cast<base::TimeNs>(note.opened_ns);
    }
    closed.closed_ns = boot_offset_ns_ + static_cast<base::TimeNs>(event.closed_ns);
    model::Socket& socket = closed.socket;
    socket.local = endpoint(note.local, note.local_port);
    socket.remote = endpoint(note.remote, note.remote_port);
    socket.proto = proto;
    socket.cookie = event.cookie;
    socket.netns = note.netns;
    socket.owner.process = processes_.find(note.user);
    if (socket.owner.process) {
      socket.uid = note.user.uid;
      // Who connected may have handed the socket on.
      socket.owner.quality =
          lengths_ == Lengths::kNone ? model::Quality::kInferred : model::Quality::kExact;
      socket.owner.via = model::OwnerVia::kEbpf;
      socket.owner.holders = 1;
    }
    if (event.rtt_us != 0) socket.rtt_us = event.rtt_us;
    if (proto == model::ip_proto::kTcp) socket.retransmits = event.retransmits;
    socket.followed = note.followed != 0;
    socket.users = users_of(note.users, socket.followed);
    if (event.peers.told != 0 && is_counted(note.followed != 0)) {
      ended_.push_back({.cookie = event.cookie, .note = event.peers, .peers = nullptr});
      ended_places_.push_back(out_->size() - 1);
    }
    if (note.whole != 0) {
      socket.bytes_sent = static_cast<std::int64_t>(note.sent);
      socket.bytes_received = static_cast<std::int64_t>(note.received);
    } else if (is_counted(false)) {
      socket.seen_sent = static_cast<std::int64_t>(note.sent);
      socket.seen_received = static_cast<std::int64_t>(note.received);
    }
  }

  // Functions that were entered before they were followed are not seen to end.
  [[nodiscard]] bool is_counted(bool followed) const {
    return lengths_ == Lengths::kTracepoints || (lengths_ == Lengths::kFunctions && followed);
  }

  void tell_peers(std::vector<model::ClosedSocket>& out) {
    if (ended_.empty()) return;
    if (book_) book_->end(ended_);
    for (std::size_t i = 0; i < ended_.size(); ++i) {
      out[ended_places_[i]].socket.peers = std::move(ended_[i].peers);
    }
    ended_.clear();
    ended_places_.clear();
  }

  void take_holder(const HolderNote& note, model::SocketHoldings& found) {
    if (found.holdings.size() >= kMaxHoldings) {
      ++found.not_kept;
      return;
    }
    model::SocketHolding& holding = found.holdings.emplace_back();
    holding.inode = note.inode;
    holding.cookie = note.cookie;
    holding.netns = note.netns;
    holding.holder = processes_.find(note.holder);
    holding.followed = note.whole != 0;
    if (lengths_ == Lengths::kNone) return;
    holding.user = processes_.find(note.user);
    holding.users = users_of(note.users, holding.followed);
    if (!is_counted(holding.followed)) return;
    holding.sent = static_cast<std::int64_t>(note.sent);
    holding.received = static_cast<std::int64_t>(note.received);
    if (book_) holding.peers = book_->find(note.cookie, note.peers);
  }

  std::unique_ptr<sockets_bpf, DestroySkeleton> skeleton_;
  std::unique_ptr<ring_buffer, FreeRing> ring_;
  Lengths lengths_ = Lengths::kTracepoints;
  bool has_sendpage_ = false;  // the kernel has inet_sendpage
  bool with_peers_ = false;    // the programs that tell peers are loaded
  std::unique_ptr<PeerTable, Unmap> peer_table_;
  std::optional<PeerBook> book_;
  std::vector<PeerBook::Ended> ended_;  // of the drain() in work, and their places in *out_
  std::vector<std::size_t> ended_places_;
  ProcessTable processes_;
  std::function<void(std::uint64_t, std::string_view)> on_cgroup_;
  std::vector<model::ClosedSocket>* out_ = nullptr;  // of the drain() in work
  std::vector<model::ProcessEnd>* ends_ = nullptr;   // likewise
  base::TimeNs boot_offset_ns_ = 0;                  // wall clock minus CLOCK_BOOTTIME
  std::optional<CloseFd> stats_;
};

OpenedTracker Tracker::open(const TrackerOptions& options) {
  OpenedTracker opened;
  auto impl = std::make_unique<Impl>();
  if (impl->open(options, opened.abilities)) {
    opened.tracker.reset(new Tracker(std::move(impl)));
  } else if (options.follow) {
    for (const auto name : {kPayload, kPeers, kPrograms}) {
      opened.abilities.push_back(off(name, "as for exact owners"));
    }
  }
  return opened;
}

bool Tracker::built_in() { return true; }

Tracker::Tracker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tracker::~Tracker() = default;
void Tracker::learn_programs(const std::vector<model::Process>& running) {
  impl_->learn_programs(running);
}
void Tracker::drain(std::vector<model::ClosedSocket>& out, std::vector<model::ProcessEnd>* ends) {
  impl_->drain(out, ends);
}
base::Result<model::SocketHoldings> Tracker::holdings() { return impl_->holdings(); }
std::uint64_t Tracker::lost_events() const { return impl_->lost_events(); }
base::Status Tracker::count_costs() { return impl_->count_costs(); }
std::vector<ProgramCost> Tracker::costs() const { return impl_->costs(); }

}  // namespace netwatch::ebpf
