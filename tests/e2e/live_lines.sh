#!/usr/bin/env bash
# `netwatch live` on traffic of known programs, over loopback and over a veth pair, in namespaces of
# its own: flows, records, sockets and owners of both ends as NDJSON. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
need_namespaces
need curl python3 setpriv
near=nwv-near-$$ far=nwv-far-$$
copy_program
inside() { nsenter --net="/run/netns/$near" -- "$@"; }
# start COMMAND...: netwatch live in the background, from the near namespace. Nobody is to take what
# the one before has written for its words.
start() {
  rm -f "$scratch/out" "$scratch/err"
  nsenter --net="/run/netns/$near" -- "$@" >"$scratch/out" 2>"$scratch/err" &
  watcher=$!
  pids+=("$watcher")
}

add_namespaces "$near" "$far"
cable "$near" nwn 10.79.0.1/24 "$far" nwf 10.79.0.2/24
lo_up "$near" "$far"
mkdir "$scratch/www"
echo hello >"$scratch/www/file"
for ns in $near $far; do
  ip netns exec "$ns" python3 -m http.server -d "$scratch/www" --bind 0.0.0.0 8080 >/dev/null 2>&1 &
  pids+=($!)
done
server=${pids[0]}
wait_for inside curl -s -o /dev/null http://127.0.0.1:8080/file
wait_for inside curl -s -o /dev/null http://10.79.0.2:8080/file

exact=false
inside "$scratch/netwatch" doctor --json | grep -q '"name":"exact owners","on":true' && exact=true

# Everything on all interfaces, ended by SIGINT; with a gateway that answers to anybody's ping, and a
# link that comes, goes up and goes.
ip -n "$near" route add default via 10.79.0.2
inside sysctl -qw net.ipv4.ping_group_range='0 2147483647'
start "$scratch/netwatch" live --json --samples 1
wait_for grep -q '"event":"existing"' "$scratch/out"
wait_for grep -q '"metric":"probe.rtt"' "$scratch/out"
ip -n "$near" link add nwp type veth peer name nwq
wait_for grep -q '"event":"appeared"' "$scratch/out"
ip -n "$near" link set nwq up
ip -n "$near" link set nwp up
wait_for grep -q '"event":"up","interface":"nwp"' "$scratch/out"
ip -n "$near" link del nwp
wait_for grep -q '"event":"removed","interface":"nwp"' "$scratch/out"
curls=()
for host in 127.0.0.1 10.79.0.2; do
  for _ in 1 2 3; do
    nsenter --net="/run/netns/$near" -- curl -s -o /dev/null "http://$host:8080/file" &
    curls+=($!)
    wait $!
  done
done
# What no process owns: the kernel answers echo requests from outside.
ip netns exec "$far" python3 - <<'PY'
import socket, struct
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.settimeout(5)
for number in range(3):
    head = struct.pack("!BBHHH", 8, 0, 0, 77, number)
    checksum = ~sum(struct.unpack("!4H", head)) & 0xFFFF
    raw.sendto(head[:2] + struct.pack("!H", checksum) + head[4:] + bytes(56), ("10.79.0.1", 0))
    raw.recv(1500)
PY
wait_for grep -q '"kind":"response"\|"http":' "$scratch/out"
sleep 0.5
stop INT 0
ours=$(stat -Lc %i "/run/netns/$near")
python3 - "$scratch/out" "$server" "$exact" "$ours" "${curls[@]}" <<'PY' || fail "the lines are not as they should be"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
server, exact, ours = int(sys.argv[2]), sys.argv[3] == "true", int(sys.argv[4])
curls = list(map(int, sys.argv[5:]))
# Sockets of other network namespaces are told as well: the far server, and whoever else is here.
lines = lines[:1] + [l for l in lines[1:] if l["type"] != "socket" or l["netns"] == ours]
assert lines[0]["_meta"]["schema"] == "netwatch.v1" and lines[0]["_meta"]["linktypes"], lines[0]
assert lines[-1]["type"] == "stats", lines[-1]
of = lambda kind: [line for line in lines[1:] if line["type"] == kind]
flows = [f for f in of("flow") if f["resp"].get("port") == 8080]
ended = [f for f in flows if "end" in f]
assert len({f["flow"] for f in ended}) == len(ended), "an ended flow is told once"
loop = [f for f in ended if f["resp"]["ip"] == "127.0.0.1"]
veth = [f for f in ended if f["resp"]["ip"] == "10.79.0.2"]
assert len(loop) == len(veth) == 3, (len(loop), len(veth))
http = {r["flow"] for r in of("record") if r["proto"] == "http"}
for flow in ended:
    assert flow["app"] == ["http"] and flow["flow"] in http and flow["community_id"], flow
