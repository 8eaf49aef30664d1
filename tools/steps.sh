# Sourced by ./dev, from the root of the project: what each step does.
# shellcheck shell=bash

jobs=${JOBS:-$(nproc)}
corpus=../shared/corpus
tally_file=

# Several sanitizer run-times refuse a heap that address randomization has put in their shadow.
without_aslr() {
  if setarch "$(uname -m)" -R true 2>/dev/null; then
    setarch "$(uname -m)" -R "$@"
  else
    "$@"
  fi
}

# configure_and_build PRESET [TARGET...]
configure_and_build() {
  local preset=$1
  shift
  cmake --preset "$preset" >"build/$preset.configure.log" 2>&1 ||
    { cat "build/$preset.configure.log" >&2 && return 1; }
  without_aslr cmake --build "build/$preset" -j "$jobs" ${1:+--target "$@"}
}

step_run() {
  need build
  mkdir -p build
  configure_and_build release netwatch >&2
  exec build/release/netwatch "$@"
}

step_build() {
  local preset=${1:-release}
  need build
  case $preset in
    release) ;;
    fuzz | tidy) need clang test ;;
    bench) need bench ;;
    *) need test ;;
  esac
  mkdir -p build
  configure_and_build "$preset"
}

# --- test -------------------------------------------------------------------------------------

# count NAME PASSED FAILED SKIPPED: adds one line to the tally of this run.
count() {
  echo "$2 $3 $4 $1" >>"$tally_file"
  ((!$3)) || echo "dev: FAILED: $1" >&2
}

# check NAME COMMAND...: one test that passes if the command does; 77 means skipped.
check() {
  local name=$1 log status=0
  shift
  log=$(mktemp)
  "$@" </dev/null >"$log" 2>&1 || status=$?
  case $status in
    0) count "$name" 1 0 0 && echo "passed: $name ($(tail -n 1 "$log"))" ;;
    77) count "$name" 0 0 1 && echo "skipped: $name: $(tail -n 1 "$log")" ;;
    *) cat "$log" && count "$name" 0 1 0 ;;
  esac
  rm -f "$log"
}

# The last line: the sum of the tally. Fails if a test failed or if none ran.
finish_tally() {
  local passed=0 failed=0 skipped=0 p f s name
  while read -r p f s name; do
    ((passed += p, failed += f, skipped += s)) || true
  done <"$tally_file"
  ((failed == 0)) || grep -v '^[0-9]* 0 ' "$tally_file" | sed 's/^[0-9]* [0-9]* [0-9]*/failed:/'
  rm -f "$tally_file"
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0 && passed > 0))
}

timed() {
  local start=$SECONDS
  echo "== $1"
  "${@:2}"
  echo "== $1: $((SECONDS - start)) s"
}

# ctest_preset PRESET [CTEST ARGS...]: runs the tests and counts them one by one.
ctest_preset() {
  local junit=$PWD/build/$1.junit.xml
  rm -f "$junit"
  without_aslr ctest --test-dir "build/$1" -j "$jobs" --output-on-failure --no-tests=error \
    --timeout 300 --output-junit "$junit" "${@:2}" </dev/null >"build/$1.ctest.log" 2>&1 || true
  # shellcheck disable=SC2046
  if [[ -s $junit ]]; then
    python3 tools/junit.py "$junit" "$1" | tee "build/$1.summary"
    count "$1" $(tail -n 1 "build/$1.summary")
    [[ $(tail -n 1 "build/$1.summary") != "0 0 0" ]] || count "$1: no test was found" 0 1 0
  else
    tail -n 40 "build/$1.ctest.log"
    count "$1: ctest" 0 1 0
  fi
  # The outputs of what failed, without the lines on what passed.
  grep -q '[1-9][0-9]* tests* failed' "build/$1.ctest.log" &&
    grep -vE '^ +Start +[0-9]+:| Passed +[0-9.]+ sec' "build/$1.ctest.log" || true
}

