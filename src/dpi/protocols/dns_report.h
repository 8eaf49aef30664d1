#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/ip_address.h"
#include "dpi/parts/dns_message.h"
#include "model/record.h"

// From one DNS message to one record; dns.cpp keeps the conversation.
namespace netwatch::dpi {

// One set of fields under three names, since the three protocols are one format.
extern const model::Schema kDnsSchema;
extern const model::Schema kMdnsSchema;
extern const model::Schema kLlmnrSchema;

// Puts one message of at least kDnsHeaderBytes into the record at hand; `cut`: the capture did not
// keep all of it.
class DnsReport {
 public:
  DnsReport(base::Bytes message, bool cut, model::RecordBuilder& out)
      : message_(message), cut_(cut), out_(out) {}

  // Once. kOk, or the first breach; what was readable before it is in the record.
  DnsRead run(const model::Schema& schema);

  [[nodiscard]] const DnsHeader& header() const { return header_; }
  [[nodiscard]] bool has_question() const { return has_question_; }
  [[nodiscard]] std::uint32_t hash() const { return hash_; }

 private:
  DnsRead questions();
  DnsRead answers();
  DnsRead additionals();
  void answer(std::string_view owner, const DnsRecord& record);
  void address_answer(std::string_view owner, const base::IpAddress& address);
  void name_answer(std::string_view owner, const DnsRecord& record, std::size_t skip);
  void text_answer(const DnsRecord& record);
  void service_answer(std::string_view owner, const DnsRecord& record);
  void options(const DnsRecord& record);
  void client_subnet(base::Bytes data);
  [[nodiscard]] bool is_asked(std::string_view owner) const;

  base::Bytes message_;
  bool cut_;
  model::RecordBuilder& out_;
  DnsHeader header_;
  std::size_t offset_ = kDnsHeaderBytes;
  std::uint16_t rcode_ = 0;
  std::uint32_t hash_ = 0;
  bool has_question_ = false;
  DnsName asked_;  // the first question, or the owner of an unasked response's first address
  DnsName alias_;  // the latest CNAME target of it
  DnsName scratch_;
};

// Adds the time from the query to the response whose record is being built.
void add_dns_latency(model::RecordBuilder& out, std::int64_t latency_ns);

}  // namespace netwatch::dpi
