#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/ip_address.h"
#include "base/time.h"
#include "model/field.h"
#include "model/flow.h"

namespace netwatch::model {

enum class RecordOrigin : std::uint8_t { kClear, kDecrypted };

// What a decoder reports: one message, or one exchange. A view: `body` belongs to its carrier.
struct Record {
  const Schema* schema = nullptr;
  std::uint8_t kind = 0;          // into schema->kinds
  Side side = Side::kOriginator;  // who sent it
  RecordOrigin origin = RecordOrigin::kClear;
  std::uint8_t layer = 0;  // 0 on the wire, 1.. inside decrypted or upgraded streams
  bool cut = false;        // a value, or the record, was longer than its limit
  FlowId flow = kNoFlow;
  base::TimeNs time_ns = 0;  // of the packet that completed it
  std::uint64_t packet = 0;  // number of that packet
  base::Bytes body;          // values in the order they were added: see RecordBuilder

  [[nodiscard]] std::string_view kind_name() const { return schema->kinds[kind]; }
};

// One value of a record. `raw` holds the encoded value; the accessor that fits def->type is valid.
struct FieldValue {
  const FieldDef* def = nullptr;
  base::Bytes raw;

  [[nodiscard]] bool boolean() const { return !raw.empty() && raw[0] != 0; }
  [[nodiscard]] std::uint64_t uint() const;  // kUint, kTime, kDuration
  [[nodiscard]] std::int64_t sint() const;   // kInt, kTime, kDuration
  [[nodiscard]] double real() const;
  [[nodiscard]] std::string_view text() const { return base::as_text(raw); }
  [[nodiscard]] base::IpAddress address() const;
};

// Walks the values of a record in order; values of a list field follow one another as added.
class ValueCursor {
 public:
  explicit ValueCursor(const Record& record) : schema_(record.schema), rest_(record.body) {}
  std::optional<FieldValue> next();

 private:
  const Schema* schema_;
  base::Bytes rest_;
};

// The first value of field `id`, if any.
std::optional<FieldValue> find_value(const Record& record, std::uint8_t id);

// Builds one record in a fixed buffer: no allocation. A value over its field's max_bytes, or one
// that no longer fits into kMaxBytes, is cut and the record is flagged.
// Encoding of a value: u8 field id, u16 little-endian length, the bytes.
class RecordBuilder {
 public:
  static constexpr std::size_t kMaxBytes = 4096;

  void start(const Schema& schema, std::uint8_t kind);
  void add_bool(std::uint8_t id, bool value);
  void add_uint(std::uint8_t id, std::uint64_t value);
  void add_int(std::uint8_t id, std::int64_t value);
  void add_real(std::uint8_t id, double value);
  void add_text(std::uint8_t id, std::string_view value);
  void add_bytes(std::uint8_t id, base::Bytes value);
  void add_address(std::uint8_t id, const base::IpAddress& value);
  void mark_cut() { record_.cut = true; }

  // False where records are only counted: what costs much to work out (a digest, a name) may then
  // be left out or be anything, as long as that changes neither whether the record is cut nor
  // whether it is there at all.
  [[nodiscard]] bool wanted() const { return wanted_; }
  void set_wanted(bool wanted) { wanted_ = wanted; }

  [[nodiscard]] bool has_room(std::size_t bytes) const { return bytes <= kMaxBytes - used_; }

  [[nodiscard]] bool empty() const { return used_ == 0; }
  // The record so far; valid until the next start().
  [[nodiscard]] Record view() const;

 private:
  void add_raw(std::uint8_t id, base::Bytes value, bool may_be_cut);

  Record record_;
  std::size_t used_ = 0;
  bool wanted_ = true;
  std::array<std::uint8_t, kMaxBytes> buffer_;
};

}  // namespace netwatch::model
