#include "dpi/parts/ike_names.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "dpi/parts/field_text.h"

namespace netwatch::dpi {
namespace {

struct Row {
  std::uint16_t number;
  std::string_view name;
};

constexpr std::array<Row, 11> kCiphers{{{2, "des"},
                                        {3, "3des"},
                                        {11, "null"},
                                        {12, "aes-cbc"},
                                        {13, "aes-ctr"},
                                        {18, "aes-gcm-8"},
                                        {19, "aes-gcm-12"},
                                        {20, "aes-gcm"},
                                        {14, "aes-ccm-8"},
                                        {16, "aes-ccm"},
                                        {28, "chacha20-poly1305"}}};
constexpr std::array<Row, 6> kPrfs{{{1, "prf-md5"},
                                    {2, "prf-sha1"},
                                    {4, "prf-aes-xcbc"},
                                    {5, "prf-sha256"},
                                    {6, "prf-sha384"},
                                    {7, "prf-sha512"}}};
constexpr std::array<Row, 7> kHashes{{{0, "no-integrity"},
                                      {1, "md5-96"},
                                      {2, "sha1-96"},
                                      {5, "aes-xcbc-96"},
                                      {12, "sha256-128"},
                                      {13, "sha384-192"},
                                      {14, "sha512-256"}}};
constexpr std::array<Row, 13> kGroups{{{1, "modp768"},
                                       {2, "modp1024"},
                                       {5, "modp1536"},
                                       {14, "modp2048"},
                                       {15, "modp3072"},
                                       {16, "modp4096"},
                                       {18, "modp8192"},
                                       {19, "ecp256"},
                                       {20, "ecp384"},
                                       {21, "ecp521"},
                                       {31, "curve25519"},
                                       {32, "curve448"},
                                       {36, "mlkem768"}}};
constexpr std::array<Row, 5> kCiphers1{
    {{1, "des"}, {3, "blowfish"}, {5, "3des"}, {6, "cast"}, {7, "aes-cbc"}}};
constexpr std::array<Row, 5> kHashes1{
    {{1, "md5"}, {2, "sha1"}, {4, "sha256"}, {5, "sha384"}, {6, "sha512"}}};
constexpr std::array<Row, 4> kMethods1{{{1, "psk"}, {2, "dss"}, {3, "rsa"}, {65001, "xauth-psk"}}};
constexpr std::array<Row, 24> kNotifies2{{{1, "unsupported_critical_payload"},
                                          {4, "invalid_ike_spi"},
                                          {5, "invalid_major_version"},
                                          {7, "invalid_syntax"},
                                          {14, "no_proposal_chosen"},
                                          {17, "invalid_ke_payload"},
                                          {24, "authentication_failed"},
                                          {36, "internal_address_failure"},
                                          {38, "ts_unacceptable"},
                                          {43, "temporary_failure"},
                                          {16384, "initial_contact"},
                                          {16388, "nat_source"},
                                          {16389, "nat_destination"},
                                          {16390, "cookie"},
                                          {16391, "use_transport_mode"},
                                          {16393, "rekey_sa"},
                                          {16396, "mobike"},
                                          {16404, "multiple_auth"},
                                          {16406, "redirect_supported"},
                                          {16418, "childless"},
                                          {16430, "fragmentation"},
                                          {16431, "signature_hashes"},
                                          {16435, "ppk"},
                                          {16438, "intermediate_exchange"}}};
constexpr std::array<Row, 8> kNotifies1{{{14, "no_proposal_chosen"},
                                         {16, "payload_malformed"},
                                         {18, "invalid_id_information"},
                                         {24, "authentication_failed"},
                                         {24576, "responder_lifetime"},
                                         {24578, "initial_contact"},
                                         {36136, "are_you_there"},
                                         {36137, "are_you_there_ack"}}};

std::string name_in(std::span<const Row> rows, std::uint16_t number, std::string_view before) {
  const auto row = std::ranges::find(rows, number, &Row::number);
  if (row != rows.end()) return std::string(row->name);
  return std::string(before) + std::to_string(number);
}

// The first bytes of vendor IDs: MD5 sums of names that their drafts or programs state.
struct Vendor {
  std::array<std::uint8_t, 4> begins;
  std::string_view name;
};
constexpr std::array<Vendor, 10> kVendors{{
    {{0x4A, 0x13, 0x1C, 0x81}, "rfc3947-nat-t"},
    {{0x90, 0xCB, 0x80, 0x91}, "nat-t-02"},
    {{0xCD, 0x60, 0x46, 0x43}, "nat-t-02"},
    {{0x7D, 0x94, 0x19, 0xA6}, "nat-t-03"},
    {{0x44, 0x85, 0x15, 0x2D}, "nat-t-00"},
    {{0xAF, 0xCA, 0xD7, 0x13}, "dead-peer-detection"},
    {{0x09, 0x00, 0x26, 0x89}, "xauth"},
    {{0x40, 0x48, 0xB7, 0xD5}, "fragmentation"},
    {{0x12, 0xF5, 0xF2, 0x8C}, "cisco-unity"},
    {{0x88, 0x2F, 0xE5, 0x6D}, "strongswan"},
}};

}  // namespace

std::string ike_transform_name(const IkeTransform& transform) {
  std::string name;
  switch (transform.type) {
    case 1:
      name = name_in(kCiphers, transform.id, "cipher-");
      break;
    case 2:
      name = name_in(kPrfs, transform.id, "prf-");
      break;
    case 3:
      name = name_in(kHashes, transform.id, "integrity-");
      break;
    case 4:
      name = name_in(kGroups, transform.id, "group-");
      break;
    case 5:
      return transform.id == 0 ? "no-esn" : "esn";
    default:
      name = std::to_string(transform.type) + ":" + std::to_string(transform.id);
  }
  if (transform.key_bits != 0) name += "-" + std::to_string(transform.key_bits);
  return name;
}

std::string ike1_attribute_name(std::uint16_t type, std::uint16_t value) {
  switch (type) {
    case 1:
      return name_in(kCiphers1, value, "cipher-");
    case 2:
      return name_in(kHashes1, value, "hash-");
    case 3:
      return name_in(kMethods1, value, "auth-");
    case 4:
      return name_in(kGroups, value, "group-");
    case 14:
      return "key-" + std::to_string(value);
    default:
      return {};
  }
}

std::string ike_notify_name(std::uint16_t code, std::uint8_t version) {
  return version == 1 ? name_in(kNotifies1, code, "") : name_in(kNotifies2, code, "");
}

std::string ike_vendor_name(base::Bytes id) {
  for (const Vendor& vendor : kVendors) {
    if (id.size() >= 8 && std::equal(vendor.begins.begin(), vendor.begins.end(), id.begin())) {
      return std::string(vendor.name);
    }
  }
  if (id.size() >= 4 && is_text(id) &&
      std::ranges::all_of(id, [](std::uint8_t byte) { return byte < 0x7F; })) {
    return std::string(base::as_text(id));
  }
  return hex_text(id);
}

}  // namespace netwatch::dpi
