#!/usr/bin/env bash
# `netwatch read` as a person and a script use it. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
http=testdata/dpi/http/curl_nginx.pcapng
dns=testdata/dpi/dns/dig_dnsmasq.pcapng

# has FILE TEXT
has() { grep -qF -- "$2" "$scratch/$1" || fail "no '$2' in $1: $(head -c 600 "$scratch/$1")"; }

# A summary by default, totals alone with -q.
expect 0 "$NETWATCH" read $http
has out www.example.test
has out PROTOCOLS
expect 0 "$NETWATCH" read -q $http
has out 'packets'
! grep -q PROTOCOLS "$scratch/out" || fail "-q prints more than the totals"

# Lines of flows and records.
expect 0 "$NETWATCH" read --flows $http
has out ORIGINATOR
expect 0 "$NETWATCH" read --records $dns
has out 'dns.qname=www.example.test'

# NDJSON: valid, and every record names a flow line.
expect 0 "$NETWATCH" read --json $http $dns
python3 - "$scratch/out" <<'PY'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert lines[0]["_meta"]["schema"] == "netwatch.v1" and lines[-1]["type"] == "stats"
flows = {line["flow"] for line in lines if line.get("type") == "flow"}
records = [line for line in lines if line.get("type") == "record"]
assert records and all(record["flow"] in flows for record in records)
assert lines[-1]["flows"] == len(flows) and lines[-1]["records"] == len(records)
PY

# The same from any container and with any number of threads.
cp "$scratch/out" "$scratch/expected"
for threads in 2 7; do
  expect 0 "$NETWATCH" read --json --threads $threads $http $dns
  cmp -s "$scratch/out" "$scratch/expected" || fail "$threads threads give other output"
done
gzip -c $http >"$scratch/a.gz"
zstd -q -c $http >"$scratch/a.zst"
expect 0 "$NETWATCH" read --json $http
grep -v _meta "$scratch/out" >"$scratch/expected"
for file in "$scratch/a.gz" "$scratch/a.zst"; do
  expect 0 "$NETWATCH" read --json "$file"
  grep -v _meta "$scratch/out" | cmp -s - "$scratch/expected" || fail "$file reads differently"
done
expect 0 sh -c "cat $http | '$NETWATCH' read --json -"
grep -v _meta "$scratch/out" | cmp -s - "$scratch/expected" || fail "a pipe reads differently"

# Filters: whole flows, with their records; errors point at the column.
expect 0 "$NETWATCH" read --json $http $dns -Y 'dns.rcode == NXDOMAIN'
has out '"rcode":"NXDOMAIN"'
! grep -q '"proto":"http"' "$scratch/out" || fail "the filter lets other flows through"
expect 0 sh -c "cat $dns | '$NETWATCH' read --json - -Y 'dns.rcode == NXDOMAIN'"
has out '"rcode":"NXDOMAIN"'
# What links two flows is known, too, when only one of them is asked for.
expect 0 "$NETWATCH" read --json testdata/dpi/quic/gtls_nat.pcapng \
  -Y 'migrated_from == "10" and port == 5003'
has out '"migrated_from":"10"'
has out '"app":["quic"],"name":"www.example.test"'
expect 2 "$NETWATCH" read $http -Y 'http.hots == x'
has err http.host
has err '^'

# Writing packets: all, or those of matching flows, readable by others.
expect 0 "$NETWATCH" read $http -w "$scratch/all.pcapng"
expect 0 "$NETWATCH" read $http -Y 'http.status == 404' -w "$scratch/some.pcapng"
[[ $(stat -c %a "$scratch/all.pcapng") == 600 ]] || fail "a capture others may read"
count() { capinfos -Mrc "$1" | awk '/Number of packets/ {print $NF}'; }
if command -v capinfos >/dev/null; then
  [[ $(count "$scratch/all.pcapng") == "$(count $http)" ]] || fail "-w lost packets"
  streams=$(tshark -r "$scratch/some.pcapng" -T fields -e tcp.stream 2>/dev/null | sort -u | wc -l)
  [[ $streams == 1 ]] || fail "-Y -w wrote $streams flows"
