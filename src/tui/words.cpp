#include "tui/words.h"

#include <algorithm>

#include "tui/format.h"
#include "tui/lines.h"

namespace netwatch::tui {

Span quality_mark(model::Quality quality) {
  switch (quality) {
    case model::Quality::kExact:
      return {"●", Role::kExact};
    case model::Quality::kInferred:
      return {"○", Role::kInferred};
    case model::Quality::kUnknown:
      break;
  }
  return {"?", Role::kUnknown};
}

std::string endpoint_text(const model::Endpoint& end, std::uint8_t proto) {
  std::string address = end.address.to_string();
  if (!model::ip_proto::has_ports(proto)) return address;
  if (!end.address.is_v4()) address = "[" + address + "]";
  return address + ":" + std::to_string(end.port);
}

std::string_view arrow_of(const model::ConnectionRow& row) {
  if (!row.originator_known) return "↔ ";
  return row.local_is_originator ? "→ " : "← ";
}

bool is_connected(const model::ConnectionRow& row) {
  return !row.remote.address.is_unspecified() || row.remote.port != 0;
}

std::string place_of(const model::Snapshot& snapshot, const model::ConnectionRow& row) {
  constexpr std::size_t kShortId = 12;  // as container runtimes shorten them
  if (row.netns == 0) return {};
  const model::NetworkNamespace* netns = snapshot.namespace_of(row);
  if (netns != nullptr && !netns->container.empty()) {
    return "in container " + clean(netns->container.substr(0, kShortId));
  }
  if (netns != nullptr && !netns->name.empty()) return "in netns " + clean(netns->name);
  return "in netns " + std::to_string(row.netns);
}

// The kernel tells of an end before the flow's last packets have had their time.
std::string_view state_of(const model::ConnectionRow& row) {
  if (row.state != model::TcpState::kNone) return model::tcp_state_name(row.state);
  if (row.end != model::FlowEnd::kOpen) return model::flow_end_name(row.end);
  if (row.socket_gone) return model::flow_end_name(model::FlowEnd::kClosed);
  return row.flow != model::kNoFlow ? "open" : "";
}

std::string_view innermost_app(const model::ConnectionRow& row) {
  std::string_view app;
  for (const auto& one : row.apps) {
    if (!one.empty()) app = one;
  }
  return app;
}

std::string apps_of(const model::ConnectionRow& row) {
  std::string apps;
  for (const auto& app : row.apps) {
    if (!app.empty()) apps += (apps.empty() ? "" : "/") + clean(app);
  }
  return apps;
}

std::string_view source_letter(model::NameSource source) {
  switch (source) {
    case model::NameSource::kSni:
      return "s";
    case model::NameSource::kHost:
      return "h";
    case model::NameSource::kDns:
      return "d";
    case model::NameSource::kReverseDns:
      return "p";
    case model::NameSource::kFile:
      return "f";
    case model::NameSource::kOther:
      return "o";
    case model::NameSource::kNone:
      break;
  }
  return "";
}

std::string pid_words(std::uint32_t pid, std::uint32_t processes) {
  if (pid != 0) return " pid " + std::to_string(pid);
  return processes > 1 ? " " + format_count(processes) + " processes" : std::string();
}

std::string owner_words(const model::RowOwner& owner) {
  if (owner.quality == model::Quality::kUnknown) return "owner unknown";
  std::string out = clean(owner.name) + pid_words(owner.pid, 1) + " " +
                    std::string(model::quality_name(owner.quality));
  if (owner.via != model::OwnerVia::kNone) {
    out += " by " + std::string(model::owner_via_name(owner.via));
  }
  return out;
}

Span rate_cell(float rate, model::Measure in, Role role) {
  if (!is_known(in)) return {kUnknownMark, Role::kDim};
  return {format_rate_cell(static_cast<double>(rate)), role};
}

Span bytes_cell(std::uint64_t bytes, model::Measure in, Role role) {
  if (!is_known(in)) return {kUnknownMark, Role::kDim};
  return {format_bytes(static_cast<double>(bytes)), role};
}

Spans byte_spans(std::uint64_t down, std::uint64_t up, model::Measure in) {
  if (!is_known(in)) return {};
  return {{"▼ ", Role::kDown},
          {format_bytes(static_cast<double>(down)) + " ", Role::kText},
          {"▲ ", Role::kUp},
          {format_bytes(static_cast<double>(up)) + " ", Role::kText},
          {std::string(measure_name(in)) + "  ", Role::kDim}};
}

Spans with_suffix(Span text, Span suffix, int width) {
  text.text = truncated(text.text, std::max(1, width - text_columns(suffix.text)));
  return {std::move(text), std::move(suffix)};
}

void append(Spans& out, Spans more) {
  for (Span& span : more) out.push_back(std::move(span));
}

std::string spaced(std::string_view snake) {
  std::string out(snake);
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

const model::Ability* first_missing(const model::Snapshot& snapshot) {
  for (const model::Ability& ability : snapshot.abilities) {
    if (!ability.on) return &ability;
  }
  return nullptr;
}

std::vector<std::string> losses(const model::DropCounters& drops) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < drops.counts.size(); ++i) {
    const auto drop = static_cast<model::Drop>(i);
    if (drops.counts[i] == 0 || !model::is_loss(drop)) continue;
    out.push_back(spaced(model::drop_name(drop)) + " " + format_count(drops.counts[i]));
  }
  return out;
}

}  // namespace netwatch::tui
