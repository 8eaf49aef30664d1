#include "apps/netwatch/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "apps/netwatch/text_lines.h"
#include "base/text.h"
#include "base/time.h"
#include "model/drops.h"
#include "tui/format.h"
#include "tui/grapheme.h"

namespace netwatch::app {
namespace {

constexpr std::size_t kTopRows = 10;
constexpr std::size_t kTopFlows = 20;
constexpr std::string_view kOthers = "(others)";
constexpr int kKeyColumns = 58;   // of what a table is about
constexpr int kNoteColumns = 60;  // at the end of a line

std::uint64_t wire_bytes(const model::Flow& flow) {
  return flow.sides[0].wire_bytes + flow.sides[1].wire_bytes;
}

std::uint64_t packets(const model::Flow& flow) {
  return flow.sides[0].packets + flow.sides[1].packets;
}

bool larger(const model::Flow& one, const model::Flow& two) {
  if (wire_bytes(one) != wire_bytes(two)) return wire_bytes(one) > wire_bytes(two);
  return one.id < two.id;
}

// Exact, with spaces for reading: "1 234 567".
std::string grouped(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t i = digits.size(); i > 3;) {
    i -= 3;
    digits.insert(i, 1, ' ');
  }
  return digits;
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return grouped(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

// Text of a capture in a column: fit to be shown, cut or filled to `columns` of a terminal.
std::string cell(std::string_view text, int columns) {
  std::string out = tui::truncated(base::sanitised(text), columns);
  const int used = tui::text_columns(out);
  if (used < columns) out.append(static_cast<std::size_t>(columns - used), ' ');
  return out;
}

std::string clipped(std::string_view text) {
  return tui::truncated(base::sanitised(text), kNoteColumns);
}

template <typename Tallies>
auto top(const Tallies& tallies) {
  std::vector<const typename Tallies::value_type*> rows;
  rows.reserve(tallies.size());
  for (const auto& row : tallies) rows.push_back(&row);
  const std::size_t count = std::min(rows.size(), kTopRows);
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count), rows.end(),
                    [](const auto* one, const auto* two) {
                      if (one->second.wire_bytes != two->second.wire_bytes) {
                        return one->second.wire_bytes > two->second.wire_bytes;
                      }
                      return one->first < two->first;
                    });
  rows.resize(count);
  return rows;
}

struct Oddity {
  model::Drop drop;
  std::string_view words;
};
constexpr std::array kOddities{
    Oddity{model::Drop::kKernel, "packets were dropped while the capture was made"},
    Oddity{model::Drop::kMalformed, "packets have headers that contradict themselves"},
    Oddity{model::Drop::kCutHeaders, "packets are cut before their transport header"},
    Oddity{model::Drop::kUnspokenLink, "packets are of a link type that is not spoken"},
    Oddity{model::Drop::kFragments, "IP fragments came to nothing: others were missing or wrong"},
    Oddity{model::Drop::kFragmentOverlaps, "IP fragments overlapped others"},
    Oddity{model::Drop::kFragmentEvicted, "fragmented datagrams were given up for lack of budget"},
    Oddity{model::Drop::kStreamGapBytes, "bytes of TCP streams are missing"},
    Oddity{model::Drop::kDecoderOdd, "messages break the rules of their protocol"},
    Oddity{model::Drop::kRecordCut, "records were cut to their size limit"},
    Oddity{model::Drop::kFlowEvicted, "flows were ended early for lack of budget"},
    Oddity{model::Drop::kFlowRefused, "packets found no room in the flow table"},
    Oddity{model::Drop::kStreamEvicted, "reassembly buffers were given up for lack of budget"},
    Oddity{model::Drop::kDecoderEvicted, "decoders were given up for lack of budget"},
    Oddity{model::Drop::kNameEvicted, "learned names were forgotten for lack of budget"},
    Oddity{model::Drop::kExpectedEvicted,
           "announcements of flows were forgotten for lack of budget"},
    Oddity{model::Drop::kConnectionEvicted, "connections' ids were forgotten for lack of budget"},
};

}  // namespace

void Summary::on_flow(const model::Flow& flow) {
  if (flow.end == model::FlowEnd::kOpen) return;
  const auto add = [&flow](Tally& tally) {
    tally.flows += 1;
    tally.packets += packets(flow);
    tally.wire_bytes += wire_bytes(flow);
  };
  Tally& talker = tally(talkers_, fmt::format("{:>28}  {}", flow.orig.address.to_string(),
                                              flow.resp.address.to_string()));
  add(talker);
  if (talker.note.empty()) talker.note = flow.name;
  add(tally(protocols_, apps_text(flow)));
  if (flow.name_from != model::NameSource::kNone) {
    Tally& name = tally(names_, flow.name);
    add(name);
    if (name.note.empty()) name.note = model::name_source_name(flow.name_from);
  }
  keep_if_large(flow);
}

Summary::Tally& Summary::tally(Tallies& tallies, const std::string& key) {
  if (tallies.size() < kMaxKeys) return tallies[key];
  const auto known = tallies.find(key);
  return known != tallies.end() ? known->second : tallies[std::string(kOthers)];
}

