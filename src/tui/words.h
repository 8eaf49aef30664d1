#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/snapshot.h"
#include "tui/pen.h"

// The words and marks for what a snapshot holds: the same on every view.
namespace netwatch::tui {

// The mark of an owner's quality, told by shape: ● exact, ○ inferred, ? unknown.
Span quality_mark(model::Quality quality);

// "192.0.2.1:443"; no port where the protocol has none.
std::string endpoint_text(const model::Endpoint& end, std::uint8_t proto);
bool is_connected(const model::ConnectionRow& row);
// From who has begun it; both ways where that is not known.
std::string_view arrow_of(const model::ConnectionRow& row);
// Which other network namespace a socket is in; empty for ours.
std::string place_of(const model::Snapshot& snapshot, const model::ConnectionRow& row);
// What a connection is doing: the kernel's state, else whether and how the flow ended.
std::string_view state_of(const model::ConnectionRow& row);
std::string_view innermost_app(const model::ConnectionRow& row);
// "tls/http2", outermost first; empty if none is known.
std::string apps_of(const model::ConnectionRow& row);
// The letter beside a host that says where its name comes from; the help spells them out.
std::string_view source_letter(model::NameSource source);
// Who of that name: " pid 12", " 3 processes", or nothing where it is not known.
std::string pid_words(std::uint32_t pid, std::uint32_t processes);
// "curl pid 12 exact by ebpf".
std::string owner_words(const model::RowOwner& owner);

// Figures in a cell; "–" where they are not known, or of different measures.
Span rate_cell(float rate, model::Measure in, Role role);
Span bytes_cell(std::uint64_t bytes, model::Measure in, Role role);
// "▼ 1 MB ▲ 2 kB on wire  "
Spans byte_spans(std::uint64_t down, std::uint64_t up, model::Measure in);

// `text`, cut where `suffix` would have no room within `width`.
Spans with_suffix(Span text, Span suffix, int width);
void append(Spans& out, Spans more);
// "time_wait" as "time wait".
std::string spaced(std::string_view snake);

// The first ability that is off; nullptr if all are on.
const model::Ability* first_missing(const model::Snapshot& snapshot);
// Every counter that is a loss and not zero, worst first, as "kernel 12".
std::vector<std::string> losses(const model::DropCounters& drops);

}  // namespace netwatch::tui
