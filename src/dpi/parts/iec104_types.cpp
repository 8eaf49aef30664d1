// IEC 60870-5-101 7.2 (types, causes, elements), IEC 60870-5-104 clause 8 (types with a time).
#include "dpi/parts/iec104_types.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <iterator>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"

namespace netwatch::dpi::iec104 {
namespace {

using base::Bytes;
using base::Cursor;
using std::string_view;

constexpr Type kTypes[] = {
    {1, 1, Shape::kSingle, "M_SP_NA_1"},
    {2, 4, Shape::kSingle, "M_SP_TA_1"},
    {3, 1, Shape::kDouble, "M_DP_NA_1"},
    {4, 4, Shape::kDouble, "M_DP_TA_1"},
    {5, 2, Shape::kStep, "M_ST_NA_1"},
    {6, 5, Shape::kStep, "M_ST_TA_1"},
    {7, 5, Shape::kBits, "M_BO_NA_1"},
    {8, 8, Shape::kBits, "M_BO_TA_1"},
    {9, 3, Shape::kNormalized, "M_ME_NA_1"},
    {10, 6, Shape::kNormalized, "M_ME_TA_1"},
    {11, 3, Shape::kScaled, "M_ME_NB_1"},
    {12, 6, Shape::kScaled, "M_ME_TB_1"},
    {13, 5, Shape::kFloat, "M_ME_NC_1"},
    {14, 8, Shape::kFloat, "M_ME_TC_1"},
    {15, 5, Shape::kCounter, "M_IT_NA_1"},
    {16, 8, Shape::kCounter, "M_IT_TA_1"},
    {17, 6, Shape::kNone, "M_EP_TA_1"},
    {18, 7, Shape::kNone, "M_EP_TB_1"},
    {19, 7, Shape::kNone, "M_EP_TC_1"},
    {20, 5, Shape::kBits, "M_PS_NA_1"},
    {21, 2, Shape::kNormalized, "M_ME_ND_1"},
    {30, 8, Shape::kSingle, "M_SP_TB_1"},
    {31, 8, Shape::kDouble, "M_DP_TB_1"},
    {32, 9, Shape::kStep, "M_ST_TB_1"},
    {33, 12, Shape::kBits, "M_BO_TB_1"},
    {34, 10, Shape::kNormalized, "M_ME_TD_1"},
    {35, 10, Shape::kScaled, "M_ME_TE_1"},
    {36, 12, Shape::kFloat, "M_ME_TF_1"},
    {37, 12, Shape::kCounter, "M_IT_TB_1"},
    {38, 10, Shape::kNone, "M_EP_TD_1"},
    {39, 11, Shape::kNone, "M_EP_TE_1"},
    {40, 11, Shape::kNone, "M_EP_TF_1"},
    {45, 1, Shape::kSingle, "C_SC_NA_1"},
    {46, 1, Shape::kDouble, "C_DC_NA_1"},
    {47, 1, Shape::kRegulate, "C_RC_NA_1"},
    {48, 3, Shape::kNormalized, "C_SE_NA_1"},
    {49, 3, Shape::kScaled, "C_SE_NB_1"},
    {50, 5, Shape::kFloat, "C_SE_NC_1"},
    {51, 4, Shape::kBits, "C_BO_NA_1"},
    {58, 8, Shape::kSingle, "C_SC_TA_1"},
    {59, 8, Shape::kDouble, "C_DC_TA_1"},
    {60, 8, Shape::kRegulate, "C_RC_TA_1"},
    {61, 10, Shape::kNormalized, "C_SE_TA_1"},
    {62, 10, Shape::kScaled, "C_SE_TB_1"},
    {63, 12, Shape::kFloat, "C_SE_TC_1"},
    {64, 11, Shape::kBits, "C_BO_TA_1"},
    {70, 1, Shape::kNumber, "M_EI_NA_1"},
    {100, 1, Shape::kInterrogation, "C_IC_NA_1"},
    {101, 1, Shape::kInterrogation, "C_CI_NA_1"},
    {102, 0, Shape::kNone, "C_RD_NA_1"},
    {103, 7, Shape::kClock, "C_CS_NA_1"},
    {104, 2, Shape::kNone, "C_TS_NA_1"},
    {105, 1, Shape::kNumber, "C_RP_NA_1"},
    {106, 2, Shape::kNumber, "C_CD_NA_1"},
    {107, 9, Shape::kNone, "C_TS_TA_1"},
    {110, 3, Shape::kNormalized, "P_ME_NA_1"},
    {111, 3, Shape::kScaled, "P_ME_NB_1"},
    {112, 5, Shape::kFloat, "P_ME_NC_1"},
    {113, 1, Shape::kNumber, "P_AC_NA_1"},
    {120, 6, Shape::kNone, "F_FR_NA_1"},
    {121, 7, Shape::kNone, "F_SR_NA_1"},
    {122, 4, Shape::kNone, "F_SC_NA_1"},
    {123, 5, Shape::kNone, "F_LS_NA_1"},
    {124, 4, Shape::kNone, "F_AF_NA_1"},
    {125, kAnySize, Shape::kNone, "F_SG_NA_1"},
    {126, 13, Shape::kNone, "F_DR_TA_1"},
    {127, 16, Shape::kNone, "F_SC_NB_1"},
};

std::string real_text(double value) {
  std::array<char, 32> text;
  const int size = std::snprintf(text.data(), text.size(), "%.6g", value);
  return {text.data(), static_cast<std::size_t>(std::clamp(size, 0, 31))};
}

// CP56Time2a, 7.2.6.18: milliseconds of the minute, then minute, hour, day, month and year.
std::string clock_text(Cursor in) {
  const unsigned ms = in.u16le();
  const unsigned minute = in.u8() & 0x3FU;
  const unsigned hour = in.u8() & 0x1FU;
  const unsigned day = in.u8() & 0x1FU;
  const unsigned month = in.u8() & 0x0FU;
  const unsigned year = in.u8() & 0x7FU;
  std::array<char, 48> text;
  const int size = std::snprintf(text.data(), text.size(), "20%02u-%02u-%02uT%02u:%02u:%02u.%03u",
                                 year, month, day, hour, minute, ms / 1000, ms % 1000);
  return {text.data(), static_cast<std::size_t>(std::clamp(size, 0, 47))};
}

string_view double_text(std::uint8_t bits) {
  constexpr std::array<string_view, 4> kStates{"intermediate", "off", "on", "indeterminate"};
  return kStates[bits & 3];
}

}  // namespace

const Type* find_type(std::uint8_t id) {
  const auto* const found = std::ranges::lower_bound(kTypes, id, {}, &Type::id);
  return found != std::end(kTypes) && found->id == id ? found : nullptr;
}

std::string cause_name(std::uint8_t cause) {
  constexpr std::array<string_view, 14> kNames{
      "unused",          "periodic",      "background_scan", "spontaneous",  "initialized",
      "request",         "activation",    "activation_con",  "deactivation", "deactivation_con",
      "activation_term", "return_remote", "return_local",    "file_transfer"};
  if (cause < kNames.size()) return std::string(kNames[cause]);
  if (cause == 20) return "interrogated_by_station";
  if (cause > 20 && cause <= 36) return "interrogated_by_group_" + std::to_string(cause - 20);
  if (cause == 37) return "counters_requested";
  if (cause > 37 && cause <= 41) return "counters_requested_group_" + std::to_string(cause - 37);
  switch (cause) {
    case 44:
      return "unknown_type";
    case 45:
      return "unknown_cause";
    case 46:
      return "unknown_common_address";
    case 47:
      return "unknown_object";
    default:
      return std::to_string(cause);
  }
}

std::string value_text(const Type& type, Bytes element) {
  constexpr double kOne = 32768;
  Cursor in(element);
  switch (type.shape) {
    case Shape::kSingle:
      return (in.u8() & 1) != 0 ? "on" : "off";
    case Shape::kDouble:
      return std::string(double_text(in.u8()));
    case Shape::kRegulate: {
      constexpr std::array<string_view, 4> kSteps{"not_permitted", "lower", "higher",
                                                  "not_permitted"};
      return std::string(kSteps[in.u8() & 3]);
    }
    case Shape::kStep: {
      const int bits = in.u8() & 0x7F;
      return std::to_string(bits >= 64 ? bits - 128 : bits);
    }
    case Shape::kBits:
      return hex_number(in.u32le(), 8);
    case Shape::kNormalized:
      return real_text(static_cast<std::int16_t>(in.u16le()) / kOne);
    case Shape::kScaled:
      return std::to_string(static_cast<std::int16_t>(in.u16le()));
    case Shape::kFloat:
      return real_text(std::bit_cast<float>(in.u32le()));
    case Shape::kCounter:
      return std::to_string(static_cast<std::int32_t>(in.u32le()));
    case Shape::kNumber:
      return std::to_string(in.le(element.size()));
    case Shape::kClock:
      return clock_text(in);
    default:
      return {};
  }
}

// Bit 7 of a command's last octet before its time (7.2.6.26, 7.2.6.39); 7.2.6.22 of interrogations.
std::string qualifier_text(const Type& type, Bytes element) {
  constexpr std::uint8_t kStation = 20;
  constexpr std::uint8_t kCounters = 5;
  if (element.empty()) return {};
  if (type.shape == Shape::kInterrogation) {
    const std::uint8_t bits = element[0];
    if (type.id == 101) {
      const int group = bits & 0x3F;
      return group == kCounters ? "all_counters" : "counters_" + std::to_string(group);
    }
    if (bits == kStation) return "station";
    const bool group = bits > kStation && bits <= kStation + 16;
    return group ? "group_" + std::to_string(bits - kStation) : std::to_string(bits);
  }
  if (!type.control() || type.shape == Shape::kBits) return {};
  std::size_t at = 0;
  if (type.shape == Shape::kNormalized || type.shape == Shape::kScaled) at = 2;
  if (type.shape == Shape::kFloat) at = 4;
  return at < element.size() && (element[at] & 0x80) != 0 ? "select" : "execute";
}

}  // namespace netwatch::dpi::iec104
