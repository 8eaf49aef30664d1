// The cost of a frame of 10,000 connections at 200x60: settling what is shown of a new snapshot,
// and drawing it. The terminal's issue asks for at most 4 ms in the middle, 16 ms at worst.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "tui/dense_view.h"
#include "tui/full_view.h"
#include "tui/lite_screen.h"
#include "tui/overlay.h"
#include "tui/owners_maker.h"
#include "tui/renderer.h"
#include "tui/theme.h"

namespace netwatch::tui {
namespace {

constexpr std::uint32_t kConnections = 10'000;
constexpr std::uint32_t kTalkers = 500;

const model::Snapshot& busy_host() {
  static SnapshotMaker make;
  static const model::Snapshot& snapshot = [&]() -> const model::Snapshot& {
    static std::array<std::string, kTalkers> names;  // that outlive the snapshot
    add_interfaces(make);
    make.throughput(600);
    auto owners = std::make_shared<model::OwnerTotals>();
    for (std::uint32_t i = 0; i < kTalkers; ++i) {
      names[i] = "host" + std::to_string(i) + ".example.org";
      for (std::uint32_t j = 0; j < kConnections / kTalkers; ++j) {
        make.row(end("192.168.1.20", static_cast<std::uint16_t>(20'000 + i * 20 + j)),
                 end("192.0.2.80", 443), kTcp);
      }
      make.talker(i % 2 == 0 ? "firefox" : "worker", 1000 + i, Quality::kExact, names[i],
                  NameSource::kSni, "http2", 1e6 / (i + 1), 1e4);
      owners->processes.push_back(made_process({.comm = i % 2 == 0 ? "firefox" : "worker",
                                                .pid = 1000 + i,
                                                .user = "anna",
                                                .unit = "",
                                                .container = "",
                                                .down = 1e6F / static_cast<float>(i + 1),
                                                .up = 1e4F,
                                                .sockets = 20,
                                                .cpu = 0.01,
                                                .rss_bytes = 1'000'000}));
    }
    make.s.owners = owners;
    return make.done();
  }();
  return snapshot;
}

// As the loop does it with every new snapshot.
void frames(benchmark::State& bench, View& view, ViewState state) {
  const model::Snapshot& snapshot = busy_host();
  RowVerdicts verdicts;
  const Rect screen{0, 0, 200, 60};
  const Theme& theme = themes()[0];
  Renderer renderer({});
  for (auto _ : bench) {
    verdicts.update(snapshot, state.filter);
    const Frame frame{snapshot, state, verdicts};
    view.refresh(frame, screen, state);
    Canvas canvas(screen.width, screen.height, theme[Role::kText]);
    draw_screen({canvas, theme}, frame, view, screen);
    benchmark::DoNotOptimize(renderer.frame(canvas));
  }
}

void BM_LiteView(benchmark::State& bench) {
  LiteView view;
  frames(bench, view, {});
}
BENCHMARK(BM_LiteView)->Unit(benchmark::kMillisecond);

void BM_DenseView(benchmark::State& bench) {
  DenseView view;
  ViewState state;
  state.view = ViewKind::kDense;
  frames(bench, view, state);
}
BENCHMARK(BM_DenseView)->Unit(benchmark::kMillisecond);

// Its keys first: what it shows then.
void BM_Tab(benchmark::State& bench, std::size_t tab, const std::string& keys) {
  FullView view;
  ViewState state;
  state.view = ViewKind::kFull;
  state.tab = tab;
  for (const char key : keys) {
    const KeyEvent event{.key = Key::kRune, .rune = static_cast<char32_t>(key)};
    const RowVerdicts verdicts;
    if (const auto command = command_of(event, view.own_keys(state))) {
      view.own_key(*command, {busy_host(), state, verdicts}, state);
    }
  }
  frames(bench, view, state);
}

const bool kRegistered = [] {
  for (std::size_t i = 0; i < tabs().size(); ++i) {
    const std::string name = "BM_Tab/" + std::string(tabs()[i]->name);
    benchmark::RegisterBenchmark(name.c_str(), BM_Tab, i, "")->Unit(benchmark::kMillisecond);
  }
  const std::size_t connections = find_tab("connections").value_or(0);
  benchmark::RegisterBenchmark("BM_Tab/connections/unfolded", BM_Tab, connections, "z")
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("BM_Tab/connections/not_grouped", BM_Tab, connections, "bbb")
      ->Unit(benchmark::kMillisecond);
  const std::size_t processes = find_tab("processes").value_or(0);
  benchmark::RegisterBenchmark("BM_Tab/processes/in_full", BM_Tab, processes, "d")
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("BM_Tab/processes/unfolded", BM_Tab, processes, "z")
      ->Unit(benchmark::kMillisecond);
  return true;
}();

}  // namespace
}  // namespace netwatch::tui
