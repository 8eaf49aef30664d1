#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "confine/courier.h"

namespace netwatch::confine {
namespace {

constexpr std::uint32_t kHealthKind = 0x4e570101;

// Structures of two programs that are one, in host byte order.
struct Head {
  std::uint32_t kind = kHealthKind;
  std::uint32_t rows = 0;
  std::int64_t taken_ns = 0;
};
static_assert(sizeof(Head) == 16);

// Followed by the round trips, 8 bytes each, and the words.
struct RowHead {
  std::uint8_t kind = 0;  // model::ProbeKind
  std::uint8_t v4 = 0;    // 0 or 1
  std::uint16_t rtts = 0;
  std::uint16_t why_bytes = 0;
  std::uint16_t fix_bytes = 0;
  std::uint32_t ifindex = 0;
  std::int32_t rcode = -1;
  std::array<std::uint8_t, 16> address{};
  std::int64_t last_ns = -1;
  std::int64_t mean_ns = -1;
  std::int64_t min_ns = -1;
  std::int64_t max_ns = -1;
  std::int64_t jitter_ns = -1;
  double loss = -1;
};
static_assert(sizeof(RowHead) == 80);

base::Error malformed(const char* what) {
  return {base::ErrorCode::kInvalid, std::string("the courier told nonsense: ") + what};
}

void append(std::vector<std::uint8_t>& out, const void* bytes, std::size_t size) {
  const auto* const from = static_cast<const std::uint8_t*>(bytes);
  out.insert(out.end(), from, from + size);
}

void append_row(std::vector<std::uint8_t>& out, const model::HealthRow& row) {
  RowHead head;
  head.kind = static_cast<std::uint8_t>(row.target.kind);
  head.v4 = row.target.address.is_v4() ? 1 : 0;
  head.rtts = static_cast<std::uint16_t>(std::min(row.rtts_ns.size(), model::kProbeSamples));
  const std::string_view why = std::string_view(row.why).substr(0, HealthMessage::kMaxWordsBytes);
  const std::string_view fix = std::string_view(row.fix).substr(0, HealthMessage::kMaxWordsBytes);
  head.why_bytes = static_cast<std::uint16_t>(why.size());
  head.fix_bytes = static_cast<std::uint16_t>(fix.size());
  head.ifindex = row.target.ifindex;
  head.rcode = row.rcode;
  const base::Bytes address = row.target.address.family_bytes();
  std::copy(address.begin(), address.end(), head.address.begin());
  head.last_ns = row.last_ns;
  head.mean_ns = row.mean_ns;
  head.min_ns = row.min_ns;
  head.max_ns = row.max_ns;
  head.jitter_ns = row.jitter_ns;
  head.loss = row.loss;
  append(out, &head, sizeof head);
  append(out, row.rtts_ns.data() + (row.rtts_ns.size() - head.rtts),
         head.rtts * sizeof(std::int64_t));
  append(out, why.data(), why.size());
  append(out, fix.data(), fix.size());
}

// Of round trips that are there or -1: no probe waits for longer.
bool is_time(std::int64_t ns) { return ns >= -1 && ns <= 60 * base::kNsPerSecond; }

bool is_sound(const RowHead& head) {
  constexpr std::int32_t kMaxRcode = 15;  // four bits (RFC 1035 4.1.1)
  return head.kind <= static_cast<std::uint8_t>(model::ProbeKind::kDnsQuery) && head.v4 <= 1 &&
         head.rtts <= model::kProbeSamples && head.why_bytes <= HealthMessage::kMaxWordsBytes &&
         head.fix_bytes <= HealthMessage::kMaxWordsBytes && head.rcode >= -1 &&
         head.rcode <= kMaxRcode && is_time(head.last_ns) && is_time(head.mean_ns) &&
         is_time(head.min_ns) && is_time(head.max_ns) && is_time(head.jitter_ns) &&
         std::isfinite(head.loss) && head.loss >= -1 && head.loss <= 1;
}

// Removes and returns the first `size` bytes, if there are as many.
std::optional<base::Bytes> take(base::Bytes& from, std::size_t size) {
  if (from.size() < size) return std::nullopt;
  const base::Bytes out = from.first(size);
  from = from.subspan(size);
  return out;
}

std::optional<model::HealthRow> parse_row(base::Bytes& message) {
  RowHead head;
  const auto bytes = take(message, sizeof head);
  if (!bytes) return std::nullopt;
  std::memcpy(&head, bytes->data(), sizeof head);
  if (!is_sound(head)) return std::nullopt;
  const auto rtts = take(message, head.rtts * sizeof(std::int64_t));
  const auto why = rtts ? take(message, head.why_bytes) : std::nullopt;
  const auto fix = why ? take(message, head.fix_bytes) : std::nullopt;
  if (!fix) return std::nullopt;
  const base::Bytes behind_v4 = base::Bytes(head.address).subspan(4);
  if (head.v4 == 1 && std::ranges::any_of(behind_v4, [](auto byte) { return byte != 0; })) {
    return std::nullopt;
  }
  model::HealthRow row;
  row.target.kind = static_cast<model::ProbeKind>(head.kind);
  row.target.address = head.v4 == 1 ? base::IpAddress::v4(head.address.data())
                                    : base::IpAddress::v6(head.address.data());
  if (row.target.address.is_v4() != (head.v4 == 1)) return std::nullopt;
  row.target.ifindex = head.ifindex;
  row.why = base::as_text(*why);
  row.fix = base::as_text(*fix);
  row.rtts_ns.resize(head.rtts);
  if (head.rtts > 0) std::memcpy(row.rtts_ns.data(), rtts->data(), rtts->size());
  if (!std::ranges::all_of(row.rtts_ns, is_time)) return std::nullopt;
  row.last_ns = head.last_ns;
  row.mean_ns = head.mean_ns;
  row.min_ns = head.min_ns;
  row.max_ns = head.max_ns;
  row.jitter_ns = head.jitter_ns;
  row.loss = head.loss;
  row.rcode = head.rcode;
  return row;
}

}  // namespace

std::vector<std::uint8_t> encode_health(const model::HealthTable& table) {
  Head head;
  head.rows = static_cast<std::uint32_t>(std::min(table.rows.size(), HealthMessage::kMaxRows));
  head.taken_ns = table.taken_ns;
  std::vector<std::uint8_t> out;
  append(out, &head, sizeof head);
  for (std::size_t i = 0; i < head.rows; ++i) append_row(out, table.rows[i]);
  return out;
}

base::Result<model::HealthTable> parse_health(base::Bytes message) {
  Head head;
  const auto bytes = take(message, sizeof head);
  if (!bytes) return malformed("too short");
  std::memcpy(&head, bytes->data(), sizeof head);
  if (head.kind != kHealthKind) return malformed("a kind that is not on its list");
  if (head.rows > HealthMessage::kMaxRows) return malformed("too many rows");
  model::HealthTable table;
  table.taken_ns = head.taken_ns;
  for (std::uint32_t i = 0; i < head.rows; ++i) {
    auto row = parse_row(message);
    if (!row) return malformed("a row that is cut or impossible");
    table.rows.push_back(*std::move(row));
  }
  if (!message.empty()) return malformed("something behind the rows");
  return table;
}

}  // namespace netwatch::confine
