#!/usr/bin/env bash
# What a live capture loses it counts: of frames sent over a veth pair, those seen and those dropped
# are all. Without losses, and while netwatch was kept from reading for longer than its ring holds.
# NETWATCH names the program; known_traffic, which sends, is built beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${NETWATCH:?names the program}"
if [[ $(id -u) != 0 ]] || ! unshare -n true 2>/dev/null; then
  echo "needs root and the right to make network namespaces"
  exit 77
fi
for tool in python3 ip nsenter; do
  command -v $tool >/dev/null || { echo "needs $tool" && exit 77; }
done
traffic=$(dirname "$NETWATCH")/known_traffic
near=nwd-near-$$ far=nwd-far-$$
scratch=$(mktemp -d)
watcher=
cleanup() {
  if [[ -n $watcher ]]; then kill -CONT "$watcher" && kill "$watcher"; fi 2>/dev/null || true
  ip netns del "$near" 2>/dev/null || true
  ip netns del "$far" 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT
fail() {
  echo "FAILED: $*" >&2
  tail -c 2000 "$scratch"/* >&2 || true
  exit 1
}
ip netns add "$near"
ip netns add "$far"
ip link add nwn netns "$near" type veth peer name nwf netns "$far"
ip -n "$near" link set nwn up
ip -n "$far" link set nwf up
# start: netwatch on the near end, of the frames that are sent only
start() {
  : >"$scratch/out"  # what the one before has said is not waited for
  nsenter --net="/run/netns/$near" -- "$NETWATCH" live --json -i nwn -f 'udp port 5000' \
    >"$scratch/out" 2>"$scratch/err" &
  watcher=$!
  for _ in $(seq 100); do
    grep -q _meta "$scratch/out" && return
    sleep 0.1
  done
  fail "netwatch does not start"
}
send() { nsenter --net="/run/netns/$far" -- "$traffic" flood interface=nwf "$@" >>"$scratch/sent"; }
# stop SENT: by SIGTERM; prints what was dropped.
stop() {
  kill -TERM "$watcher"
  wait "$watcher" || fail "status $?"
  watcher=
  tail -n 1 "$scratch/out" | python3 -c '
import json, sys
stats, sent = json.loads(sys.stdin.read()), int(sys.argv[1])
dropped = stats["dropped"]["kernel"]
print(dropped)
sys.exit(stats["packets"] + dropped != sent)' "$1" >"$scratch/dropped" ||
    fail "of $1 sent, seen and dropped are not all"
}

start
send count=20000 bytes=200 rate=50000
sleep 1
stop 20000
[[ $(<"$scratch/dropped") == 0 ]] || fail "$(<"$scratch/dropped") lost at 50,000 per second"

# The ring holds 64 MiB. Once with frames after the gap, and once ended right after it.
for after in 5000 0; do
  start
  kill -STOP "$watcher"
  send count=60000 bytes=1500
  kill -CONT "$watcher"
  if ((after)); then
    sleep 1.5
    send count=$after bytes=100 rate=50000
    sleep 1
  fi
  stop $((60000 + after))
  dropped=$(<"$scratch/dropped")
  ((dropped > 0 && dropped < 60000)) || fail "$dropped dropped of what the ring could not hold"
  if ((after)); then
    told=$(python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
print(sum(l["count"] for l in lines if l.get("type") == "drop" and l["what"] == "kernel"))
' <"$scratch/out")
    [[ $told == "$dropped" ]] || fail "drop lines tell $told, not $dropped"
  fi
done
echo "sent = seen + dropped, with no losses and with $dropped"