if exact:
    for flow in ended:
        assert flow["orig"]["owner"]["quality"] == "exact", flow
        assert flow["orig"]["owner"]["via"] == "ebpf" and flow["orig"]["owner"]["name"] == "curl", flow
    assert [f["orig"]["owner"]["pid"] for f in loop] == curls[:3]
    assert [f["orig"]["owner"]["pid"] for f in veth] == curls[3:]
    for flow in loop:
        owner = flow["resp"]["owner"]
        assert owner["quality"] == "exact" and owner["pid"] == server, flow
        assert owner["name"].startswith("python"), flow
        assert "/python" in owner["exe"], ("older than netwatch, and confined", flow)
    for flow in veth:  # the other namespace's server is not ours to name
        assert "owner" not in flow["resp"], flow
    # Sockets: each connection's ends are told, with what they moved.
    closed = [s for s in of("socket") if s["event"] == "closed"]
    for flow in ended:
        ends = [s for s in closed if s["local"] == {k: flow["orig"][k] for k in ("ip", "port")}]
        assert len(ends) == 1, (flow, ends)
        assert ends[0]["owner"]["pid"] == flow["orig"]["owner"]["pid"], ends
        assert ends[0]["sent_bytes"] == flow["orig"]["payload_bytes"], (ends, flow)
        assert ends[0]["received_bytes"] == flow["resp"]["payload_bytes"], (ends, flow)
        assert ends[0]["ts_opened"] < ends[0]["ts"]
    # Processes: each curl had one connection, and its totals are what that moved.
    totals = {p["owner"]["pid"]: p for p in of("process") if p["kind"] == "process"}
    for flow in ended:
        total = totals[flow["orig"]["owner"]["pid"]]
        assert total["sent"]["payload_bytes"] == flow["orig"]["payload_bytes"], (total, flow)
        assert total["received"]["payload_bytes"] == flow["resp"]["payload_bytes"], (total, flow)
        assert total["connections"] == 1 and total["open_sockets"] == 0, total
    assert totals[server]["sent"]["payload_bytes"] == sum(f["resp"]["payload_bytes"] for f in loop)
    assert totals[server]["open_sockets"] >= 1, totals[server]
    assert not [p for p in of("process") if p["kind"] == "earlier"]
unowned = [p for p in of("process") if p["kind"] == "unowned"]
assert len(unowned) == 1 and unowned[0]["kernel"]["packets"] == 6, unowned
assert unowned[0]["kernel"]["ip_bytes"] == 6 * (20 + 8 + 56), unowned
assert unowned[0]["forwarded"]["packets"] == 0, unowned
listener = [s for s in of("socket") if s.get("state") == "LISTEN" and s["event"] == "existing"]
assert len(listener) == 1 and listener[0]["owner"]["pid"] == server, listener
probes = [s for s in of("sample") if s["metric"].startswith("probe.")]
ping = {s["metric"]: s["value"] for s in probes if s["labels"]["probe"] == "icmp_echo"}
assert all(s["labels"]["target"] == "10.79.0.2" for s in probes if s["labels"]["probe"] == "icmp_echo")
assert ping["probe.loss"] == 0 and 0 < ping["probe.rtt"] < 1, ping
received = [s for s in of("sample") if s["metric"] == "interface.rx_bytes" and s["labels"]["interface"] == "nwn"]
assert len(received) > 1 and received[-1]["value"] > received[0]["value"] > 0, received
assert any(s["metric"] == "cpu.used" for s in of("sample")), "a share of the time between two looks"
links = [l["event"] for l in of("link") if l["interface"] == "nwp"]
assert links[0] == "appeared" and links[-1] == "removed" and links.count("up") == 1, links
stats = lines[-1]
assert stats["packets"] > 60 and stats["dropped"]["kernel"] == 0, stats
assert stats["records"] == len(of("record")), (stats["records"], len(of("record")))
print(len(ended), "flows,", len(of("socket")), "socket events")
PY

# Sockets of other network namespaces, too, confined or not, with the same addresses and ports.
theirs=$(stat -Lc %i "/run/netns/$far")
for mode in best-effort off; do
  start "$scratch/netwatch" live --json --confine "$mode"
  wait_for grep -q "\"event\":\"existing\".*\"state\":\"LISTEN\".*:8080.*\"pid\":${pids[1]},.*\"netns\":$theirs" "$scratch/out"
  wait_for grep -q "\"event\":\"existing\".*\"state\":\"LISTEN\".*:8080.*\"pid\":$server," "$scratch/out"
  stop INT 0
done