void Summary::keep_if_large(const model::Flow& flow) {
  if (largest_.size() == kTopFlows) {
    if (!larger(flow, largest_.front())) return;
    std::pop_heap(largest_.begin(), largest_.end(), larger);
    largest_.pop_back();
  }
  largest_.push_back(flow);
  std::push_heap(largest_.begin(), largest_.end(), larger);
}

std::string Summary::render(const std::string& source, const pipeline::Totals& totals) const {
  std::string out;
  render_span(out, source, totals);
  render_tables(out, totals);
  render_oddities(out, totals);
  render_flows(out, totals);
  return out;
}

void Summary::render_span(std::string& out, const std::string& source,
                          const pipeline::Totals& totals) {
  out += base::sanitised(source) + '\n';
  out += fmt::format("  {}, {} on the wire, {}, {}\n", counted(totals.packets, "packet"),
                     tui::format_bytes(static_cast<double>(totals.wire_bytes)),
                     counted(totals.flows, "flow"), counted(totals.records, "record"));
  if (totals.packets == 0) return;
  const base::TimeNs span_ns = totals.last_ns - totals.first_ns;
  out += fmt::format("  {} to {}", base::to_rfc3339(totals.first_ns).substr(0, 19),
                     base::to_rfc3339(totals.last_ns).substr(0, 19));
  out += fmt::format(" UTC, {}", span_ns < 10 * base::kNsPerSecond
                                     ? tui::format_rtt(span_ns / base::kNsPerUs)
                                     : tui::format_age(span_ns));
  if (span_ns > 0) {
    const double seconds = static_cast<double>(span_ns) / static_cast<double>(base::kNsPerSecond);
    out +=
        fmt::format(", {}/s", tui::format_bytes(static_cast<double>(totals.wire_bytes) / seconds));
  }
  out += '\n';
}

void Summary::render_tables(std::string& out, const pipeline::Totals& totals) const {
  const auto share = [&totals](std::uint64_t bytes) {
    const auto all = static_cast<double>(std::max<std::uint64_t>(totals.wire_bytes, 1));
    return 100.0 * static_cast<double>(bytes) / all;
  };
  if (!talkers_.empty()) {
    out += fmt::format("\n{:>30}  {:<28} {:>8} {:>9} {:>6}  {}\n", "TALKERS", "TO", "FLOWS",
                       "BYTES", "", "NAME");
    for (const auto* row : top(talkers_)) {
      out += fmt::format("  {} {:>8} {:>9} {:>5.1f}%  {}\n", cell(row->first, kKeyColumns),
                         tui::format_count(row->second.flows),
                         tui::format_bytes(static_cast<double>(row->second.wire_bytes)),
                         share(row->second.wire_bytes), clipped(row->second.note));
    }
    out += fmt::format("\n{:<60} {:>8} {:>9}\n", "PROTOCOLS", "FLOWS", "BYTES");
    for (const auto* row : top(protocols_)) {
      out += fmt::format("  {} {:>8} {:>9} {:>5.1f}%\n", cell(row->first, kKeyColumns),
                         tui::format_count(row->second.flows),
                         tui::format_bytes(static_cast<double>(row->second.wire_bytes)),
                         share(row->second.wire_bytes));
    }
  }
  if (names_.empty()) return;
  out += fmt::format("\n{:<60} {:>8} {:>9} {:>6}  {}\n", "NAMES", "FLOWS", "BYTES", "", "SEEN IN");
  for (const auto* row : top(names_)) {
    out += fmt::format("  {} {:>8} {:>9} {:>5.1f}%  {}\n", cell(row->first, kKeyColumns),
                       tui::format_count(row->second.flows),
                       tui::format_bytes(static_cast<double>(row->second.wire_bytes)),
                       share(row->second.wire_bytes), row->second.note);
  }
}

void Summary::render_oddities(std::string& out, const pipeline::Totals& totals) {
  std::string lines;
  for (const Oddity& oddity : kOddities) {
    if (const std::uint64_t count = totals.drops[oddity.drop]; count > 0) {
      lines += fmt::format("  {} {}\n", grouped(count), oddity.words);
    }
  }
  if (totals.clock_steps > 0) {
    lines += fmt::format("  {} packets are older than the one before them\n",
                         grouped(totals.clock_steps));
  }
  if (totals.non_ip > 0) {
    lines += fmt::format("  {} packets are not IP (ARP, LLDP, ...)\n", grouped(totals.non_ip));
  }
  if (!lines.empty()) out += "\nODDITIES\n" + lines;
}

void Summary::render_flows(std::string& out, const pipeline::Totals& totals) const {
  if (largest_.empty()) return;
  out += largest_.size() < totals.flows
             ? fmt::format("\nTHE {} LARGEST OF {} FLOWS (--flows shows all)\n", largest_.size(),
                           grouped(totals.flows))
             : "\nFLOWS\n";
  out += flow_line_head();
  std::vector<model::Flow> flows = largest_;
  std::sort(flows.begin(), flows.end(), larger);
  for (const model::Flow& flow : flows) append_flow_line(out, flow);
}

}  // namespace netwatch::app
