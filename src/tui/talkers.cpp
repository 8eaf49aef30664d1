#include "tui/talkers.h"

#include <algorithm>
#include <string>

#include "tui/format.h"
#include "tui/graph.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

std::string spark_of(const ShownTalker& shown, int columns) {
  // Of a part of the connections there is no history.
  return shown.whole ? sparkline(shown.talker->spark, columns) : std::string();
}

std::string peak_of(const ShownTalker& shown) {
  if (!shown.whole) return {};
  const auto& spark = shown.talker->spark;
  return format_rate_cell(static_cast<double>(*std::max_element(spark.begin(), spark.end())));
}

Spans no_talker_words(const model::Snapshot& snapshot, const FilterState& filter) {
  if (filter.accepts && !snapshot.talkers.empty()) {
    return {{"No connection matches", Role::kStrong},
            {clean(filter.text), Role::kText},
            {"Esc clears the filter, / changes it", Role::kDim}};
  }
  if (snapshot.time_ns == 0) {
    return {{"Taking the first look at this host", Role::kStrong}};
  }
  const model::Ability* missing = first_missing(snapshot);
  if (!snapshot.capturing && missing != nullptr) {
    Spans out{{"No socket is connected, and no packet can be seen", Role::kStrong},
              {clean(missing->name) + ": " + clean(missing->why), Role::kText}};
    if (!missing->fix.empty()) out.push_back({clean(missing->fix), Role::kKey});
    return out;
  }
  return {{"No traffic yet", Role::kStrong},
          {"Whoever talks on " + (snapshot.source.empty() ? "this host" : clean(snapshot.source)) +
               " will be listed here",
           Role::kDim}};
}

}  // namespace

Span talker_cell(const ShownTalker& shown, Column column, int width) {
  const model::Talker& talker = *shown.talker;
  switch (column) {
    case Column::kProcess:
      if (talker.process.empty()) return {kUnknownMark, Role::kDim};
      return {clean(talker.process), Role::kStrong};
    case Column::kPid:
      return {shown.pid == 0 ? std::string() : std::to_string(shown.pid), Role::kDim};
    case Column::kHost:
      return {clean(talker.host),
              talker.host_from == model::NameSource::kNone ? Role::kDim : Role::kText};
    case Column::kNameFrom:
      return {std::string(model::name_source_name(talker.host_from)), Role::kDim};
    case Column::kApp:
      return {clean(talker.app), Role::kText};
    case Column::kConnections:
      return {format_count(shown.connections), Role::kText};
    case Column::kDown:
      return rate_cell(shown.down_rate, shown.rates_in, Role::kDown);
    case Column::kUp:
      return rate_cell(shown.up_rate, shown.rates_in, Role::kUp);
    case Column::kPeak:
      return {peak_of(shown), Role::kDim};
    case Column::kRtt:
      return {format_rtt(shown.rtt_us), shown.rtt_us < 0 ? Role::kDim : Role::kText};
    case Column::kTotal:
      return bytes_cell(shown.up_bytes + shown.down_bytes, shown.bytes_in, Role::kText);
    case Column::kOwner:
      return {std::string(model::quality_name(talker.quality)), quality_mark(talker.quality).role};
    case Column::kSpark:
      return {spark_of(shown, width), Role::kDown};
    case Column::kBusiest:
      break;
  }
  return {};
}

void draw_no_talker(const Pen& pen, Rect rows, const model::Snapshot& snapshot,
                    const FilterState& filter) {
  const auto words = no_talker_words(snapshot, filter);
  int y = rows.y + std::max(0, (rows.height - static_cast<int>(words.size())) / 2);
  for (const Span& word : words) {
    pen.canvas.put_field(rows.x, y++, rows.width, word.text, pen.theme[word.role], Align::kCentre);
  }
}

}  // namespace netwatch::tui
