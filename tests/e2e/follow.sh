#!/usr/bin/env bash
# `netwatch read --follow` on a file that a real tcpdump is writing, in a namespace of its own, and
# its output in files that follow each other. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
need_namespaces
need tcpdump curl python3
ns=nwf-$$
inside() { ip netns exec "$ns" "$@"; }

add_namespaces "$ns"
lo_up "$ns"
echo hello >"$scratch/page"
ip netns exec "$ns" python3 -m http.server 80 --bind 127.0.0.1 --directory "$scratch" >/dev/null 2>&1 &
pids+=($!)
wait_for inside curl -s -o /dev/null http://127.0.0.1/page
ip netns exec "$ns" tcpdump -i lo -U -Z root -w "$scratch/growing.pcap" tcp port 80 2>"$scratch/tcpdump" &
tcpdump_pid=$!
pids+=("$tcpdump_pid")
wait_for grep -q 'listening on' "$scratch/tcpdump"
wait_for test -s "$scratch/growing.pcap"

# Every record is on the output while the capture goes on; SIGINT ends it in good order.
"$NETWATCH" read --follow --json "$scratch/growing.pcap" -w "$scratch/ring.pcapng" \
  -b packets:8 -b files:2 >"$scratch/out" 2>"$scratch/err" &
reader=$!
pids+=("$reader")
for i in 1 2 3; do
  wait_for inside curl -s -o /dev/null "http://127.0.0.1/page?$i"
  wait_for grep -q "\"uri\":\"/page?$i\"" "$scratch/out"
done
kill -0 "$reader" || fail "it ended by itself"
ticks() { awk '{print $14 + $15}' "/proc/$reader/stat"; }
before=$(ticks)
sleep 2
(($(ticks) - before < 20)) || fail "waiting costs $(($(ticks) - before)) ticks of 200"
kill -INT "$reader"
status=0
wait "$reader" || status=$?
[[ $status == 0 ]] || fail "status $status after SIGINT"
python3 - "$scratch/out" <<'PY' || fail "not the NDJSON that a file gives"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert lines[0]["_meta"]["linktypes"] == ["EN10MB"] and lines[-1]["type"] == "stats"
flows = {line["flow"] for line in lines if line.get("type") == "flow"}
records = [line for line in lines if line.get("type") == "record"]
assert len({record["flow"] for record in records}) == 3
assert all(record["flow"] in flows for record in records)
PY

# The last two of the files; each is a capture of its own.
[[ $(find "$scratch" -name 'ring_*.pcapng' | wc -l) == 2 ]] || fail "not two files in the ring"
total=0
for file in "$scratch"/ring_*.pcapng; do
  packets=$("$NETWATCH" read -q "$file" | grep -oE '[0-9,]+ packets' | head -1 | tr -dc 0-9)
  ((packets >= 1 && packets <= 8)) || fail "$packets packets in $file"
  if command -v capinfos >/dev/null; then
    [[ $(capinfos -Mrc "$file" | awk '/Number of packets/ {print $NF}') == "$packets" ]] ||
      fail "$file reads differently elsewhere"
  fi
  ((total += packets))
done
((total > 8)) || fail "$total packets in the ring"

# All of it is what reading the ended file gives.
kill "$tcpdump_pid"
wait "$tcpdump_pid" || true
"$NETWATCH" read --json "$scratch/growing.pcap" >"$scratch/whole"
[[ $(grep -c '"type":"record"' "$scratch/whole") == "$(grep -c '"type":"record"' "$scratch/out")" ]] ||
  fail "following and reading give different records"

# Half a packet at the end, and a file that is replaced.
cp "$scratch/growing.pcap" "$scratch/half.pcap"
truncate -s -3 "$scratch/half.pcap"
timeout -s INT 2 "$NETWATCH" read --follow -q "$scratch/half.pcap" >"$scratch/out" 2>"$scratch/err" &&
  fail "half a packet at the end is no damage"
grep -q 'ends inside a record' "$scratch/err" || fail "half a packet is not said"
cp "$scratch/growing.pcap" "$scratch/moved.pcap"
"$NETWATCH" read --follow -q "$scratch/moved.pcap" >"$scratch/out" 2>"$scratch/err" &
reader=$!
pids+=("$reader")
sleep 0.5
cp "$scratch/growing.pcap" "$scratch/other" && mv "$scratch/other" "$scratch/moved.pcap"
status=0
wait "$reader" || status=$?
[[ $status == 1 ]] || fail "status $status after the file was replaced"
grep -q 'was replaced' "$scratch/err" || fail "a replaced file is not said"

for wrong in "-Y http" "$scratch/half.pcap"; do
  status=0
  # shellcheck disable=SC2086
  "$NETWATCH" read --follow "$scratch/growing.pcap" $wrong 2>"$scratch/err" || status=$?
  [[ $status == 2 ]] || fail "--follow with $wrong is not refused"
done
echo "follow: live output, summary on SIGINT, a ring of files, damage, a replaced file"
