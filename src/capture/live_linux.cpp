// Live capture on Linux: a TPACKET_V3 ring on an AF_PACKET socket
// (Documentation/networking/packet_mmap.rst, packet(7)).
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "capture/live_frame.h"
#include "capture/live_socket.h"
#include "capture/packet_filter.h"
#include "capture/source.h"
#include "wire/decode.h"

namespace netwatch::capture {
namespace {

using base::Error;
using base::ErrorCode;
using base::Status;
using model::PacketBatch;

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
constexpr std::size_t kFrameBytes = 2048;  // only divides the block; packets lie end to end
constexpr unsigned kRetireMs = 10;
constexpr std::uint32_t kMostSnaplen = 262'144;  // as libpcap's: a packet must fit a block

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& from) noexcept {
    std::swap(fd_, from.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// The memory that the kernel writes packets to.
class Ring {
 public:
  Ring(void* memory, std::size_t size_bytes)
      : memory_(static_cast<std::uint8_t*>(memory)), size_bytes_(size_bytes) {}
  Ring(Ring&& from) noexcept
      : memory_(std::exchange(from.memory_, nullptr)), size_bytes_(from.size_bytes_) {}
  Ring& operator=(Ring&&) = delete;
  ~Ring() {
    if (memory_ != nullptr) munmap(memory_, size_bytes_);
  }
  [[nodiscard]] std::uint8_t* block(std::size_t i) const { return memory_ + i * kBlockBytes; }
  [[nodiscard]] std::size_t block_count() const { return size_bytes_ / kBlockBytes; }

 private:
  std::uint8_t* memory_;
  std::size_t size_bytes_;
};

// The interface that is listened on; index 0 is all of them.
struct Interface {
  std::string name;
  int index = 0;
  bool cooked = true;  // its own link header is not one that is spoken: the kernel's is taken
};

class LiveSource final : public PacketSource {
 public:
  LiveSource(Interface interface, Descriptor socket, Ring ring, PacketFilter filter)
      : interface_(std::move(interface)),
        socket_(std::move(socket)),
        ring_(std::move(ring)),
        filter_(std::move(filter)),
        linktypes_{interface_.cooked ? wire::linktype::kLinuxSll2 : wire::linktype::kEthernet} {}

  base::Result<model::PacketBatchPtr> next(int timeout_ms) override;
  [[nodiscard]] const std::string& name() const override { return interface_.name; }
  [[nodiscard]] const std::vector<std::uint16_t>& linktypes() const override { return linktypes_; }
  [[nodiscard]] std::uint64_t bytes_read() const override { return bytes_; }

 private:
  [[nodiscard]] tpacket_hdr_v1& block_header() const {
    return reinterpret_cast<tpacket_block_desc*>(ring_.block(block_))->hdr.bh1;
  }
  [[nodiscard]] bool block_ready() const {
    std::atomic_ref<std::uint32_t> status(block_header().block_status);
    return (status.load(std::memory_order_acquire) & TP_STATUS_USER) != 0;
  }
  Status wait(int timeout_ms);
  void take_block(PacketBatch& batch);
  void take_packet(PacketBatch& batch, const std::uint8_t* at, std::size_t room);
  void count_drops(PacketBatch& batch) const;
  [[nodiscard]] Error gone(int error) const;

  Interface interface_;
  Descriptor socket_;
  Ring ring_;
  PacketFilter filter_;
  std::vector<std::uint16_t> linktypes_;
  std::size_t block_ = 0;
  std::uint32_t packets_left_ = 0;  // of the block; 0: not begun
  std::size_t packet_at_ = 0;       // in the block
  std::uint64_t count_ = 0;
  std::uint64_t bytes_ = 0;
  std::optional<Error> failure_;  // told after the packets before it
};

base::Result<model::PacketBatchPtr> LiveSource::next(int timeout_ms) {
  if (!block_ready()) {
    if (failure_) return *failure_;
    if (const Status status = wait(timeout_ms); !status) {
      // The block that was being filled is retired a moment later: its packets come first.
      failure_ = status.error();
      poll(nullptr, 0, 3 * static_cast<int>(kRetireMs));
    }
  }
  auto batch = std::make_shared<PacketBatch>();
  if (block_ready()) take_block(*batch);
  count_drops(*batch);
  if (failure_ && batch->packets.empty() && batch->kernel_dropped == 0) return *failure_;
  return model::PacketBatchPtr(std::move(batch));
}

Status LiveSource::wait(int timeout_ms) {
  pollfd waiting{socket_.get(), POLLIN | POLLERR, 0};
  if (poll(&waiting, 1, timeout_ms) <= 0) return base::ok_status();  // time is up, or a signal
  if ((waiting.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0) return base::ok_status();
  int error = 0;
  socklen_t len = sizeof error;
  if (getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &len) != 0) error = errno;
  if (error == 0) return base::ok_status();
  return gone(error);
}

Error LiveSource::gone(int error) const {
  if (error != ENETDOWN && error != ENXIO && error != ENODEV)
    return base::errno_error(error, "capture on " + interface_.name);
  ifreq request{};
  request.ifr_ifindex = interface_.index;
  if (ioctl(socket_.get(), SIOCGIFNAME, &request) != 0)
    return {ErrorCode::kNotFound, "interface " + interface_.name + " has disappeared"};
  return {ErrorCode::kIo, fmt::format("interface {0} went down; `ip link set {0} up` brings it "
                                      "back",
                                      interface_.name)};
}

// What is left of the block, as far as a batch holds; then the kernel gets it back.
void LiveSource::take_block(PacketBatch& batch) {
  tpacket_hdr_v1& header = block_header();
  if (packets_left_ == 0) {
    packets_left_ = header.num_pkts;
    packet_at_ = header.offset_to_first_pkt;
  }
  const std::uint32_t taken = std::min<std::uint32_t>(packets_left_, PacketBatch::kMaxPackets);
  batch.packets.reserve(taken);
  // No packet grows by more than it loses in headers of the ring: the arena never moves.
  batch.arena.reserve(kBlockBytes - std::min(kBlockBytes, packet_at_));
  for (std::uint32_t i = 0; i < taken && packet_at_ + sizeof(tpacket3_hdr) <= kBlockBytes; ++i) {
    const std::uint8_t* const at = ring_.block(block_) + packet_at_;
    take_packet(batch, at, kBlockBytes - packet_at_);
    packet_at_ += reinterpret_cast<const tpacket3_hdr*>(at)->tp_next_offset;
  }
  packets_left_ -= taken;
  if (packets_left_ > 0) return;
  std::atomic_ref<std::uint32_t> status(header.block_status);
  status.store(TP_STATUS_KERNEL, std::memory_order_release);
  block_ = (block_ + 1) % ring_.block_count();
}

void LiveSource::take_packet(PacketBatch& batch, const std::uint8_t* at, std::size_t room) {
  tpacket3_hdr header{};
  std::memcpy(&header, at, sizeof header);
  sockaddr_ll address{};
  constexpr std::size_t kAddressAt = TPACKET_ALIGN(sizeof(tpacket3_hdr));
  const std::size_t data_at = interface_.cooked ? header.tp_net : header.tp_mac;
  if (kAddressAt + sizeof address > room || data_at > room || header.tp_snaplen > room - data_at)
    return;  // a kernel that contradicts itself
  std::memcpy(&address, at + kAddressAt, sizeof address);
  LiveFrame frame;
  frame.data = {at + data_at, header.tp_snaplen};
  frame.wire_len = header.tp_len;
  frame.protocol = ntohs(address.sll_protocol);
  frame.ifindex = static_cast<std::uint32_t>(address.sll_ifindex);
  frame.device_type = address.sll_hatype;
  frame.packet_type = address.sll_pkttype;
  frame.address = {address.sll_addr, std::min<std::size_t>(address.sll_halen, 8)};
  if ((header.tp_status & TP_STATUS_VLAN_VALID) != 0) {
    const bool told = (header.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
    frame.vlan_tpid = told ? header.hv1.tp_vlan_tpid : std::uint16_t{ETH_P_8021Q};
    frame.vlan_tci = static_cast<std::uint16_t>(header.hv1.tp_vlan_tci);
  }
  const std::size_t before = batch.arena.size();
  model::Packet packet;
  packet.wire_len =
      interface_.cooked ? append_cooked(batch.arena, frame) : append_ethernet(batch.arena, frame);
  packet.bytes = base::Bytes(batch.arena).subspan(before);
  if (!filter_.passes(packet.bytes, packet.wire_len)) {
    batch.arena.resize(before);
    return;
  }
  packet.number = ++count_;
  packet.time_ns = base::TimeNs{header.tp_sec} * base::kNsPerSecond + header.tp_nsec;
  packet.ifindex = frame.ifindex;
  packet.interface = frame.ifindex;
  packet.linktype = linktypes_.front();
  packet.direction = address.sll_pkttype == PACKET_OUTGOING ? model::PacketDirection::kOutbound
                                                            : model::PacketDirection::kInbound;
  bytes_ += packet.bytes.size();
  batch.packets.push_back(packet);
}

void LiveSource::count_drops(PacketBatch& batch) const {
  tpacket_stats_v3 stats{};
  socklen_t len = sizeof stats;  // reading them sets them to zero
  if (getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &len) != 0) return;
  batch.kernel_dropped = stats.tp_drops;
  batch.kernel_frozen = stats.tp_freeze_q_cnt;
}

// ---- opening ----

std::string interface_names() {
  std::string out;
  if (struct if_nameindex* const all = if_nameindex(); all != nullptr) {
    for (const struct if_nameindex* i = all; i->if_index != 0; ++i)
      out += (out.empty() ? "" : ", ") + std::string(i->if_name);
    if_freenameindex(all);
  }
  return out;
}

std::string own_path() {
  std::array<char, 4096> path{};
  const ssize_t len = readlink("/proc/self/exe", path.data(), path.size());
  return len > 0 ? std::string(path.data(), static_cast<std::size_t>(len)) : "<this program>";
}

base::Result<Descriptor> open_socket(const Interface& interface) {
  // Protocol 0 receives nothing: bind() turns it on, once the filter is in place.
  const int type = (interface.cooked ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const int fd = socket(AF_PACKET, type, 0);
  if (fd >= 0) return Descriptor(fd);
  if (errno != EPERM && errno != EACCES)
    return base::errno_error(errno, "capture on " + interface.name);
  return Error{ErrorCode::kDenied,
               fmt::format("capture on {} needs CAP_NET_RAW: run it with sudo, or give it to the "
                           "program once: sudo setcap cap_net_raw+ep {}",
                           interface.name, own_path())};
}

// The link header of an interface is taken as it is where that is Ethernet.
base::Result<Interface> find_interface(const std::string& name) {
  Interface out{name, 0, true};
  if (name == "any") return out;
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0)
    return Error{ErrorCode::kNotFound, fmt::format("no interface is called '{}'; there are any, {}",
                                                   name, interface_names())};
  out.index = static_cast<int>(index);
  const Descriptor probe(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (probe.get() < 0 || ioctl(probe.get(), SIOCGIFHWADDR, &request) != 0)
    return base::errno_error(errno, "interface " + name);
  const auto device = request.ifr_hwaddr.sa_family;
  out.cooked = device != ARPHRD_ETHER && device != ARPHRD_LOOPBACK;
  return out;
}

Status set_option(int fd, int level, int option, const void* value, std::size_t size,
                  const char* what) {
  if (setsockopt(fd, level, option, value, static_cast<socklen_t>(size)) == 0)
    return base::ok_status();
  return base::errno_error(errno, what);
}

// Loopback shows each packet twice, going out and coming in. The first of them never gets into the
// ring: it would take half of its room, and be counted where it is lost.
constexpr std::array<sock_filter, 5> kComingInOnly = {{
    {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(SKF_AD_OFF) + SKF_AD_HATYPE},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, ARPHRD_LOOPBACK},
    {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(SKF_AD_OFF) + SKF_AD_PKTTYPE},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PACKET_OUTGOING},
    {BPF_RET | BPF_K, 0, 0, 0},
}};

Status attach_filter(int fd, const std::vector<FilterInstruction>& filter) {
  std::vector<sock_filter> code(kComingInOnly.begin(), kComingInOnly.end());
  code.reserve(code.size() + filter.size());
  for (const FilterInstruction& i : filter) code.push_back({i.code, i.if_true, i.if_false, i.k});
  if (code.size() > BPF_MAXINSNS)
    return Error{ErrorCode::kLimit,
                 fmt::format("the filter is too long: {} instructions, the kernel takes {}",
                             code.size(), BPF_MAXINSNS)};
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return set_option(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program,
                    "attaching the filter");
}

std::size_t ring_blocks(std::size_t ring_bytes) {
  return std::clamp<std::size_t>(ring_bytes / kBlockBytes, 2, 4096);
}

std::string ring_name(std::size_t blocks) {
  return fmt::format("a capture ring of {} MiB", blocks);
}

Status make_ring(int fd, std::size_t ring_bytes) {
  const int version = TPACKET_V3;
  if (const Status set =
          set_option(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version, "TPACKET_V3");
      !set)
    return set;
  const std::size_t blocks = ring_blocks(ring_bytes);
  tpacket_req3 request{};
  request.tp_block_size = kBlockBytes;
  request.tp_block_nr = static_cast<unsigned>(blocks);
  request.tp_frame_size = kFrameBytes;
  request.tp_frame_nr = static_cast<unsigned>(blocks * (kBlockBytes / kFrameBytes));
  request.tp_retire_blk_tov = kRetireMs;
  const std::string what = ring_name(blocks);
  if (const Status set =
          set_option(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request, what.c_str());
      !set)
    return Error{set.error().code, set.error().message + "; a smaller one may fit"};
  return base::ok_status();
}

base::Result<Ring> map_ring(int fd, std::size_t ring_bytes) {
  const std::size_t blocks = ring_blocks(ring_bytes);
  const std::size_t size = blocks * kBlockBytes;
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return base::errno_error(errno, ring_name(blocks));
  return Ring(memory, size);
}

Status listen_on(int fd, const Interface& interface, bool promiscuous) {
  if (promiscuous && interface.index != 0) {
    packet_mreq request{};
    request.mr_ifindex = interface.index;
    request.mr_type = PACKET_MR_PROMISC;
    const Status set = set_option(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request,
                                  "promiscuous mode");
    if (!set) return set;
  }
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface.index;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return base::errno_error(errno, "interface " + interface.name);
  int error = 0;
  socklen_t len = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == ENETDOWN)
    return Error{ErrorCode::kIo,
                 fmt::format("interface {0} is down; `ip link set {0} up` first", interface.name)};
  return base::ok_status();
}

}  // namespace

