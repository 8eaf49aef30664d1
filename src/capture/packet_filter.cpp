// Filters of pcap-filter(7), compiled by libpcap. The only file that knows pcap.h.
#include "capture/packet_filter.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <pcap/pcap.h>

#include <cctype>
#include <optional>

#include "wire/decode.h"

namespace netwatch::capture {
namespace {

static_assert(sizeof(FilterInstruction) == sizeof(sock_filter));
static_assert(sizeof(FilterInstruction) == sizeof(bpf_insn));

using Program = std::vector<FilterInstruction>;

struct DeadHandle {
  explicit DeadHandle(pcap_t* p) : handle(p) {}
  DeadHandle(const DeadHandle&) = delete;
  DeadHandle& operator=(const DeadHandle&) = delete;
  ~DeadHandle() {
    if (handle != nullptr) pcap_close(handle);
  }
  pcap_t* handle;
};

base::Result<Program> compile(const std::string& text, std::uint16_t linktype,
                              std::uint32_t snaplen) {
  const DeadHandle dead(pcap_open_dead(linktype, static_cast<int>(snaplen)));
  if (dead.handle == nullptr) return base::Error{base::ErrorCode::kIo, "libpcap: out of memory"};
  bpf_program compiled{};
  constexpr int kOptimize = 1;
  if (pcap_compile(dead.handle, &compiled, text.c_str(), kOptimize, PCAP_NETMASK_UNKNOWN) != 0)
    return base::Error{
        base::ErrorCode::kInvalid,
        "filter '" + text + "': " + pcap_geterr(dead.handle) + " (the language: man pcap-filter)"};
  Program out;
  out.reserve(compiled.bf_len);
  for (u_int i = 0; i < compiled.bf_len; ++i) {
    const bpf_insn& from = compiled.bf_insns[i];
    out.push_back({from.code, from.jt, from.jf, from.k});
  }
  pcap_freecode(&compiled);
  return out;
}

// The kernel takes VLAN tags out of frames, so that a program which looks for them there fails.
bool speaks_of_vlans(const std::string& text) {
  constexpr std::string_view kWord = "vlan";
  for (std::size_t at = text.find(kWord); at != std::string::npos; at = text.find(kWord, at + 1)) {
    const auto in_word = [&](std::size_t i) {
      return i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) != 0);
    };
    if ((at == 0 || !in_word(at - 1)) && !in_word(at + kWord.size())) return true;
  }
  return false;
}

// Where the kernel keeps what the program looks for in the SLL2 header, which only we will add.
std::optional<std::uint32_t> ancillary_of_sll2(std::uint32_t offset, std::uint16_t size) {
  constexpr auto kBase = static_cast<std::uint32_t>(SKF_AD_OFF);
  if (offset == 0 && size == BPF_H) return kBase + SKF_AD_PROTOCOL;
  if (offset == 4 && size == BPF_W) return kBase + SKF_AD_IFINDEX;
  if (offset == 8 && size == BPF_H) return kBase + SKF_AD_HATYPE;
  if (offset == 10 && size == BPF_B) return kBase + SKF_AD_PKTTYPE;
  return std::nullopt;
}

// Moves a program for SLL2 frames to what a cooked socket filters: the packet from its network
// header on. False if it looks at a part of the header that the kernel has not.
bool move_to_network_header(Program& program) {
  constexpr std::uint32_t kSll2Bytes = 20;
  for (FilterInstruction& i : program) {
    const bool load = BPF_CLASS(i.code) == BPF_LD || BPF_CLASS(i.code) == BPF_LDX;
    const std::uint16_t mode = BPF_MODE(i.code);
    if (!load || (mode != BPF_ABS && mode != BPF_IND && mode != BPF_MSH)) continue;
    if (i.k >= kSll2Bytes) {
      i.k -= kSll2Bytes;
      continue;
    }
    const auto ancillary = ancillary_of_sll2(i.k, BPF_SIZE(i.code));
    if (mode != BPF_ABS || !ancillary) return false;
    i.k = *ancillary;
  }
  return true;
}

// Loopback shows each packet twice, leaving and arriving, of which the second is taken. The first
// is refused in the kernel already: it takes no room in the ring and is no loss where there is
// none.
void refuse_what_leaves_by_loopback(Program& program) {
  constexpr auto kBase = static_cast<std::uint32_t>(SKF_AD_OFF);
  constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
  constexpr std::uint16_t kIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
  const Program front{{kLoad, 0, 0, kBase + SKF_AD_PKTTYPE},
                      {kIfEqual, 0, 3, PACKET_OUTGOING},
                      {kLoad, 0, 0, kBase + SKF_AD_HATYPE},
                      {kIfEqual, 0, 1, ARPHRD_LOOPBACK},
                      {BPF_RET | BPF_K, 0, 0, 0}};
  program.insert(program.begin(), front.begin(), front.end());
}

}  // namespace

bool PacketFilter::passes(base::Bytes bytes, std::uint32_t wire_len) const {
  if (frame.empty()) return true;
  const auto* program = reinterpret_cast<const bpf_insn*>(frame.data());
  return bpf_filter(program, bytes.data(), wire_len, static_cast<u_int>(bytes.size())) != 0;
}

base::Result<PacketFilter> compile_filter(const std::string& text, std::uint16_t linktype,
                                          std::uint32_t snaplen) {
  auto program = compile(text, linktype, snaplen);
  if (!program) return program.error();
  PacketFilter out;
  out.kernel = *program;
  const bool cooked = linktype == wire::linktype::kLinuxSll2;
  if (speaks_of_vlans(text) || (cooked && !move_to_network_header(out.kernel))) {
    out.frame = *std::move(program);
    out.kernel = {{BPF_RET | BPF_K, 0, 0, snaplen}};
  }
  refuse_what_leaves_by_loopback(out.kernel);
  return out;
}

}  // namespace netwatch::capture
