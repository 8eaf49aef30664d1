#!/usr/bin/env bash
# `netwatch sockets` on sockets of known programs in a namespace of its own: every one has to have
# its program, user and ends, as table and as NDJSON. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
need_namespaces
need curl python3 setpriv
ns=nwk-$$
copy_program
inside() { nsenter --net="/run/netns/$ns" -- "$@"; }

add_namespaces "$ns"
lo_up "$ns"
# A server that takes connections and says little, one unconnected and one connected UDP socket.
cat >"$scratch/server.py" <<'PY'
import socket, time
servers = [socket.create_server(("127.0.0.1", 8080)),
           socket.create_server(("::1", 8081), family=socket.AF_INET6)]
bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
bound.bind(("127.0.0.1", 5353))
connected = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
connected.connect(("::1", 9999))
kept = [bound, connected]
print("ready", flush=True)
for server in servers:
    one, _ = server.accept()
    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 1000)
    kept.append(one)
print("accepted", flush=True)
time.sleep(600)
PY
(cd "$scratch" && exec ip netns exec "$ns" setpriv --reuid=65534 --regid=65534 --clear-groups \
  env -i PATH=/usr/bin:/bin python3 server.py >"$scratch/state") &
server=$!
pids+=("$server")
wait_for grep -q ready "$scratch/state"
ip netns exec "$ns" curl -s -o /dev/null --max-time 600 http://127.0.0.1:8080/ &
pids+=($!)
curl4=$!
sleep 0.3
ip netns exec "$ns" curl -s -o /dev/null --max-time 600 'http://[::1]:8081/' &
pids+=($!)
curl6=$!
wait_for grep -q accepted "$scratch/state"

expect 0 inside "$scratch/netwatch" sockets --json
python3 - "$scratch/out" "$server" "$curl4" "$curl6" <<'PY' || fail "the sockets are not as they should be"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
server, curl4, curl6 = map(int, sys.argv[2:5])
assert lines[0]["_meta"]["schema"] == "netwatch.v1" and lines[-1]["type"] == "stats"
sockets = lines[1:-1]
assert all(line["type"] == "socket" for line in sockets)

def one(l4, pid, **ends):
    found = [s for s in sockets if s["l4"] == l4 and s["owner"]["pid"] == pid
             and all(s.get(end, {}).get("port") == port for end, port in ends.items())]
    assert len(found) == 1, (l4, pid, ends, found)
    return found[0]

def check(socket, name, user):
    owner = socket["owner"]
    assert owner["name"].startswith(name) and owner["user"] == user, socket
    assert (owner["quality"], owner["via"]) in {("exact", "ebpf"), ("inferred", "sock_diag")}, socket

for port, state in ((8080, "LISTEN"), (8081, "LISTEN")):
    listener = [s for s in sockets if s["local"]["port"] == port and s.get("state") == state]
    assert len(listener) == 1 and "remote" not in listener[0], listener
    check(listener[0], "python", "nobody")
bound = one("udp", server, local=5353)
assert "remote" not in bound and "state" not in bound, bound
check(one("udp", server, remote=9999), "python", "nobody")
for pid, port, ip in ((curl4, 8080, "127.0.0.1"), (curl6, 8081, "::1")):
    mine = one("tcp", pid, remote=port)
    check(mine, "curl", "root")
    assert mine["state"] == "ESTAB" and mine["remote"]["ip"] == ip, mine
    theirs = [s for s in sockets if s["local"] == mine["remote"] and s.get("remote") == mine["local"]]
    assert len(theirs) == 1, theirs
    check(theirs[0], "python", "nobody")
    assert theirs[0]["sent_bytes"] == mine["received_bytes"] > 1000 and mine["rtt_us"] >= 0
    assert theirs[0]["received_bytes"] == mine["sent_bytes"] > 10
stats = lines[-1]["sockets"]
assert stats["seen"] == stats["written"] == len(sockets) and stats["unknown"] == 0, stats
print(len(sockets))
PY

# A table that scripts can read: nothing but rows, none of them cut, in a stable order.
expect 0 inside "$scratch/netwatch" sockets
[[ $(wc -l <"$scratch/out") == 9 ]] || fail "the table has not 8 sockets and a head"
has out '^tcp  LISTEN +127\.0\.0\.1:8080 +\* +python[^ ]* +[0-9]+ +nobody +(exact +ebpf|inferred)'
has out '^tcp  ESTAB .*\[::1\]:8081 +curl '
[[ ! -s $scratch/err ]] || fail "says that something is missing: $(cat "$scratch/err")"
cp "$scratch/out" "$scratch/before"
expect 0 inside "$scratch/netwatch" sockets
cut -d' ' -f1-8 "$scratch/before" | cmp -s - <(cut -d' ' -f1-8 "$scratch/out") || fail "order differs"

# Filters: of sockets' own fields and of owners; a wrong one points at itself.
expect 0 inside "$scratch/netwatch" sockets -Y 'process:curl and remote.ip == ::1'
[[ $(wc -l <"$scratch/out") == 2 ]] || fail "the filter does not select one socket"
expect 0 inside "$scratch/netwatch" sockets -Y 'state:LISTEN and user:nobody'
[[ $(wc -l <"$scratch/out") == 3 ]] || fail "the filter does not select two listeners"
expect 2 inside "$scratch/netwatch" sockets -Y 'tcp and tls.sni == x'
has err 'belongs to messages'
expect 2 inside "$scratch/netwatch" sockets --no-such-option

# Without rights: others' sockets without a name, and what would help.
expect 0 inside setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/netwatch" sockets
[[ $(wc -l <"$scratch/out") == 9 ]] || fail "sockets are missing without rights"
has out 'ESTAB.* 127\.0\.0\.1:8080 .*unknown'
has err 'no known owner'
has err 'setcap|eBPF'

# A reader that has seen enough ends it; a full disk is told.
expect 0 inside bash -c "'$scratch/netwatch' sockets | head -n 1"
if [[ -w /dev/full ]]; then
  expect 3 inside bash -c "'$scratch/netwatch' sockets >/dev/full"
  has err 'standard output'
fi
echo "sockets: names, users and ends of TCP and UDP, table and NDJSON, filters, without rights"