base::Result<LivePlan> plan_live(const LiveOptions& options) {
  auto interface = find_interface(options.interface);
  if (!interface) return interface.error();
  return plan_live(options, interface->cooked);
}

base::Result<LivePlan> plan_live(const LiveOptions& options, bool cooked) {
  const std::uint32_t snaplen =
      options.snaplen == 0 ? kMostSnaplen : std::min(options.snaplen, kMostSnaplen);
  const std::uint16_t linktype = cooked ? wire::linktype::kLinuxSll2 : wire::linktype::kEthernet;
  auto filter = compile_filter(options.filter, linktype, snaplen);
  if (!filter) return filter.error();
  return LivePlan{.socket = {.interface = options.interface,
                             .cooked = cooked,
                             .promiscuous = options.promiscuous,
                             .ring_bytes = options.ring_bytes,
                             .filter = filter->kernel},
                  .filter = *std::move(filter)};
}

base::Result<LiveSocket> open_live_socket(const LiveSocketRequest& request) {
  auto interface = find_interface(request.interface);
  if (!interface) return interface.error();
  if (interface->cooked != request.cooked)
    return Error{ErrorCode::kInvalid,
                 "interface " + request.interface + " has another kind of link header"};
  auto socket = open_socket(*interface);
  if (!socket) return socket.error();
  if (const Status status = attach_filter(socket->get(), request.filter); !status)
    return status.error();
  if (const Status status = make_ring(socket->get(), request.ring_bytes); !status)
    return status.error();
  const Status status = listen_on(socket->get(), *interface, request.promiscuous);
  if (!status) return status.error();
  return LiveSocket{.fd = socket->release(),
                    .ifindex = static_cast<std::uint32_t>(interface->index)};
}

base::Result<std::unique_ptr<PacketSource>> adopt_live_socket(const LiveSocket& socket,
                                                              const LivePlan& plan) {
  Descriptor descriptor(socket.fd);
  auto ring = map_ring(descriptor.get(), plan.socket.ring_bytes);
  if (!ring) return ring.error();
  Interface interface{plan.socket.interface, static_cast<int>(socket.ifindex), plan.socket.cooked};
  return std::unique_ptr<PacketSource>(std::make_unique<LiveSource>(
      std::move(interface), std::move(descriptor), *std::move(ring), plan.filter));
}

base::Result<std::unique_ptr<PacketSource>> open_live(const LiveOptions& options) {
  auto plan = plan_live(options);
  if (!plan) return plan.error();
  auto socket = open_live_socket(plan->socket);
  if (!socket) return socket.error();
  return adopt_live_socket(*socket, *plan);
}

}  // namespace netwatch::capture