# One interface, in the kernel's and in our filter; SIGTERM; text for people.
start "$scratch/netwatch" live -i nwn -f 'tcp port 8080' -Y 'process:curl and http' --json
wait_for grep -q _meta "$scratch/out"
inside curl -s -o /dev/null http://10.79.0.2:8080/file
inside python3 -c 'import urllib.request as r; r.urlopen("http://10.79.0.2:8080/file").read()'
inside curl -s -o /dev/null http://127.0.0.1:8080/file
sleep 1.5
stop TERM 0
python3 - "$scratch/out" "$exact" <<'PY' || fail "the filter does not select"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
flows = [line for line in lines if line.get("type") == "flow"]
if sys.argv[2] == "true":
    assert len(flows) == 1 and flows[0]["orig"]["owner"]["name"] == "curl", flows
    records = [line for line in lines if line.get("type") == "record"]
    assert records and all(r["flow"] == flows[0]["flow"] for r in records), records
    first = lines.index(records[0])
    assert first < lines.index(flows[0])
assert not [line for line in lines if line.get("type") == "socket"]
assert lines[-1]["flows"] == 2, lines[-1]
PY

# -c ends it, -q prints the totals; a wrong interface, filter and option are errors.
start "$scratch/netwatch" live -q -c 5 -i lo
sleep 0.7
inside curl -s -o /dev/null http://127.0.0.1:8080/file
wait "$watcher" || fail "-c does not end it well"
grep -q '5 packets' "$scratch/out" || fail "-c 5 does not take 5 packets"
for wrong in '2 -f bad(' '2 -Y bad(' '2 -c 0' '2 --json -q' '3 -i nosuch'; do
  status=0 want=${wrong%% *} wrong=${wrong#* }
  # shellcheck disable=SC2086
  inside timeout 10 "$scratch/netwatch" live $wrong >"$scratch/out" 2>"$scratch/err" || status=$?
  [[ $status == "$want" ]] || fail "'live $wrong' gives $status, not $want"
done

# A reader that has seen enough ends it, also when nothing happens.
inside timeout 20 bash -c "set -o pipefail
  '$scratch/netwatch' live --json -i lo 2>/dev/null | head -n 1" >"$scratch/out" ||
  fail "a closed pipe does not end it, or not well"
grep -q _meta "$scratch/out" || fail "no head in a pipe"

# timeout(1) sends its signal twice within a moment, to the program and to its group: one wish.
inside timeout -s INT 3 "$scratch/netwatch" live --json -i lo >"$scratch/out" 2>/dev/null || true
tail -n 1 "$scratch/out" | grep -q '"type":"stats"' || fail "timeout(1) has cut off the end"

# A reader that reads no more: the second signal ends it, whichever the first was.
mkfifo "$scratch/stalled"
exec 7<>"$scratch/stalled"
python3 -c 'import fcntl; fcntl.fcntl(7, fcntl.F_SETPIPE_SZ, 4096)'
nsenter --net="/run/netns/$near" -- "$scratch/netwatch" live --json --samples 1 \
  >"$scratch/stalled" 2>"$scratch/err" 7>&- &
watcher=$!
pids+=("$watcher")
sleep 4
kill -INT "$watcher"
sleep 1.2
(sleep 10 && kill -KILL "$watcher") 7>&- &
late=$!
stop TERM 143
kill "$late"
exec 7>&-

# Words that nobody can read do not end it: a link that goes is told on standard error.
ip -n "$near" link add nwp type veth peer name nwq
for link in nwp nwq; do ip -n "$near" link set $link up; done
nsenter --net="/run/netns/$near" -- "$scratch/netwatch" live -i nwp >"$scratch/out" 2>/dev/full &
watcher=$!
pids+=("$watcher")
wait_for grep -q ORIGINATOR "$scratch/out"
ip -n "$near" link del nwp
sleep 2
stop INT 0

# Without rights: it says what is missing, and tells of sockets.
start setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/netwatch" live --json
wait_for grep -q '"event":"existing"' "$scratch/out"
inside python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", 7777)); time.sleep(1.5)'
wait_for grep -q '"event":"closed".*7777' "$scratch/out"
stop INT 0
grep -q '"event":"opened".*7777' "$scratch/out" || fail "no socket is opened without rights"
grep -q '"type":"ability","name":"capture","on":false' "$scratch/out" || fail "does not say what is missing"
grep -q 'CAP_NET_RAW.*setcap' "$scratch/err" || fail "does not say what would help"
tail -n 1 "$scratch/out" | grep -q '"type":"stats"' || fail "no statistics at the end"
echo "live: flows, records, sockets, owners of both ends, filters, signals, pipes, without rights"
