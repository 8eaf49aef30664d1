#include "model/record.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace netwatch::model {
namespace {

constexpr std::size_t kValueHeaderBytes = 3;

std::uint64_t load_le(base::Bytes raw) {
  std::uint64_t value = 0;
  for (std::size_t i = std::min<std::size_t>(raw.size(), 8); i-- > 0;) {
    value = (value << 8) | raw[i];
  }
  return value;
}

std::array<std::uint8_t, 8> store_le(std::uint64_t value) {
  std::array<std::uint8_t, 8> raw{};
  for (std::uint8_t& byte : raw) {
    byte = static_cast<std::uint8_t>(value);
    value >>= 8;
  }
  return raw;
}

}  // namespace

std::uint64_t FieldValue::uint() const { return load_le(raw); }
std::int64_t FieldValue::sint() const { return static_cast<std::int64_t>(load_le(raw)); }
double FieldValue::real() const { return std::bit_cast<double>(load_le(raw)); }

base::IpAddress FieldValue::address() const {
  if (raw.size() == 4) return base::IpAddress::v4(raw.data());
  if (raw.size() == 16) return base::IpAddress::v6(raw.data());
  return {};
}

std::optional<FieldValue> ValueCursor::next() {
  if (rest_.size() < kValueHeaderBytes) return std::nullopt;
  const std::size_t length = std::size_t{rest_[1]} | (std::size_t{rest_[2]} << 8);
  const std::uint8_t id = rest_[0];
  const base::Bytes raw = rest_.subspan(kValueHeaderBytes, length);
  rest_ = rest_.subspan(kValueHeaderBytes + length);
  return FieldValue{&schema_->fields[id], raw};
}

std::optional<FieldValue> find_value(const Record& record, std::uint8_t id) {
  ValueCursor values(record);
  while (auto value = values.next()) {
    if (value->def == &record.schema->fields[id]) return value;
  }
  return std::nullopt;
}

void RecordBuilder::start(const Schema& schema, std::uint8_t kind) {
  record_ = Record{};
  record_.schema = &schema;
  record_.kind = kind;
  used_ = 0;
}

void RecordBuilder::add_bool(std::uint8_t id, bool value) {
  const std::uint8_t byte = value ? 1 : 0;
  add_raw(id, {&byte, 1}, false);
}

void RecordBuilder::add_uint(std::uint8_t id, std::uint64_t value) {
  add_raw(id, store_le(value), false);
}

void RecordBuilder::add_int(std::uint8_t id, std::int64_t value) {
  add_raw(id, store_le(static_cast<std::uint64_t>(value)), false);
}

void RecordBuilder::add_real(std::uint8_t id, double value) {
  add_raw(id, store_le(std::bit_cast<std::uint64_t>(value)), false);
}

void RecordBuilder::add_text(std::uint8_t id, std::string_view value) {
  add_raw(id, base::as_bytes(value), true);
}

void RecordBuilder::add_bytes(std::uint8_t id, base::Bytes value) { add_raw(id, value, true); }

void RecordBuilder::add_address(std::uint8_t id, const base::IpAddress& value) {
  add_raw(id, value.family_bytes(), false);
}

Record RecordBuilder::view() const {
  Record record = record_;
  record.body = base::Bytes(buffer_).first(used_);
  return record;
}

void RecordBuilder::add_raw(std::uint8_t id, base::Bytes value, bool may_be_cut) {
  const std::size_t room = kMaxBytes - used_;
  if (room < kValueHeaderBytes + (may_be_cut ? 1 : value.size())) {
    record_.cut = true;
    return;
  }
  std::size_t length = value.size();
  if (may_be_cut) {
    const std::size_t limit = record_.schema->fields[id].max_bytes;
    length = std::min({length, limit, room - kValueHeaderBytes});
    if (length < value.size()) record_.cut = true;
  }
  std::uint8_t* out = buffer_.data() + used_;
  out[0] = id;
  out[1] = static_cast<std::uint8_t>(length);
  out[2] = static_cast<std::uint8_t>(length >> 8);
  if (length > 0) std::memcpy(out + kValueHeaderBytes, value.data(), length);
  used_ += kValueHeaderBytes + length;
}

}  // namespace netwatch::model
