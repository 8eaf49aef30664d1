#!/usr/bin/env bash
# What a live capture loses it counts: of frames sent over a veth pair, those seen and those dropped
# are all. Without losses, and while netwatch was kept from reading for longer than its ring holds.
# NETWATCH names the program; known_traffic, which sends, is built beside it.
. "$(dirname "$0")/lib.sh"
need_namespaces
need python3 ip nsenter
traffic=$(dirname "$NETWATCH")/known_traffic
near=nwd-near-$$ far=nwd-far-$$
watcher=
at_end() {
  if [[ -n $watcher ]]; then kill -CONT "$watcher" && kill "$watcher"; fi 2>/dev/null || true
}
show_more() { tail -c 2000 "$scratch/sent" "$scratch/dropped"; }
add_namespaces "$near" "$far"
cable "$near" nwn '' "$far" nwf ''
# start: netwatch on the near end, of the frames that are sent only
start() {
  : >"$scratch/out"  # what the one before has said is not waited for
  nsenter --net="/run/netns/$near" -- "$NETWATCH" live --json -i nwn -f 'udp port 5000' \
    >"$scratch/out" 2>"$scratch/err" &
  watcher=$!
  wait_for grep -q _meta "$scratch/out"
}
send() { nsenter --net="/run/netns/$far" -- "$traffic" flood interface=nwf "$@" >>"$scratch/sent"; }
# stop_after SENT: what was dropped is in $scratch/dropped
stop_after() {
  stop TERM 0
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
stop_after 20000
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
  stop_after $((60000 + after))
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
