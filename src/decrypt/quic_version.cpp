#include "decrypt/quic_version.h"

#include <algorithm>
#include <array>

namespace netwatch::decrypt {
namespace {

// By number, for the binary search. Names of mvfst: the low bits of the number.
constexpr std::array kVersions{
    QuicVersion{0x00000001, "1", QuicSalt::kV1},
    QuicVersion{0x51303530, "Q050", QuicSalt::kQ050},
    QuicVersion{0x54303530, "T050", QuicSalt::kT050},
    QuicVersion{0x54303531, "T051", QuicSalt::kT051},
    QuicVersion{0x6b3343cf, "2", QuicSalt::kV2},
    QuicVersion{0xfaceb001, "mvfst-1", QuicSalt::kDraft22},
    QuicVersion{0xfaceb002, "mvfst-2", QuicSalt::kDraft23},
    QuicVersion{0xfaceb003, "mvfst-3", QuicSalt::kV1},
    QuicVersion{0xfaceb00e, "mvfst-e", QuicSalt::kDraft23},
    QuicVersion{0xfaceb010, "mvfst-10", QuicSalt::kDraft23},
    QuicVersion{0xfaceb011, "mvfst-11", QuicSalt::kDraft23},
    QuicVersion{0xfaceb013, "mvfst-13", QuicSalt::kDraft23},
    QuicVersion{0xff000016, "draft-22", QuicSalt::kDraft22},
    QuicVersion{0xff000017, "draft-23", QuicSalt::kDraft23},
    QuicVersion{0xff000018, "draft-24", QuicSalt::kDraft23},
    QuicVersion{0xff000019, "draft-25", QuicSalt::kDraft23},
    QuicVersion{0xff00001a, "draft-26", QuicSalt::kDraft23},
    QuicVersion{0xff00001b, "draft-27", QuicSalt::kDraft23},
    QuicVersion{0xff00001c, "draft-28", QuicSalt::kDraft23},
    QuicVersion{0xff00001d, "draft-29", QuicSalt::kDraft29},
    QuicVersion{0xff00001e, "draft-30", QuicSalt::kDraft29},
    QuicVersion{0xff00001f, "draft-31", QuicSalt::kDraft29},
    QuicVersion{0xff000020, "draft-32", QuicSalt::kDraft29},
    QuicVersion{0xff000021, "draft-33", QuicSalt::kV1},
    QuicVersion{0xff000022, "draft-34", QuicSalt::kV1},
};
constexpr auto kByNumber = [](const QuicVersion& a, const QuicVersion& b) {
  return a.number < b.number;
};
static_assert(std::is_sorted(kVersions.begin(), kVersions.end(), kByNumber));

}  // namespace

const QuicVersion* find_quic_version(std::uint32_t number) {
  const auto* const found = std::lower_bound(kVersions.begin(), kVersions.end(),
                                             QuicVersion{.number = number}, kByNumber);
  return found != kVersions.end() && found->number == number ? found : nullptr;
}

}  // namespace netwatch::decrypt