test_asan() {
  configure_and_build asan >"build/asan.log" 2>&1 || {
    tail -n 60 build/asan.log
    count "asan: build" 0 1 0
    return
  }
  ctest_preset asan
}

# Only the programs that hold a threaded test: their names contain "Threads", or they are of the
# pipeline, where the threads live.
test_tsan() {
  local targets
  targets=$(grep -lE '^TEST.*Threads' src/*/*_test.cpp src/*/*/*_test.cpp 2>/dev/null |
    cut -d/ -f2 | sort -u || true)
  compgen -G 'src/pipeline/*_test.cpp' >/dev/null && targets+=$'\npipeline'
  targets=$(sort -u <<<"$targets" | sed '/^$/d; s/$/_test/')
  [[ -n $targets ]] || { echo "no threaded tests" && return; }
  # shellcheck disable=SC2086
  configure_and_build tsan $targets >"build/tsan.log" 2>&1 || {
    tail -n 60 build/tsan.log
    count "tsan: build" 0 1 0
    return
  }
  # A layer whose program is not built reports itself as <layer>_NOT_BUILT: leave those out. A day
  # of made traffic has no threads, and takes many minutes here.
  ctest_preset tsan -R 'Threads|^pipeline\.' -E '_NOT_BUILT$|^pipeline\.LiveDay'
}

test_end_to_end() {
  local script
  configure_and_build release netwatch known_traffic >"build/release.log" 2>&1 || {
    tail -n 60 build/release.log
    count "release: build" 0 1 0
    return
  }
  count "release: build" 1 0 0
  for script in tests/e2e/*.sh tests/e2e/*_test.py; do
    [[ -x $script ]] || continue
    check "$script" env NETWATCH="$PWD/build/release/netwatch" timeout 300 "$script"
  done
}

test_tools() {
  local script
  check "layers" python3 tools/check_layers.py
  for script in tools/*_test.py; do
    [[ -f $script ]] || continue
    check "$script" python3 "$script"
  done
}

# fuzz_targets SECONDS: every target, $jobs at once; kept inputs are read from a scratch copy, so
# that the tree stays clean. Prints one line each: "passed|failed NAME ...".
fuzz_targets() {
  local seconds=$1
  find build/fuzz -maxdepth 1 -type f -name '*_fuzz' -executable | sort |
    xargs -r -P "$jobs" -I{} bash tools/fuzz_one.sh {} "$seconds"
}

test_fuzz() {
  local verdict name rest
  configure_and_build fuzz all_fuzz >"build/fuzz.log" 2>&1 || {
    tail -n 60 build/fuzz.log
    count "fuzz: build" 0 1 0
    return
  }
  while read -r verdict name rest; do
    echo "$verdict: $name $rest"
    if [[ $verdict == passed ]]; then count "$name" 1 0 0; else count "$name" 0 1 0; fi
  done < <(fuzz_targets "${FUZZ_SECONDS:-10}")
}

step_tests() {
  need build test clang
  mkdir -p build
  tally_file=$(mktemp)
  timed "layers and tools" test_tools
  timed "unit tests under ASan and UBSan" test_asan
  timed "threaded tests under TSan" test_tsan
  timed "end to end, release build" test_end_to_end
  timed "fuzz targets, ${FUZZ_SECONDS:-10} s each" test_fuzz
  finish_tally
}

step_fuzz() {
  need build test clang
  mkdir -p build
  configure_and_build fuzz all_fuzz
  local lines
  lines=$(fuzz_targets "${1:-60}" | tee /dev/stderr)
  ! grep -q '^failed' <<<"$lines"
}

# --- lint, format -----------------------------------------------------------------------------

cpp_files() { find src -name '*.cpp' -o -name '*.h' -o -name '*.bpf.c' | sort; }

check_format() {
  cpp_files | xargs -n 40 -P "$jobs" clang-format-19 --dry-run -Werror || return 1
  echo "$(cpp_files | wc -l) files"
}

step_lint() {
  need build test clang portable
  mkdir -p build
  tally_file=$(mktemp)
  timed "format" check "format" check_format
  timed "layers" check "layers" python3 tools/check_layers.py
  timed "sizes" check "sizes" python3 tools/check_sizes.py
  timed "portable layers" check "portable layers" python3 tools/check_portable.py -j "$jobs"
  # Of what is built, clang-tidy needs the headers that hold the kernel's programs.
  { cmake --preset tidy && cmake --build build/tidy --target netwatch_skeletons; } \
    >build/tidy.configure.log 2>&1 || cat build/tidy.configure.log
  timed "clang-tidy" check "clang-tidy" python3 tools/tidy.py -j "$jobs" "$@"
  finish_tally
}

step_format() {
  need clang
  cpp_files | xargs -r -n 40 -P "$jobs" clang-format-19 -i
}

# --- bench, guests, corpus ----------------------------------------------------------------------------

step_bench() {
  need build bench
  mkdir -p build
  configure_and_build release netwatch known_traffic >&2
  if [[ ! -d $corpus ]]; then
    echo "dev: the captures are built from $corpus, which is not there" >&2
    exit 1
  fi
  local name missing=()
  for name in mixed tlshttp manyflows; do
    [[ -s build/perf/$name.pcap ]] || missing+=("$name")
  done
  ((!${#missing[@]})) || "$corpus/tools/make-perf.sh" build/perf "${missing[@]}" >&2
  local status=0
  python3 tools/bench.py build/release/netwatch build/perf "$@" || status=1
  bench_adversaries || status=1
  bench_live "$@" || status=1
  return $status
}

# Whole programs on live traffic: who owns it and what it costs. Fails on a wrong owner or byte;
# what is over its bound is marked.
bench_live() {
  local programs=(build/release/netwatch build/release/known_traffic)
  if [[ $(id -u) != 0 ]]; then
    echo "dev: not root: the live programs are not measured" >&2
    return
  fi
  python3 bench/ledger.py "${programs[@]}" || return 1
  [[ " $* " == *" --quick "* ]] && programs+=(--quick)
  python3 bench/cost.py "${programs[@]}"
}

# What attacks cost: counted, so the figures do not depend on what else the machine does.
bench_adversaries() {
  local program=build/release/netwatch status=0
  python3 tools/adversary.py memory $program --packets 3000000 syn_flood half_open first_fragments ||
    status=1
  if command -v valgrind >/dev/null; then
    python3 tools/adversary.py cost $program || status=1
  else
    echo "dev: valgrind is not installed: what attacks cost is not counted" >&2
  fi
  return $status
}

# Debian's kernels in QEMU, by software emulation.
step_guests() {
  need build test guests
  mkdir -p build
  configure_and_build release netwatch known_traffic >&2
  configure_and_build plain ebpf_test >&2
  python3 tools/guest.py "${@:---all}"
}

step_corpus() {
  need build corpus
  mkdir -p build
  configure_and_build release netwatch >&2
  if [[ ! -d $corpus ]]; then
    echo "dev: $corpus is not there" >&2
    exit 1
  fi
  local kept=testdata/corpus/disagreements.tsv short=testdata/corpus/shortfalls.tsv status=0
  local what=(build/release/netwatch "$corpus" "$corpus/dev.txt")
  RECALL=99.5 PRECISION=98 python3 "$corpus/tools/agreement.py" "${what[@]}" --scope all \
    --kept "$kept" || status=1
  python3 tools/disagreements.py "${what[@]}" >build/disagreements.tsv
  python3 tools/check_kept.py build/disagreements.tsv "$kept" "$short" --prove "$corpus" || status=1
  python3 bench/flow_protocols.py "${what[@]}" || status=1
  python3 bench/zeek_states.py "${what[@]:0:2}" || status=1
  python3 bench/tcp_loss.py "${what[@]}" --show 5 || status=1
  return $status
}