fi
expect 0 "$NETWATCH" read "$scratch/some.pcapng" --records
has out 'http.status=404'
expect 3 "$NETWATCH" read $http -w /nonexistent/a.pcapng
cp $http "$scratch/own.pcapng"
expect 2 "$NETWATCH" read "$scratch/own.pcapng" -Y http -w "$scratch/own.pcapng"
cmp -s $http "$scratch/own.pcapng" || fail "-w destroyed its own input"
expect 1 "$NETWATCH" read /nonexistent.pcap -w "$scratch/own.pcapng"
cmp -s $http "$scratch/own.pcapng" || fail "an unreadable input replaced an output"
expect 2 "$NETWATCH" read $http --json -w -
expect 0 sh -c "'$NETWATCH' read -q $http -w - | '$NETWATCH' read -q -"
has out '94 packets'
mkfifo "$scratch/fifo"
cat $dns >"$scratch/fifo" &
expect 0 "$NETWATCH" read --flows -Y dns "$scratch/fifo"
has out dns

# A damaged file: what came before is reported, the error names file and offset, status 1.
size=$(stat -c %s $http)
head -c $((size / 2)) $http >"$scratch/half.pcapng"
expect 1 "$NETWATCH" read "$scratch/half.pcapng"
has out www.example.test
has err half.pcapng
has err 'byte '
echo 'this is no capture' >"$scratch/text"
expect 1 "$NETWATCH" read "$scratch/text"
expect 1 "$NETWATCH" read /nonexistent.pcap
has err 'No such file'

# Options of the live screen that would have done nothing are refused.
expect 2 "$NETWATCH" --confine strict read $http
has err "those of 'read' come behind its name"

# What setcap lends the program for captures opens no file of another user's.
if [[ $(id -u) == 0 ]] && command -v setcap setpriv >/dev/null; then
  cp "$NETWATCH" "$scratch/lent"
  install -d -m 700 "$scratch/hidden"
  cp $http "$scratch/hidden/a.pcapng"
  if setcap cap_net_raw,cap_dac_read_search=ep "$scratch/lent" 2>/dev/null; then
    expect 0 "$scratch/lent" read -q "$scratch/hidden/a.pcapng"
    expect 1 setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/lent" read -q \
      "$scratch/hidden/a.pcapng"
    has err 'Permission denied'
  fi
fi

# A signal ends the reading of a pipe in good order; a disk that is full, at once.
mkfifo "$scratch/signalled"
for signal in INT TERM; do
  "$NETWATCH" read "$scratch/signalled" -q -w "$scratch/piped.pcapng" >"$scratch/out" 2>"$scratch/err" &
  reader=$!
  exec 9>"$scratch/signalled"
  cat $http >&9
  sleep 1
  kill -$signal "$reader"
  status=0
  wait "$reader" || status=$?
  exec 9>&-
  [[ $status == 0 ]] || fail "status $status after SIG$signal: $(head -c 300 "$scratch/err")"
  has out 'packets'
  "$NETWATCH" read "$scratch/piped.pcapng" -q | grep -qE "[1-9][0-9,]* packets" ||
    fail "what was read until SIG$signal is not written"
  rm "$scratch/piped.pcapng"
done
"$NETWATCH" read "$scratch/signalled" -q -w /dev/full >"$scratch/out" 2>"$scratch/err" &
reader=$!
exec 9>"$scratch/signalled"
cat $http >&9
for _ in $(seq 100); do
  kill -0 "$reader" 2>/dev/null || break
  sleep 0.1
done
! kill -0 "$reader" 2>/dev/null || fail "it reads on though nothing can be written"
status=0
wait "$reader" || status=$?
exec 9>&-
[[ $status == 3 ]] || fail "status $status, not 3, from a full disk"

# Wrong usage.
expect 2 "$NETWATCH" read
expect 2 "$NETWATCH" read $http --json --flows
expect 2 "$NETWATCH" --no-such-option
expect 2 "$NETWATCH" read $http -c 0
has err 'whole number from 1'
expect 0 "$NETWATCH" --version
expect 0 "$NETWATCH" read $http -q -c 5
has out '5 packets'

# Manual and completion know every option.
for options in "$("$NETWATCH" --help)" "$("$NETWATCH" read --help)"; do
  for option in $(grep -oE -- '--[a-z][a-z-]+' <<<"$options" | sort -u); do
    grep -qF -- "${option//-/\\-}" packaging/man/netwatch.1 || fail "the manual lacks $option"
    grep -qF -- "$option" packaging/completions/netwatch.bash || fail "completion lacks $option"
  done
done
echo "read: summary, NDJSON, filters, writing, damage, usage"
