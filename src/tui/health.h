#pragma once

#include <string>

#include "model/snapshot.h"
#include "tui/pen.h"

// How the probes of gateways and resolvers are shown, wherever they are.
namespace netwatch::tui {

// What a round trip may take before it is called late: to the next hop, or for a resolver's answer.
base::TimeNs probe_budget_ns(model::ProbeKind kind);

// ● answers; ! late, lossy or answers with an error; ✗ no answer; – cannot be asked, or not yet.
Span health_mark(const model::HealthRow& row);

// The last probes, newest last; a column shows the slowest of those it stands for, or ✗ where one
// had no answer.
Spans probe_spark(const model::HealthRow& row, int columns);

// How many rows draw_health() can use in so wide an area.
int health_rows(const model::Snapshot& snapshot, int width);
// One target after the other: what it is, its round trip now, jitter, loss and last probes. What
// cannot be asked says why and how to change that.
void draw_health(const Pen& pen, Rect inside, const model::Snapshot& snapshot);
// The same, each round trip against its budget, a row each, and what helps.
int health_budget_rows(const model::Snapshot& snapshot);
void draw_health_budgets(const Pen& pen, Rect inside, const model::Snapshot& snapshot);

}  // namespace netwatch::tui
