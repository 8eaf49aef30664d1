#!/usr/bin/env bash
# fuzz_one.sh PROGRAM SECONDS: runs one libFuzzer program over its kept inputs and for SECONDS
# more; prints "passed NAME ..." or "failed NAME ...". What crashed it is kept in
# build/fuzz-artifacts/. Kept inputs: testdata/fuzz/NAME/, where NAME may leave out the layer in
# front or "_fuzz" behind.
set -uo pipefail
program=$1 seconds=$2
name=$(basename "$program")
bare=${name%_fuzz}
short=${bare#*_}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/corpus" build/fuzz-artifacts
for folder in "$name" "$bare" "${short}_fuzz" "$short"; do
  if [[ -d testdata/fuzz/$folder ]]; then
    find "testdata/fuzz/$folder" -type f -exec cp -t "$scratch/corpus" {} +
    break
  fi
done
kept=$(find "$scratch/corpus" -type f | wc -l)
launch=()
setarch "$(uname -m)" -R true 2>/dev/null && launch=(setarch "$(uname -m)" -R)
if "${launch[@]}" timeout --kill-after=10 $((seconds + 120)) "$program" -max_total_time="$seconds" \
  -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 -artifact_prefix="build/fuzz-artifacts/$name." \
  "$scratch/corpus" </dev/null >"$scratch/log" 2>&1; then
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/log")
  echo "passed $name $kept kept inputs, ${runs:-0} runs"
else
  cp "$scratch/log" "build/fuzz-artifacts/$name.log"
  echo "failed $name see build/fuzz-artifacts/$name.log"
fi
